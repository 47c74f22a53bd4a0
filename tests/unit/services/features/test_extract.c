/* services/features: a session pulled from a stand-in for capture, and the answer made of it. */
#include "../../../../services/features/answer.h"
#include "../../../../services/features/extract.h"

#include "../../dsp/dsp_aid.h"
#include "../../ml/synthetic_frames.h"
#include "../../runtime/capture_aid.h"

#include "base/clock.h"
#include "dsp/statistics.h"
#include "ml/utterance.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOTAL    64000
#define TOO_MUCH (121 * 16000)

static int16_t samples[TOTAL];
static capture_aid capture;
static vu_channel *channel;
static vu_features_result result;

static int setup(void **state)
{
	float *x = dsp_aid_silence(TOTAL);

	(void)state;
	dsp_aid_add_noise(x, TOTAL, 0.001f, 1);
	dsp_aid_add_voice(x + 8000, 48000, 0.4f, 150.0);
	for (size_t n = 0; n < TOTAL; n++)
		samples[n] = (int16_t)lrintf(x[n] * 32000.0f);
	free(x);
	memset(&result, 0, sizeof result);
	capture_aid_start(&capture, samples, TOTAL, 1600);
	channel = capture_aid_channel(&capture);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_extractor_destroy(result.extractor);
	free(result.utterance);
	vu_channel_destroy(channel);
	capture_aid_stop(&capture);
	return 0;
}

static vu_status run(bool crops, vu_error *error)
{
	vu_features_job job = {
	    .capture = channel,
	    .session_id = "s",
	    .deadline_us = vu_clock_monotonic_us() + 30 * INT64_C(1000000),
	    .config = {crops, {1.0, 10.0}},
	};
	return vu_features_run(&job, &result, error);
}

static void test_the_same_as_the_extractor_alone(void **state)
{
	static vu_features expected;
	const vu_extractor_config config = {true, {1.0, 10.0}};
	static float x[TOTAL];
	vu_extractor *alone;
	vu_error error;

	(void)state;
	for (size_t n = 0; n < TOTAL; n++)
		x[n] = (float)samples[n] / 32768.0f;
	assert_int_equal(vu_extractor_create(&config, &alone), VU_OK);
	assert_int_equal(vu_extractor_push(alone, x, TOTAL), VU_OK);
	assert_int_equal(vu_extractor_finish(alone, &expected), VU_OK);
	assert_int_equal(run(true, &error), VU_OK);
	assert_int_equal(result.samples, TOTAL);
	assert_memory_equal(&result.features.vector, &expected.vector, sizeof expected.vector);
	assert_int_equal(result.features.crop_count, expected.crop_count);
	assert_memory_equal(result.features.crops, expected.crops, sizeof expected.crops);
	assert_memory_equal(&result.features.quality, &expected.quality, sizeof expected.quality);
	vu_extractor_destroy(alone);
}

static void test_answer(void **state)
{
	static vu_features_answer answer;
	Vu__ExtractResponse *back;
	vu_statistics_view view;
	vu_error error;
	uint8_t *wire;
	size_t bytes;

	(void)state;
	assert_int_equal(run(true, &error), VU_OK);
	vu_features_fill_answer(&result, &answer);
	/* Through the wire, as a client will see it. */
	bytes = vu__extract_response__get_packed_size(&answer.response);
	wire = malloc(bytes);
	assert_int_equal(vu__extract_response__pack(&answer.response, wire), bytes);
	back = vu__extract_response__unpack(NULL, bytes, wire);
	assert_non_null(back);
	assert_string_equal(back->extractor, "mfcc-stats/1");
	assert_int_equal(back->vector->n_values, VU_VECTOR_DIMENSIONS);
	assert_true(back->vector->values[3] == result.features.vector.values[3]);
	assert_true(back->vector->end_ms > back->vector->start_ms);
	assert_true(back->n_crops > 1 && back->n_crops == result.features.crop_count);
	assert_int_equal(back->crops[0]->n_values, VU_VECTOR_DIMENSIONS);
	assert_int_equal(vu_statistics_open(back->statistics.data, back->statistics.len, &view, &error), VU_OK);
	assert_true(view.frames > 100);
	assert_int_equal(back->quality->problem, VU__QUALITY_PROBLEM__QUALITY_OK);
	assert_string_equal(back->quality->advice, "");
	assert_int_equal(back->quality->total_ms, 4000);
	assert_int_equal(back->ended_us, 4242);
	assert_true(back->done_us > 0 && back->done_us <= (uint64_t)vu_clock_monotonic_us());
	assert_string_equal(back->end_reason, "END_OF_SPEECH");
	assert_true(back->compute_us > 0);
	vu__extract_response__free_unpacked(back, NULL);
	free(wire);
}

/* With a background that models frames their place travels instead of them, and both when crops are wanted. */
static void test_frames_are_placed(void **state)
{
	static vu_features_answer answer;
	static uint8_t frames[VU_STATISTICS_BYTES_MAX];
	size_t frames_bytes;
	char folder[TEST_PATH_MAX];
	char path[TEST_PATH_MAX + 16];
	vu_config config = {.ml = {.background_model = path, .enable_mmap = true}};
	vu_features_background *holder;
	const vu_background *background;
	float expected[VU_UTTERANCE_PLACE_MAX];
	float found[VU_UTTERANCE_PLACE_MAX];
	const uint8_t *carried;
	size_t carried_bytes;
	vu_error error;

	(void)state;
	test_folder_create(folder);
	snprintf(path, sizeof path, "%s/b.vum", folder);
	synthetic_frames_background_save(path, 12, vu_extractor_name());
	assert_int_equal(vu_features_background_create(&config, &holder, NULL), VU_OK);
	for (int crops = 0; crops < 2; crops++) {
		vu_features_job job = {
		    .capture = channel,
		    .session_id = "s",
		    .deadline_us = vu_clock_monotonic_us() + 30 * INT64_C(1000000),
		    .config = {crops, {1.0, 10.0}},
		    .background = holder,
		};
		vu_extractor_destroy(result.extractor);
		free(result.utterance);
		memset(&result, 0, sizeof result);
		assert_int_equal(vu_features_run(&job, &result, &error), VU_OK);
		vu_features_fill_answer(&result, &answer);
		frames_bytes = result.features.statistics_bytes;
		memcpy(frames, result.features.statistics, frames_bytes);
		assert_int_equal(vu_features_background_hold(holder, &background, NULL), VU_OK);
		assert_int_equal(vu_background_embed(background, frames, frames_bytes, expected, NULL), VU_OK);
		assert_int_equal(vu_utterance_place(background, answer.response.statistics.data,
		                                    answer.response.statistics.len, found, NULL),
		                 VU_OK);
		assert_memory_equal(found, expected, vu_background_place_size(background) * sizeof *found);
		vu_features_background_release(holder, background);
		assert_int_equal(vu_utterance_frames(answer.response.statistics.data, answer.response.statistics.len,
		                                     &carried, &carried_bytes, NULL),
		                 VU_OK);
		assert_int_equal(carried_bytes, crops ? frames_bytes : 0);
		assert_memory_equal(carried, frames, carried_bytes);
	}
	vu_features_background_destroy(holder);
	test_folder_remove(folder);
}

static void test_silence_has_no_vector(void **state)
{
	static vu_features_answer answer;
	vu_error error;

	(void)state;
	memset(samples, 0, sizeof samples);
	assert_int_equal(run(true, &error), VU_OK);
	vu_features_fill_answer(&result, &answer);
	assert_null(answer.response.vector);
	assert_int_equal(answer.response.n_crops, 0);
	assert_int_equal(answer.quality.problem, VU__QUALITY_PROBLEM__QUALITY_NO_SPEECH);
	assert_non_null(strstr(answer.quality.advice, "No speech"));
}

static void test_empty_session(void **state)
{
	vu_error error;

	(void)state;
	capture.total = 0;
	assert_int_equal(run(false, &error), VU_OK);
	assert_false(result.features.has_vector);
	assert_int_equal(result.features.quality.total_ms, 0);
	assert_int_equal(result.features.quality.problem, VU_QUALITY_NO_SPEECH);
}

static void test_failures_come_through(void **state)
{
	vu_error error;

	(void)state;
	capture.fault = CAPTURE_AID_FAILED;
	capture.fault_from = 16000;
	assert_int_equal(run(false, &error), VU_NOT_FOUND);
	assert_string_equal(error.message, "unable to record: the microphone was unplugged");
	capture.fault = CAPTURE_AID_NOT_FOUND;
	capture.fault_from = 0;
	assert_int_equal(run(false, &error), VU_NOT_FOUND);
	assert_non_null(strstr(error.message, "there is none"));
}

static void test_too_long(void **state)
{
	int16_t *silence = calloc(TOO_MUCH, sizeof *silence);
	vu_error error;

	(void)state;
	capture.samples = silence;
	capture.total = TOO_MUCH;
	capture.chunk = 32768;
	assert_int_equal(run(false, &error), VU_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(error.message, "too long"));
	capture.samples = samples;
	capture.total = TOTAL;
	free(silence);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_the_same_as_the_extractor_alone, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_answer, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_frames_are_placed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_silence_has_no_vector, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_empty_session, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_failures_come_through, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
