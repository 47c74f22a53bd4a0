/* The streaming framer: one buffer of a frame's length, shifted by a hop when full. */
#include "dsp/frame.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct vu_framer {
	size_t frame_samples;
	size_t hop_samples;
	size_t filled;
	uint64_t index;
	float buffer[];
};

float vu_sample_sanitize(float sample)
{
	if (!isfinite(sample))
		return 0.0f;
	if (sample > VU_SAMPLE_MAGNITUDE_MAX)
		return VU_SAMPLE_MAGNITUDE_MAX;
	if (sample < -VU_SAMPLE_MAGNITUDE_MAX)
		return -VU_SAMPLE_MAGNITUDE_MAX;
	return sample;
}

vu_status vu_framer_create(size_t frame_samples, size_t hop_samples, size_t lead_samples, vu_framer **framer_out)
{
	vu_framer *framer;

	if (hop_samples < 1 || hop_samples > frame_samples || frame_samples > VU_FRAMER_SAMPLES_MAX ||
	    lead_samples >= frame_samples)
		return VU_INVALID_ARGUMENT;
	framer = calloc(1, sizeof *framer + frame_samples * sizeof(float));
	if (!framer)
		return VU_RESOURCE_EXHAUSTED;
	framer->frame_samples = frame_samples;
	framer->hop_samples = hop_samples;
	framer->filled = lead_samples;
	*framer_out = framer;
	return VU_OK;
}

void vu_framer_destroy(vu_framer *framer)
{
	free(framer);
}

void vu_framer_push(vu_framer *framer, const float *samples, size_t count, vu_frame_sink sink, void *context)
{
	while (count > 0) {
		size_t room = framer->frame_samples - framer->filled;
		size_t take = count < room ? count : room;

		for (size_t i = 0; i < take; i++)
			framer->buffer[framer->filled + i] = vu_sample_sanitize(samples[i]);
		framer->filled += take;
		samples += take;
		count -= take;
		if (framer->filled == framer->frame_samples) {
			sink(context, framer->buffer, framer->index++);
			framer->filled -= framer->hop_samples;
			memmove(framer->buffer, framer->buffer + framer->hop_samples, framer->filled * sizeof(float));
		}
	}
}
