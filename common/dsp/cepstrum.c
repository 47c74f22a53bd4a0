/* The cepstral engine. The DCT carries the lifter and is stored by filter, so that its inner loop vectorizes. */
#include "dsp/cepstrum.h"

#include "dsp/fft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct vu_cepstrum {
	vu_cepstrum_config config;
	const vu_fft *fft;
	vu_filterbank *filters;
	float *time;
	vu_fft_bin *bins;
	float *power;
	float *window;
	float *log_energies;
	float *transform; /* [filter][coefficient] */
};

static void fill_transform(vu_cepstrum *c)
{
	size_t filters = c->config.filters.count;
	size_t count = c->config.coefficient_count;

	for (size_t i = 0; i < filters; i++) {
		for (size_t k = 0; k < count; k++) {
			double scale = sqrt((k == 0 ? 1.0 : 2.0) / (double)filters);
			double lifter = 1.0;
			if (c->config.lifter > 0.0)
				lifter += c->config.lifter / 2.0 * sin(M_PI * (double)k / c->config.lifter);
			c->transform[i * count + k] =
			    (float)(scale * lifter * cos(M_PI * (double)k * ((double)i + 0.5) / (double)filters));
		}
	}
}

vu_status vu_cepstrum_create(const vu_cepstrum_config *config, vu_cepstrum **cepstrum_out)
{
	size_t bins = config->filters.fft_size / 2 + 1;
	vu_status status;
	vu_cepstrum *c;

	if (config->frame_samples < 2 || config->frame_samples > config->filters.fft_size ||
	    config->coefficient_count < 1 || config->coefficient_count > config->filters.count ||
	    !(config->pre_emphasis >= 0.0f && config->pre_emphasis < 1.0f) || !(config->lifter >= 0.0))
		return VU_INVALID_ARGUMENT;
	c = calloc(1, sizeof *c);
	if (!c)
		return VU_RESOURCE_EXHAUSTED;
	c->config = *config;
	status = vu_fft_get(config->filters.fft_size, &c->fft);
	if (status == VU_OK)
		status = vu_filterbank_create(&config->filters, &c->filters);
	if (status != VU_OK)
		goto fail;
	c->time = vu_fft_alloc(config->filters.fft_size);
	c->bins = vu_fft_alloc_bins(bins);
	c->power = calloc(bins, sizeof(float));
	c->window = calloc(config->frame_samples, sizeof(float));
	c->log_energies = calloc(config->filters.count, sizeof(float));
	c->transform = calloc(config->filters.count * config->coefficient_count, sizeof(float));
	if (!c->time || !c->bins || !c->power || !c->window || !c->log_energies || !c->transform) {
		status = VU_RESOURCE_EXHAUSTED;
		goto fail;
	}
	vu_window_fill(config->window, c->window, config->frame_samples);
	fill_transform(c);
	*cepstrum_out = c;
	return VU_OK;
fail:
	vu_cepstrum_destroy(c);
	return status;
}

void vu_cepstrum_destroy(vu_cepstrum *cepstrum)
{
	if (!cepstrum)
		return;
	free(cepstrum->transform);
	free(cepstrum->log_energies);
	free(cepstrum->window);
	free(cepstrum->power);
	vu_fft_free(cepstrum->bins);
	vu_fft_free(cepstrum->time);
	vu_filterbank_destroy(cepstrum->filters);
	free(cepstrum);
}

void vu_cepstrum_compute(vu_cepstrum *c, const float *frame, float *coefficients)
{
	size_t samples = c->config.frame_samples;
	size_t filters = c->config.filters.count;
	size_t count = c->config.coefficient_count;
	float a = c->config.pre_emphasis;
	float mean = 0.0f;

	for (size_t n = 0; n < samples; n++)
		mean += frame[n];
	mean /= (float)samples;
	c->time[0] = (frame[0] - mean) * (1.0f - a) * c->window[0];
	for (size_t n = 1; n < samples; n++)
		c->time[n] = ((frame[n] - mean) - a * (frame[n - 1] - mean)) * c->window[n];
	vu_fft_forward(c->fft, c->time, c->bins);
	vu_fft_power(c->bins, vu_fft_bins(c->fft), c->power);
	vu_filterbank_apply(c->filters, c->power, c->log_energies);
	for (size_t i = 0; i < filters; i++)
		c->log_energies[i] =
		    logf(c->log_energies[i] > VU_CEPSTRUM_FLOOR ? c->log_energies[i] : VU_CEPSTRUM_FLOOR);
	memset(coefficients, 0, count * sizeof(float));
	for (size_t i = 0; i < filters; i++) {
		const float *row = c->transform + i * count;
		float energy = c->log_energies[i];
		for (size_t k = 0; k < count; k++)
			coefficients[k] += row[k] * energy;
	}
}

const float *vu_cepstrum_log_energies(const vu_cepstrum *cepstrum)
{
	return cepstrum->log_energies;
}

const float *vu_cepstrum_power(const vu_cepstrum *cepstrum)
{
	return cepstrum->power;
}
