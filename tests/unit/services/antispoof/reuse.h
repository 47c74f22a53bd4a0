/*
 * Ways in which a recording of a past attempt comes back, and a second take of
 * the same sentence: everything deterministic, samples float, 16 kHz, mono.
 * The caller frees what is returned; NULL without memory.
 */
#ifndef VU_TEST_ANTISPOOF_REUSE_H
#define VU_TEST_ANTISPOOF_REUSE_H

#include "signal.h"

#include "dsp/corrupt.h"

#include <math.h>
#include <soxr.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct reuse_sound {
	float *samples;
	size_t count;
} reuse_sound;

/* Played faster (or slower, below 1) with its pitch. */
static inline reuse_sound reuse_speed(const float *x, size_t count, double speed)
{
	size_t room = (size_t)((double)count / speed) + 64;
	reuse_sound out = {calloc(room, sizeof(float)), 0};
	size_t used;
	if (out.samples && soxr_oneshot(16000 * speed, 16000, 1, x, count, &used, out.samples, room, &out.count, NULL,
	                                NULL, NULL) != NULL)
		out.count = 0;
	return out;
}

/* Played faster at the same pitch: overlapping pieces, each where it fits the last one best. */
static inline reuse_sound reuse_tempo(const float *x, size_t count, double tempo)
{
	enum { PIECE = 512, HOP = 256, REACH = 128 };
	size_t length = (size_t)((double)count / tempo);
	reuse_sound out = {calloc(length + 2 * PIECE, sizeof(float)), length};
	long last = 0;

	for (size_t at = 0; out.samples && at + PIECE < length; at += HOP) {
		long ideal = (long)((double)at * tempo);
		long best = ideal;
		double best_fit = -1e30;
		for (long p = ideal - REACH; at > 0 && p <= ideal + REACH; p += 2) {
			double product = 0;
			double power = 1e-6;
			if (p < 0 || p + PIECE >= (long)count || last + HOP + PIECE >= (long)count)
				continue;
			for (long i = 0; i < HOP; i += 2) {
				product += (double)(x[p + i] * x[last + HOP + i]);
				power += (double)(x[p + i] * x[p + i]);
			}
			if (product / sqrt(power) > best_fit) {
				best_fit = product / sqrt(power);
				best = p;
			}
		}
		if (best + PIECE >= (long)count)
			break;
		for (long i = 0; i < PIECE; i++)
			out.samples[(long)at + i] +=
			    x[best + i] * (float)(0.5 - 0.5 * cos(2 * M_PI * ((double)i + 0.5) / PIECE));
		last = best;
	}
	return out;
}

static inline reuse_sound reuse_part(const float *x, size_t first, size_t count)
{
	reuse_sound out = {malloc((count + 1) * sizeof(float)), count};
	if (out.samples)
		memcpy(out.samples, x + first, count * sizeof *x);
	return out;
}

/* Between `before` and `after` samples of faint noise. */
static inline reuse_sound reuse_pad(const float *x, size_t count, size_t before, size_t after)
{
	reuse_sound out = {malloc((before + count + after) * sizeof(float)), before + count + after};
	uint64_t state = count;
	for (size_t i = 0; out.samples && i < out.count; i++)
		out.samples[i] = (float)(2e-3 * (test_random(&state) - 0.5));
	for (size_t i = 0; out.samples && i < count; i++)
		out.samples[before + i] += x[i];
	return out;
}

/* A telephone: 300 to 3400 Hz, 8 bits by the mu law. */
static inline void reuse_telephone(reuse_sound *s)
{
	enum { TAPS = 129, MIDDLE = 64 };
	double taps[TAPS];
	float *x = malloc((s->count + 1) * sizeof *x);

	if (!x)
		return;
	memcpy(x, s->samples, s->count * sizeof *x);
	for (int i = 0; i < TAPS; i++) {
		double t = i - MIDDLE;
		double ideal =
		    t == 0 ? (3400.0 - 300.0) / 8000.0
		           : (sin(2 * M_PI * 3400 * t / 16000) - sin(2 * M_PI * 300 * t / 16000)) / (M_PI * t);
		taps[i] = ideal * (0.54 - 0.46 * cos(2 * M_PI * i / (TAPS - 1)));
	}
	for (long n = 0; n < (long)s->count; n++) {
		double sum = 0;
		double code;
		for (long k = 0; k < TAPS; k++) {
			long at = n + MIDDLE - k;
			if (at >= 0 && at < (long)s->count)
				sum += taps[k] * (double)x[at];
		}
		code = round(127 * log1p(255 * fmin(1, fabs(sum))) / log(256)) / 127;
		s->samples[n] = (float)copysign((pow(256, code) - 1) / 255, sum);
	}
	free(x);
}

/* A room's response when no recorded one is at hand: direct sound, reflections, an exponential tail. */
static inline reuse_sound reuse_make_room(uint64_t seed)
{
	double reverberation_s;
	uint64_t state = seed * 77 + 5;
	reuse_sound out = {calloc(8000, sizeof(float)), 8000};

	reverberation_s = 0.25 + 0.35 * test_random(&state);
	for (size_t i = 0; out.samples && i < out.count; i++)
		out.samples[i] =
		    (float)(0.12 * (test_random(&state) - 0.5) * exp(-6.9 * (double)i / 16000 / reverberation_s));
	if (out.samples)
		out.samples[0] = 1;
	return out;
}

/*
 * A second take: every stretch of 0.1 to 0.25 s at its own tempo (up to 20 %
 * off) and pitch (up to 12 %). Two utterances of one sentence by one person
 * differ in more than that; what lies within a stretch is still the recording.
 */
static inline reuse_sound reuse_retake(const float *x, size_t count, uint64_t seed)
{
	reuse_sound out = {calloc(2 * count + 4096, sizeof(float)), 0};
	uint64_t state = seed * 2654435761u + 99;

	for (size_t at = 0; out.samples && at < count;) {
		size_t length = 1600 + (size_t)(2400 * test_random(&state));
		double pitch = 1 + 0.24 * (test_random(&state) - 0.5);
		double tempo = 1 + 0.4 * (test_random(&state) - 0.5);
		reuse_sound bent;
		reuse_sound taken;
		if (length > count - at)
			length = count - at;
		bent = reuse_speed(x + at, length, pitch);
		taken = reuse_tempo(bent.samples, bent.count, tempo / pitch);
		if (taken.samples && out.count + taken.count <= 2 * count + 4096) {
			memcpy(out.samples + out.count, taken.samples, taken.count * sizeof(float));
			out.count += taken.count;
		}
		free(bent.samples);
		free(taken.samples);
		at += length;
	}
	return out;
}

#endif
