/* Interpolation leaves a line at the ratio's frequency; speech as it is, leaves none. */
#include "resampling.h"

#include "signal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT 48000

static int16_t source[COUNT * 2];
static int16_t pcm[COUNT];

static double examine(const int16_t *samples, size_t count, double *hz)
{
	vu_resampling *r;
	double nats;

	assert_int_equal(vu_resampling_create(&r), VU_OK);
	for (size_t i = 0; i < count; i++)
		vu_resampling_push(r, samples[i]);
	nats = vu_resampling_finish(r, hz);
	vu_resampling_destroy(r);
	return nats;
}

static void speech_has_no_line(void **state)
{
	double hz;
	(void)state;
	for (uint64_t seed = 1; seed < 6; seed++) {
		test_speech(source, COUNT, seed);
		assert_true(examine(source, COUNT, &hz) < 1.2);
	}
}

static void linear_interpolation_is_seen_where_it_is(void **state)
{
	static const struct {
		double step; /* old samples for each new one */
		double hz;   /* of the line, below half the new rate */
	} RATIOS[] = {{0.5, 8000}, {11025.0 / 16000, 16000 - 11025}, {22050.0 / 16000, 22050 - 16000}};
	double hz;
	(void)state;
	test_speech(source, COUNT * 2, 7);
	for (size_t r = 0; r < 3; r++) {
		for (size_t i = 0; i < COUNT; i++) {
			double at = (double)i * RATIOS[r].step;
			size_t k = (size_t)at;
			pcm[i] = (int16_t)lrint(source[k] + (at - (double)k) * (source[k + 1] - source[k]));
		}
		assert_true(examine(pcm, COUNT, &hz) > 1.3);
		assert_true(fabs(hz - RATIOS[r].hz) < 40);
	}
}

static void edges(void **state)
{
	double hz = 1;
	(void)state;
	assert_true(examine(pcm, 0, &hz) == 0 && hz == 0);
	memset(pcm, 0, sizeof pcm);
	assert_true(examine(pcm, COUNT, &hz) == 0);
	for (size_t i = 0; i < COUNT; i++)
		pcm[i] = i % 2 ? 32767 : -32768;
	assert_true(isfinite(examine(pcm, COUNT, &hz)));
	vu_resampling_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(speech_has_no_line),
	    cmocka_unit_test(linear_interpolation_is_seen_where_it_is),
	    cmocka_unit_test(edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
