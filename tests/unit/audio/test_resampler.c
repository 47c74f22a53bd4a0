/* Conversion to 16 kHz mono: length, phase, level, and that cutting changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audio/resampler.h"
#include "audio_aid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TAU     6.283185307179586
#define OUT_MAX 200000

typedef struct collected {
	float *samples;
	size_t count;
	size_t limit;
} collected;

static bool collect(void *context, const float *samples, size_t count)
{
	collected *all = context;

	assert_true(count > 0 && count <= VU_RESAMPLER_PIECE_SAMPLES);
	assert_true(all->count + count <= OUT_MAX);
	memcpy(all->samples + all->count, samples, count * sizeof *samples);
	all->count += count;
	return all->count < all->limit;
}

static collected convert(uint32_t rate, const float *frames, size_t count, size_t chunk, uint32_t channels)
{
	collected all = {calloc(OUT_MAX, sizeof(float)), 0, OUT_MAX};
	vu_resampler *resampler = NULL;
	vu_error error;

	assert_int_equal(vu_resampler_create(rate, channels, &resampler, &error), VU_OK);
	for (size_t done = 0; done < count;) {
		size_t take = chunk < count - done ? chunk : count - done;
		assert_int_equal(vu_resampler_push(resampler, frames + done * channels, take, done + take == count,
		                                   collect, &all, &error),
		                 VU_OK);
		done += take;
	}
	vu_resampler_destroy(resampler);
	return all;
}

static const uint32_t RATES[] = {8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000, 192000};

static void test_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof RATES / sizeof RATES[0]; i++) {
		size_t count = RATES[i] * 3 / 2 + 17;
		float *frames = calloc(count, sizeof *frames);
		collected all = convert(RATES[i], frames, count, 1000, 1);
		double expected = (double)count * 16000 / RATES[i];
		if (fabs((double)all.count - expected) > 1.0)
			fail_msg("%u Hz: %zu samples instead of %g", RATES[i], all.count, expected);
		free(frames);
		free(all.samples);
	}
}

static void test_level_and_phase_of_a_tone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof RATES / sizeof RATES[0]; i++) {
		uint32_t rate = RATES[i];
		float *frames = calloc(rate, sizeof *frames);
		collected all;
		double worst = 0;
		audio_aid_add_tone(frames, rate, rate, 1000, 0.5);
		all = convert(rate, frames, rate, 4096, 1);
		/* The edges, where the tone is cut off, ring. */
		for (size_t n = 800; n + 800 < all.count; n++) {
			double off = fabs(all.samples[n] - 0.5 * sin(TAU * 1000 * (double)n / 16000));
			if (off > worst)
				worst = off;
		}
		if (worst > 2e-3)
			fail_msg("%u Hz: the tone is off by %g", rate, worst);
		free(frames);
		free(all.samples);
	}
}

static void test_what_16_khz_cannot_hold_is_removed(void **state)
{
	float *frames = calloc(48000, sizeof *frames);
	collected all;
	double energy = 0;

	(void)state;
	audio_aid_add_tone(frames, 48000, 48000, 11000, 0.5); /* would come out at 5 kHz */
	all = convert(48000, frames, 48000, 4096, 1);
	for (size_t n = 800; n + 800 < all.count; n++)
		energy += (double)all.samples[n] * all.samples[n];
	assert_true(10 * log10(energy / (double)(all.count - 1600) / 0.125 + 1e-30) < -80);
	free(frames);
	free(all.samples);
}

static void test_cutting_changes_nothing(void **state)
{
	const uint32_t rates[] = {8000, 44100, 48000};
	const size_t chunks[] = {1, 113, 160, 4095, 4096, 4097, 20000};

	(void)state;
	for (size_t r = 0; r < 3; r++) {
		size_t count = 30011;
		float *stereo = calloc(2 * count, sizeof *stereo);
		collected whole;
		audio_aid_add_noise(stereo, 2 * count, 0.1f, 3);
		audio_aid_add_voice(stereo, 2 * count, 2.0 * rates[r]);
		whole = convert(rates[r], stereo, count, count, 2);
		for (size_t c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
			collected cut = convert(rates[r], stereo, count, chunks[c], 2);
			assert_int_equal(cut.count, whole.count);
			assert_memory_equal(cut.samples, whole.samples, whole.count * sizeof(float));
			free(cut.samples);
		}
		free(whole.samples);
		free(stereo);
	}
}

static void test_16_khz_mono_passes_unchanged(void **state)
{
	float *frames = calloc(16000, sizeof *frames);
	collected all;

	(void)state;
	audio_aid_add_noise(frames, 16000, 0.3f, 1);
	all = convert(16000, frames, 16000, 777, 1);
	assert_int_equal(all.count, 16000);
	assert_memory_equal(all.samples, frames, 16000 * sizeof *frames);
	free(frames);
	free(all.samples);
}

static void test_a_sink_may_have_enough(void **state)
{
	float *frames = calloc(48000, sizeof *frames);
	collected all = {calloc(OUT_MAX, sizeof(float)), 0, 3000};
	vu_resampler *resampler = NULL;

	(void)state;
	assert_int_equal(vu_resampler_create(48000, 1, &resampler, NULL), VU_OK);
	assert_int_equal(vu_resampler_push(resampler, frames, 48000, true, collect, &all, NULL), VU_OK);
	assert_true(all.count >= 3000 && all.count < 3000 + VU_RESAMPLER_PIECE_SAMPLES);
	vu_resampler_destroy(resampler);
	free(frames);
	free(all.samples);
}

static void test_an_ended_stream_takes_no_more(void **state)
{
	collected all = {calloc(OUT_MAX, sizeof(float)), 0, OUT_MAX};
	const float frame = 0.25f;
	vu_resampler *resampler = NULL;
	vu_error error;

	(void)state;
	assert_int_equal(vu_resampler_create(16000, 1, &resampler, NULL), VU_OK);
	assert_int_equal(vu_resampler_push(resampler, &frame, 1, true, collect, &all, &error), VU_OK);
	assert_int_equal(vu_resampler_push(resampler, &frame, 1, false, collect, &all, &error),
	                 VU_FAILED_PRECONDITION);
	assert_int_equal(all.count, 1);
	vu_resampler_destroy(resampler);
	vu_resampler_destroy(NULL);
	free(all.samples);
}

static void test_limits(void **state)
{
	vu_error error;

	(void)state;
	assert_int_equal(vu_resampler_check(8000, 1, &error), VU_OK);
	assert_int_equal(vu_resampler_check(192000, 8, &error), VU_OK);
	assert_int_equal(vu_resampler_check(7999, 1, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message, "unable to convert audio of 7999 Hz: the rate must be 8000 to 192000 Hz; "
	                                   "convert it first");
	assert_int_equal(vu_resampler_check(192001, 1, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_resampler_check(16000, 0, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_resampler_check(16000, 9, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message,
	                    "unable to convert audio of 9 channels: 1 to 8 are supported; mix it down first");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_length),
	    cmocka_unit_test(test_level_and_phase_of_a_tone),
	    cmocka_unit_test(test_what_16_khz_cannot_hold_is_removed),
	    cmocka_unit_test(test_cutting_changes_nothing),
	    cmocka_unit_test(test_16_khz_mono_passes_unchanged),
	    cmocka_unit_test(test_a_sink_may_have_enough),
	    cmocka_unit_test(test_an_ended_stream_takes_no_more),
	    cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
