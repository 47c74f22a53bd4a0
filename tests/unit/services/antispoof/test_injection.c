/* Injection traces: each is seen where it is, none where it is not, none alone refuses. */
#include "injection.h"

#include "signal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SECONDS 3
#define COUNT   (16000 * SECONDS)
/* The strictest threshold of the detector. */
#define STRICTEST 0.4F

static int16_t pcm[COUNT];

static float examine(const int16_t *samples, size_t count, vu_injection_traces *traces, char *reason)
{
	vu_injection *injection;
	assert_int_equal(vu_injection_create(&injection), VU_OK);
	/* Uneven cuts must not matter. */
	for (size_t at = 0, part = 1; at < count; at += part, part = part * 2 % 4093 + 1)
		vu_injection_push(injection, samples + at, at + part < count ? part : count - at);
	vu_injection_finish(injection, traces);
	vu_injection_destroy(injection);
	return vu_injection_score(traces, 16000, reason, 160);
}

static void test_plain_speech_has_no_trace(void **state)
{
	vu_injection_traces traces;
	char reason[160];

	(void)state;
	test_speech(pcm, COUNT, 1);
	assert_true(examine(pcm, COUNT, &traces, reason) > 2);
	assert_true(traces.zero_share == 0);
	assert_int_equal(traces.repeated_ms, 0);
	assert_int_equal(traces.jumps, 0);
	assert_string_equal(reason, "");
}

static void test_digital_silence_is_evidence_but_no_refusal(void **state)
{
	vu_injection_traces traces;
	char reason[160];
	float score;

	(void)state;
	test_speech(pcm, COUNT, 2);
	memset(pcm + 8000, 0, 16000 * sizeof *pcm);
	score = examine(pcm, COUNT, &traces, reason);
	assert_true(fabs(traces.zero_share - 1.0 / SECONDS) < 0.01);
	assert_true(score < 2 && score >= STRICTEST);
	assert_non_null(strstr(reason, "exact digital silence"));
}

static void test_repeated_block_is_found_at_any_shift(void **state)
{
	vu_injection_traces traces;
	char reason[160];

	(void)state;
	for (size_t shift = 0; shift < 320; shift += 53) {
		test_speech(pcm, COUNT, 3);
		memcpy(pcm + 30000 + shift, pcm + 4800, 3200 * sizeof *pcm);
		assert_true(examine(pcm, COUNT, &traces, reason) >= STRICTEST);
		assert_true(traces.repeated_ms >= 160 && traces.repeated_ms <= 200);
	}
}

static void test_band_limit_is_evidence_unless_the_source_explains_it(void **state)
{
	vu_injection_traces traces;
	char reason[160];
	/* A windowed-sinc low-pass at 4 kHz with 255 taps. */
	static int16_t filtered[COUNT];
	double taps[255];

	(void)state;
	for (int i = 0; i < 255; i++) {
		double x = i - 127;
		double window = 0.42 - 0.5 * cos(2 * M_PI * (i + 0.5) / 255) + 0.08 * cos(4 * M_PI * (i + 0.5) / 255);
		taps[i] = (x == 0 ? 0.5 : sin(M_PI * 0.5 * x) / (M_PI * x)) * window;
	}
	test_speech(pcm, COUNT, 4);
	uint64_t seed = 99;
	for (size_t i = 0; i < COUNT; i++)
		pcm[i] = (int16_t)(pcm[i] + 2000 * (test_random(&seed) - 0.5));
	for (size_t i = 0; i < COUNT; i++) {
		double sum = 0;
		for (size_t k = 0; k < 255; k++)
			sum += i + 127 >= k && i + 127 - k < COUNT ? taps[k] * pcm[i + 127 - k] : 0;
		filtered[i] = (int16_t)lrint(sum);
	}
	assert_true(examine(filtered, COUNT, &traces, reason) >= STRICTEST);
	assert_true(traces.band_limit_hz > 3700 && traces.band_limit_hz < 4500);
	assert_non_null(strstr(reason, "nothing above"));
	assert_true(vu_injection_score(&traces, 8000, reason, sizeof reason) > 2);
}

static void test_several_traces_together_refuse(void **state)
{
	vu_injection_traces traces;
	char reason[160];

	(void)state;
	test_speech(pcm, COUNT, 5);
	memset(pcm + 8000, 0, 12000 * sizeof *pcm);
	memcpy(pcm + 36000, pcm, 4800 * sizeof *pcm);
	assert_true(examine(pcm, COUNT, &traces, reason) < STRICTEST);
}

static void test_jump_is_seen_and_a_loud_voice_is_none(void **state)
{
	vu_injection_traces traces;
	char reason[160];

	(void)state;
	test_speech(pcm, COUNT, 6);
	for (size_t i = 24000; i < COUNT; i++)
		pcm[i] = (int16_t)(pcm[i] / 8 + 9000);
	examine(pcm, COUNT, &traces, reason);
	assert_int_equal(traces.jumps, 1);
	assert_non_null(strstr(reason, "1 jump of the waveform"));
}

/* Each kind of evidence at its strongest, alone: none refuses at any level. Two of the clear ones do. */
static void test_none_alone_refuses(void **state)
{
	vu_injection_traces alone[] = {
	    {.zero_share = 1},
	    {.repeated_ms = 30000},
	    {.band_limit_hz = 3000, .band_drop_db = 90},
	    {.band_limit_hz = 3000, .band_drop_db = 90, .device_hz = 8000},
	    {.jumps = 100},
	    {.splice = {.floor_steps = 9, .floor_step_db = 80}},
	    {.splice = {.hum_hz = 50, .hum_breaks = 50}},
	    {.resampled = 20, .resampled_hz = 8000},
	};
	vu_injection_traces both = {.resampled = 5, .splice = {.floor_steps = 2, .floor_step_db = 15}};
	char reason[160];
	char first[160] = "";

	(void)state;
	for (size_t i = 0; i < sizeof alone / sizeof *alone; i++) {
		float score = vu_injection_score(&alone[i], 16000, reason, sizeof reason);
		assert_true(score >= STRICTEST && score < 2.5F);
		assert_string_not_equal(reason, first);
		strcpy(first, reason);
	}
	assert_true(vu_injection_score(&both, 16000, reason, sizeof reason) < STRICTEST);
	assert_non_null(strstr(reason, "within a pause; samples are interpolated"));
}

static void test_edges(void **state)
{
	vu_injection_traces traces;
	char reason[160];
	int16_t one = 32767;

	(void)state;
	examine(pcm, 0, &traces, reason);
	assert_true(traces.seconds == 0);
	examine(&one, 1, &traces, reason);
	memset(pcm, 0, sizeof pcm);
	assert_true(isfinite(examine(pcm, COUNT, &traces, reason)));
	assert_true(traces.zero_share > 0.99);
	assert_int_equal(traces.repeated_ms, 0);
	for (size_t i = 0; i < COUNT; i++)
		pcm[i] = i % 2 ? 32767 : -32768;
	assert_true(isfinite(examine(pcm, COUNT, &traces, reason)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain_speech_has_no_trace),
	    cmocka_unit_test(test_digital_silence_is_evidence_but_no_refusal),
	    cmocka_unit_test(test_repeated_block_is_found_at_any_shift),
	    cmocka_unit_test(test_band_limit_is_evidence_unless_the_source_explains_it),
	    cmocka_unit_test(test_several_traces_together_refuse),
	    cmocka_unit_test(test_jump_is_seen_and_a_loud_voice_is_none),
	    cmocka_unit_test(test_none_alone_refuses),
	    cmocka_unit_test(test_edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
