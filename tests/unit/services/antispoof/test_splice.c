/* Cuts in made signals: seen where the room or the hum breaks, not in one piece of either. */
#include "splice.h"

#include "signal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT 64000

static int16_t pcm[COUNT];

static vu_splice_traces examine(void)
{
	vu_splice_traces traces;
	vu_splice *splice = vu_splice_create();

	assert_non_null(splice);
	for (size_t i = 0; i < COUNT; i++)
		vu_splice_push(splice, pcm[i]);
	vu_splice_finish(splice, &traces);
	vu_splice_destroy(splice);
	return traces;
}

/* A voice from 0.5 s to 2 s and from 3 s on, in a room whose noise has `level`. */
static void speak(double level, uint64_t seed)
{
	uint64_t state = seed;

	test_speech(pcm, COUNT, seed);
	for (size_t i = 0; i < COUNT; i++) {
		if (i < 8000 || (i >= 32000 && i < 48000))
			pcm[i] = 0;
		pcm[i] = (int16_t)(pcm[i] + lrint(level * (test_random(&state) - 0.5)));
	}
}

static void add_hum(double hz, double size, size_t cut_at, double by)
{
	for (size_t i = 0; i < COUNT; i++)
		pcm[i] =
		    (int16_t)(pcm[i] + lrint(size * sin(2 * M_PI * hz * (double)i / 16000 + (i >= cut_at ? by : 0))));
}

static void one_piece_has_no_trace(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 6; seed++) {
		speak(40, seed);
		vu_splice_traces traces = examine();
		assert_int_equal(traces.floor_steps, 0);
		assert_true(traces.hum_hz == 0);
		assert_int_equal(traces.hum_breaks, 0);
	}
}

static void another_room_in_the_midst_of_a_pause_is_a_step(void **state)
{
	uint64_t random = 9;
	vu_splice_traces traces;
	(void)state;
	speak(40, 3);
	/* 12 dB more noise from the middle of the pause on. */
	for (size_t i = 40000; i < COUNT; i++)
		pcm[i] = (int16_t)(pcm[i] + lrint(155 * (test_random(&random) - 0.5)));
	traces = examine();
	assert_int_equal(traces.floor_steps, 1);
	assert_true(traces.floor_step_db > 10 && traces.floor_step_db < 14);
}

static void a_decay_and_a_voice_are_no_step(void **state)
{
	uint64_t random = 9;
	(void)state;
	speak(40, 4);
	/* What was said rings on into the pause, 60 dB in 0.4 s. */
	for (size_t i = 32000; i < 48000; i++)
		pcm[i] = (int16_t)(pcm[i] +
		                   lrint(4000 * pow(10, -(double)(i - 32000) / 2133) * (test_random(&random) - 0.5)));
	assert_int_equal(examine().floor_steps, 0);
}

static void hum_that_breaks_is_seen_at_both_mains(void **state)
{
	static const double MAINS[] = {50.04, 59.97};
	(void)state;
	for (size_t m = 0; m < 2; m++) {
		speak(40, 5);
		add_hum(MAINS[m], 300, COUNT, 0);
		assert_true(fabs(examine().hum_hz - MAINS[m]) < 0.1);
		assert_int_equal(examine().hum_breaks, 0);
		for (int k = 1; k <= 3; k++) {
			speak(40, 5);
			add_hum(MAINS[m], 300, 20000 + (size_t)k * 4321, 1.4 + 0.5 * k);
			assert_int_equal(examine().hum_breaks, 1);
		}
	}
}

static void edges(void **state)
{
	vu_splice *splice = vu_splice_create();
	vu_splice_traces traces;
	(void)state;
	assert_non_null(splice);
	vu_splice_finish(splice, &traces);
	assert_int_equal(traces.floor_steps, 0);
	vu_splice_push(splice, -32768);
	vu_splice_finish(splice, &traces);
	assert_int_equal(traces.hum_breaks, 0);
	/* Longer than what is looked at. */
	for (size_t i = 0; i < 16000 * 40; i++)
		vu_splice_push(splice, i % 2 ? 32767 : -32768);
	vu_splice_finish(splice, &traces);
	assert_int_equal(traces.floor_steps, 0);
	assert_true(isfinite(traces.floor_step_db));
	vu_splice_destroy(splice);
	memset(pcm, 0, sizeof pcm);
	assert_int_equal(examine().floor_steps, 0);
	vu_splice_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_piece_has_no_trace),
	    cmocka_unit_test(another_room_in_the_midst_of_a_pause_is_a_step),
	    cmocka_unit_test(a_decay_and_a_voice_are_no_step),
	    cmocka_unit_test(hum_that_breaks_is_seen_at_both_mains),
	    cmocka_unit_test(edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
