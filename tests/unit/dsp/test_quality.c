/* common/dsp/quality.c: the ratio from levels, and which problem is named. */
#include "dsp/quality.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const vu_quality_limits limits = {1.0, 10.0};

static void test_snr(void **state)
{
	float level[100];
	uint8_t speech[100];
	float snr;

	(void)state;
	for (int h = 0; h < 100; h++) {
		speech[h] = h >= 40;
		level[h] = speech[h] ? -20.0f : -50.2f;
	}
	/* To the half decibel of the histogram. */
	snr = vu_quality_snr_db(level, speech, 100, -90.0f);
	assert_true(fabsf(snr - 30.2f) < 1.0f);
	/* One loud knock between words does not count as the noise. */
	level[3] = -5.0f;
	assert_true(vu_quality_snr_db(level, speech, 100, -90.0f) == snr);
	/* Without pauses the tracked floor stands in. */
	memset(speech, 1, sizeof speech);
	memset(speech, 0, 9);
	for (int h = 0; h < 100; h++)
		level[h] = -20.0f;
	assert_true(fabsf(vu_quality_snr_db(level, speech, 100, -60.0f) - 40.0f) < 0.1f);
	/* Pauses of digital zeros say nothing about the room. */
	memset(speech, 0, 50);
	for (int h = 0; h < 50; h++)
		level[h] = -120.0f;
	assert_true(fabsf(vu_quality_snr_db(level, speech, 100, -60.0f) - 40.0f) < 0.1f);
	assert_true(vu_quality_snr_db(level, speech, 100, -120.0f) == VU_QUALITY_SNR_MOST_DB);
	memset(speech, 0, sizeof speech);
	assert_true(vu_quality_snr_db(level, speech, 100, -60.0f) == 0.0f);
	assert_true(vu_quality_snr_db(level, speech, 0, -60.0f) == 0.0f);
	/* Noise as loud as speech: no ratio, not a NaN. */
	memset(speech, 1, 50);
	for (int h = 0; h < 100; h++)
		level[h] = -30.0f;
	assert_true(vu_quality_snr_db(level, speech, 100, -60.0f) == 0.0f);
}

static void expect(uint32_t speech_ms, float level, float clipped, float snr, vu_quality_problem problem,
                   const char *advice_part)
{
	vu_quality q = {.speech_ms = speech_ms, .level_dbfs = level, .clipped_pct = clipped, .snr_db = snr};

	vu_quality_judge(&limits, &q);
	assert_int_equal(q.problem, problem);
	assert_non_null(strstr(q.advice, advice_part));
	assert_true((q.advice[0] == '\0') == (problem == VU_QUALITY_OK));
}

static void test_problems_in_order(void **state)
{
	const vu_quality_limits none = {0.0, -100.0};
	vu_quality q = {.speech_ms = 250, .level_dbfs = -20.0f, .snr_db = 30.0f};

	(void)state;
	expect(2000, -25.0f, 0.0f, 30.0f, VU_QUALITY_OK, "");
	expect(1000, -50.0f, 1.0f, 10.0f, VU_QUALITY_OK, "");
	expect(0, -120.0f, 0.0f, 0.0f, VU_QUALITY_NO_SPEECH, "microphone");
	expect(99, -20.0f, 0.0f, 30.0f, VU_QUALITY_NO_SPEECH, "No speech");
	expect(100, -60.0f, 5.0f, 0.0f, VU_QUALITY_TOO_SHORT, "short");
	expect(999, -60.0f, 5.0f, 0.0f, VU_QUALITY_TOO_SHORT, "short");
	expect(1000, -50.1f, 5.0f, 0.0f, VU_QUALITY_TOO_QUIET, "quiet");
	expect(1000, -20.0f, 1.1f, 0.0f, VU_QUALITY_CLIPPED, "distorted");
	expect(1000, -20.0f, 0.5f, 9.9f, VU_QUALITY_TOO_NOISY, "noise");
	/* Whatever the limits, under 0.3 s there is nothing to describe. */
	vu_quality_judge(&none, &q);
	assert_int_equal(q.problem, VU_QUALITY_TOO_SHORT);
	q.speech_ms = 300;
	vu_quality_judge(&none, &q);
	assert_int_equal(q.problem, VU_QUALITY_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_snr),
	    cmocka_unit_test(test_problems_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
