/* One spectrum every 64 ms, of which the logarithms are averaged: loud vowels must not outvote the rest. */
#include "resampling.h"

#include "dsp/fft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RATE    16000
#define FRAME   1024
#define BINS    (FRAME / 2 + 1)
#define FIRST   96 /* 1.5 kHz: below lie the harmonics of voices */
#define BESIDE  12 /* bins on either side that a line is held against, */
#define SKIPPED 2  /* but for these, that the window smears it into */
/* Less roughness than this is silence. */
#define ROUGHNESS_MIN 4.0
#define FRAMES_MIN    8

struct vu_resampling {
	const vu_fft *fft;
	float *frame;
	vu_fft_bin *bins;
	float window[FRAME];
	size_t fill;
	double roughness;
	int32_t last;
	int32_t before;
	uint64_t frames;
	double logs[BINS];
};

vu_status vu_resampling_create(vu_resampling **resampling_out)
{
	vu_resampling *r = calloc(1, sizeof *r);
	vu_status status = VU_RESOURCE_EXHAUSTED;

	if (!r)
		return status;
	status = vu_fft_get(FRAME, &r->fft);
	r->frame = vu_fft_alloc(FRAME);
	r->bins = vu_fft_alloc_bins(BINS);
	if (status == VU_OK && (!r->frame || !r->bins))
		status = VU_RESOURCE_EXHAUSTED;
	if (status != VU_OK) {
		vu_resampling_destroy(r);
		return status;
	}
	for (size_t i = 0; i < FRAME; i++)
		r->window[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * (double)i / FRAME));
	*resampling_out = r;
	return VU_OK;
}

void vu_resampling_destroy(vu_resampling *r)
{
	if (!r)
		return;
	vu_fft_free(r->frame);
	vu_fft_free(r->bins);
	free(r);
}

static void take_frame(vu_resampling *r)
{
	float power[BINS];
	float mean = (float)(r->roughness / FRAME);

	if ((double)mean < ROUGHNESS_MIN)
		return;
	for (size_t i = 0; i < FRAME; i++)
		/* Bursts within a frame would colour all of it. */
		r->frame[i] = (fminf(r->frame[i] / mean, 4) - 1) * r->window[i];
	vu_fft_forward(r->fft, r->frame, r->bins);
	vu_fft_power(r->bins, BINS, power);
	for (size_t b = 0; b < BINS; b++)
		r->logs[b] += log((double)power[b] + 1e-9);
	r->frames++;
}

void vu_resampling_push(vu_resampling *r, int16_t sample)
{
	int32_t rough = abs(2 * r->last - r->before - sample);

	r->before = r->last;
	r->last = sample;
	r->frame[r->fill++] = (float)rough;
	r->roughness += rough;
	if (r->fill < FRAME)
		return;
	take_frame(r);
	r->fill = 0;
	r->roughness = 0;
}

double vu_resampling_finish(const vu_resampling *r, double *hz_out)
{
	double best = 0;

	*hz_out = 0;
	if (r->frames < FRAMES_MIN)
		return 0;
	for (size_t b = FIRST; b < BINS; b++) {
		double around = 0;
		size_t count = 0;
		for (size_t d = SKIPPED + 1; d <= BESIDE; d++) {
			if (b + d < BINS) {
				around += r->logs[b + d];
				count++;
			}
			around += r->logs[b - d];
			count++;
		}
		double above = (r->logs[b] - around / (double)count) / (double)r->frames;
		if (above > best) {
			best = above;
			*hz_out = (double)b * RATE / FRAME;
		}
	}
	return best;
}
