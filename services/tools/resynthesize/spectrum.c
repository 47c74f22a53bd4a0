/* Short-time spectra by FFT. The sound is padded by a frame on both sides, so that its ends have full weight. */
#include "spectrum.h"

#include "dsp/window.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

vu_status spectrum_of(const float *samples, size_t count, spectrum *out)
{
	const vu_fft *fft;
	float window[SPECTRUM_FRAME];
	float *time = vu_fft_alloc(SPECTRUM_FRAME);
	vu_fft_bin *bins = vu_fft_alloc_bins(SPECTRUM_BINS);
	vu_status status = VU_RESOURCE_EXHAUSTED;

	out->count = (count + 2 * SPECTRUM_FRAME) / SPECTRUM_HOP;
	out->frames = calloc(out->count, sizeof *out->frames);
	if (!time || !bins || !out->frames || vu_fft_get(SPECTRUM_FRAME, &fft) != VU_OK)
		goto out;
	vu_window_fill(VU_WINDOW_HANN, window, SPECTRUM_FRAME);
	for (size_t t = 0; t < out->count; t++) {
		for (size_t i = 0; i < SPECTRUM_FRAME; i++) {
			size_t at = t * SPECTRUM_HOP + i;
			bool inside = at >= SPECTRUM_FRAME && at < count + SPECTRUM_FRAME;
			time[i] = inside ? samples[at - SPECTRUM_FRAME] * window[i] : 0;
		}
		vu_fft_forward(fft, time, bins);
		memcpy(out->frames[t], bins, sizeof out->frames[t]);
	}
	status = VU_OK;
out:
	vu_fft_free(bins);
	vu_fft_free(time);
	return status;
}

vu_status spectrum_to_sound(const spectrum *s, float *samples, size_t count)
{
	const vu_fft *fft;
	float window[SPECTRUM_FRAME];
	float *time = vu_fft_alloc(SPECTRUM_FRAME);
	vu_fft_bin *bins = vu_fft_alloc_bins(SPECTRUM_BINS);
	float *weight = calloc(count + 1, sizeof *weight);
	vu_status status = VU_RESOURCE_EXHAUSTED;

	if (!time || !bins || !weight || vu_fft_get(SPECTRUM_FRAME, &fft) != VU_OK)
		goto out;
	vu_window_fill(VU_WINDOW_HANN, window, SPECTRUM_FRAME);
	memset(samples, 0, count * sizeof *samples);
	for (size_t t = 0; t < s->count; t++) {
		memcpy(bins, s->frames[t], sizeof s->frames[t]);
		vu_fft_inverse(fft, bins, time);
		for (size_t i = 0; i < SPECTRUM_FRAME; i++) {
			size_t at = t * SPECTRUM_HOP + i;
			if (at < SPECTRUM_FRAME || at >= count + SPECTRUM_FRAME)
				continue;
			samples[at - SPECTRUM_FRAME] += time[i] * window[i] / SPECTRUM_FRAME;
			weight[at - SPECTRUM_FRAME] += window[i] * window[i];
		}
	}
	for (size_t i = 0; i < count; i++)
		samples[i] /= weight[i] > 1e-3f ? weight[i] : 1e-3f;
	status = VU_OK;
out:
	free(weight);
	vu_fft_free(bins);
	vu_fft_free(time);
	return status;
}

void spectrum_free(spectrum *s)
{
	free(s->frames);
	s->frames = NULL;
}
