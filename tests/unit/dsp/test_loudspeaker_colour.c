/* Figures of a loudspeaker's colour: awake to ripples that stay, to where sound ends, to bending and to decay. */
#include "dsp/loudspeaker_colour.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT (2 * 16000)
#define SIZE  VU_LOUDSPEAKER_COLOURS

/* Where the figures begin, see loudspeaker_colour.h: of each range, curve or group. */
#define ROUGH(curve, range) ((curve)*5 + (range))
#define ALIKE(pair, range)  (20 + (pair)*10 + 2 * (range))
#define BELOW(curve, share) (70 + (curve)*4 + (share))
#define LAST(curve)         (82 + (curve)*4 + 1)
#define RISE(curve)         (90 + (curve)*4)
#define FALL(curve)         (90 + (curve)*4 + 2)
#define RIPPLES(curve)      (102 + (curve)*4)
#define SLOPE(group)        (118 + (group))
#define STEP(group, lag)    (150 + (group)*6 + (lag))
#define SKEW(group)         (186 + (group))

static float samples[COUNT];

static float uniform(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return (float)(*state >> 8) / 8388608.0f - 1.0f;
}

static vu_status describe(size_t count, size_t piece, float *vector)
{
	const vu_traces_kind *kind = &vu_loudspeaker_colour_kind;
	vu_traces *t;
	vu_status status;
	bool narrow;

	assert_int_equal(kind->size, SIZE);
	assert_int_equal(kind->create(&t), VU_OK);
	for (size_t at = 0; at < count; at += piece)
		assert_int_equal(kind->push(t, samples + at, count - at < piece ? count - at : piece), VU_OK);
	status = kind->finish(t, vector, &narrow);
	kind->destroy(t);
	for (size_t i = 0; status == VU_OK && i < SIZE; i++)
		assert_true(isfinite(vector[i]));
	return status;
}

/* Hiss in syllables that die away with `decay_s`, 30 dB above another hiss; `echo` of it comes 1 ms later. */
static void make_hiss(float echo, double decay_s)
{
	uint32_t state = 3;
	double envelope = 0;
	float past[16] = {0};

	for (size_t i = 0; i < COUNT; i++) {
		float now;
		envelope = fmod((double)i / 16000, 0.4) < 0.2 ? 1 : envelope * exp(-1 / (decay_s * 16000));
		now = (0.003f + 0.1f * (float)envelope) * uniform(&state);
		samples[i] = now + echo * past[i % 16];
		past[i % 16] = now;
	}
}

static void test_pieces_and_level_do_not_matter(void **state)
{
	float whole[SIZE];
	float other[SIZE];

	(void)state;
	make_hiss(0.3f, 0.02);
	assert_int_equal(describe(COUNT, COUNT, whole), VU_OK);
	assert_int_equal(describe(COUNT, 37, other), VU_OK);
	assert_memory_equal(whole, other, sizeof whole);
	for (size_t i = 0; i < COUNT; i++)
		samples[i] *= 0.5f;
	assert_int_equal(describe(COUNT, COUNT, other), VU_OK);
	for (size_t i = 0; i < SIZE; i++)
		assert_true(fabsf(whole[i] - other[i]) < 0.01f);
}

static void test_ripples_that_stay(void **state)
{
	float plain[SIZE];
	float comb[SIZE];

	(void)state;
	make_hiss(0, 0.02);
	assert_int_equal(describe(COUNT, COUNT, plain), VU_OK);
	make_hiss(0.5f, 0.02);
	assert_int_equal(describe(COUNT, COUNT, comb), VU_OK);
	/* Peaks of 3.5 dB and dips of 6 every 1 kHz: to 4 kHz they are further apart than what is looked at. */
	for (size_t curve = 0; curve < 4; curve++) {
		assert_true(comb[ROUGH(curve, 3)] > 2.5f * plain[ROUGH(curve, 3)]);
		assert_true(comb[ROUGH(curve, 3)] > 0.15f && comb[ROUGH(curve, 3)] < 0.4f);
	}
	/* The same ones in speech and hiss, and in the noise of the pauses. */
	for (size_t pair = 0; pair < 5; pair++) {
		assert_true(comb[ALIKE(pair, 3)] > 0.8f);
		assert_true(comb[ALIKE(pair, 3) + 1] > 0.15f);
		assert_true(plain[ALIKE(pair, 3) + 1] < 0.1f);
	}
	/* Energies of ripples are their logarithms. */
	assert_true(comb[RIPPLES(0) + 2] > plain[RIPPLES(0) + 2] + 0.7f);
	assert_true(comb[RIPPLES(3) + 2] > plain[RIPPLES(3) + 2] + 0.5f);
}

/* Tones of 62.5 Hz and its multiples within the limits, in syllables, over faint hiss. */
static void make_tones(double lowest_hz, double highest_hz)
{
	uint32_t state = 9;

	for (size_t i = 0; i < COUNT; i++) {
		double sum = 0;
		for (int k = 1; k < 120; k++) {
			double hz = 62.5 * k;
			if (hz >= lowest_hz && hz <= highest_hz)
				sum += cos(2 * M_PI * hz * (double)i / 16000 + 0.7 * k * k);
		}
		samples[i] =
		    (float)(0.01 * pow(sin(2 * M_PI * 1.5 * (double)i / 16000), 4) * sum) + 1e-4f * uniform(&state);
	}
}

static void test_where_sound_ends(void **state)
{
	float full[SIZE];
	float low[SIZE];
	float high[SIZE];

	(void)state;
	make_tones(60, 7400);
	assert_int_equal(describe(COUNT, COUNT, full), VU_OK);
	make_tones(400, 7400);
	assert_int_equal(describe(COUNT, COUNT, high), VU_OK);
	make_tones(60, 3000);
	assert_int_equal(describe(COUNT, COUNT, low), VU_OK);
	for (size_t curve = 0; curve < 3; curve++) {
		/* A band to 500 Hz is a 62nd of the axis, an octave above is 12. */
		assert_true(high[BELOW(curve, 0)] > full[BELOW(curve, 0)] + 5.0f / 62);
		assert_true(low[BELOW(curve, 3)] < full[BELOW(curve, 3)] - 12.0f / 62);
		assert_true(high[RISE(curve)] > full[RISE(curve)] + 1);
		assert_true(low[FALL(curve)] > 2);
		/* The third of an octave above 2.7 kHz. */
		assert_true(fabsf(low[FALL(curve) + 1] - (15 + 12 * log2f(2900 / 531.25f)) / 62) < 4.0f / 62);
	}
	for (size_t curve = 0; curve < 2; curve++)
		assert_true(low[LAST(curve)] < full[LAST(curve)] - 10.0f / 62);
}

static void test_what_bends_grows_faster(void **state)
{
	float straight[SIZE];
	float bent[SIZE];

	(void)state;
	for (int bend = 0; bend < 2; bend++) {
		uint32_t noise = 5;
		for (size_t i = 0; i < COUNT; i++) {
			double t = (double)i / 16000;
			double envelope = 0.2 + 0.8 * pow(sin(M_PI * 1.5 * t), 2);
			double x = 0.4 * envelope * (sin(2 * M_PI * 437.5 * t) + 0.02 * sin(2 * M_PI * 875 * t));
			samples[i] = (float)(x + 0.2 * bend * x * x) + 1e-6f * uniform(&noise);
		}
		assert_int_equal(describe(COUNT, COUNT, bend ? bent : straight), VU_OK);
	}
	/* 875 Hz lies in band 23 of 62. */
	assert_true(fabsf(straight[SLOPE(6)] - 1) < 0.1f);
	assert_true(bent[SLOPE(6)] > 1.4f && bent[SLOPE(6)] < 2.2f);
}

static void test_what_decays_slowly(void **state)
{
	float dry[SIZE];
	float wet[SIZE];

	(void)state;
	make_hiss(0, 0.002);
	assert_int_equal(describe(COUNT, COUNT, dry), VU_OK);
	make_hiss(0, 0.08);
	assert_int_equal(describe(COUNT, COUNT, wet), VU_OK);
	for (size_t group = 0; group < 6; group++) {
		/* Two levels, 20 frames each: so many of them are changed after so many frames, by two deviations. */
		assert_true(fabsf(dry[STEP(group, 2)] - 0.8f) < 0.2f);
		assert_true(fabsf(dry[STEP(group, 3)] - 1.6f) < 0.3f);
		assert_true(fabsf(dry[STEP(group, 5)] - dry[STEP(group, 3)]) < 0.2f);
		assert_true(fabsf(dry[SKEW(group)]) < 0.4f);
		assert_true(wet[SKEW(group)] > 1.5f);
	}
}

static void test_too_little_and_odd_audio(void **state)
{
	const vu_traces_kind *kind = &vu_loudspeaker_colour_kind;
	float vector[SIZE];

	(void)state;
	make_hiss(0, 0.02);
	assert_int_equal(describe(0, 1, vector), VU_FAILED_PRECONDITION);
	assert_int_equal(describe(1, 1, vector), VU_FAILED_PRECONDITION);
	assert_int_equal(describe(6000, 1000, vector), VU_FAILED_PRECONDITION);
	memset(samples, 0, sizeof samples);
	assert_int_equal(describe(COUNT, 1000, vector), VU_FAILED_PRECONDITION);
	samples[COUNT / 2] = 1;
	describe(COUNT, 1000, vector);
	for (size_t i = 0; i < COUNT; i++)
		samples[i] = 0.5f;
	assert_int_equal(describe(COUNT, 1000, vector), VU_OK);
	for (size_t i = 0; i < COUNT; i++)
		samples[i] = i % 2 ? 1 : -1;
	assert_int_equal(describe(COUNT, 1000, vector), VU_OK);
	for (size_t i = 0; i < COUNT; i++)
		samples[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : 1e30f;
	assert_int_equal(describe(COUNT, 1000, vector), VU_OK);
	kind->destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pieces_and_level_do_not_matter),
	    cmocka_unit_test(test_ripples_that_stay),
	    cmocka_unit_test(test_where_sound_ends),
	    cmocka_unit_test(test_what_bends_grows_faster),
	    cmocka_unit_test(test_what_decays_slowly),
	    cmocka_unit_test(test_too_little_and_odd_audio),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
