/* Vectors of loudspeaker traces: the same however pushed and however loud, and awake to bands, pauses and decay. */
#include "dsp/loudspeaker_traces.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT (2 * 16000)
#define BANDS VU_LOUDSPEAKER_BANDS

/* Where the figures begin, see loudspeaker_traces.h. */
#define MEAN  0
#define FLOOR (2 * BANDS)
#define FALL  (3 * BANDS)
#define PEAK  (7 * BANDS)
#define HISS  (9 * BANDS)
#define LEVEL (10 * BANDS)
#define DEPTH (10 * BANDS + 2 * VU_LOUDSPEAKER_HARMONIC_BANDS)
#define SHARE (10 * BANDS + 3 * VU_LOUDSPEAKER_HARMONIC_BANDS)
#define PITCH (10 * BANDS + 4 * VU_LOUDSPEAKER_HARMONIC_BANDS)
#define STEPS (PITCH + 2 * VU_LOUDSPEAKER_FIRST_HARMONICS)
/* The last of those: the quietest tenth, peaks and hiss over it, its steps. */
#define COLOUR (VU_LOUDSPEAKER_TRACES - VU_LOUDSPEAKER_COLOURS)
#define QUIET  (COLOUR - 4 * BANDS + 1)
/* The band from 375 to 437 Hz, of harmonic 4; and that from 94 to 125 Hz, of the first. */
#define BAND_400 8
#define BAND_100 2

static float uniform(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return (float)(*state >> 8) / 8388608.0f - 1.0f;
}

/* Harmonics of 100 Hz in syllables of 200 ms, every 400 ms, that die away with `decay_s`; over a faint hiss. */
static void make_voice(float *out, double decay_s, double lowest_hz)
{
	uint32_t state = 1;
	double envelope = 0;

	for (size_t i = 0; i < COUNT; i++) {
		double t = (double)i / 16000;
		double sum = 0;
		int on = fmod(t, 0.4) < 0.2;
		envelope = on ? 1 : envelope * exp(-1 / (decay_s * 16000));
		for (int k = 1; k < 70; k++)
			sum += k * 100 < lowest_hz ? 0 : sin(2 * M_PI * 100 * k * t + k * k) / k;
		out[i] = (float)(0.1 * envelope * sum) + 0.0001f * uniform(&state);
	}
}

static vu_status describe(const float *samples, size_t count, size_t piece, float *vector, bool *narrow)
{
	const vu_traces_kind *kind = &vu_loudspeaker_traces_kind;
	vu_traces *t;
	vu_status status;

	assert_int_equal(kind->create(&t), VU_OK);
	for (size_t at = 0; at < count; at += piece)
		assert_int_equal(kind->push(t, samples + at, count - at < piece ? count - at : piece), VU_OK);
	status = kind->finish(t, vector, narrow);
	kind->destroy(t);
	for (size_t i = 0; status == VU_OK && i < VU_LOUDSPEAKER_TRACES; i++)
		assert_true(isfinite(vector[i]));
	return status;
}

static float samples[COUNT];

static void test_pieces_and_level_do_not_matter(void **state)
{
	float whole[VU_LOUDSPEAKER_TRACES];
	float other[VU_LOUDSPEAKER_TRACES];
	bool narrow;

	(void)state;
	make_voice(samples, 0.02, 0);
	assert_int_equal(describe(samples, COUNT, COUNT, whole, &narrow), VU_OK);
	assert_false(narrow);
	assert_int_equal(describe(samples, COUNT, 37, other, &narrow), VU_OK);
	assert_memory_equal(whole, other, sizeof whole);
	for (size_t i = 0; i < COUNT; i++)
		samples[i] *= 0.02f;
	assert_int_equal(describe(samples, COUNT, COUNT, other, &narrow), VU_OK);
	for (size_t i = 0; i < VU_LOUDSPEAKER_TRACES; i++)
		assert_true(fabsf(whole[i] - other[i]) < 0.01f);
}

static void test_what_a_loudspeaker_lacks(void **state)
{
	float full[VU_LOUDSPEAKER_TRACES];
	float cut[VU_LOUDSPEAKER_TRACES];
	bool narrow;

	(void)state;
	make_voice(samples, 0.02, 0);
	assert_int_equal(describe(samples, COUNT, COUNT, full, &narrow), VU_OK);
	make_voice(samples, 0.02, 250);
	assert_int_equal(describe(samples, COUNT, COUNT, cut, &narrow), VU_OK);
	/* In units of 10 dB, one band against the other. */
	assert_true(fabsf(full[MEAN + BAND_100] - full[MEAN + BAND_400] - 1.2f) < 0.4f);
	assert_true(cut[MEAN + BAND_100] < cut[MEAN + BAND_400] - 1.5f);
}

static void test_harmonics_show_through_noise(void **state)
{
	float full[VU_LOUDSPEAKER_TRACES];
	float cut[VU_LOUDSPEAKER_TRACES];
	uint32_t noise[2] = {7, 7};
	bool narrow;

	(void)state;
	make_voice(samples, 0.02, 0);
	for (size_t i = 0; i < COUNT; i++)
		samples[i] += 0.005f * uniform(&noise[0]);
	assert_int_equal(describe(samples, COUNT, COUNT, full, &narrow), VU_OK);
	make_voice(samples, 0.02, 250);
	for (size_t i = 0; i < COUNT; i++)
		samples[i] += 0.005f * uniform(&noise[1]);
	assert_int_equal(describe(samples, COUNT, COUNT, cut, &narrow), VU_OK);
	/* 200 Hz is in band 4, 300 Hz in band 5. */
	assert_true(full[SHARE + 4] > 0.7f);
	assert_true(full[LEVEL + 4] > cut[LEVEL + 4] + 2);
	assert_true(full[DEPTH + 4] > cut[DEPTH + 4] + 2);
	assert_true(cut[DEPTH + 5] > cut[DEPTH + 4] + 1);
}

/* A pitch that moves about 85 Hz; half of it is none that is looked for. */
static void make_gliding(float *out, int first)
{
	uint32_t state = 1;
	double tremble = 1;
	double phase = 0;

	for (size_t i = 0; i < COUNT; i++) {
		double t = (double)i / 16000;
		double sum = 0;
		phase += 2 * M_PI * tremble * (85 + 5 * sin(2 * M_PI * 1.5 * t)) / 16000;
		if (phase >= 2 * M_PI) {
			phase -= 2 * M_PI;
			tremble = 1 + 0.04 * (double)uniform(&state);
		}
		for (int k = first; k < 50; k++)
			sum += sin(k * phase + k * k) / k;
		out[i] = (float)(0.1 * (0.6 + 0.4 * sin(2 * M_PI * 3 * t)) * sum) + 0.0001f * uniform(&state);
	}
}

static void test_pitch_and_first_harmonics(void **state)
{
	float full[VU_LOUDSPEAKER_TRACES];
	float cut[VU_LOUDSPEAKER_TRACES];
	bool narrow;

	(void)state;
	make_gliding(samples, 1);
	assert_int_equal(describe(samples, COUNT, COUNT, full, &narrow), VU_OK);
	assert_true(fabsf(full[PITCH] - logf(85)) < 0.1f);
	assert_true(full[PITCH + 1] < 0.2f);
	/* Levels fall as 1/k: from the first harmonic to the second by log 4. */
	assert_true(fabsf(full[PITCH + 2] - logf(4)) < 0.5f);
	/* Without the first two, the third is far above the second. */
	make_gliding(samples, 3);
	assert_int_equal(describe(samples, COUNT, COUNT, cut, &narrow), VU_OK);
	assert_true(cut[PITCH + 4] < full[PITCH + 4] - 2);
}

static void test_contrasts_are_of_what_they_say(void **state)
{
	float vector[VU_LOUDSPEAKER_TRACES];
	bool narrow;

	(void)state;
	make_voice(samples, 0.02, 0);
	assert_int_equal(describe(samples, COUNT, COUNT, vector, &narrow), VU_OK);
	assert_true(vector[STEPS] == vector[MEAN + 1] - vector[MEAN]);
	assert_true(vector[STEPS + BANDS - 1] == vector[PEAK + 1] - vector[PEAK]);
	for (size_t b = 0; b < BANDS; b++) {
		float quiet = vector[MEAN + b] - vector[FLOOR + b];
		assert_true(vector[QUIET + b] == quiet);
		assert_true(vector[QUIET + BANDS + b] == vector[PEAK + b] - quiet);
		assert_true(vector[QUIET + 2 * BANDS + b] == vector[HISS + b] - quiet);
		assert_true(vector[PEAK + b] >= vector[6 * BANDS + b]);
	}
	assert_true(vector[COLOUR - 1] == vector[QUIET + BANDS - 1] - vector[QUIET + BANDS - 2]);
}

static void test_what_a_room_adds(void **state)
{
	float dry[VU_LOUDSPEAKER_TRACES];
	float wet[VU_LOUDSPEAKER_TRACES];
	bool narrow;

	(void)state;
	make_voice(samples, 0.01, 0);
	assert_int_equal(describe(samples, COUNT, COUNT, dry, &narrow), VU_OK);
	make_voice(samples, 0.15, 0);
	assert_int_equal(describe(samples, COUNT, COUNT, wet, &narrow), VU_OK);
	assert_true(wet[FALL + BAND_400] < 0.7f * dry[FALL + BAND_400]);
	assert_true(wet[FLOOR + BAND_400] < 0.7f * dry[FLOOR + BAND_400]);
}

static void test_bands(void **state)
{
	float vector[VU_LOUDSPEAKER_TRACES];
	uint32_t noise = 5;
	bool narrow;

	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		samples[i] = (float)(0.1 * sin(2 * M_PI * 700 * (double)i / 16000));
	assert_int_equal(describe(samples, COUNT, 1000, vector, &narrow), VU_OK);
	assert_true(narrow);
	for (size_t i = 0; i < COUNT; i++)
		samples[i] += 0.01f * uniform(&noise);
	assert_int_equal(describe(samples, COUNT, 1000, vector, &narrow), VU_OK);
	assert_false(narrow);
}

static void test_too_little_and_odd_audio(void **state)
{
	const vu_traces_kind *kind = &vu_loudspeaker_traces_kind;
	float vector[VU_LOUDSPEAKER_TRACES];
	vu_traces *t;
	bool narrow;

	(void)state;
	make_voice(samples, 0.02, 0);
	assert_int_equal(describe(samples, 0, 1, vector, &narrow), VU_FAILED_PRECONDITION);
	assert_int_equal(describe(samples, 1, 1, vector, &narrow), VU_FAILED_PRECONDITION);
	assert_int_equal(describe(samples, 6000, 1000, vector, &narrow), VU_FAILED_PRECONDITION);
	memset(samples, 0, sizeof samples);
	assert_int_equal(describe(samples, COUNT, 1000, vector, &narrow), VU_FAILED_PRECONDITION);
	for (size_t i = 0; i < COUNT; i++)
		samples[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : 1e30f;
	assert_int_equal(describe(samples, COUNT, 1000, vector, &narrow), VU_OK);
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
	    cmocka_unit_test(test_pieces_and_level_do_not_matter),
	    cmocka_unit_test(test_what_a_loudspeaker_lacks),
	    cmocka_unit_test(test_harmonics_show_through_noise),
	    cmocka_unit_test(test_pitch_and_first_harmonics),
	    cmocka_unit_test(test_contrasts_are_of_what_they_say),
	    cmocka_unit_test(test_what_a_room_adds),
	    cmocka_unit_test(test_bands),
	    cmocka_unit_test(test_too_little_and_odd_audio),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
