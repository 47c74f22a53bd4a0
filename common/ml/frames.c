/* Deltas stop at pauses; normalization is over all frames of the utterance. */
#include "ml/frames.h"

#include "dsp/delta.h"
#include "dsp/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STATIC (VU_MFCC_COEFFICIENTS - 1)
#define REACH  2

/* The first VU_MFCC_COEFFICIENTS rows at most of the orthonormal DCT-II of `size` values. */
static void fill_cosines(size_t rows, size_t size, double out[][VU_MFCC_FILTERS])
{
	for (size_t c = 0; c < rows; c++)
		for (size_t k = 0; k < size; k++)
			out[c][k] = sqrt((c ? 2.0 : 1.0) / (double)size) *
			            cos(M_PI * (double)c * ((double)k + 0.5) / (double)size);
}

/*
 * From cepstra of the whole spectrum to cepstra of its `bands` equal parts, in
 * place. Both are linear in the log filter energies, so one matrix does it: the
 * inverse of DCT and lifter, then a DCT of each part.
 */
static void split_bands(float *cepstra, size_t count, size_t bands)
{
	const size_t width = VU_MFCC_FILTERS / bands;
	const size_t each = VU_MFCC_COEFFICIENTS / bands;
	double whole_rows[VU_MFCC_COEFFICIENTS][VU_MFCC_FILTERS];
	double band_rows[VU_MFCC_COEFFICIENTS][VU_MFCC_FILTERS];
	float split[VU_MFCC_COEFFICIENTS][VU_MFCC_COEFFICIENTS];

	fill_cosines(VU_MFCC_COEFFICIENTS, VU_MFCC_FILTERS, whole_rows);
	fill_cosines(each, width, band_rows);
	for (size_t in = 0; in < VU_MFCC_COEFFICIENTS; in++) {
		double lifter = 1 + VU_MFCC_LIFTER / 2 * sin(M_PI * (double)in / VU_MFCC_LIFTER);
		for (size_t out = 0; out < VU_MFCC_COEFFICIENTS; out++) {
			size_t first = out / each * width;
			double sum = 0;
			for (size_t k = 0; k < width; k++)
				sum += band_rows[out % each][k] * whole_rows[in][first + k];
			split[out][in] = (float)(sum / lifter);
		}
	}
	for (size_t t = 0; t < count; t++) {
		float *frame = cepstra + t * VU_MFCC_COEFFICIENTS;
		float whole[VU_MFCC_COEFFICIENTS];
		memcpy(whole, frame, sizeof whole);
		for (size_t out = 0; out < VU_MFCC_COEFFICIENTS; out++) {
			frame[out] = 0;
			for (size_t in = 0; in < VU_MFCC_COEFFICIENTS; in++)
				frame[out] += split[out][in] * whole[in];
		}
	}
}

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

	return vu_frames_describe(statistics, bytes, VU_FRAMES_CEPSTRA, frames_out, count_out, spread, error);
}

vu_status vu_frames_describe(const uint8_t *statistics, size_t bytes, vu_frames_kind kind, float **frames_out,
                             size_t *count_out, float *spread, vu_error *error)
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
	if (kind == VU_FRAMES_BANDS)
		split_bands(cepstra, view.frames, 2);
	if (kind == VU_FRAMES_QUARTERS)
		split_bands(cepstra, view.frames, 4);
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
