/*
 * YIN at 8 kHz. The difference function is expanded into energies and a cross-
 * correlation, d(t) = E(0) + E(t) - 2 r(t), and r comes from FFTs of 512 points:
 * the window of 187 samples against the whole 320, which does not wrap.
 */
#include "dsp/pitch.h"

#include "dsp/dsp.h"
#include "dsp/fft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RATE     (VU_SAMPLE_RATE / 2)
#define SAMPLES  (VU_PITCH_FRAME_SAMPLES / 2)
#define FFT_SIZE 512
#define BINS     (FFT_SIZE / 2 + 1)
#define LAG_MAX  133 /* 60 Hz */
#define LAG_MIN  19  /* 420 Hz */
#define SPAN     (SAMPLES - LAG_MAX)
/* YIN's absolute threshold on the normalized difference. */
#define DIP 0.15f
/* Mean square below which a frame is silence: far below one bit of 16. */
#define SILENCE 1e-11f

struct vu_pitch {
	const vu_fft *fft;
	float *whole;
	float *span;
	float *correlation;
	vu_fft_bin *whole_bins;
	vu_fft_bin *span_bins;
	float difference[LAG_MAX + 2];
};

vu_status vu_pitch_create(vu_pitch **pitch_out)
{
	vu_status status;
	vu_pitch *pitch = calloc(1, sizeof *pitch);

	if (!pitch)
		return VU_RESOURCE_EXHAUSTED;
	status = vu_fft_get(FFT_SIZE, &pitch->fft);
	if (status != VU_OK)
		goto fail;
	pitch->whole = vu_fft_alloc(FFT_SIZE);
	pitch->span = vu_fft_alloc(FFT_SIZE);
	pitch->correlation = vu_fft_alloc(FFT_SIZE);
	pitch->whole_bins = vu_fft_alloc_bins(BINS);
	pitch->span_bins = vu_fft_alloc_bins(BINS);
	if (!pitch->whole || !pitch->span || !pitch->correlation || !pitch->whole_bins || !pitch->span_bins) {
		status = VU_RESOURCE_EXHAUSTED;
		goto fail;
	}
	*pitch_out = pitch;
	return VU_OK;
fail:
	vu_pitch_destroy(pitch);
	return status;
}

void vu_pitch_destroy(vu_pitch *pitch)
{
	if (!pitch)
		return;
	vu_fft_free(pitch->span_bins);
	vu_fft_free(pitch->whole_bins);
	vu_fft_free(pitch->correlation);
	vu_fft_free(pitch->span);
	vu_fft_free(pitch->whole);
	free(pitch);
}

/* Halves the rate with a binomial low-pass, and takes the mean out. Returns the mean square. */
static float halve(const float *frame, float *out)
{
	float mean = 0.0f;
	float square = 0.0f;

	for (int i = 0; i < SAMPLES; i++) {
		int n = 2 * i;
		float before2 = n >= 2 ? frame[n - 2] : frame[0];
		float before1 = n >= 1 ? frame[n - 1] : frame[0];
		float after2 = n + 2 < VU_PITCH_FRAME_SAMPLES ? frame[n + 2] : frame[n + 1];
		out[i] = (before2 + after2 + 4.0f * (before1 + frame[n + 1]) + 6.0f * frame[n]) / 16.0f;
		mean += out[i];
	}
	mean /= SAMPLES;
	for (int i = 0; i < SAMPLES; i++) {
		out[i] -= mean;
		square += out[i] * out[i];
	}
	return square / SAMPLES;
}

/* Fills correlation[t] = FFT_SIZE * sum_{j < SPAN} x[j] x[j + t]. */
static void correlate(vu_pitch *pitch)
{
	memcpy(pitch->span, pitch->whole, SPAN * sizeof(float));
	vu_fft_forward(pitch->fft, pitch->whole, pitch->whole_bins);
	vu_fft_forward(pitch->fft, pitch->span, pitch->span_bins);
	for (int k = 0; k < BINS; k++) {
		vu_fft_bin a = pitch->span_bins[k];
		vu_fft_bin b = pitch->whole_bins[k];
		pitch->whole_bins[k].re = a.re * b.re + a.im * b.im;
		pitch->whole_bins[k].im = a.re * b.im - a.im * b.re;
	}
	vu_fft_inverse(pitch->fft, pitch->whole_bins, pitch->correlation);
}

/* The cumulative mean normalized difference, for lags 1 to LAG_MAX + 1. */
static void normalize_difference(vu_pitch *pitch)
{
	const float *x = pitch->whole;
	float energy_first = 0.0f;
	float energy_lagged;
	float sum = 0.0f;

	for (int j = 0; j < SPAN; j++)
		energy_first += x[j] * x[j];
	energy_lagged = energy_first;
	pitch->difference[0] = 1.0f;
	for (int lag = 1; lag <= LAG_MAX; lag++) {
		float d;
		energy_lagged += x[lag + SPAN - 1] * x[lag + SPAN - 1] - x[lag - 1] * x[lag - 1];
		d = energy_first + energy_lagged - 2.0f * pitch->correlation[lag] / FFT_SIZE;
		if (d < 0.0f)
			d = 0.0f;
		sum += d;
		pitch->difference[lag] = sum > 0.0f ? d * (float)lag / sum : 1.0f;
	}
	pitch->difference[LAG_MAX + 1] = pitch->difference[LAG_MAX];
}

static int find_dip(const float *difference)
{
	int best = LAG_MIN;

	for (int lag = LAG_MIN; lag <= LAG_MAX; lag++) {
		if (difference[lag] < DIP) {
			while (lag < LAG_MAX && difference[lag + 1] < difference[lag])
				lag++;
			return lag;
		}
		if (difference[lag] < difference[best])
			best = lag;
	}
	return best;
}

vu_pitch_estimate vu_pitch_analyze(vu_pitch *pitch, const float *frame)
{
	vu_pitch_estimate estimate = {0.0f, 0.0f};
	float left, middle, right, curvature, offset, hz;
	int lag;

	if (halve(frame, pitch->whole) < SILENCE)
		return estimate;
	correlate(pitch);
	normalize_difference(pitch);
	lag = find_dip(pitch->difference);
	left = pitch->difference[lag - 1];
	middle = pitch->difference[lag];
	right = pitch->difference[lag + 1];
	curvature = left - 2.0f * middle + right;
	offset = curvature > 0.0f ? 0.5f * (left - right) / curvature : 0.0f;
	if (offset > 0.5f || offset < -0.5f)
		offset = 0.0f;
	hz = RATE / ((float)lag + offset);
	estimate.hz = hz < VU_PITCH_MIN_HZ ? VU_PITCH_MIN_HZ : hz > VU_PITCH_MAX_HZ ? VU_PITCH_MAX_HZ : hz;
	estimate.voicing = middle >= 1.0f ? 0.0f : 1.0f - middle;
	return estimate;
}
