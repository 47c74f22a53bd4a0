/* common/dsp/corrupt.c: levels, lengths and positions exactly as promised. */
#include "dsp/corrupt.h"

#include "dsp_aid.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 48000u

/* Two seconds of a voice with half a second of near silence around. */
static float *make_speech(void)
{
	float *samples = dsp_aid_silence(COUNT);

	dsp_aid_add_voice(samples + 8000, 32000, 0.3f, 140);
	dsp_aid_add_noise(samples, COUNT, 0.0005f, 7);
	return samples;
}

static float *copy_of(const float *samples, size_t count)
{
	float *copy = malloc(count * sizeof *copy);

	assert_non_null(copy);
	memcpy(copy, samples, count * sizeof *copy);
	return copy;
}

static double power_of(const float *samples, size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += (double)samples[i] * samples[i];
	return sum / (double)count;
}

static double speech_power_of(const float *samples, size_t count)
{
	double power = -1;

	assert_int_equal(vu_corrupt_speech_power(samples, count, &power, NULL), VU_OK);
	return power;
}

static void assert_db(double ratio, double expected_db, double tolerance_db)
{
	double db = 10 * log10(ratio);

	if (!(fabs(db - expected_db) <= tolerance_db))
		fail_msg("%.4f dB, not %.4f", db, expected_db);
}

/* The pauses are left out: what was said in 2 of 3 seconds is louder than all of them on average. */
static void speech_is_measured_where_it_is(void **state)
{
	float *speech = make_speech();
	double voice = power_of(speech + 8000, 32000);

	(void)state;
	assert_true(speech_power_of(speech, COUNT) > 1.3 * power_of(speech, COUNT));
	assert_db(speech_power_of(speech, COUNT) / voice, 0.5, 1.0);
	free(speech);
}

static void without_speech_all_counts(void **state)
{
	float *quiet = dsp_aid_silence(COUNT);

	(void)state;
	assert_true(speech_power_of(quiet, COUNT) == 0);
	for (size_t i = 0; i < 1600; i++)
		quiet[i] = 0.25f;
	assert_true(speech_power_of(quiet, 100) == 0.0625);
	assert_true(speech_power_of(quiet, 0) == 0);
	free(quiet);
}

/* What was added is the difference; its level under the speech is the SNR, well within 0.1 dB. */
static void snr_is_reached(void **state)
{
	static const double SNR_DB[] = {-5, 0, 10, 20, 40};
	float *speech = make_speech();
	float *noise = dsp_aid_silence(10007);

	(void)state;
	dsp_aid_add_noise(noise, 10007, 0.1f, 3);
	dsp_aid_add_tone(noise, 5000, 0.2f, 440); /* not stationary */
	for (size_t k = 0; k < sizeof SNR_DB / sizeof *SNR_DB; k++) {
		float *mixed = copy_of(speech, COUNT);
		assert_int_equal(vu_corrupt_noise(mixed, COUNT, noise, 10007, 123456789, SNR_DB[k], NULL), VU_OK);
		for (size_t i = 0; i < COUNT; i++)
			mixed[i] -= speech[i];
		assert_db(speech_power_of(speech, COUNT) / power_of(mixed, COUNT), SNR_DB[k], 0.01);
		free(mixed);
	}
	free(noise);
	free(speech);
}

/* The noise is taken from `start` on and repeated, sample by sample. */
static void noise_is_repeated_from_its_start(void **state)
{
	const float noise[] = {1, 2, -3};
	float samples[] = {0.5f, 0.5f, 0.5f, 0.5f, 0.5f};
	float scale;

	(void)state;
	/* From 7 = 1 mod 3: 2 -3 1 2 -3. */
	assert_int_equal(vu_corrupt_noise(samples, 5, noise, 3, 7, 0, NULL), VU_OK);
	scale = (samples[0] - 0.5f) / 2;
	assert_true(fabsf(scale - 0.5f / sqrtf(27.0f / 5)) < 1e-6f);
	assert_true(fabsf(samples[1] - (0.5f - 3 * scale)) < 1e-6f);
	assert_true(fabsf(samples[2] - (0.5f + 1 * scale)) < 1e-6f);
	assert_true(fabsf(samples[3] - samples[0]) < 1e-6f && fabsf(samples[4] - samples[1]) < 1e-6f);
}

static void noise_that_cannot_be_added(void **state)
{
	const float noise[] = {0, 0, 0, 1};
	const float broken[] = {NAN};
	float samples[] = {0.5f, 0.5f};
	float silence[] = {0, 0};
	vu_error error;

	(void)state;
	assert_int_equal(vu_corrupt_noise(samples, 2, noise, 0, 0, 10, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message, "unable to add noise: there is none");
	assert_int_equal(vu_corrupt_noise(samples, 2, noise, 4, 0, 10, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message, "unable to add noise: it is silent where it is taken from");
	assert_int_equal(vu_corrupt_noise(samples, 2, broken, 1, 0, 10, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message, "unable to add noise: it is not a number where it is taken from");
	assert_int_equal(vu_corrupt_noise(silence, 2, noise, 4, 3, 10, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message, "unable to add noise: there is nothing to add it to");
	assert_int_equal(vu_corrupt_noise(samples, 2, noise, 4, 3, 101, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_corrupt_noise(samples, 2, noise, 4, 3, NAN, &error), VU_INVALID_ARGUMENT);
	assert_true(samples[0] == 0.5f && samples[1] == 0.5f);
}

/* A response that is one sample changes nothing, wherever that sample is and whatever it is. */
static void an_empty_room_changes_nothing(void **state)
{
	float *speech = make_speech();
	float *heard = copy_of(speech, COUNT);
	float response[100] = {0};

	(void)state;
	response[37] = -0.2f;
	assert_int_equal(vu_corrupt_room(heard, COUNT, response, 100, NULL), VU_OK);
	for (size_t i = 0; i < COUNT; i++)
		if (fabsf(heard[i] + speech[i]) > 1e-6f)
			fail_msg("sample %zu is %g, not %g", i, (double)heard[i], (double)-speech[i]);
	free(heard);
	free(speech);
}

/* An echo of half the size 1000 samples later, up to the common factor that keeps the level. */
static void an_echo_comes_when_it_should(void **state)
{
	float *speech = make_speech();
	float *heard = copy_of(speech, COUNT);
	float *response = dsp_aid_silence(1051);
	double factor;

	(void)state;
	response[50] = 0.8f;
	response[1050] = 0.4f;
	assert_int_equal(vu_corrupt_room(heard, COUNT, response, 1051, NULL), VU_OK);
	/* Before the echo there is nothing but the factor. */
	factor = sqrt(power_of(heard, 1000) / power_of(speech, 1000));
	assert_true(factor > 0.7 && factor < 1.0);
	for (size_t i = 0; i < COUNT; i++) {
		double expected = factor * ((double)speech[i] + (i >= 1000 ? 0.5 * speech[i - 1000] : 0));
		if (fabs(heard[i] - expected) > 1e-5)
			fail_msg("sample %zu is %g, not %g", i, (double)heard[i], expected);
	}
	free(response);
	free(heard);
	free(speech);
}

/* A long tail: neither the length nor the level of the speech changes. */
static void a_room_keeps_the_level(void **state)
{
	float *speech = make_speech();
	float *heard = copy_of(speech, COUNT);
	float *response = dsp_aid_silence(16000);

	(void)state;
	dsp_aid_add_noise(response, 16000, 1, 11);
	for (size_t i = 0; i < 16000; i++)
		response[i] *= (float)exp(-(double)i / 3000);
	response[0] = 3;
	assert_int_equal(vu_corrupt_room(heard, COUNT, response, 16000, NULL), VU_OK);
	/* Where the voice was; the tail fills what were pauses of the voice, which the VAD may now count. */
	assert_db(power_of(heard + 8000, 32000) / power_of(speech + 8000, 32000), 0, 0.3);
	/* It still rings after the voice has ended. */
	assert_true(power_of(heard + 40400, 1600) > 100 * power_of(speech + 40400, 1600));
	free(response);
	free(heard);
	free(speech);
}

static void rooms_that_are_none(void **state)
{
	const float silent[] = {0, 0};
	const float broken[] = {1, INFINITY};
	float samples[] = {0.5f, -0.5f};
	vu_error error;

	(void)state;
	assert_int_equal(vu_corrupt_room(samples, 2, silent, 2, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message, "unable to use the room's response: it is silent");
	assert_int_equal(vu_corrupt_room(samples, 2, silent, 0, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_corrupt_room(samples, 2, broken, 2, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message, "unable to use the room's response: sample 1 is not a number");
	assert_true(samples[0] == 0.5f && samples[1] == -0.5f);
	assert_int_equal(vu_corrupt_room(NULL, 0, broken, 1, NULL), VU_OK);
}

static void nothing_clips(void **state)
{
	float loud[] = {0.5f, -2.0f, 1.0f};
	float fits[] = {0.99f, -0.3f};

	(void)state;
	assert_true(vu_corrupt_limit(loud, 3) == VU_CORRUPT_PEAK_MAX / 2);
	assert_true(loud[1] == -VU_CORRUPT_PEAK_MAX);
	assert_true(fabsf(loud[0] - 0.2475f) < 1e-6f && fabsf(loud[2] - 0.495f) < 1e-6f);
	assert_true(vu_corrupt_limit(fits, 2) == 1);
	assert_true(fits[0] == 0.99f && fits[1] == -0.3f);
	assert_true(vu_corrupt_limit(NULL, 0) == 1);
}

/* The same always, another for another text or seed, and spread over what there is to choose from. */
static void choices(void **state)
{
	unsigned seen[10] = {0};
	char text[16];

	(void)state;
	assert_true(vu_corrupt_choose(1, "a.flac") == vu_corrupt_choose(1, "a.flac"));
	assert_true(vu_corrupt_choose(1, "a.flac") != vu_corrupt_choose(2, "a.flac"));
	assert_true(vu_corrupt_choose(1, "a.flac") != vu_corrupt_choose(1, "b.flac"));
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof text, "%u", i);
		seen[vu_corrupt_choose(5, text) % 10]++;
	}
	for (unsigned i = 0; i < 10; i++)
		assert_in_range(seen[i], 60, 150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(speech_is_measured_where_it_is),
	    cmocka_unit_test(without_speech_all_counts),
	    cmocka_unit_test(snr_is_reached),
	    cmocka_unit_test(noise_is_repeated_from_its_start),
	    cmocka_unit_test(noise_that_cannot_be_added),
	    cmocka_unit_test(an_empty_room_changes_nothing),
	    cmocka_unit_test(an_echo_comes_when_it_should),
	    cmocka_unit_test(a_room_keeps_the_level),
	    cmocka_unit_test(rooms_that_are_none),
	    cmocka_unit_test(nothing_clips),
	    cmocka_unit_test(choices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
