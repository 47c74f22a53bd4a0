/* The whole stretch in the frequency domain. */
#include "filter.h"

#include "dsp/dsp.h"

#include <fftw3.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

static double gain_at(const filter *f, double hz)
{
	double decibel = f->tilt_db * (hz / (VU_SAMPLE_RATE / 2.0) - 0.5);
	double gain = 1;

	for (size_t i = 0; i < f->ripple_count; i++) {
		double octaves = log2((hz + 1) / f->ripples[i].hz) / f->ripples[i].octaves;
		decibel += f->ripples[i].db * exp(-octaves * octaves);
	}
	if (f->low_hz > 0)
		gain /= sqrt(1 + pow(f->low_hz / (hz + 1e-3), f->low_power > 0 ? f->low_power : FILTER_LOW_POWER));
	if (f->high_hz > 0)
		gain /= sqrt(1 + pow(hz / f->high_hz, f->high_power > 0 ? f->high_power : FILTER_HIGH_POWER));
	return gain * pow(10, decibel / 20);
}

/* The gain is smooth: it is computed at so many places and interpolated between them. */
#define GAIN_STEPS 2048

static void fill_gains(const filter *f, float gains[GAIN_STEPS + 1])
{
	for (size_t i = 0; i <= GAIN_STEPS; i++)
		gains[i] = (float)gain_at(f, (double)i * VU_SAMPLE_RATE / 2 / GAIN_STEPS);
}

static float interpolate(const float gains[GAIN_STEPS + 1], size_t bin, size_t bins)
{
	float at = (float)bin / (float)(bins - 1) * GAIN_STEPS;
	size_t below = (size_t)at < GAIN_STEPS ? (size_t)at : GAIN_STEPS - 1;
	return gains[below] + (gains[below + 1] - gains[below]) * (at - (float)below);
}

static pthread_mutex_t plan_lock = PTHREAD_MUTEX_INITIALIZER;

vu_status filter_apply(const filter *f, float *samples, size_t count)
{
	size_t size = 1;
	size_t bins;
	float *time_domain = NULL;
	fftwf_complex *speech = NULL;
	fftwf_complex *response = NULL;
	float gains[GAIN_STEPS + 1];
	fftwf_plan forward;
	fftwf_plan backward;
	vu_status status = VU_RESOURCE_EXHAUSTED;

	while (size < count + (f->room ? f->room->count : 2000))
		size *= 2;
	bins = size / 2 + 1;
	time_domain = fftwf_alloc_real(size);
	speech = fftwf_alloc_complex(bins);
	response = fftwf_alloc_complex(bins);
	if (!time_domain || !speech || !response)
		goto out;
	pthread_mutex_lock(&plan_lock);
	forward = fftwf_plan_dft_r2c_1d((int)size, time_domain, speech, FFTW_ESTIMATE);
	backward = fftwf_plan_dft_c2r_1d((int)size, speech, time_domain, FFTW_ESTIMATE);
	pthread_mutex_unlock(&plan_lock);
	if (f->room) {
		memset(time_domain, 0, size * sizeof *time_domain);
		memcpy(time_domain, f->room->samples, f->room->count * sizeof *time_domain);
		fftwf_execute_dft_r2c(forward, time_domain, response);
	}
	fill_gains(f, gains);
	memset(time_domain, 0, size * sizeof *time_domain);
	memcpy(time_domain, samples, count * sizeof *time_domain);
	fftwf_execute(forward);
	for (size_t i = 0; i < bins; i++) {
		float gain = interpolate(gains, i, bins) / (float)size;
		float re = speech[i][0] * gain;
		float im = speech[i][1] * gain;
		speech[i][0] = f->room ? re * response[i][0] - im * response[i][1] : re;
		speech[i][1] = f->room ? re * response[i][1] + im * response[i][0] : im;
	}
	fftwf_execute(backward);
	pthread_mutex_lock(&plan_lock);
	fftwf_destroy_plan(forward);
	fftwf_destroy_plan(backward);
	pthread_mutex_unlock(&plan_lock);
	memcpy(samples, time_domain, count * sizeof *samples);
	status = VU_OK;
out:
	fftwf_free(response);
	fftwf_free(speech);
	fftwf_free(time_domain);
	return status;
}
