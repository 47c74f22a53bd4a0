/* Vectors of vocoder traces: the same however pushed and however loud, and awake to what vocoders do to time. */
#include "dsp/vocoder_traces.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECONDS 2
#define COUNT   (SECONDS * 16000)

/* Where the figures begin, see vocoder_traces.h. */
#define PERIODICITY 48
#define LEAN        64
#define TOGETHER    80

/* Decaying resonances struck 110 times a second: rises at once, falls slowly, in all bands together. */
static void make_voice(float *out, int reversed)
{
	static const double HZ[] = {500, 1500, 2500, 3500, 4500, 5500, 6500, 7500};
	uint32_t state = 1;

	memset(out, 0, COUNT * sizeof *out);
	for (size_t start = 0; start + 400 < COUNT; start += 145) {
		for (size_t k = 0; k < sizeof HZ / sizeof *HZ; k++) {
			for (size_t i = 0; i < 140; i++) {
				double value =
				    0.05 * exp(-(double)i / 40) * sin(2 * M_PI * HZ[k] * (double)i / 16000);
				out[reversed ? COUNT - 1 - start - i : start + i] += (float)value;
			}
		}
	}
	for (size_t i = 0; i < COUNT; i++) {
		state = state * 1664525u + 1013904223u;
		out[i] += 0.0003f * ((float)(state >> 8) / 8388608.0f - 1.0f);
	}
}

static size_t describe(const float *samples, size_t count, size_t piece, float *vector)
{
	vu_vocoder_traces *t;
	size_t frames;

	assert_int_equal(vu_vocoder_traces_create(&t), VU_OK);
	for (size_t at = 0; at < count; at += piece)
		assert_int_equal(vu_vocoder_traces_push(t, samples + at, count - at < piece ? count - at : piece),
		                 VU_OK);
	assert_int_equal(vu_vocoder_traces_finish(t, vector, &frames), VU_OK);
	vu_vocoder_traces_destroy(t);
	for (size_t i = 0; i < VU_VOCODER_TRACES; i++)
		assert_true(isfinite(vector[i]));
	return frames;
}

static void test_pieces_do_not_matter(void **state)
{
	static float samples[COUNT];
	float whole[VU_VOCODER_TRACES];
	float pieces[VU_VOCODER_TRACES];

	(void)state;
	make_voice(samples, 0);
	assert_true(describe(samples, COUNT, COUNT, whole) > 100);
	describe(samples, COUNT, 37, pieces);
	assert_memory_equal(whole, pieces, sizeof whole);
}

static void test_level_does_not_matter(void **state)
{
	static float samples[COUNT];
	float loud[VU_VOCODER_TRACES];
	float quiet[VU_VOCODER_TRACES];

	(void)state;
	make_voice(samples, 0);
	describe(samples, COUNT, COUNT, loud);
	for (size_t i = 0; i < COUNT; i++)
		samples[i] *= 0.02f;
	describe(samples, COUNT, COUNT, quiet);
	for (size_t i = 0; i < VU_VOCODER_TRACES; i++)
		assert_true(fabsf(loud[i] - quiet[i]) < 0.02f);
}

static void test_time_turned_around(void **state)
{
	static float samples[COUNT];
	float forwards[VU_VOCODER_TRACES];
	float backwards[VU_VOCODER_TRACES];

	(void)state;
	make_voice(samples, 0);
	describe(samples, COUNT, COUNT, forwards);
	make_voice(samples, 1);
	describe(samples, COUNT, COUNT, backwards);
	for (size_t b = 0; b < 8; b++) {
		assert_true(forwards[LEAN + b] > 0.3f);
		assert_true(backwards[LEAN + b] < -0.3f);
		assert_true(forwards[PERIODICITY + b] > 0.8f);
		/* Everything else is blind to the direction of time, but for where frames begin. */
		assert_true(fabsf(forwards[PERIODICITY + b] - backwards[PERIODICITY + b]) < 0.05f);
	}
	for (size_t pair = 0; pair < 28; pair++)
		assert_true(forwards[TOGETHER + pair] > 0.7f);
}

static void test_noise_and_silence_are_no_voice(void **state)
{
	static float samples[COUNT];
	float vector[VU_VOCODER_TRACES];
	vu_vocoder_traces *t;
	size_t frames = 99;

	(void)state;
	assert_int_equal(vu_vocoder_traces_create(&t), VU_OK);
	assert_int_equal(vu_vocoder_traces_finish(t, vector, &frames), VU_FAILED_PRECONDITION);
	assert_int_equal(frames, 0);
	assert_int_equal(vu_vocoder_traces_push(t, samples, COUNT), VU_OK);
	assert_int_equal(vu_vocoder_traces_finish(t, vector, &frames), VU_FAILED_PRECONDITION);
	assert_int_equal(frames, 0);
	vu_vocoder_traces_destroy(t);
}

static void test_absurd_samples(void **state)
{
	static float samples[COUNT];
	float vector[VU_VOCODER_TRACES];
	vu_vocoder_traces *t;
	vu_status status;
	size_t frames;

	(void)state;
	make_voice(samples, 0);
	for (size_t i = 0; i < COUNT; i += 701)
		samples[i] = i % 2 ? NAN : INFINITY;
	assert_int_equal(vu_vocoder_traces_create(&t), VU_OK);
	assert_int_equal(vu_vocoder_traces_push(t, samples, COUNT), VU_OK);
	status = vu_vocoder_traces_finish(t, vector, &frames);
	assert_true(status == VU_OK || status == VU_FAILED_PRECONDITION);
	for (size_t i = 0; status == VU_OK && i < VU_VOCODER_TRACES; i++)
		assert_true(isfinite(vector[i]));
	vu_vocoder_traces_destroy(t);
}

static void test_too_long(void **state)
{
	static float samples[16000];
	vu_vocoder_traces *t;

	(void)state;
	assert_int_equal(vu_vocoder_traces_create(&t), VU_OK);
	for (int second = 0; second < VU_VOCODER_SECONDS_MAX; second++)
		assert_int_equal(vu_vocoder_traces_push(t, samples, 16000), VU_OK);
	assert_int_equal(vu_vocoder_traces_push(t, samples, 1), VU_OUT_OF_RANGE);
	vu_vocoder_traces_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pieces_do_not_matter), cmocka_unit_test(test_level_does_not_matter),
	    cmocka_unit_test(test_time_turned_around),   cmocka_unit_test(test_noise_and_silence_are_no_voice),
	    cmocka_unit_test(test_absurd_samples),       cmocka_unit_test(test_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
