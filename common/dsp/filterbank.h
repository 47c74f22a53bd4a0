/*
 * Banks of triangular filters over a power spectrum. `count` + 2 edges lie
 * evenly on the scale between low and high; filter i rises from edge i to 1 at
 * edge i + 1 and falls to 0 at edge i + 2, linearly in hertz, sampled at the
 * bins of the transform.
 */
#ifndef VU_DSP_FILTERBANK_H
#define VU_DSP_FILTERBANK_H

#include "base/status.h"

#include <stddef.h>

#define VU_FILTERBANK_FILTERS_MAX 128

typedef enum vu_filterbank_scale { VU_FILTERBANK_MEL, VU_FILTERBANK_LINEAR } vu_filterbank_scale;

typedef struct vu_filterbank_config {
	vu_filterbank_scale scale;
	size_t count;
	double low_hz;
	double high_hz; /* at most half the sample rate */
	size_t fft_size;
} vu_filterbank_config;

typedef struct vu_filterbank vu_filterbank;

/*
 * INVALID_ARGUMENT: no filters or more than 128, a band that is empty or
 * outside the spectrum, or filters so narrow that one of them meets no bin.
 */
vu_status vu_filterbank_create(const vu_filterbank_config *config, vu_filterbank **filterbank_out);
void vu_filterbank_destroy(vu_filterbank *filterbank);

size_t vu_filterbank_count(const vu_filterbank *filterbank);

/* sums[i] = sum_k weight_i(k) power[k], power being fft_size / 2 + 1 values. Any thread. */
void vu_filterbank_apply(const vu_filterbank *filterbank, const float *power, float *sums);

#endif
