/* Triangular filters, kept as the few weights that are not zero. */
#include "dsp/filterbank.h"

#include "dsp/dsp.h"
#include "dsp/mel.h"

#include <stdlib.h>

typedef struct filter {
	size_t first; /* bin of the first weight */
	size_t count;
	size_t weights; /* index of the first weight */
} filter;

struct vu_filterbank {
	size_t count;
	filter *filters;
	float *weights;
};

static double edge_hz(const vu_filterbank_config *config, size_t index)
{
	double position = (double)index / (double)(config->count + 1);

	if (config->scale == VU_FILTERBANK_LINEAR)
		return config->low_hz + (config->high_hz - config->low_hz) * position;
	return vu_mel_to_hz(vu_mel_from_hz(config->low_hz) +
	                    (vu_mel_from_hz(config->high_hz) - vu_mel_from_hz(config->low_hz)) * position);
}

static double weight_at(double hz, double left, double centre, double right)
{
	if (hz <= left || hz >= right)
		return 0.0;
	return hz <= centre ? (hz - left) / (centre - left) : (right - hz) / (right - centre);
}

vu_status vu_filterbank_create(const vu_filterbank_config *config, vu_filterbank **filterbank_out)
{
	size_t bins = config->fft_size / 2 + 1;
	size_t used = 0;
	vu_status status = VU_RESOURCE_EXHAUSTED;
	vu_filterbank *bank;

	if (config->count < 1 || config->count > VU_FILTERBANK_FILTERS_MAX || config->fft_size < 2 ||
	    !(config->low_hz >= 0.0) || !(config->high_hz > config->low_hz) ||
	    !(config->high_hz <= VU_SAMPLE_RATE / 2))
		return VU_INVALID_ARGUMENT;
	bank = calloc(1, sizeof *bank);
	if (!bank)
		return VU_RESOURCE_EXHAUSTED;
	bank->count = config->count;
	bank->filters = calloc(config->count, sizeof *bank->filters);
	/* A bin lies under two triangles at most. */
	bank->weights = calloc(2 * bins, sizeof *bank->weights);
	if (!bank->filters || !bank->weights)
		goto fail;
	for (size_t i = 0; i < config->count; i++) {
		double left = edge_hz(config, i);
		double centre = edge_hz(config, i + 1);
		double right = edge_hz(config, i + 2);
		filter *f = &bank->filters[i];

		f->weights = used;
		for (size_t k = 0; k < bins; k++) {
			double hz = (double)k * VU_SAMPLE_RATE / (double)config->fft_size;
			double weight = weight_at(hz, left, centre, right);
			if (weight <= 0.0)
				continue;
			if (f->count++ == 0)
				f->first = k;
			bank->weights[used++] = (float)weight;
		}
		if (f->count == 0) {
			status = VU_INVALID_ARGUMENT;
			goto fail;
		}
	}
	*filterbank_out = bank;
	return VU_OK;
fail:
	vu_filterbank_destroy(bank);
	return status;
}

void vu_filterbank_destroy(vu_filterbank *filterbank)
{
	if (!filterbank)
		return;
	free(filterbank->weights);
	free(filterbank->filters);
	free(filterbank);
}

size_t vu_filterbank_count(const vu_filterbank *filterbank)
{
	return filterbank->count;
}

void vu_filterbank_apply(const vu_filterbank *filterbank, const float *power, float *sums)
{
	for (size_t i = 0; i < filterbank->count; i++) {
		const filter *f = &filterbank->filters[i];
		const float *weights = filterbank->weights + f->weights;
		const float *p = power + f->first;
		float sum = 0.0f;
		for (size_t k = 0; k < f->count; k++)
			sum += weights[k] * p[k];
		sums[i] = sum;
	}
}
