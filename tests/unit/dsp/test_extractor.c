/* common/dsp/extractor.c and vector.c: the contract of the header, on made-up voices. */
#include "dsp/extractor.h"

#include "dsp/statistics.h"

#include "dsp_aid.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 16000u

static const vu_extractor_config plain = {false, {1.0, 10.0}};
static const vu_extractor_config with_crops = {true, {1.0, 10.0}};

/* An extractor that has been finished with these samples, in pushes of `step`. */
static vu_extractor *extract(const vu_extractor_config *config, const float *samples, size_t count, size_t step,
                             vu_features *out)
{
	vu_extractor *e;

	assert_int_equal(vu_extractor_create(config, &e), VU_OK);
	for (size_t n = 0; n < count; n += step)
		assert_int_equal(vu_extractor_push(e, samples + n, n + step <= count ? step : count - n), VU_OK);
	assert_int_equal(vu_extractor_finish(e, out), VU_OK);
	return e;
}

static float *voice(size_t count, double pitch_hz, float amplitude)
{
	float *x = dsp_aid_silence(count);
	dsp_aid_add_voice(x, count, amplitude, pitch_hz);
	dsp_aid_add_noise(x, count, amplitude / 300.0f, 11);
	return x;
}

static void test_describes_a_voice(void **state)
{
	static vu_features f;
	float *x = voice(4 * SECOND, 150.0, 0.4f);
	vu_statistics_view view;
	vu_error error;
	vu_extractor *e = extract(&plain, x, 4 * SECOND, 1000, &f);

	(void)state;
	assert_string_equal(vu_extractor_name(), "mfcc-stats/1");
	assert_true(f.has_vector);
	assert_int_equal(f.crop_count, 0);
	for (int i = 0; i < VU_VECTOR_DIMENSIONS; i++)
		assert_true(isfinite(f.vector.values[i]));
	/* Four of five syllables, 85 % of each: some 2.7 s; hangover adds to it. */
	assert_true(f.quality.speech_ms > 2300 && f.quality.speech_ms < 3600);
	assert_int_equal(f.quality.total_ms, 4000);
	assert_int_equal(f.quality.problem, VU_QUALITY_OK);
	assert_string_equal(f.quality.advice, "");
	assert_true(f.quality.snr_db > 25.0f);
	assert_true(f.vector.start_ms < 100 && f.vector.end_ms > 3600 && f.vector.end_ms <= 4000);
	/* The median pitch is that of the voice, 150 Hz give or take its glide. */
	assert_true(expf(f.vector.values[65]) > 130.0f && expf(f.vector.values[65]) < 170.0f);
	assert_true(f.vector.values[70] > 0.7f);
	assert_int_equal(vu_statistics_open(f.statistics, f.statistics_bytes, &view, &error), VU_OK);
	assert_true(view.frames >= 200 && view.frames <= f.quality.speech_ms / 10);
	vu_extractor_destroy(e);
	free(x);
}

static void test_cuts_do_not_show(void **state)
{
	static vu_features whole, cut;
	float *x = voice(3 * SECOND + 41, 180.0, 0.3f);
	vu_extractor *a = extract(&with_crops, x, 3 * SECOND + 41, 3 * SECOND + 41, &whole);

	(void)state;
	for (size_t step = 1; step < 9000; step = step * 11 + 1) {
		vu_extractor *b = extract(&with_crops, x, 3 * SECOND + 41, step, &cut);
		assert_memory_equal(&cut.vector, &whole.vector, sizeof cut.vector);
		assert_int_equal(cut.crop_count, whole.crop_count);
		assert_memory_equal(cut.crops, whole.crops, sizeof cut.crops);
		assert_int_equal(cut.statistics_bytes, whole.statistics_bytes);
		assert_memory_equal(cut.statistics, whole.statistics, whole.statistics_bytes);
		assert_memory_equal(&cut.quality, &whole.quality, sizeof cut.quality);
		vu_extractor_destroy(b);
	}
	vu_extractor_destroy(a);
	free(x);
}

static void test_gain_does_not_matter(void **state)
{
	static vu_features loud, soft;
	float *x = voice(4 * SECOND, 120.0, 0.5f);
	vu_extractor *a = extract(&plain, x, 4 * SECOND, 4096, &loud);
	vu_extractor *b;

	(void)state;
	for (size_t n = 0; n < 4 * SECOND; n++)
		x[n] *= 0.25f;
	b = extract(&plain, x, 4 * SECOND, 4096, &soft);
	for (int i = 0; i < VU_VECTOR_DIMENSIONS; i++)
		assert_true(fabsf(loud.vector.values[i] - soft.vector.values[i]) <
		            0.02f * (1.0f + fabsf(loud.vector.values[i])));
	assert_true(fabsf(loud.quality.level_dbfs - soft.quality.level_dbfs - 12.04f) < 0.1f);
	vu_extractor_destroy(b);
	vu_extractor_destroy(a);
	free(x);
}

static void test_crops(void **state)
{
	static vu_features f;

	(void)state;
	for (size_t seconds = 1; seconds <= 60; seconds = seconds * 2 + 1) {
		float *x = voice(seconds * SECOND, 140.0, 0.4f);
		vu_extractor *e = extract(&with_crops, x, seconds * SECOND, 8000, &f);

		assert_true(f.crop_count <= VU_CROPS_MAX);
		assert_true(seconds < 3 ? f.crop_count == 0 : f.crop_count > 1);
		for (size_t c = 0; c < f.crop_count; c++) {
			/* At least 1.5 s, within the utterance, and not the whole of it again. */
			assert_true(f.crops[c].end_ms - f.crops[c].start_ms >= 1500);
			assert_true(f.crops[c].start_ms >= f.vector.start_ms && f.crops[c].end_ms <= f.vector.end_ms);
			for (int i = 0; i < VU_VECTOR_DIMENSIONS; i++)
				assert_true(isfinite(f.crops[c].values[i]));
		}
		if (seconds == 63)
			assert_int_equal(f.crop_count, VU_CROPS_MAX);
		vu_extractor_destroy(e);
		free(x);
	}
}

static void expect_problem(const float *samples, size_t count, vu_quality_problem problem, bool has_vector,
                           const char *what)
{
	static vu_features f;
	vu_extractor *e = extract(&plain, samples, count, 1600, &f);

	if (f.quality.problem != problem || f.has_vector != has_vector)
		fail_msg("%s: problem %d, vector %d, speech %u ms, SNR %.1f dB, clipped %.1f %%, level %.1f dBFS",
		         what, f.quality.problem, f.has_vector, f.quality.speech_ms, (double)f.quality.snr_db,
		         (double)f.quality.clipped_pct, (double)f.quality.level_dbfs);
	vu_extractor_destroy(e);
}

static void test_quality_problems(void **state)
{
	size_t count = 4 * SECOND;
	float *x = dsp_aid_silence(count);
	double power = 0.0;

	(void)state;
	expect_problem(x, 0, VU_QUALITY_NO_SPEECH, false, "nothing at all");
	expect_problem(x, 1, VU_QUALITY_NO_SPEECH, false, "one sample");
	expect_problem(x, count, VU_QUALITY_NO_SPEECH, false, "zeros");
	for (size_t n = 0; n < count; n++)
		x[n] = 0.7f;
	expect_problem(x, count, VU_QUALITY_NO_SPEECH, false, "an offset");
	for (size_t n = 0; n < count; n++)
		x[n] = n % 2 ? NAN : INFINITY;
	expect_problem(x, count, VU_QUALITY_NO_SPEECH, false, "NaN and infinities");
	memset(x, 0, count * sizeof *x);
	dsp_aid_add_noise(x, count, 1.0f, 4);
	expect_problem(x, count, VU_QUALITY_NO_SPEECH, false, "full-scale noise");

	memset(x, 0, count * sizeof *x);
	dsp_aid_add_noise(x, count, 0.001f, 4);
	dsp_aid_add_voice(x + SECOND, 9600, 0.3f, 140.0);
	expect_problem(x, count, VU_QUALITY_TOO_SHORT, true, "0.6 s");

	memset(x, 0, count * sizeof *x);
	dsp_aid_add_noise(x, count, 0.00005f, 4);
	dsp_aid_add_voice(x + 8000, 3 * SECOND, 0.006f, 140.0);
	expect_problem(x, count, VU_QUALITY_TOO_QUIET, true, "quiet");

	memset(x, 0, count * sizeof *x);
	dsp_aid_add_noise(x, count, 0.001f, 4);
	dsp_aid_add_voice(x + 8000, 3 * SECOND, 4.0f, 140.0);
	for (size_t n = 0; n < count; n++)
		x[n] = fmaxf(-1.0f, fminf(x[n], 32767.0f / 32768.0f));
	expect_problem(x, count, VU_QUALITY_CLIPPED, true, "clipped");

	memset(x, 0, count * sizeof *x);
	dsp_aid_add_voice(x + 8000, 3 * SECOND, 0.3f, 140.0);
	for (size_t n = 0; n < count; n++)
		power += (double)(x[n] * x[n]) / (3.0 * SECOND);
	dsp_aid_add_noise(x, count, (float)sqrt(3.0 * power / pow(10.0, 0.5)), 4);
	expect_problem(x, count, VU_QUALITY_TOO_NOISY, true, "noise of 5 dB");
	free(x);
}

static void test_whisper_has_no_pitch(void **state)
{
	static vu_features f;
	float *x = dsp_aid_silence(3 * SECOND);
	vu_extractor *e;

	(void)state;
	dsp_aid_add_whisper(x + 8000, 2 * SECOND, 0.2f, 3);
	dsp_aid_add_noise(x, 3 * SECOND, 0.002f, 4);
	e = extract(&plain, x, 3 * SECOND, 777, &f);
	assert_true(f.has_vector);
	assert_true(f.vector.values[65] == 5.0f && f.vector.values[67] == 0.0f);
	assert_true(f.vector.values[70] < 0.05f);
	vu_extractor_destroy(e);
	free(x);
}

static void test_limits_and_order(void **state)
{
	static vu_features f;
	float *x = dsp_aid_silence(SECOND);
	vu_extractor *e;

	(void)state;
	assert_int_equal(vu_extractor_create(&plain, &e), VU_OK);
	for (int s = 0; s < 120; s++)
		assert_int_equal(vu_extractor_push(e, x, SECOND), VU_OK);
	assert_int_equal(vu_extractor_push(e, x, 1), VU_RESOURCE_EXHAUSTED);
	/* What came before is intact. */
	assert_int_equal(vu_extractor_finish(e, &f), VU_OK);
	assert_int_equal(f.quality.total_ms, 120000);
	assert_int_equal(vu_extractor_push(e, x, 1), VU_FAILED_PRECONDITION);
	assert_int_equal(vu_extractor_finish(e, &f), VU_FAILED_PRECONDITION);
	vu_extractor_destroy(e);
	vu_extractor_destroy(NULL);
	free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_describes_a_voice),    cmocka_unit_test(test_cuts_do_not_show),
	    cmocka_unit_test(test_gain_does_not_matter), cmocka_unit_test(test_crops),
	    cmocka_unit_test(test_quality_problems),     cmocka_unit_test(test_whisper_has_no_pitch),
	    cmocka_unit_test(test_limits_and_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
