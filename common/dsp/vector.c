/* Statistics over chosen frames. Sums run in double precision. */
#include "dsp/vector.h"

#include "base/sort.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	AT_MEAN = 0,
	AT_VOICED_MEAN = 19,
	AT_QUIET_MEAN = 38,
	AT_DELTA = 57,
	AT_PITCH = 65,
	AT_SHAPE = 72,
	AT_SPECTRUM = 80,
};
#define MEANS (VU_MFCC_COEFFICIENTS - 1)
/* A voiced or quiet class with fewer frames than this takes the overall mean. */
#define CLASS_FRAMES_MIN 5

typedef struct selection {
	const vu_frame_record *frames;
	const uint32_t *chosen;
	size_t count;
} selection;

static float deviation(double sum, double square, size_t count)
{
	double mean = sum / (double)count;
	double variance = square / (double)count - mean * mean;
	return variance > 0.0 ? (float)sqrt(variance) : 0.0f;
}

typedef int (*frame_test)(const vu_frame_record *frame, float limit);

static int is_any(const vu_frame_record *frame, float limit)
{
	(void)frame;
	(void)limit;
	return 1;
}

static int is_voiced(const vu_frame_record *frame, float limit)
{
	return frame->voicing > limit;
}

static int is_quiet(const vu_frame_record *frame, float limit)
{
	return frame->mfcc[0] < limit;
}

/* Mean of C1 to C19 of the frames that pass; false when they are too few. */
static int mean_of(const selection *s, frame_test test, float limit, size_t least, float *out)
{
	double sums[MEANS] = {0};
	size_t count = 0;

	for (size_t t = 0; t < s->count; t++) {
		const vu_frame_record *frame = &s->frames[s->chosen[t]];
		if (!test(frame, limit))
			continue;
		for (size_t i = 0; i < MEANS; i++)
			sums[i] += (double)frame->mfcc[i + 1];
		count++;
	}
	if (count < least || count == 0)
		return 0;
	for (size_t i = 0; i < MEANS; i++)
		out[i] = (float)(sums[i] / (double)count);
	return 1;
}

static void describe_cepstra(const selection *s, float *scratch, float *values)
{
	float *mean = values + AT_MEAN;

	mean_of(s, is_any, 0.0f, 1, mean);
	if (!mean_of(s, is_voiced, VU_VECTOR_VOICED, CLASS_FRAMES_MIN, values + AT_VOICED_MEAN))
		memcpy(values + AT_VOICED_MEAN, mean, MEANS * sizeof(float));
	for (size_t t = 0; t < s->count; t++)
		scratch[t] = s->frames[s->chosen[t]].mfcc[0];
	vu_sort_floats(scratch, s->count);
	if (!mean_of(s, is_quiet, scratch[s->count / 3], CLASS_FRAMES_MIN, values + AT_QUIET_MEAN))
		memcpy(values + AT_QUIET_MEAN, mean, MEANS * sizeof(float));
	for (size_t i = 0; i < MEANS; i++)
		values[AT_QUIET_MEAN + i] -= mean[i];
}

static void describe_deltas(const selection *s, float *values)
{
	for (size_t i = 0; i < VU_VECTOR_DELTAS; i++) {
		double sum = 0.0;
		double square = 0.0;
		for (size_t t = 0; t < s->count; t++) {
			double d = (double)s->frames[s->chosen[t]].delta[i];
			sum += d;
			square += d * d;
		}
		values[AT_DELTA + i] = deviation(sum, square, s->count);
	}
}

static void describe_pitch(const selection *s, float *scratch, float *values)
{
	double voicing = 0.0;
	double sum = 0.0;
	double square = 0.0;
	size_t voiced = 0;
	float *out = values + AT_PITCH;

	for (size_t t = 0; t < s->count; t++) {
		const vu_frame_record *frame = &s->frames[s->chosen[t]];
		voicing += (double)frame->voicing;
		if (frame->voicing > VU_VECTOR_VOICED && frame->pitch_hz > 0.0f) {
			scratch[voiced] = logf(frame->pitch_hz);
			sum += (double)scratch[voiced];
			square += (double)scratch[voiced] * (double)scratch[voiced];
			voiced++;
		}
	}
	out[5] = (float)voiced / (float)s->count;
	out[6] = (float)(voicing / (double)s->count);
	if (voiced < VU_VECTOR_VOICED_FRAMES_MIN) {
		out[0] = out[1] = out[3] = out[4] = VU_VECTOR_PITCH_UNKNOWN;
		out[2] = 0.0f;
		return;
	}
	vu_sort_floats(scratch, voiced);
	out[0] = scratch[voiced / 2];
	out[1] = (float)(sum / (double)voiced);
	out[2] = deviation(sum, square, voiced);
	out[3] = scratch[voiced / 10];
	out[4] = scratch[voiced - 1 - voiced / 10];
}

static void describe_shapes(const selection *s, float *values)
{
	for (size_t i = 0; i < VU_VECTOR_SHAPES; i++) {
		double sum = 0.0;
		double square = 0.0;
		for (size_t t = 0; t < s->count; t++) {
			double v = (double)s->frames[s->chosen[t]].shape[i];
			sum += v;
			square += v * v;
		}
		values[AT_SHAPE + 2 * i] = (float)(sum / (double)s->count);
		values[AT_SHAPE + 2 * i + 1] = deviation(sum, square, s->count);
	}
}

static void describe_spectrum(const selection *s, float *values)
{
	double sums[VU_VECTOR_BANDS] = {0};
	double total = 0.0;

	for (size_t t = 0; t < s->count; t++) {
		for (size_t i = 0; i < VU_VECTOR_BANDS; i++)
			sums[i] += (double)s->frames[s->chosen[t]].band[i];
	}
	for (size_t i = 0; i < VU_VECTOR_BANDS; i++)
		total += sums[i];
	for (size_t i = 0; i < VU_VECTOR_BANDS; i++)
		values[AT_SPECTRUM + i] = (float)((sums[i] - total / VU_VECTOR_BANDS) / (double)s->count);
}

void vu_vector_describe(const vu_frame_record *frames, const uint32_t *chosen, size_t count, float *scratch,
                        float values[VU_VECTOR_DIMENSIONS])
{
	selection s = {frames, chosen, count};

	describe_cepstra(&s, scratch, values);
	describe_deltas(&s, values);
	describe_pitch(&s, scratch, values);
	describe_shapes(&s, values);
	describe_spectrum(&s, values);
}
