/* Levels every 10 ms and a slow copy of the waveform are gathered; all else is done at the end. */
#include "splice.h"

#include "base/sort.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX 32

/* ---- floor ---- */

#define FRAME_SAMPLES 160
#define FRAMES_MAX    (SECONDS_MAX * 100)
/* On both sides of a step, between two frames: so long, and so steady. Breath and decay are neither. */
#define SIDE_FRAMES  10
#define SIDE_SPREAD  1.5 /* standard deviation, dB */
#define STEP_MIN_DB  5.0
#define PAUSE_BELOW  18.0 /* a pause is so far below the loudest tenth */
#define STEP_HOLDOFF 20
/* Added to the power: half a unit of the last place, as rounding leaves. */
#define ROUNDING 0.25

/* ---- hum ---- */

#define SLOW_SAMPLES  40 /* averaged: 400 values a second */
#define SLOW_RATE     400
#define SLOW_MAX      (SECONDS_MAX * SLOW_RATE)
#define WINDOW        80 /* 0.2 s */
#define HOP           40
#define WINDOWS_MAX   (SLOW_MAX / HOP)
#define WINDOWS_MIN   10
#define LINE_DB       10.0 /* above what lies 15 Hz beside it */
#define LINE_SHARE    0.8  /* of the windows */
#define LINE_SPREAD   2.0  /* 10th to 90th percentile of its size, as a ratio */
#define BREAK_RADIANS 0.8
#define SIDE_WINDOWS  4
#define AGREEMENT     0.95 /* length of the mean of their directions */
#define BREAK_HOPS    3    /* so far apart two windows share no value */

struct vu_splice {
	double square;
	double sum;
	int16_t last;
	unsigned frame_fill;
	unsigned slow_fill;
	size_t frames;
	size_t slow;
	float level[FRAMES_MAX]; /* dB */
	float wave[SLOW_MAX];
};

typedef struct line {
	size_t count;
	double phase[WINDOWS_MAX];
	double size[WINDOWS_MAX];
	size_t clear; /* windows in which it stands out */
} line;

vu_splice *vu_splice_create(void)
{
	return calloc(1, sizeof(vu_splice));
}

void vu_splice_destroy(vu_splice *splice)
{
	free(splice);
}

void vu_splice_push(vu_splice *s, int16_t sample)
{
	/* Of the differences, so that neither hum nor an offset counts. */
	double step = (double)sample - s->last;

	s->last = sample;
	s->square += step * step;
	if (++s->frame_fill == FRAME_SAMPLES) {
		if (s->frames < FRAMES_MAX)
			s->level[s->frames++] = (float)(10 * log10(s->square / FRAME_SAMPLES + ROUNDING));
		s->square = 0;
		s->frame_fill = 0;
	}
	s->sum += sample;
	if (++s->slow_fill == SLOW_SAMPLES) {
		if (s->slow < SLOW_MAX)
			s->wave[s->slow++] = (float)(s->sum / SLOW_SAMPLES);
		s->sum = 0;
		s->slow_fill = 0;
	}
}

static void measure_side(const float *level, double *mean_out, double *spread_out)
{
	double sum = 0;
	double square = 0;

	for (size_t i = 0; i < SIDE_FRAMES; i++) {
		sum += (double)level[i];
		square += (double)level[i] * (double)level[i];
	}
	*mean_out = sum / SIDE_FRAMES;
	*spread_out = sqrt(fmax(0, square / SIDE_FRAMES - *mean_out * *mean_out));
}

static void find_floor_steps(const vu_splice *s, vu_splice_traces *out)
{
	const size_t span = 2 * SIDE_FRAMES;
	float sorted[FRAMES_MAX];
	double pause;

	if (s->frames < span)
		return;
	memcpy(sorted, s->level, s->frames * sizeof *sorted);
	vu_sort_floats(sorted, s->frames);
	pause = (double)sorted[s->frames * 9 / 10] - PAUSE_BELOW;
	for (size_t i = 0; i + span <= s->frames; i++) {
		double before, after, spread_before, spread_after, step;

		measure_side(s->level + i, &before, &spread_before);
		measure_side(s->level + i + SIDE_FRAMES, &after, &spread_after);
		step = fabs(after - before);
		if (step < STEP_MIN_DB || spread_before > SIDE_SPREAD || spread_after > SIDE_SPREAD ||
		    before > pause || after > pause)
			continue;
		out->floor_steps++;
		out->floor_step_db = fmax(out->floor_step_db, step);
		i += STEP_HOLDOFF;
	}
}

/* What of `wave`, WINDOW values, is at `hz`. */
static void project(const float *wave, double hz, double *re_out, double *im_out)
{
	double re = 0;
	double im = 0;

	for (int i = 0; i < WINDOW; i++) {
		double window = 0.5 - 0.5 * cos(2 * M_PI * (i + 0.5) / WINDOW);
		double angle = 2 * M_PI * hz * i / SLOW_RATE;
		re += window * (double)wave[i] * cos(angle);
		im -= window * (double)wave[i] * sin(angle);
	}
	*re_out = re;
	*im_out = im;
}

static double size_at(const float *wave, double hz)
{
	double re, im;
	project(wave, hz, &re, &im);
	return hypot(re, im);
}

static void follow_line(const vu_splice *s, double hz, line *l)
{
	memset(l, 0, sizeof *l);
	for (size_t at = 0; at + WINDOW <= s->slow && l->count < WINDOWS_MAX; at += HOP) {
		const float *wave = s->wave + at;
		double re, im, beside;

		project(wave, hz, &re, &im);
		beside = fmax(size_at(wave, hz - 15), size_at(wave, hz + 15));
		l->size[l->count] = hypot(re, im);
		/* Turned back to the first window's clock: a steady line keeps its phase. */
		l->phase[l->count] = atan2(im, re) - 2 * M_PI * hz * (double)at / SLOW_RATE;
		l->clear += 20 * log10((l->size[l->count] + 1e-9) / (beside + 1e-9)) > LINE_DB;
		l->count++;
	}
}

static double wrap(double angle)
{
	return angle - 2 * M_PI * floor(angle / (2 * M_PI) + 0.5);
}

static bool is_steady(const line *l)
{
	double sorted[WINDOWS_MAX];

	if (l->count < WINDOWS_MIN || (double)l->clear < LINE_SHARE * (double)l->count)
		return false;
	memcpy(sorted, l->size, l->count * sizeof *sorted);
	vu_sort_doubles(sorted, l->count);
	return sorted[l->count * 9 / 10] <= LINE_SPREAD * sorted[l->count / 10];
}

/* The phase on which SIDE_WINDOWS windows agree, but for its drift; false when a voice or a cut disturbs them. */
static bool agree(const line *l, size_t from, double drift, double *phase_out)
{
	double re = 0;
	double im = 0;

	for (size_t i = from; i < from + SIDE_WINDOWS; i++) {
		re += cos(l->phase[i] - (double)i * drift);
		im += sin(l->phase[i] - (double)i * drift);
	}
	*phase_out = atan2(im, re);
	return hypot(re, im) > AGREEMENT * SIDE_WINDOWS;
}

static unsigned count_breaks(const line *l)
{
	double drifts[WINDOWS_MAX] = {0};
	double drift;
	unsigned breaks = 0;

	/* The mains are never quite at their nominal frequency: what the phase drifts usually is no break. */
	for (size_t i = 0; i + 1 < l->count; i++)
		drifts[i] = wrap(l->phase[i + 1] - l->phase[i]);
	vu_sort_doubles(drifts, l->count - 1);
	drift = drifts[(l->count - 1) / 2];
	for (size_t i = 0; i + 2 * SIDE_WINDOWS + BREAK_HOPS - 1 <= l->count; i++) {
		size_t after = i + SIDE_WINDOWS + BREAK_HOPS - 1;
		double phase_before, phase_after;
		if (agree(l, i, drift, &phase_before) && agree(l, after, drift, &phase_after) &&
		    fabs(wrap(phase_after - phase_before)) > BREAK_RADIANS) {
			breaks++;
			i = after - 1;
		}
	}
	return breaks;
}

static void find_hum_breaks(const vu_splice *s, vu_splice_traces *out)
{
	static const double MAINS[] = {50, 60};

	for (size_t i = 0; i < 2 && out->hum_hz == 0; i++) {
		line l;
		follow_line(s, MAINS[i], &l);
		if (!is_steady(&l))
			continue;
		out->hum_hz = MAINS[i];
		out->hum_breaks = count_breaks(&l);
	}
}

void vu_splice_finish(const vu_splice *splice, vu_splice_traces *out)
{
	memset(out, 0, sizeof *out);
	find_floor_steps(splice, out);
	find_hum_breaks(splice, out);
}
