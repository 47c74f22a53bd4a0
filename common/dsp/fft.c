/*
 * Shared FFTW plans. ESTIMATE, not MEASURE: planning takes 1 ms instead of 80,
 * runs 0.2 us slower, and chooses the same algorithm in every run, so results
 * are bit-identical between processes of one machine. FFTW's planner is not
 * thread-safe, its execution is; hence one lock around planning only.
 */
#include "dsp/fft.h"

#include <fftw3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT  64
#define SIZE_COUNT 5 /* 256, 512, 1024, 2048, 4096 */

struct vu_fft {
	size_t size;
	fftwf_plan forward;
	fftwf_plan inverse;
};

static pthread_mutex_t planning = PTHREAD_MUTEX_INITIALIZER;
static vu_fft plans[SIZE_COUNT];

static void *alloc_zeroed(size_t bytes)
{
	size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	void *buffer = aligned_alloc(ALIGNMENT, rounded ? rounded : ALIGNMENT);
	if (buffer)
		memset(buffer, 0, rounded);
	return buffer;
}

/* Under the lock. */
static vu_status make_plans(vu_fft *fft, size_t size)
{
	vu_status status = VU_RESOURCE_EXHAUSTED;
	fftwf_plan forward = NULL;
	fftwf_plan inverse = NULL;
	float *time = vu_fft_alloc(size);
	vu_fft_bin *bins = vu_fft_alloc_bins(size / 2 + 1);

	if (!time || !bins)
		goto out;
	forward = fftwf_plan_dft_r2c_1d((int)size, time, (fftwf_complex *)bins, FFTW_ESTIMATE);
	inverse = fftwf_plan_dft_c2r_1d((int)size, (fftwf_complex *)bins, time, FFTW_ESTIMATE);
	if (!forward || !inverse)
		goto out;
	fft->size = size;
	fft->forward = forward;
	fft->inverse = inverse;
	forward = inverse = NULL;
	status = VU_OK;
out:
	if (inverse)
		fftwf_destroy_plan(inverse);
	if (forward)
		fftwf_destroy_plan(forward);
	vu_fft_free(bins);
	vu_fft_free(time);
	return status;
}

vu_status vu_fft_get(size_t size, const vu_fft **fft_out)
{
	vu_status status = VU_OK;
	vu_fft *fft = plans;

	if (size < VU_FFT_SIZE_MIN || size > VU_FFT_SIZE_MAX || (size & (size - 1)) != 0)
		return VU_INVALID_ARGUMENT;
	for (size_t s = VU_FFT_SIZE_MIN; s < size; s *= 2)
		fft++;
	pthread_mutex_lock(&planning);
	if (!fft->forward)
		status = make_plans(fft, size);
	pthread_mutex_unlock(&planning);
	if (status == VU_OK)
		*fft_out = fft;
	return status;
}

size_t vu_fft_size(const vu_fft *fft)
{
	return fft->size;
}

size_t vu_fft_bins(const vu_fft *fft)
{
	return fft->size / 2 + 1;
}

float *vu_fft_alloc(size_t count)
{
	return alloc_zeroed(count * sizeof(float));
}

vu_fft_bin *vu_fft_alloc_bins(size_t count)
{
	return alloc_zeroed(count * sizeof(vu_fft_bin));
}

void vu_fft_free(void *buffer)
{
	free(buffer);
}

void vu_fft_forward(const vu_fft *fft, float *time, vu_fft_bin *bins)
{
	fftwf_execute_dft_r2c(fft->forward, time, (fftwf_complex *)bins);
}

void vu_fft_inverse(const vu_fft *fft, vu_fft_bin *bins, float *time)
{
	fftwf_execute_dft_c2r(fft->inverse, (fftwf_complex *)bins, time);
}

void vu_fft_power(const vu_fft_bin *bins, size_t count, float *power)
{
	for (size_t k = 0; k < count; k++)
		power[k] = bins[k].re * bins[k].re + bins[k].im * bins[k].im;
}
