/* common/dsp/vad.c on made-up signals: what is speech, what is not, where it ends; and that cuts do not show. */
#include "dsp/vad.h"

#include "dsp_aid.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 16000u

static vu_vad *create(double silence_s)
{
	const vu_vad_config config = {silence_s, 0.0};
	vu_vad *vad;

	assert_int_equal(vu_vad_create(&config, &vad), VU_OK);
	return vad;
}

static vu_vad_state listen(const float *samples, size_t count)
{
	vu_vad *vad = create(0.8);
	vu_vad_state state;

	vu_vad_push(vad, samples, count);
	vu_vad_flush(vad);
	vu_vad_get_state(vad, &state);
	vu_vad_destroy(vad);
	return state;
}

static double seconds(uint64_t samples)
{
	return (double)samples / SECOND;
}

static void assert_no_speech(const float *samples, size_t count, const char *what)
{
	vu_vad_state state = listen(samples, count);
	if (state.speech_started)
		fail_msg("%s: %.2f s taken for speech from %.2f s", what, seconds(state.speech_samples),
		         seconds(state.speech_start));
}

/* Speech between `from` and `to` seconds must be found, with marks to within 150 ms. */
static void assert_speech(const float *samples, size_t count, double from, double to, const char *what)
{
	vu_vad_state state = listen(samples, count);
	double start = seconds(state.speech_start);
	double end = seconds(state.speech_end);

	if (!state.speech_started || fabs(start - from) > 0.15 || fabs(end - to) > 0.15)
		fail_msg("%s: started %d, %.2f to %.2f s, expected %.2f to %.2f s", what, state.speech_started, start,
		         end, from, to);
}

static void test_config(void **state)
{
	const vu_vad_config bad[] = {{-1.0, 0.0}, {0.8, -1.0}, {NAN, 0.0}, {0.8, NAN}};
	vu_vad *vad;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(vu_vad_create(&bad[i], &vad), VU_INVALID_ARGUMENT);
}

static void test_voice_at_many_levels(void **state)
{
	(void)state;
	for (float amplitude = 0.9f; amplitude > 0.004f; amplitude *= 0.5f) {
		float *x = dsp_aid_silence(4 * SECOND);
		char what[64];

		/* 0.8 s: four syllables, the last of them 170 ms long. */
		dsp_aid_add_voice(x + SECOND, 12800, amplitude, 120.0);
		dsp_aid_add_noise(x, 4 * SECOND, amplitude / 100.0f, 5);
		snprintf(what, sizeof what, "voice of amplitude %g", (double)amplitude);
		assert_speech(x, 4 * SECOND, 1.0, 1.77, what);
		free(x);
	}
}

static void test_voice_in_noise_of_10_db(void **state)
{
	float *x = dsp_aid_silence(5 * SECOND);
	double power = 0.0;

	(void)state;
	dsp_aid_add_voice(x + 2 * SECOND, 12800, 0.3f, 200.0);
	for (size_t n = 0; n < 12800; n++)
		power += (double)(x[2 * SECOND + n] * x[2 * SECOND + n]) / 12800.0;
	/* Uniform noise of amplitude a has the power a^2 / 3. */
	dsp_aid_add_noise(x, 5 * SECOND, (float)sqrt(3.0 * power / 10.0), 9);
	assert_speech(x, 5 * SECOND, 2.0, 2.77, "voice in noise of 10 dB");
	free(x);
}

static void test_voice_from_the_first_sample(void **state)
{
	float *x = dsp_aid_silence(2 * SECOND);

	(void)state;
	dsp_aid_add_voice(x, 12800, 0.3f, 150.0);
	dsp_aid_add_noise(x, 2 * SECOND, 0.001f, 3);
	assert_speech(x, 2 * SECOND, 0.0, 0.77, "voice from the first sample");
	free(x);
}

static void test_whisper(void **state)
{
	float *x = dsp_aid_silence(4 * SECOND);

	(void)state;
	dsp_aid_add_whisper(x + SECOND, 12800, 0.05f, 4);
	dsp_aid_add_noise(x, 4 * SECOND, 0.002f, 3);
	assert_speech(x, 4 * SECOND, 1.0, 1.77, "whisper");
	free(x);
}

static void test_things_that_are_not_speech(void **state)
{
	size_t count = 6 * SECOND;
	float *x = dsp_aid_silence(count);

	(void)state;
	assert_no_speech(x, count, "digital silence");
	for (size_t n = 0; n < count; n++)
		x[n] = 0.25f;
	assert_no_speech(x, count, "an offset");
	dsp_aid_add_noise(x, count, 0.1f, 1);
	assert_no_speech(x, count, "white noise on an offset");

	memset(x, 0, count * sizeof *x);
	dsp_aid_add_tone(x, count, 0.2f, 50.0);
	dsp_aid_add_tone(x, count, 0.1f, 100.0);
	dsp_aid_add_tone(x, count, 0.05f, 150.0);
	dsp_aid_add_tone(x, count, 0.03f, 250.0);
	dsp_aid_add_noise(x, count, 0.001f, 2);
	assert_no_speech(x, count, "mains hum");

	memset(x, 0, count * sizeof *x);
	dsp_aid_add_noise(x, count, 0.001f, 3);
	for (size_t n = 8000; n + 100 < count; n += 6000) {
		x[n] += 0.8f;
		x[n + 40] -= 0.5f;
	}
	assert_no_speech(x, count, "clicks");

	memset(x, 0, count * sizeof *x);
	dsp_aid_add_noise(x + 2 * SECOND, count - 2 * SECOND, 0.03f, 4);
	assert_no_speech(x, count, "a fan after digital silence");
	dsp_aid_add_noise(x, count, 0.0005f, 5);
	assert_no_speech(x, count, "a fan after a quiet room");
	free(x);
}

static void test_zeros_inside_teach_nothing(void **state)
{
	float *x = dsp_aid_silence(6 * SECOND);

	(void)state;
	dsp_aid_add_noise(x, 6 * SECOND, 0.01f, 5);
	memset(x + 2 * SECOND, 0, SECOND * sizeof *x);
	assert_no_speech(x, 6 * SECOND, "noise with a hole of zeros");
	free(x);
}

static void test_voice_among_zeros(void **state)
{
	(void)state;
	/* Utterances of two to four syllables with nothing at all around them. */
	for (size_t syllables = 2; syllables <= 4; syllables++) {
		float *x = dsp_aid_silence(3 * SECOND);
		double length = 0.2 * (double)syllables;

		dsp_aid_add_voice(x + SECOND, 3200 * syllables, 0.3f, 130.0);
		assert_speech(x, 3 * SECOND, 1.0, 1.0 + length - 0.03, "voice among zeros");
		free(x);
	}
}

static void test_breath_after_speech_is_dropped(void **state)
{
	float *x = dsp_aid_silence(5 * SECOND);

	(void)state;
	dsp_aid_add_voice(x + SECOND, 12800, 0.6f, 110.0);
	/* A breath of 0.4 s, some 35 dB under the voice. */
	dsp_aid_add_whisper(x + 2 * SECOND + 8000, 3200, 0.004f, 6);
	dsp_aid_add_noise(x, 5 * SECOND, 0.0003f, 7);
	assert_speech(x, 5 * SECOND, 1.0, 1.77, "voice, then breath");
	free(x);
}

static void test_end_of_speech(void **state)
{
	vu_vad *vad = create(0.8);
	vu_vad_state s;
	float *x = dsp_aid_silence(5 * SECOND);
	double ended = 0.0;

	(void)state;
	dsp_aid_add_voice(x + SECOND, 12800, 0.3f, 130.0);
	dsp_aid_add_noise(x, 5 * SECOND, 0.002f, 8);
	for (size_t n = 0; n < 5 * SECOND && ended == 0.0; n += 160) {
		vu_vad_push(vad, x + n, 160);
		vu_vad_get_state(vad, &s);
		if (n < 24000)
			assert_false(s.speech_ended);
		if (s.speech_ended)
			ended = seconds(n + 160);
	}
	/* 0.8 s after the end of the voice at 1.77 s. */
	assert_true(ended > 2.4 && ended < 2.8);
	assert_false(s.in_speech);
	assert_true(fabs(seconds(s.speech_end) + 0.8 - ended) < 0.011);
	vu_vad_destroy(vad);

	/* silence_s 0: never. */
	vad = create(0.0);
	vu_vad_push(vad, x, 5 * SECOND);
	vu_vad_get_state(vad, &s);
	assert_true(s.speech_started);
	assert_false(s.speech_ended);
	vu_vad_destroy(vad);
	free(x);
}

static void test_pause_within_speech_does_not_end_it(void **state)
{
	vu_vad *vad = create(0.8);
	vu_vad_state s;
	float *x = dsp_aid_silence(3 * SECOND);

	(void)state;
	dsp_aid_add_voice(x + 4800, 12800, 0.3f, 130.0);
	dsp_aid_add_voice(x + 4800 + 12800 + 9600, 12800, 0.3f, 140.0);
	dsp_aid_add_noise(x, 3 * SECOND, 0.002f, 8);
	vu_vad_push(vad, x, 4800 + 12800 + 9600 + 12800);
	vu_vad_get_state(vad, &s);
	assert_true(s.speech_started);
	assert_false(s.speech_ended);
	vu_vad_destroy(vad);
	free(x);
}

static void test_cuts_do_not_show(void **state)
{
	size_t count = 3 * SECOND + 77;
	float *x = dsp_aid_silence(count);
	uint8_t expected[400];
	vu_vad_state whole;
	vu_vad *vad = create(0.5);
	size_t hops;

	(void)state;
	dsp_aid_add_noise(x, count, 0.01f, 2);
	dsp_aid_add_voice(x + 9000, 15000, 0.2f, 170.0);
	vu_vad_push(vad, x, count);
	vu_vad_flush(vad);
	vu_vad_get_state(vad, &whole);
	hops = vu_vad_decisions(vad, 0, sizeof expected, expected);
	assert_int_equal(hops, count / 160);
	vu_vad_destroy(vad);
	for (size_t step = 1; step < 5000; step = step * 3 + 1) {
		uint8_t got[400];
		vu_vad_state s;

		vad = create(0.5);
		for (size_t n = 0; n < count; n += step)
			vu_vad_push(vad, x + n, n + step <= count ? step : count - n);
		vu_vad_flush(vad);
		vu_vad_get_state(vad, &s);
		assert_memory_equal(&s, &whole, sizeof s);
		assert_int_equal(vu_vad_decisions(vad, 0, sizeof got, got), hops);
		assert_memory_equal(got, expected, hops);
		vu_vad_destroy(vad);
	}
	free(x);
}

static void test_decisions_become_final(void **state)
{
	size_t count = 4 * SECOND;
	float *x = dsp_aid_silence(count);
	uint8_t early[400] = {0};
	uint8_t late[400];
	size_t known = 0;
	vu_vad *vad = create(0.0);

	(void)state;
	dsp_aid_add_noise(x, count, 0.004f, 2);
	dsp_aid_add_voice(x + SECOND, 2 * SECOND, 0.2f, 170.0);
	for (size_t n = 0; n < count; n += 160) {
		size_t more = vu_vad_decisions(vad, known, 400 - known, early + known);
		known += more;
		assert_true(known <= n / 160);
		assert_true(known + 53 >= n / 160);
		vu_vad_push(vad, x + n, 160);
	}
	vu_vad_flush(vad);
	assert_int_equal(vu_vad_decisions(vad, 0, 400, late), 400);
	/* What was told before has not been taken back. */
	assert_memory_equal(early, late, known);
	assert_int_equal(vu_vad_decisions(vad, 400, 1, late), 0);
	assert_int_equal(vu_vad_decisions(vad, 390, 100, late), 10);
	vu_vad_destroy(vad);
	free(x);
}

static void test_bad_samples_and_tiny_inputs(void **state)
{
	float bad[800];
	vu_vad_state s;
	vu_vad *vad = create(0.8);
	float *loud = dsp_aid_silence(2 * SECOND);

	(void)state;
	vu_vad_get_state(vad, &s);
	assert_false(s.speech_started);
	assert_int_equal(s.position, 0);
	vu_vad_push(vad, bad, 0);
	for (size_t n = 0; n < 800; n++)
		bad[n] = n % 3 == 0 ? NAN : n % 3 == 1 ? INFINITY : -INFINITY;
	vu_vad_push(vad, bad, 1);
	vu_vad_push(vad, bad, 800);
	vu_vad_get_state(vad, &s);
	assert_int_equal(s.position, 801);
	assert_true(isfinite(s.level_dbfs) && isfinite(s.noise_dbfs));
	assert_false(s.speech_started);
	for (size_t n = 0; n < 2 * SECOND; n++)
		loud[n] = n % 2 ? 3e38f : -3e38f;
	vu_vad_push(vad, loud, 2 * SECOND);
	vu_vad_get_state(vad, &s);
	assert_true(isfinite(s.level_dbfs) && isfinite(s.noise_dbfs) && isfinite(s.voicing));
	vu_vad_destroy(vad);
	free(loud);
}

static void test_level(void **state)
{
	float *x = dsp_aid_silence(SECOND);
	vu_vad *vad = create(0.0);
	vu_vad_state s;

	(void)state;
	dsp_aid_add_tone(x, SECOND, 0.5f, 1000.0);
	for (size_t n = 0; n < SECOND; n++)
		x[n] += 0.3f;
	vu_vad_push(vad, x, SECOND);
	vu_vad_get_state(vad, &s);
	/* A sine of 0.5: -6.02 - 3.01 dB; the offset does not count. */
	assert_true(fabsf(s.level_dbfs + 9.03f) < 0.05f);
	vu_vad_destroy(vad);
	free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_config),
	    cmocka_unit_test(test_voice_at_many_levels),
	    cmocka_unit_test(test_voice_in_noise_of_10_db),
	    cmocka_unit_test(test_voice_from_the_first_sample),
	    cmocka_unit_test(test_whisper),
	    cmocka_unit_test(test_things_that_are_not_speech),
	    cmocka_unit_test(test_zeros_inside_teach_nothing),
	    cmocka_unit_test(test_voice_among_zeros),
	    cmocka_unit_test(test_breath_after_speech_is_dropped),
	    cmocka_unit_test(test_end_of_speech),
	    cmocka_unit_test(test_pause_within_speech_does_not_end_it),
	    cmocka_unit_test(test_cuts_do_not_show),
	    cmocka_unit_test(test_decisions_become_final),
	    cmocka_unit_test(test_bad_samples_and_tiny_inputs),
	    cmocka_unit_test(test_level),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
