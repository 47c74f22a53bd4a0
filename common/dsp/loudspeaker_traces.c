/* Energies of bands are kept as the sound arrives; what is loud is known only at the end. */
#include "dsp/loudspeaker_traces.h"

#include "base/sort.h"
#include "dsp/dsp.h"
#include "dsp/trace_spectrum.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define BANDS       VU_LOUDSPEAKER_BANDS
#define FFT         VU_FFT_SIZE
#define BINS        (FFT / 2 + 1)
#define SAMPLES_MAX ((uint64_t)VU_TRACES_SECONDS_MAX * VU_SAMPLE_RATE)
#define GROWTH      512
#define PLAIN       (10 * BANDS + VU_LOUDSPEAKER_HARMONICS) /* figures before those that are made of them */
#define HIGH        20                                      /* first band of what hisses: 2.7 kHz */
#define STEP        4                                       /* frames over which falls and rises are taken */
/* Speech lies within 30 dB of the loud frames; nothing is told apart further down than 80 dB. */
#define SPEECH_SHARE 1e-3f
#define LEAST_SHARE  1e-8f
/* A telephone's band has a smaller share of its energy above NARROW_BIN. */
#define NARROW_BIN   160 /* 5 kHz */
#define NARROW_SHARE 1e-5

/* First bins of the bands, 31.25 Hz each. */
static const uint16_t EDGES[BANDS + 1] = {1,  2,  3,  4,  5,  6,  8,   10,  12,  14,  17,  20,  24,  28, 33,
                                          39, 46, 54, 63, 74, 86, 100, 116, 134, 155, 180, 208, 238, 257};

struct vu_traces {
	vu_traces *harmonics; /* the part of loudspeaker_harmonics.c */
	vu_traces *colour;    /* and of loudspeaker_colour.c */
	vu_trace_spectrum *spectrum;
	float (*energies)[BANDS];
	size_t count;
	size_t capacity;
	uint64_t samples;
	double above; /* energy from NARROW_BIN on, and all of it */
	double whole;
	vu_status failed;
};

static void destroy(vu_traces *t)
{
	if (!t)
		return;
	vu_loudspeaker_harmonics_kind.destroy(t->harmonics);
	vu_loudspeaker_colour_kind.destroy(t->colour);
	vu_trace_spectrum_free(t->spectrum);
	free(t->energies);
	free(t);
}

static vu_status create(vu_traces **traces_out)
{
	vu_traces *t = calloc(1, sizeof *t);

	*traces_out = NULL;
	if (!t)
		return VU_RESOURCE_EXHAUSTED;
	if (vu_trace_spectrum_create(FFT, VU_HOP_SAMPLES, &t->spectrum) != VU_OK ||
	    vu_loudspeaker_harmonics_kind.create(&t->harmonics) != VU_OK ||
	    vu_loudspeaker_colour_kind.create(&t->colour) != VU_OK) {
		destroy(t);
		return VU_RESOURCE_EXHAUSTED;
	}
	*traces_out = t;
	return VU_OK;
}

static bool reserve(vu_traces *t)
{
	size_t wanted = t->capacity ? t->capacity * 2 : GROWTH;
	void *grown;

	if (t->count < t->capacity)
		return true;
	grown = realloc(t->energies, wanted * sizeof *t->energies);
	if (!grown)
		return false;
	t->energies = grown;
	t->capacity = wanted;
	return true;
}

static void take_frame(void *context, const float *power, uint64_t index)
{
	vu_traces *t = context;

	(void)index;
	if (t->failed == VU_OK && !reserve(t))
		t->failed = VU_RESOURCE_EXHAUSTED;
	if (t->failed == VU_OK)
		t->failed = vu_loudspeaker_colour_take(t->colour, power);
	if (t->failed != VU_OK)
		return;
	for (size_t b = 0; b < BANDS; b++) {
		float sum = 0;
		for (size_t i = EDGES[b]; i < EDGES[b + 1]; i++)
			sum += power[i];
		t->energies[t->count][b] = sum;
		t->whole += (double)sum;
	}
	for (size_t i = NARROW_BIN; i < BINS; i++)
		t->above += (double)power[i];
	t->count++;
}

static vu_status push(vu_traces *t, const float *samples, size_t count)
{
	if (count > SAMPLES_MAX - t->samples)
		return VU_OUT_OF_RANGE;
	t->samples += count;
	vu_trace_spectrum_push(t->spectrum, samples, count, take_frame, t);
	if (t->failed == VU_OK)
		t->failed = vu_loudspeaker_harmonics_kind.push(t->harmonics, samples, count);
	return t->failed;
}

/* What rises above the noise: percentiles over the `frames` of speech, and the mean of powers. */
static void describe_peaks(const float *level, const bool *speech, size_t count, size_t frames, float *work,
                           float *vector)
{
	double power = 0;
	size_t taken = 0;

	for (size_t f = 0; f < count; f++) {
		if (!speech[f])
			continue;
		work[taken++] = level[f];
		power += pow(10, (double)level[f]);
	}
	vector[0 * BANDS] = vu_sort_percentile(work, frames, 50);
	vector[1 * BANDS] = work[(frames - 1) * 95 / 100];
	vector[2 * BANDS] = (float)log10(power / (double)frames);
}

/* The figures of one band; `level` in units of 10 dB, `work` as long. */
static void describe_band(const float *level, const bool *speech, size_t count, float *work, float *vector)
{
	double sum = 0;
	double square = 0;
	double step = 0;
	size_t frames = 0;
	double deviation;

	for (size_t f = 0; f < count; f++) {
		if (!speech[f])
			continue;
		sum += (double)level[f];
		square += (double)level[f] * (double)level[f];
		step += f > 0 ? fabs((double)level[f] - (double)level[f - 1]) : 0;
		frames++;
	}
	sum /= (double)frames;
	deviation = sqrt(fmax(square / (double)frames - sum * sum, 1e-4));
	vector[0 * BANDS] = (float)sum;
	vector[1 * BANDS] = (float)deviation;
	for (size_t f = 0; f < count; f++)
		work[f] = level[f];
	vector[2 * BANDS] = (float)sum - vu_sort_percentile(work, count, 10);
	for (size_t f = 0; f + STEP < count; f++)
		work[f] = level[f] - level[f + STEP];
	vector[3 * BANDS] = vu_sort_percentile(work, count - STEP, 90);
	vector[4 * BANDS] = -work[(count - STEP - 1) / 10];
	vector[5 * BANDS] = (float)(step / (double)frames / deviation);
	describe_peaks(level, speech, count, frames, work, vector + 6 * BANDS);
}

/* Mean levels in the tenth of the frames that hiss most. */
static void describe_hiss(const vu_traces *t, float loud, float *hiss, float *work, float *vector)
{
	float least;
	size_t frames = 0;

	for (size_t f = 0; f < t->count; f++) {
		hiss[f] = 0;
		for (size_t b = HIGH; b < BANDS; b++)
			hiss[f] += t->energies[f][b];
		work[f] = hiss[f];
	}
	least = vu_sort_percentile(work, t->count, 90);
	for (size_t b = 0; b < BANDS; b++)
		vector[b] = 0;
	for (size_t f = 0; f < t->count; f++) {
		if (hiss[f] < least)
			continue;
		frames++;
		for (size_t b = 0; b < BANDS; b++)
			vector[b] += log10f(fmaxf(t->energies[f][b] / loud, LEAST_SHARE));
	}
	for (size_t b = 0; b < BANDS; b++)
		vector[b] /= (float)frames;
}

static vu_status describe(const vu_traces *t, float *loudness, float *level, float *work, bool *speech, float *vector)
{
	float loud;
	size_t frames = 0;

	for (size_t f = 0; f < t->count; f++) {
		loudness[f] = 0;
		for (size_t b = 0; b < BANDS; b++)
			loudness[f] += t->energies[f][b];
		work[f] = loudness[f];
	}
	loud = vu_sort_percentile(work, t->count, 95);
	if (!(loud > 0))
		return VU_FAILED_PRECONDITION;
	for (size_t f = 0; f < t->count; f++) {
		speech[f] = loudness[f] > loud * SPEECH_SHARE;
		frames += speech[f];
	}
	if (frames < VU_LOUDSPEAKER_FRAMES_MIN)
		return VU_FAILED_PRECONDITION;
	for (size_t b = 0; b < BANDS; b++) {
		for (size_t f = 0; f < t->count; f++)
			level[f] = log10f(fmaxf(t->energies[f][b] / loud, LEAST_SHARE));
		describe_band(level, speech, t->count, work, vector + b);
	}
	describe_hiss(t, loud, level, work, vector + 9 * BANDS);
	return VU_OK;
}

/* Steps of `figures` over `reach` places; writes and returns `count` less `reach` of them. */
static size_t add_steps(const float *figures, size_t count, size_t reach, float *out)
{
	for (size_t i = 0; i + reach < count; i++)
		out[i] = figures[i + reach] - figures[i];
	return count - reach;
}

/*
 * Figures of one band against those of another: a tree asks about one value at
 * a time, and what a loudspeaker does shows between neighbours.
 */
static void contrast(float *vector)
{
	static const size_t REACHES[2][2] = {{1, 1}, {3, 2}}; /* in bands, and in those of harmonics */
	const float *mean = vector;
	const float *depth = vector + 2 * BANDS;
	const float *peak = vector + 7 * BANDS;
	const float *power = vector + 8 * BANDS;
	const float *hiss = vector + 9 * BANDS;
	const float *levels = vector + 10 * BANDS;
	float *at = vector + PLAIN;
	float floor[BANDS];

	for (size_t i = 0; i < 2; i++) {
		at += add_steps(mean, BANDS, REACHES[i][0], at);
		at += add_steps(peak, BANDS, REACHES[i][0], at);
		at += add_steps(power, BANDS, REACHES[i][0], at);
		at += add_steps(hiss, BANDS, REACHES[i][0], at);
		at += add_steps(levels, VU_LOUDSPEAKER_HARMONIC_BANDS, REACHES[i][1], at);
	}
	for (size_t b = 0; b < BANDS; b++) {
		floor[b] = mean[b] - depth[b];
		at[b] = floor[b];
		at[BANDS + b] = peak[b] - floor[b];
		at[2 * BANDS + b] = hiss[b] - floor[b];
	}
	add_steps(floor, BANDS, 1, at + 3 * BANDS);
}

static vu_status finish(vu_traces *t, float *vector, bool *narrow_out)
{
	float *room;
	bool *speech;
	vu_status status = VU_RESOURCE_EXHAUSTED;

	if (t->failed != VU_OK)
		return t->failed;
	if (t->count < VU_LOUDSPEAKER_FRAMES_MIN)
		return VU_FAILED_PRECONDITION;
	room = malloc(3 * t->count * sizeof *room);
	speech = malloc(t->count * sizeof *speech);
	if (room && speech)
		status = describe(t, room, room + t->count, room + 2 * t->count, speech, vector);
	free(speech);
	free(room);
	if (status == VU_OK)
		status = vu_loudspeaker_harmonics_kind.finish(t->harmonics, vector + 10 * BANDS, narrow_out);
	if (status == VU_OK)
		status = vu_loudspeaker_colour_kind.finish(t->colour, vector + PLAIN + VU_LOUDSPEAKER_CONTRASTS,
		                                           narrow_out);
	if (status == VU_OK)
		contrast(vector);
	*narrow_out = t->above < t->whole * NARROW_SHARE;
	return status;
}

const vu_traces_kind vu_loudspeaker_traces_kind = {
    .name = "loudspeaker",
    .version = VU_LOUDSPEAKER_VERSION,
    .size = VU_LOUDSPEAKER_TRACES,
    .create = create,
    .push = push,
    .finish = finish,
    .destroy = destroy,
};
