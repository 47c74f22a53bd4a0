/* common/dsp/frame.c: the cut of pushes does not show, leads, bad samples. */
#include "dsp/frame.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef struct seen {
	float first[32];
	float last[32];
	size_t frames;
} seen;

static void note(void *context, const float *frame, uint64_t index)
{
	seen *s = context;
	assert_int_equal(index, s->frames);
	assert_true(index < 32);
	s->first[index] = frame[0];
	s->last[index] = frame[9];
	s->frames++;
}

static void test_any_cut_gives_the_same_frames(void **state)
{
	float samples[100];

	(void)state;
	for (int n = 0; n < 100; n++)
		samples[n] = (float)n / 128.0f;
	for (size_t step = 1; step <= 100; step++) {
		seen s = {.frames = 0};
		vu_framer *framer;

		assert_int_equal(vu_framer_create(10, 4, 0, &framer), VU_OK);
		for (size_t n = 0; n < 100; n += step)
			vu_framer_push(framer, samples + n, n + step <= 100 ? step : 100 - n, note, &s);
		assert_int_equal(s.frames, 23);
		for (size_t k = 0; k < s.frames; k++) {
			assert_true(s.first[k] == samples[4 * k]);
			assert_true(s.last[k] == samples[4 * k + 9]);
		}
		vu_framer_destroy(framer);
	}
}

static void test_lead_of_zeros(void **state)
{
	float samples[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	seen s = {.frames = 0};
	vu_framer *framer;

	(void)state;
	assert_int_equal(vu_framer_create(10, 4, 6, &framer), VU_OK);
	vu_framer_push(framer, samples, 8, note, &s);
	assert_int_equal(s.frames, 2);
	assert_true(s.first[0] == 0.0f && s.last[0] == 4.0f);
	assert_true(s.first[1] == 0.0f && s.last[1] == 8.0f);
	vu_framer_destroy(framer);
}

static void test_bad_samples(void **state)
{
	(void)state;
	assert_true(vu_sample_sanitize(NAN) == 0.0f);
	assert_true(vu_sample_sanitize(INFINITY) == 0.0f);
	assert_true(vu_sample_sanitize(-INFINITY) == 0.0f);
	assert_true(vu_sample_sanitize(1e30f) == VU_SAMPLE_MAGNITUDE_MAX);
	assert_true(vu_sample_sanitize(-1e30f) == -VU_SAMPLE_MAGNITUDE_MAX);
	assert_true(vu_sample_sanitize(-0.5f) == -0.5f);
}

static void test_bad_sizes(void **state)
{
	vu_framer *framer;

	(void)state;
	assert_int_equal(vu_framer_create(10, 0, 0, &framer), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_framer_create(10, 11, 0, &framer), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_framer_create(10, 4, 10, &framer), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_framer_create(0, 0, 0, &framer), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_framer_create(VU_FRAMER_SAMPLES_MAX + 1, 4, 0, &framer), VU_INVALID_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_any_cut_gives_the_same_frames),
	    cmocka_unit_test(test_lead_of_zeros),
	    cmocka_unit_test(test_bad_samples),
	    cmocka_unit_test(test_bad_sizes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
