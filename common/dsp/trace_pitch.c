/* See trace_pitch.h. */
#include "dsp/trace_pitch.h"

#include "dsp/fft.h"
#include "dsp/window.h"

#include <math.h>
#include <stdlib.h>

#define FRAME   VU_TRACE_PITCH_FRAME
#define FFT     VU_TRACE_PITCH_FFT
#define BINS    VU_TRACE_PITCH_BINS
#define FIRST   5 /* bin; what is below is offset and hum */
#define LAG_MIN 40
#define LAG_MAX 330

struct vu_trace_pitch {
	const vu_fft *fft;
	float window[FRAME];
	float correction[LAG_MAX + 1]; /* one over the window's autocorrelation */
	float *time;
	vu_fft_bin *bins;
	float power[BINS];
};

void vu_trace_pitch_destroy(vu_trace_pitch *p)
{
	if (!p)
		return;
	vu_fft_free(p->time);
	vu_fft_free(p->bins);
	free(p);
}

vu_status vu_trace_pitch_create(vu_trace_pitch **pitch_out)
{
	vu_trace_pitch *p = calloc(1, sizeof *p);

	*pitch_out = NULL;
	if (!p)
		return VU_RESOURCE_EXHAUSTED;
	p->time = vu_fft_alloc(FFT);
	p->bins = vu_fft_alloc_bins(BINS);
	if (!p->time || !p->bins || vu_fft_get(FFT, &p->fft) != VU_OK) {
		vu_trace_pitch_destroy(p);
		return VU_RESOURCE_EXHAUSTED;
	}
	vu_window_fill(VU_WINDOW_HANN, p->window, FRAME);
	for (size_t lag = 0; lag <= LAG_MAX; lag++) {
		float sum = 0;
		for (size_t i = lag; i < FRAME; i++)
			sum += p->window[i] * p->window[i - lag];
		p->correction[lag] = sum;
	}
	for (size_t lag = LAG_MAX + 1; lag-- > 0;)
		p->correction[lag] = p->correction[0] / p->correction[lag];
	*pitch_out = p;
	return VU_OK;
}

/* `time` holds the autocorrelation; the summit is a parabola's. */
static void find_period(const vu_trace_pitch *p, vu_trace_pitch_frame *out)
{
	const float *a = p->time;
	float scale = 1 / (a[0] + 1e-12f);
	size_t best = LAG_MIN;
	float height = -1;
	float before;
	float after;
	float curve;
	float shift;

	for (size_t lag = LAG_MIN; lag < LAG_MAX; lag++) {
		float now = a[lag] * p->correction[lag] * scale;
		if (now > height) {
			height = now;
			best = lag;
		}
	}
	before = a[best - 1] * p->correction[best - 1] * scale;
	after = a[best + 1] * p->correction[best + 1] * scale;
	curve = before - 2 * height + after;
	shift = curve < -1e-9f ? 0.5f * (before - after) / curve : 0;
	out->periodic = height;
	out->hertz = VU_SAMPLE_RATE / ((float)best + fmaxf(-0.5f, fminf(0.5f, shift)));
}

void vu_trace_pitch_measure(vu_trace_pitch *p, const float *samples, vu_trace_pitch_frame *out)
{
	for (size_t i = 0; i < FFT; i++)
		p->time[i] = i < FRAME ? samples[i] * p->window[i] : 0;
	vu_fft_forward(p->fft, p->time, p->bins);
	vu_fft_power(p->bins, BINS, p->power);
	for (size_t k = 0; k < BINS; k++)
		p->bins[k] = (vu_fft_bin){k < FIRST ? 0 : p->power[k] / FFT, 0};
	vu_fft_inverse(p->fft, p->bins, p->time);
	out->power = p->power;
	out->energy = p->time[0];
	find_period(p, out);
}

size_t vu_trace_pitch_bin(float hertz)
{
	size_t bin = (size_t)lrintf(fmaxf(hertz, 0) * FFT / VU_SAMPLE_RATE);
	return bin < BINS - 2 ? bin : BINS - 2;
}
