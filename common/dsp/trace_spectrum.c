/* One framer, window and transform. */
#include "dsp/trace_spectrum.h"

#include "dsp/fft.h"
#include "dsp/frame.h"
#include "dsp/window.h"

#include <stdlib.h>

struct vu_trace_spectrum {
	size_t size;
	vu_framer *framer;
	const vu_fft *fft;
	float *window;
	float *time;
	vu_fft_bin *bins;
	float *power;
	vu_trace_spectrum_take take; /* of the push under way, and its context */
	void *context;
};

void vu_trace_spectrum_free(vu_trace_spectrum *spectrum)
{
	if (!spectrum)
		return;
	vu_framer_destroy(spectrum->framer);
	vu_fft_free(spectrum->time);
	vu_fft_free(spectrum->bins);
	free(spectrum->window);
	free(spectrum->power);
	free(spectrum);
}

vu_status vu_trace_spectrum_create(size_t size, size_t hop, vu_trace_spectrum **out)
{
	vu_trace_spectrum *spectrum = calloc(1, sizeof *spectrum);

	*out = NULL;
	if (!spectrum)
		return VU_RESOURCE_EXHAUSTED;
	spectrum->size = size;
	spectrum->window = malloc(size * sizeof *spectrum->window);
	spectrum->power = malloc((size / 2 + 1) * sizeof *spectrum->power);
	spectrum->time = vu_fft_alloc(size);
	spectrum->bins = vu_fft_alloc_bins(size / 2 + 1);
	if (!spectrum->window || !spectrum->power || !spectrum->time || !spectrum->bins ||
	    vu_fft_get(size, &spectrum->fft) != VU_OK || vu_framer_create(size, hop, 0, &spectrum->framer) != VU_OK) {
		vu_trace_spectrum_free(spectrum);
		return VU_RESOURCE_EXHAUSTED;
	}
	vu_window_fill(VU_WINDOW_HANN, spectrum->window, size);
	*out = spectrum;
	return VU_OK;
}

static void take_frame(void *context, const float *samples, uint64_t index)
{
	vu_trace_spectrum *spectrum = context;

	for (size_t i = 0; i < spectrum->size; i++)
		spectrum->time[i] = samples[i] * spectrum->window[i];
	vu_fft_forward(spectrum->fft, spectrum->time, spectrum->bins);
	vu_fft_power(spectrum->bins, spectrum->size / 2 + 1, spectrum->power);
	spectrum->take(spectrum->context, spectrum->power, index);
}

void vu_trace_spectrum_push(vu_trace_spectrum *spectrum, const float *samples, size_t count,
                            vu_trace_spectrum_take take, void *context)
{
	spectrum->take = take;
	spectrum->context = context;
	vu_framer_push(spectrum->framer, samples, count, take_frame, spectrum);
}
