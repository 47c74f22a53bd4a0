/*
 * Real Fourier transforms (FFTW, single precision).
 *
 * One plan a size and process, made at first use under a lock and kept for the
 * life of the process; executing it is thread-safe because every caller brings
 * its own buffers. Buffers must come from vu_fft_alloc: the plans rely on
 * their alignment.
 */
#ifndef VU_DSP_FFT_H
#define VU_DSP_FFT_H

#include "base/status.h"

#include <stddef.h>

#define VU_FFT_SIZE_MIN 256
#define VU_FFT_SIZE_MAX 4096

typedef struct vu_fft vu_fft;

typedef struct vu_fft_bin {
	float re;
	float im;
} vu_fft_bin;

/*
 * The transform of `size` points, a power of two from 256 to 4096. Shared and
 * never freed. INVALID_ARGUMENT for another size, RESOURCE_EXHAUSTED without
 * memory. Any thread.
 */
vu_status vu_fft_get(size_t size, const vu_fft **fft_out);

size_t vu_fft_size(const vu_fft *fft);
/* size / 2 + 1: bin k is k * rate / size hertz. */
size_t vu_fft_bins(const vu_fft *fft);

/* Zeroed and aligned; NULL without memory. Free with vu_fft_free (NULL is fine). */
float *vu_fft_alloc(size_t count);
vu_fft_bin *vu_fft_alloc_bins(size_t count);
void vu_fft_free(void *buffer);

/* bins[k] = sum_n time[n] exp(-2 pi i k n / size). `time` is kept. */
void vu_fft_forward(const vu_fft *fft, float *time, vu_fft_bin *bins);

/* The inverse times `size` (FFTW does not scale). `bins` is destroyed. */
void vu_fft_inverse(const vu_fft *fft, vu_fft_bin *bins, float *time);

/* power[k] = |bins[k]|^2. */
void vu_fft_power(const vu_fft_bin *bins, size_t count, float *power);

#endif
