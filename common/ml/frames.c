/* Deltas stop at pauses; normalization is over all frames of the utterance. */
#include "ml/frames.h"

#include "dsp/delta.h"
#include "dsp/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STATIC (VU_MFCC_COEFFICIENTS - 1)
#define REACH  2

static void normalize(float *frames, size_t count, float *spread)
{
	for (size_t d = 0; d < VU_FRAMES_DIMENSIONS; d++) {
		double sum = 0;
		double squares = 0;
		float scale;
		for (size_t t = 0; t < count; t++)
			sum += frames[t * VU_FRAMES_DIMENSIONS + d];
		/* The mean of a delta is close to zero and what is left of it is the end of the utterance, not the
		 * voice. */
		sum = d < STATIC ? sum / (double)count : 0;
		for (size_t t = 0; t < count; t++) {
			double offset = frames[t * VU_FRAMES_DIMENSIONS + d] - sum;
			squares += offset * offset;
		}
		scale = (float)(1.0 / sqrt(squares / (double)count + 1e-8));
		spread[d] = (float)(0.5 * log(squares / (double)count + 1e-6));
		for (size_t t = 0; t < count; t++) {
			float *value = &frames[t * VU_FRAMES_DIMENSIONS + d];
			*value = (*value - (float)sum) * scale;
		}
	}
}

vu_status vu_frames_make(const uint8_t *statistics, size_t bytes, float **frames_out, size_t *count_out,
                         vu_error *error)
{
	float spread[VU_FRAMES_DIMENSIONS];

	return vu_frames_describe(statistics, bytes, frames_out, count_out, spread, error);
}

vu_status vu_frames_describe(const uint8_t *statistics, size_t bytes, float **frames_out, size_t *count_out,
                             float *spread, vu_error *error)
{
	vu_statistics_view view;
	float *cepstra = NULL;
	float *deltas = NULL;
	float *frames = NULL;
	vu_status status = vu_statistics_open(statistics, bytes, &view, error);

	if (status != VU_OK)
		return status;
	if (view.frames < VU_FRAMES_MIN)
		return vu_fail(error, VU_INVALID_ARGUMENT, "the speech statistics have %zu frames: speak for longer",
		               view.frames);
	cepstra = malloc(view.frames * VU_MFCC_COEFFICIENTS * sizeof *cepstra);
	deltas = malloc(view.frames * VU_MFCC_COEFFICIENTS * sizeof *deltas);
	frames = malloc(view.frames * VU_FRAMES_DIMENSIONS * sizeof *frames);
	if (!cepstra || !deltas || !frames) {
		free(frames);
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to take the speech statistics: out of memory");
		goto out;
	}
	vu_statistics_expand(&view, cepstra);
	for (size_t first = 0; first < view.frames;) {
		size_t end = first + 1;
		while (end < view.frames && view.follows[end])
			end++;
		vu_delta_compute(cepstra + first * VU_MFCC_COEFFICIENTS, end - first, VU_MFCC_COEFFICIENTS, REACH,
		                 deltas + first * VU_MFCC_COEFFICIENTS);
		first = end;
	}
	for (size_t t = 0; t < view.frames; t++) {
		float *frame = frames + t * VU_FRAMES_DIMENSIONS;
		memcpy(frame, cepstra + t * VU_MFCC_COEFFICIENTS + 1, STATIC * sizeof *frame);
		memcpy(frame + STATIC, deltas + t * VU_MFCC_COEFFICIENTS, VU_MFCC_COEFFICIENTS * sizeof *frame);
	}
	normalize(frames, view.frames, spread);
	*frames_out = frames;
	*count_out = view.frames;
out:
	free(deltas);
	free(cepstra);
	return status;
}

vu_status vu_frames_shorten(const uint8_t *statistics, size_t bytes, size_t frames_max, uint8_t *out,
                            size_t *bytes_out, vu_error *error)
{
	vu_statistics_view view;
	float *cepstra;
	vu_status status = vu_statistics_open(statistics, bytes, &view, error);

	if (status != VU_OK)
		return status;
	if (view.frames <= frames_max) {
		memcpy(out, statistics, bytes);
		*bytes_out = bytes;
		return VU_OK;
	}
	cepstra = malloc(view.frames * VU_MFCC_COEFFICIENTS * sizeof *cepstra);
	if (!cepstra)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to take the speech statistics: out of memory");
	vu_statistics_expand(&view, cepstra);
	status = vu_statistics_pack(cepstra, view.follows, frames_max, out);
	*bytes_out = vu_statistics_bytes(frames_max);
	free(cepstra);
	return status;
}
