/* Trained detectors with small models of their own: verdicts by level and band, and failing closed. */
#include "../../folder_aid.h"
#include "assessment.h"
#include "dsp/loudspeaker_traces.h"
#include "dsp/vocoder_traces.h"
#include "signal.h"
#include "trained_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT (3 * 16000)

/* One unit that is always silent, so that the score is the calibration's constant. */
static void write_model(const char *path, const char *features, size_t inputs, float constant,
                        const float thresholds[VU_DETECTOR_THRESHOLDS])
{
	static const float zeros[VU_TRACES_MAX];
	static float ones[VU_TRACES_MAX];
	const float calibration[2] = {constant, 1};
	const vu_mlp mlp = {{(uint32_t)inputs, 1, 1}, zeros, ones, zeros, zeros, zeros, zeros};
	/* A tree that says nothing either. */
	static const uint16_t asked[1];
	const vu_trees trees = {{(uint32_t)inputs, 1, 1}, asked, zeros, zeros, 0};
	const vu_detector_parts parts = {&mlp, &trees, 1};
	vu_model_writer *writer;
	vu_error error;

	for (size_t i = 0; i < VU_TRACES_MAX; i++)
		ones[i] = 1;
	assert_int_equal(vu_model_writer_create(VU_MODEL_DETECTOR, &writer), VU_OK);
	vu_voice_detector_write(writer, &parts, features, calibration, thresholds);
	assert_int_equal(vu_model_writer_save(writer, path, &error), VU_OK);
	vu_model_writer_destroy(writer);
}

static void write_synthetic(const char *path, float constant, float medium, float high)
{
	const float thresholds[VU_DETECTOR_THRESHOLDS] = {medium, medium, high, high};
	write_model(path, VU_VOCODER_TRACES_VERSION, VU_VOCODER_TRACES, constant, thresholds);
}

static vu_assessment_result assess_samples(const vu_detector_kind *kind, vu_trained_model *model,
                                           vu_antispoof_level level, bool enrollment, const int16_t *samples,
                                           size_t count)
{
	const vu_detector_entry entry = {kind, model};
	const vu_attempt_context context = {.attempt_id = "x", .enrollment = enrollment};
	vu_assessment *assessment;
	vu_assessment_result result;

	assert_int_equal(vu_assessment_create(&entry, 1, level, &context, &assessment), VU_OK);
	for (size_t at = 0; at < count; at += 1000)
		vu_assessment_push(assessment, samples + at, count - at < 1000 ? count - at : 1000);
	vu_assessment_finish(assessment, &result);
	vu_assessment_destroy(assessment);
	return result;
}

static vu_assessment_result assess(vu_trained_model *model, vu_antispoof_level level, bool enrollment, size_t count)
{
	static int16_t samples[COUNT];

	test_speech(samples, COUNT, 1);
	return assess_samples(&vu_synthetic_detector, model, level, enrollment, samples, count);
}

static char folder[TEST_PATH_MAX];
static char path[TEST_PATH_MAX + 32];

static int set_up(void **state)
{
	vu_error error;
	test_folder_create(folder);
	snprintf(path, sizeof path, "%s/synthetic.vum", folder);
	return vu_trained_model_create("synthetic", "a synthetic voice", &vu_vocoder_traces_kind, folder, true,
	                               (vu_trained_model **)state, &error) == VU_OK
	           ? 0
	           : -1;
}

static int tear_down(void **state)
{
	vu_trained_model_destroy(*state);
	test_folder_remove(folder);
	return 0;
}

static void test_levels(void **state)
{
	vu_assessment_result result;

	write_synthetic(path, -0.5f, -1, 0);
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

	write_synthetic(path, 1, 0, 0);
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
	write_synthetic(path, 1, 0, 0);
	result = assess(*state, VU_ANTISPOOF_HIGH, false, COUNT);
	assert_int_equal(result.verdict, VU_ASSESSMENT_BONAFIDE);
	/* What is open stays open. */
	assert_int_equal(unlink(path), 0);
	result = assess(*state, VU_ANTISPOOF_HIGH, false, COUNT);
	assert_int_equal(result.verdict, VU_ASSESSMENT_BONAFIDE);
}

static void test_damaged_and_foreign_models_refuse(void **state)
{
	static const float zero[VU_DETECTOR_THRESHOLDS];
	vu_assessment_result result;
	FILE *file;

	write_model(path, "vocoder-traces/0", VU_VOCODER_TRACES, 1, zero);
	result = assess(*state, VU_ANTISPOOF_MEDIUM, false, COUNT);
	assert_int_equal(result.verdict, VU_ASSESSMENT_UNAVAILABLE);
	assert_non_null(strstr(result.reason, "vocoder-traces/0"));
	write_synthetic(path, 1, 0, 0);
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

/* Of the signal's harmonics, those that a telephone lets through; a quiet hiss of `noise` over all of it. */
static void make_band(int16_t *out, double noise)
{
	uint64_t state = 7;

	for (size_t i = 0; i < COUNT; i++) {
		double value = 0;
		double t = (double)i / 16000;
		for (int k = 3; k <= 20; k++)
			value += sin(2 * M_PI * 150 * k * t + k * k) / k;
		value *= 4000 * (0.6 + 0.4 * sin(2 * M_PI * 4 * t));
		out[i] = (int16_t)lrint(value + noise * (test_random(&state) - 0.5));
	}
}

static void test_narrow_bands_have_thresholds_of_their_own(void **state)
{
	static const float thresholds[VU_DETECTOR_THRESHOLDS] = {0, -2, 1, -1};
	static int16_t samples[COUNT];
	vu_trained_model *model;
	vu_error error;

	(void)state;
	snprintf(path, sizeof path, "%s/loudspeaker.vum", folder);
	write_model(path, VU_LOUDSPEAKER_VERSION, VU_LOUDSPEAKER_TRACES, -0.5f, thresholds);
	assert_int_equal(vu_trained_model_create("loudspeaker", "a loudspeaker", &vu_loudspeaker_traces_kind, folder,
	                                         false, &model, &error),
	                 VU_OK);
	for (int noisy = 0; noisy < 2; noisy++) {
		vu_assessment_result result;
		make_band(samples, noisy ? 800 : 0);
		result = assess_samples(&vu_loudspeaker_detector, model, VU_ANTISPOOF_MEDIUM, false, samples, COUNT);
		assert_int_equal(result.detector_count, 0);
		result = assess_samples(&vu_loudspeaker_detector, model, VU_ANTISPOOF_HIGH, false, samples, COUNT);
		assert_int_equal(result.detector_count, 1);
		assert_string_equal(result.detectors[0].name, "loudspeaker");
		assert_true(result.detectors[0].result.threshold == (noisy ? 1.0f : -1.0f));
		assert_int_equal(result.verdict, noisy ? VU_ASSESSMENT_SPOOF : VU_ASSESSMENT_BONAFIDE);
		assert_int_equal(strstr(result.reason, "this sounds like a loudspeaker") != NULL, noisy);
	}
	vu_trained_model_destroy(model);
}

/* What a file may hold at worst: a verdict or "unknown", and never a score that is no number. */
static void test_odd_audio(void **state)
{
	static int16_t samples[COUNT];
	static const int LEVELS[] = {0, 1, 32767, -32768};

	write_synthetic(path, 1, 0, 0);
	for (size_t i = 0; i < sizeof LEVELS / sizeof *LEVELS; i++) {
		vu_assessment_result result;
		for (size_t n = 0; n < COUNT; n++)
			samples[n] = (int16_t)LEVELS[i];
		result = assess_samples(&vu_synthetic_detector, *state, VU_ANTISPOOF_HIGH, false, samples, COUNT);
		assert_true(result.verdict == VU_ASSESSMENT_UNKNOWN || result.detectors[0].result.ran);
		assert_true(isfinite(result.score));
		result = assess_samples(&vu_synthetic_detector, *state, VU_ANTISPOOF_HIGH, false, samples, 1);
		assert_int_equal(result.verdict, VU_ASSESSMENT_UNKNOWN);
	}
}

/* The models that ship fit the vectors that this program computes, and judge. */
static void test_what_ships(void **state)
{
	static const struct {
		const char *name;
		const vu_traces_kind *traces;
		const vu_detector_kind *kind;
	} shipped[] = {
	    {"synthetic", &vu_synthetic_traces_kind, &vu_synthetic_detector},
	    {"loudspeaker", &vu_loudspeaker_traces_kind, &vu_loudspeaker_detector},
	};
	static char bytes[4 << 20];
	static int16_t samples[COUNT];

	(void)state;
	test_speech(samples, COUNT, 3);
	for (size_t i = 0; i < sizeof shipped / sizeof *shipped; i++) {
		char from[TEST_PATH_MAX];
		vu_trained_model *model;
		vu_assessment_result result;
		vu_error error;
		size_t size;
		FILE *file;

		/* A copy, since what others may write is refused and a checkout may be so. */
		snprintf(from, sizeof from, "services/antispoof/detectors/%s.vum", shipped[i].name);
		file = fopen(from, "rb");
		assert_non_null(file);
		size = fread(bytes, 1, sizeof bytes, file);
		fclose(file);
		assert_in_range(size, 1000, sizeof bytes - 1);
		snprintf(path, sizeof path, "%s/%s.vum", folder, shipped[i].name);
		file = fopen(path, "wb");
		assert_non_null(file);
		assert_int_equal(fwrite(bytes, 1, size, file), size);
		fclose(file);
		assert_int_equal(chmod(path, 0600), 0);
		assert_int_equal(
		    vu_trained_model_create(shipped[i].name, "it", shipped[i].traces, folder, true, &model, &error),
		    VU_OK);
		result = assess_samples(shipped[i].kind, model, VU_ANTISPOOF_HIGH, false, samples, COUNT);
		assert_int_equal(result.detector_count, 1);
		assert_true(result.detectors[0].result.ran);
		assert_true(isfinite(result.detectors[0].result.threshold));
		vu_trained_model_destroy(model);
	}
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
	    cmocka_unit_test_setup_teardown(test_narrow_bands_have_thresholds_of_their_own, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_odd_audio, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_ships, set_up, tear_down),
	    cmocka_unit_test(test_nothing_shared_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
