/*
 * Cepstral coefficients of one frame: mean removal, pre-emphasis
 * (y[n] = x[n] - a x[n-1], with x[-1] = x[0] as HTK has it), window, power
 * spectrum, filterbank, natural logarithm, orthonormal DCT-II, sinusoidal
 * lifter 1 + L/2 sin(pi n / L). mfcc.h and lfcc.h are two settings of it.
 *
 * One engine is used by one thread at a time; nothing is allocated after
 * creation. Cut a stream into frames with dsp/frame.h.
 */
#ifndef VU_DSP_CEPSTRUM_H
#define VU_DSP_CEPSTRUM_H

#include "base/status.h"
#include "dsp/filterbank.h"
#include "dsp/window.h"

#include <stddef.h>

/* Filter sums below this become this before the logarithm: 1e-10 full-scale power, so silence is finite. */
#define VU_CEPSTRUM_FLOOR 1e-10f

typedef struct vu_cepstrum_config {
	size_t frame_samples; /* at most filters.fft_size */
	vu_window_kind window;
	float pre_emphasis; /* 0 to below 1 */
	vu_filterbank_config filters;
	size_t coefficient_count; /* 1 to filters.count, from the 0th, which is the mean log energy times
	                             sqrt(filters) */
	double lifter;            /* L; 0 = none */
} vu_cepstrum_config;

typedef struct vu_cepstrum vu_cepstrum;

/* INVALID_ARGUMENT for settings out of range, RESOURCE_EXHAUSTED without memory. */
vu_status vu_cepstrum_create(const vu_cepstrum_config *config, vu_cepstrum **cepstrum_out);
void vu_cepstrum_destroy(vu_cepstrum *cepstrum);

/* `frame` has frame_samples finite samples; `coefficients` takes coefficient_count values, always finite. */
void vu_cepstrum_compute(vu_cepstrum *cepstrum, const float *frame, float *coefficients);

/* Log filter energies and power spectrum (pre-emphasized, windowed) of the last frame; valid until the next. */
const float *vu_cepstrum_log_energies(const vu_cepstrum *cepstrum);
const float *vu_cepstrum_power(const vu_cepstrum *cepstrum);

#endif
