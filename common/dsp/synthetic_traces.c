/* Feeds the parts, and puts their vectors one after another. */
#include "dsp/synthetic_traces.h"

#include "dsp/dsp.h"

#include <stdint.h>
#include <stdlib.h>

#define PARTS       4
#define PIECE       512
#define SAMPLES_MAX ((uint64_t)VU_TRACES_SECONDS_MAX * VU_SAMPLE_RATE)

static const vu_traces_kind *const KINDS[PARTS] = {&vu_vocoder_traces_kind, &vu_texture_traces_kind,
                                                   &vu_harmonic_traces_kind, &vu_line_traces_kind};

struct vu_traces {
	vu_traces *parts[PARTS];
	uint64_t samples;
	uint32_t noise;
};

static void destroy(vu_traces *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < PARTS; i++)
		KINDS[i]->destroy(t->parts[i]);
	free(t);
}

static vu_status create(vu_traces **traces_out)
{
	vu_traces *t = calloc(1, sizeof *t);
	vu_status status = t ? VU_OK : VU_RESOURCE_EXHAUSTED;

	*traces_out = NULL;
	for (size_t i = 0; i < PARTS && status == VU_OK; i++)
		status = KINDS[i]->create(&t->parts[i]);
	if (status != VU_OK) {
		destroy(t);
		return status;
	}
	t->noise = 1;
	*traces_out = t;
	return VU_OK;
}

/* Evenly spread over one step of 16 bits. */
static float draw_noise(vu_traces *t)
{
	t->noise = t->noise * 1664525u + 1013904223u;
	return ((float)(t->noise >> 8) / 16777216.0f - 0.5f) / 32768.0f;
}

static vu_status push(vu_traces *t, const float *samples, size_t count)
{
	float piece[PIECE];
	vu_status status;

	if (count > SAMPLES_MAX - t->samples)
		return VU_OUT_OF_RANGE;
	t->samples += count;
	status = KINDS[0]->push(t->parts[0], samples, count);
	while (count > 0 && status == VU_OK) {
		size_t part = count < PIECE ? count : PIECE;
		for (size_t i = 0; i < part; i++)
			piece[i] = samples[i] + draw_noise(t);
		for (size_t i = 1; i < PARTS && status == VU_OK; i++)
			status = KINDS[i]->push(t->parts[i], piece, part);
		samples += part;
		count -= part;
	}
	return status;
}

static vu_status finish(vu_traces *t, float *vector, bool *narrow_out)
{
	float parts[VU_SYNTHETIC_TRACES];
	float *at = parts;
	bool unused;
	vu_status status = VU_OK;

	for (size_t i = 0; i < PARTS && status == VU_OK; i++) {
		status = KINDS[i]->finish(t->parts[i], at, i == 0 ? narrow_out : &unused);
		at += KINDS[i]->size;
	}
	for (size_t i = 0; i < VU_SYNTHETIC_TRACES && status == VU_OK; i++)
		vector[i] = parts[i];
	return status;
}

const vu_traces_kind vu_synthetic_traces_kind = {
    .name = "synthetic",
    .version = VU_SYNTHETIC_TRACES_VERSION,
    .size = VU_SYNTHETIC_TRACES,
    .create = create,
    .push = push,
    .finish = finish,
    .destroy = destroy,
};
