/* From several channels to one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audio/mixer.h"
#include "audio_aid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RATE   44100
#define FRAMES 44100
#define TAU    6.283185307179586

/* Left is a tone times `left`, right the same times `right`; returns the mix. */
static float *mix(float left, float right, size_t chunk, size_t *count_out)
{
	float *mono = calloc(FRAMES, sizeof *mono);
	float *stereo = calloc(2 * FRAMES, sizeof *stereo);
	float *out = calloc(FRAMES + RATE, sizeof *out);
	vu_mixer *mixer = NULL;
	size_t written = 0;

	audio_aid_add_tone(mono, FRAMES, RATE, 440, 0.5);
	for (size_t i = 0; i < FRAMES; i++) {
		stereo[2 * i] = mono[i] * left;
		stereo[2 * i + 1] = mono[i] * right;
	}
	assert_int_equal(vu_mixer_create(RATE, 2, &mixer, NULL), VU_OK);
	for (size_t done = 0; done < FRAMES;) {
		size_t take = chunk < FRAMES - done ? chunk : FRAMES - done;
		size_t got = vu_mixer_push(mixer, stereo + 2 * done, take, done + take == FRAMES, out + written);
		assert_true(got <= vu_mixer_output_max(mixer, take));
		written += got;
		done += take;
	}
	vu_mixer_destroy(mixer);
	free(mono);
	free(stereo);
	*count_out = written;
	return out;
}

static void assert_is_tone(float left, float right, float expected_gain)
{
	size_t count;
	float *out = mix(left, right, 1000, &count);

	assert_int_equal(count, FRAMES);
	for (size_t i = 0; i < count; i++) {
		double expected = expected_gain * 0.5 * sin(TAU * 440 * (double)i / RATE);
		if (fabs(out[i] - expected) > 1e-5)
			fail_msg("%g/%g: frame %zu is %g instead of %g", (double)left, (double)right, i,
			         (double)out[i], expected);
	}
	free(out);
}

static void test_two_live_channels_are_averaged(void **state)
{
	(void)state;
	assert_is_tone(1, 1, 1);
	assert_is_tone(1, 0.5f, 0.75f);
}

static void test_a_dead_channel_is_not_counted(void **state)
{
	(void)state;
	assert_is_tone(1, 0, 1);
	assert_is_tone(0, 1, 1);
	/* Crosstalk at -60 dB is dead as well. */
	assert_is_tone(1, 0.001f, 1);
}

static void test_opposite_phase_does_not_cancel(void **state)
{
	size_t count;
	float *out = mix(1, -1, 1000, &count);
	double energy = 0;

	(void)state;
	for (size_t i = 0; i < count; i++)
		energy += (double)out[i] * out[i];
	assert_true(sqrt(energy / (double)count) > 0.35);
	free(out);
}

static void test_silence_stays_silence(void **state)
{
	size_t count;
	float *out = mix(0, 0, 1000, &count);

	(void)state;
	for (size_t i = 0; i < count; i++)
		assert_true(out[i] == 0);
	free(out);
}

static void test_a_channel_that_wakes_does_not_click(void **state)
{
	/* Left speaks from the start, right joins after half a second. */
	float *stereo = calloc(2 * FRAMES, sizeof *stereo);
	float *tone = calloc(FRAMES, sizeof *tone);
	float *out = calloc(FRAMES + RATE, sizeof *out);
	vu_mixer *mixer = NULL;
	size_t count;

	(void)state;
	audio_aid_add_tone(tone, FRAMES, RATE, 100, 0.5);
	for (size_t i = 0; i < FRAMES; i++) {
		stereo[2 * i] = tone[i];
		stereo[2 * i + 1] = i >= FRAMES / 2 ? 0.2f * tone[i] : 0;
	}
	assert_int_equal(vu_mixer_create(RATE, 2, &mixer, NULL), VU_OK);
	count = vu_mixer_push(mixer, stereo, FRAMES, true, out);
	assert_int_equal(count, FRAMES);
	for (size_t i = 1; i < count; i++)
		if (fabsf(out[i] - out[i - 1]) > 0.02f)
			fail_msg("a step of %g at frame %zu", (double)(out[i] - out[i - 1]), i);
	vu_mixer_destroy(mixer);
	free(stereo);
	free(tone);
	free(out);
}

static void test_cutting_changes_nothing(void **state)
{
	const size_t chunks[] = {1, 7, 440, 441, 442, 10000};
	size_t whole_count;
	float *whole = mix(1, 0.3f, FRAMES, &whole_count);

	(void)state;
	for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
		size_t count;
		float *cut = mix(1, 0.3f, chunks[i], &count);
		assert_int_equal(count, whole_count);
		assert_memory_equal(cut, whole, count * sizeof *cut);
		free(cut);
	}
	free(whole);
}

static void test_channel_limits(void **state)
{
	vu_mixer *mixer = NULL;
	vu_error error;

	(void)state;
	assert_int_equal(vu_mixer_create(RATE, 0, &mixer, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_mixer_create(RATE, 9, &mixer, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message,
	                    "unable to mix 9 channels: 1 to 8 are supported; mix the audio down first");
	vu_mixer_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_two_live_channels_are_averaged),
	    cmocka_unit_test(test_a_dead_channel_is_not_counted),
	    cmocka_unit_test(test_opposite_phase_does_not_cancel),
	    cmocka_unit_test(test_silence_stays_silence),
	    cmocka_unit_test(test_a_channel_that_wakes_does_not_click),
	    cmocka_unit_test(test_cutting_changes_nothing),
	    cmocka_unit_test(test_channel_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
