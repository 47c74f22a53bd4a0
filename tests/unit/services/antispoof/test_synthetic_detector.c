/* The detector of synthetic speech with small models of its own: verdicts by level, and failing closed. */
#include "../../folder_aid.h"
#include "assessment.h"
#include "dsp/vocoder_traces.h"
#include "signal.h"
#include "synthetic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT (3 * 16000)

/* One unit that is always silent, so that the score is the calibration's constant. */
static void write_model(const char *path, const char *features, float constant, float medium, float high)
{
	static const float zeros[VU_VOCODER_TRACES];
	static float ones[VU_VOCODER_TRACES];
	const float calibration[2] = {constant, 1};
	const float thresholds[VU_DETECTOR_POINTS] = {medium, high};
	const vu_mlp mlp = {{VU_VOCODER_TRACES, 1, 1}, zeros, ones, zeros, zeros, zeros, zeros};
	vu_model_writer *writer;
	vu_error error;

	for (size_t i = 0; i < VU_VOCODER_TRACES; i++)
		ones[i] = 1;
	assert_int_equal(vu_model_writer_create(VU_MODEL_DETECTOR, &writer), VU_OK);
	vu_voice_detector_write(writer, &mlp, features, calibration, thresholds);
	assert_int_equal(vu_model_writer_save(writer, path, &error), VU_OK);
	vu_model_writer_destroy(writer);
}

static vu_assessment_result assess(vu_synthetic *synthetic, vu_antispoof_level level, bool enrollment, size_t count)
{
	static int16_t samples[COUNT];
	const vu_detector_entry entry = {&vu_synthetic_detector, synthetic};
	const vu_attempt_context context = {.attempt_id = "x", .enrollment = enrollment};
	vu_assessment *assessment;
	vu_assessment_result result;

	test_speech(samples, COUNT, 1);
	assert_int_equal(vu_assessment_create(&entry, 1, level, &context, &assessment), VU_OK);
	for (size_t at = 0; at < count; at += 1000)
		vu_assessment_push(assessment, samples + at, count - at < 1000 ? count - at : 1000);
	vu_assessment_finish(assessment, &result);
	vu_assessment_destroy(assessment);
	return result;
}

static char folder[TEST_PATH_MAX];
static char path[TEST_PATH_MAX + 32];

static int set_up(void **state)
{
	vu_error error;
	test_folder_create(folder);
	snprintf(path, sizeof path, "%s/synthetic.vum", folder);
	return vu_synthetic_create(path, true, (vu_synthetic **)state, &error) == VU_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	vu_synthetic_destroy(*state);
	test_folder_remove(folder);
	return 0;
}

static void test_levels(void **state)
{
	vu_assessment_result result;

	write_model(path, VU_VOCODER_TRACES_VERSION, -0.5f, -1, 0);
	result = assess(*state, VU_ANTISPOOF_LOW, false, COUNT);
	assert_int_equal(result.detector_count, 0);
	result = assess(*state, VU_ANTISPOOF_MEDIUM, false, COUNT);
	assert_int_equal(result.verdict, VU_ASSESSMENT_BONAFIDE);
	assert_true(result.detectors[0].result.score == -0.5f);
	assert_string_equal(result.detectors[0].name, "synthetic");
	result = assess(*state, VU_ANTISPOOF_HIGH, false, COUNT);
	assert_int_equal(result.verdict, VU_ASSESSMENT_SPOOF);
	assert_non_null(strstr(result.reason, "synthetic"));
	result = assess(*state, VU_ANTISPOOF_HIGH, true, COUNT);
	assert_int_equal(result.verdict, VU_ASSESSMENT_BONAFIDE);
}

static void test_too_little_speech(void **state)
{
	vu_assessment_result result;

	write_model(path, VU_VOCODER_TRACES_VERSION, 1, 0, 0);
	result = assess(*state, VU_ANTISPOOF_HIGH, false, 800);
	assert_int_equal(result.verdict, VU_ASSESSMENT_UNKNOWN);
	assert_false(result.detectors[0].result.ran);
	result = assess(*state, VU_ANTISPOOF_HIGH, false, 0);
	assert_int_equal(result.verdict, VU_ASSESSMENT_UNKNOWN);
}

static void test_missing_model_refuses_until_it_is_there(void **state)
{
	vu_assessment_result result = assess(*state, VU_ANTISPOOF_HIGH, false, COUNT);

	assert_int_equal(result.verdict, VU_ASSESSMENT_UNAVAILABLE);
	assert_non_null(strstr(result.reason, "missing"));
	write_model(path, VU_VOCODER_TRACES_VERSION, 1, 0, 0);
	result = assess(*state, VU_ANTISPOOF_HIGH, false, COUNT);
	assert_int_equal(result.verdict, VU_ASSESSMENT_BONAFIDE);
	/* What is open stays open. */
	assert_int_equal(unlink(path), 0);
	result = assess(*state, VU_ANTISPOOF_HIGH, false, COUNT);
	assert_int_equal(result.verdict, VU_ASSESSMENT_BONAFIDE);
}

static void test_damaged_and_foreign_models_refuse(void **state)
{
	vu_assessment_result result;
	FILE *file;

	write_model(path, "vocoder-traces/0", 1, 0, 0);
	result = assess(*state, VU_ANTISPOOF_MEDIUM, false, COUNT);
	assert_int_equal(result.verdict, VU_ASSESSMENT_UNAVAILABLE);
	assert_non_null(strstr(result.reason, "vocoder-traces/0"));
	write_model(path, VU_VOCODER_TRACES_VERSION, 1, 0, 0);
	assert_int_equal(truncate(path, 1000), 0);
	result = assess(*state, VU_ANTISPOOF_MEDIUM, false, COUNT);
	assert_int_equal(result.verdict, VU_ASSESSMENT_UNAVAILABLE);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("not a model", file);
	fclose(file);
	result = assess(*state, VU_ANTISPOOF_MEDIUM, false, COUNT);
	assert_int_equal(result.verdict, VU_ASSESSMENT_UNAVAILABLE);
}

static void test_nothing_shared_refuses(void **state)
{
	vu_assessment_result result = assess(NULL, VU_ANTISPOOF_HIGH, false, COUNT);

	(void)state;
	assert_int_equal(result.verdict, VU_ASSESSMENT_UNAVAILABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_levels, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_too_little_speech, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_missing_model_refuses_until_it_is_there, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_damaged_and_foreign_models_refuse, set_up, tear_down),
	    cmocka_unit_test(test_nothing_shared_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
