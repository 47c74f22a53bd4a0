/* Vectors of synthetic traces: the same however pushed, and each part awake to what it is named after. */
#include "dsp/synthetic_traces.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT (3 * 16000)
#define BANDS 8

/* Where figures begin, see synthetic_traces.h. */
#define RATES(r)  (VU_VOCODER_TRACES + BANDS * (r))
#define FAINT     (VU_VOCODER_TRACES + 56)
#define STEPS     (VU_VOCODER_TRACES + 104)
#define HARMONICS (VU_VOCODER_TRACES + VU_TEXTURE_TRACES)
#define LINES     (HARMONICS + VU_HARMONIC_TRACES)

static float samples[COUNT];
static float vector[VU_SYNTHETIC_TRACES];
static float other[VU_SYNTHETIC_TRACES];

static float uniform(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return (float)(*state >> 8) / 8388608.0f - 1.0f;
}

/* Harmonics of 110 Hz in syllables, `syllables` a second, over hiss. */
static void make_voice(double syllables, float hiss)
{
	uint32_t state = 1;

	for (size_t i = 0; i < COUNT; i++) {
		double t = (double)i / 16000;
		double sum = 0;
		for (int k = 1; k < 72; k++)
			sum += sin(2 * M_PI * 110 * k * t + k * k) / k;
		samples[i] = (float)(0.05 * (1.05 + sin(2 * M_PI * syllables * t)) * sum) + hiss * uniform(&state);
	}
}

static vu_status describe(size_t count, size_t piece, float *out)
{
	const vu_traces_kind *kind = &vu_synthetic_traces_kind;
	vu_traces *t;
	bool narrow = true;
	vu_status status;

	assert_int_equal(kind->size, VU_SYNTHETIC_TRACES);
	assert_true(VU_SYNTHETIC_TRACES <= VU_TRACES_MAX);
	assert_int_equal(kind->create(&t), VU_OK);
	for (size_t at = 0; at < count; at += piece)
		assert_int_equal(kind->push(t, samples + at, count - at < piece ? count - at : piece), VU_OK);
	status = kind->finish(t, out, &narrow);
	kind->destroy(t);
	for (size_t i = 0; status == VU_OK && i < VU_SYNTHETIC_TRACES; i++)
		assert_true(isfinite(out[i]));
	return status;
}

static void test_pieces_do_not_matter(void **state)
{
	(void)state;
	make_voice(4, 0.001f);
	assert_int_equal(describe(COUNT, COUNT, vector), VU_OK);
	assert_int_equal(describe(COUNT, 37, other), VU_OK);
	assert_memory_equal(vector, other, sizeof vector);
}

static void test_rate_of_syllables(void **state)
{
	(void)state;
	make_voice(3, 0.001f);
	assert_int_equal(describe(COUNT, COUNT, vector), VU_OK);
	make_voice(11, 0.001f);
	assert_int_equal(describe(COUNT, COUNT, other), VU_OK);
	/* 2 to 4 Hz is rate 1, 8 to 16 Hz rate 3; logs of shares. */
	assert_true(vector[RATES(1)] > other[RATES(1)] + 1);
	assert_true(other[RATES(3)] > vector[RATES(3)] + 1);
}

static void test_hiss_fills_valleys_and_faint_frames(void **state)
{
	(void)state;
	make_voice(4, 0.0005f);
	assert_int_equal(describe(COUNT, COUNT, vector), VU_OK);
	make_voice(4, 0.02f);
	assert_int_equal(describe(COUNT, COUNT, other), VU_OK);
	/* Mean depth of valleys from 3 to 4 kHz; then how the spectrum moves from frame to frame there. */
	assert_true(vector[HARMONICS + 3 * 3] > other[HARMONICS + 3 * 3] + 1);
	assert_true(other[STEPS + BANDS + 5] > vector[STEPS + BANDS + 5]);
	assert_true(fabsf(other[FAINT + 5 * 6] - vector[FAINT + 5 * 6]) > 0.05f);
}

static void test_a_steady_line_is_seen(void **state)
{
	(void)state;
	make_voice(4, 0.005f);
	assert_int_equal(describe(COUNT, COUNT, vector), VU_OK);
	for (size_t i = 0; i < COUNT; i++)
		samples[i] += (float)(0.01 * sin(2 * M_PI * 6200 * (double)i / 16000));
	assert_int_equal(describe(COUNT, COUNT, other), VU_OK);
	/* The most that sticks out from 6 to 7 kHz, and nowhere else above 5 kHz. */
	assert_true(other[LINES + 6 * 4 + 1] > vector[LINES + 6 * 4 + 1] + 1);
	assert_true(fabsf(other[LINES + 7 * 4 + 1] - vector[LINES + 7 * 4 + 1]) < 0.3f);
}

static void test_digital_silence_between_words(void **state)
{
	(void)state;
	make_voice(4, 0.001f);
	memset(samples + COUNT / 3, 0, COUNT / 3 * sizeof *samples);
	assert_int_equal(describe(COUNT, COUNT, vector), VU_OK);
}

static void test_too_little_and_odd_audio(void **state)
{
	const vu_traces_kind *kind = &vu_synthetic_traces_kind;
	vu_traces *t;

	(void)state;
	make_voice(4, 0.001f);
	assert_int_equal(describe(0, 1, vector), VU_FAILED_PRECONDITION);
	assert_int_equal(describe(1, 1, vector), VU_FAILED_PRECONDITION);
	assert_int_equal(describe(1600, 160, vector), VU_FAILED_PRECONDITION);
	assert_int_equal(describe(8000, 160, vector), VU_OK);
	for (size_t i = 0; i < COUNT; i += 701)
		samples[i] = i % 2 ? NAN : INFINITY;
	assert_int_equal(describe(COUNT, 1000, vector), VU_OK);
	memset(samples, 0, sizeof samples);
	assert_int_equal(describe(COUNT, 1000, vector), VU_FAILED_PRECONDITION);
	assert_int_equal(kind->create(&t), VU_OK);
	for (int second = 0; second < VU_TRACES_SECONDS_MAX; second++)
		assert_int_equal(kind->push(t, samples, 16000), VU_OK);
	assert_int_equal(kind->push(t, samples, 1), VU_OUT_OF_RANGE);
	kind->destroy(t);
	kind->destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pieces_do_not_matter),
	    cmocka_unit_test(test_rate_of_syllables),
	    cmocka_unit_test(test_hiss_fills_valleys_and_faint_frames),
	    cmocka_unit_test(test_a_steady_line_is_seen),
	    cmocka_unit_test(test_digital_silence_between_words),
	    cmocka_unit_test(test_too_little_and_odd_audio),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
