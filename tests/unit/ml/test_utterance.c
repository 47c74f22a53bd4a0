/* Utterances that features has placed: the same scores as from frames, and every way in which they do not fit. */
#include "ml/utterance.h"

#include "../folder_aid.h"
#include "ml/scorer.h"
#include "synthetic.h"
#include "synthetic_frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define FRAMES 150

static char folder[TEST_PATH_MAX];
static vu_background *background;
static vu_background *other;
static uint8_t *frames;
static size_t frames_bytes;
static uint8_t *blob;
static size_t blob_bytes;

static vu_background *open_background(const char *name, unsigned people)
{
	char path[TEST_PATH_MAX + 16];
	vu_background *opened = NULL;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	synthetic_frames_background_save(path, people, SYNTHETIC_EXTRACTOR);
	assert_int_equal(vu_background_open(path, true, &opened, NULL), VU_OK);
	return opened;
}

static int setup_all(void **state)
{
	(void)state;
	test_folder_create(folder);
	background = open_background("a.vum", 12);
	other = open_background("b.vum", 13);
	frames = synthetic_frames(3, 9, FRAMES, &frames_bytes);
	return 0;
}

static int teardown_all(void **state)
{
	(void)state;
	free(frames);
	vu_background_destroy(other);
	vu_background_destroy(background);
	test_folder_remove(folder);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return vu_utterance_describe(background, frames, frames_bytes, true, &blob, &blob_bytes, NULL);
}

static int teardown(void **state)
{
	(void)state;
	free(blob);
	return 0;
}

static void test_the_place_travels_unchanged(void **state)
{
	float expected[VU_UTTERANCE_PLACE_MAX];
	float place[VU_UTTERANCE_PLACE_MAX];
	size_t count = vu_background_place_size(background);

	(void)state;
	assert_true(vu_utterance_is_placed(blob, blob_bytes));
	assert_false(vu_utterance_is_placed(frames, frames_bytes));
	assert_int_equal(vu_background_embed(background, frames, frames_bytes, expected, NULL), VU_OK);
	assert_int_equal(vu_utterance_place(background, blob, blob_bytes, place, NULL), VU_OK);
	assert_memory_equal(place, expected, count * sizeof *place);
}

/* Who only asks for places needs no spaces, and gets the same. */
static void test_places_alone(void **state)
{
	char path[TEST_PATH_MAX + 16];
	float expected[VU_UTTERANCE_PLACE_MAX];
	float place[VU_UTTERANCE_PLACE_MAX];
	size_t count = vu_background_place_size(background);
	vu_background *placing;

	(void)state;
	snprintf(path, sizeof path, "%s/a.vum", folder);
	assert_int_equal(vu_background_open_for_places(path, true, &placing, NULL), VU_OK);
	assert_int_equal(vu_background_place_size(placing), count);
	assert_string_equal(placing->id, background->id);
	assert_true(placing->bytes < background->bytes);
	assert_int_equal(vu_background_embed(background, frames, frames_bytes, expected, NULL), VU_OK);
	assert_int_equal(vu_background_embed(placing, frames, frames_bytes, place, NULL), VU_OK);
	assert_memory_equal(place, expected, count * sizeof *place);
	vu_background_destroy(placing);
}

static void test_frames_travel_when_asked(void **state)
{
	const uint8_t *found;
	size_t found_bytes;
	uint8_t *without;
	size_t without_bytes;

	(void)state;
	assert_int_equal(vu_utterance_frames(blob, blob_bytes, &found, &found_bytes, NULL), VU_OK);
	assert_int_equal(found_bytes, frames_bytes);
	assert_memory_equal(found, frames, frames_bytes);
	assert_int_equal(vu_utterance_frames(frames, frames_bytes, &found, &found_bytes, NULL), VU_OK);
	assert_ptr_equal(found, frames);
	assert_int_equal(found_bytes, frames_bytes);
	assert_int_equal(
	    vu_utterance_describe(background, frames, frames_bytes, false, &without, &without_bytes, NULL), VU_OK);
	assert_int_equal(without_bytes, blob_bytes - frames_bytes);
	assert_int_equal(vu_utterance_frames(without, without_bytes, &found, &found_bytes, NULL), VU_OK);
	assert_int_equal(found_bytes, 0);
	free(without);
}

static void test_another_background_is_named(void **state)
{
	float place[VU_UTTERANCE_PLACE_MAX];
	vu_error error = {0};

	(void)state;
	assert_int_equal(vu_utterance_place(other, blob, blob_bytes, place, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "features and models use different ones"));
	background->id[12] ^= 1; /* only the first twelve digits are shown */
	assert_int_equal(vu_utterance_place(background, blob, blob_bytes, place, &error), VU_FAILED_PRECONDITION);
	background->id[12] ^= 1;
}

static void test_another_version_is_named(void **state)
{
	float place[VU_UTTERANCE_PLACE_MAX];
	vu_error error = {0};

	(void)state;
	blob[4] = 9;
	assert_int_equal(vu_utterance_place(background, blob, blob_bytes, place, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "features writes version 9, models reads 1"));
}

static void test_damage(void **state)
{
	static const uint8_t nan[4] = {0, 0, 0xC0, 0x7F};
	float place[VU_UTTERANCE_PLACE_MAX];
	const uint8_t *found;
	size_t found_bytes;
	vu_error error = {0};

	(void)state;
	for (size_t cut = 4; cut < blob_bytes; cut += cut < 100 ? 1 : 97) {
		uint8_t *part = malloc(cut);
		memcpy(part, blob, cut);
		assert_int_equal(vu_utterance_place(background, part, cut, place, &error), VU_INVALID_ARGUMENT);
		assert_int_equal(vu_utterance_frames(part, cut, &found, &found_bytes, &error), VU_INVALID_ARGUMENT);
		free(part);
	}
	memcpy(blob + VU_UTTERANCE_HEADER_BYTES + 8, nan, sizeof nan);
	assert_int_equal(vu_utterance_place(background, blob, blob_bytes, place, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "value 2 is out of range"));
	blob[6]--;
	assert_int_equal(vu_utterance_place(background, blob, blob_bytes, place, &error), VU_INVALID_ARGUMENT);
	blob[6] = 0;
	assert_int_equal(vu_utterance_place(background, blob, blob_bytes, place, &error), VU_INVALID_ARGUMENT);
	blob[7] = 255;
	assert_int_equal(vu_utterance_place(background, blob, blob_bytes, place, &error), VU_INVALID_ARGUMENT);
}

static void test_scores_as_from_frames(void **state)
{
	vu_background_scaler *scaler;
	vu_background_projection *projection;
	float vector[VU_BACKGROUND_DIMENSIONS];
	vu_scorer_input input = {.vector = vector, .statistics = frames, .statistics_bytes = frames_bytes};
	vu_scorer scorer = {.background = background};
	vu_probe from_frames;
	vu_probe placed;
	vu_error error = {0};

	(void)state;
	assert_int_equal(vu_background_load_scaler(background, &scaler, NULL), VU_OK);
	assert_int_equal(vu_background_load_projection(background, 50, &projection, NULL), VU_OK);
	scorer.scaler = scaler;
	scorer.projection = projection;
	memset(&from_frames, 0, sizeof from_frames);
	memset(&placed, 0, sizeof placed);
	synthetic_vector(3, 9, 0, vector);
	assert_int_equal(vu_scorer_prepare(&scorer, &input, &from_frames, NULL), VU_OK);
	input.statistics = blob;
	input.statistics_bytes = blob_bytes;
	assert_int_equal(vu_scorer_prepare(&scorer, &input, &placed, NULL), VU_OK);
	assert_memory_equal(&placed, &from_frames, sizeof placed);
	blob[12] ^= 1;
	assert_int_equal(vu_scorer_prepare(&scorer, &input, &placed, &error), VU_FAILED_PRECONDITION);
	free(projection);
	free(scaler);
}

static void test_enrolment_needs_the_frames(void **state)
{
	vu_background_scaler *scaler;
	vu_background_projection *projection;
	float vectors[2][VU_BACKGROUND_DIMENSIONS];
	vu_scorer_sample samples[2];
	vu_scorer_options options = {.quantize = true};
	vu_scorer_trained trained;
	vu_scorer scorer = {.background = background};
	vu_model_writer *writer;
	uint8_t *without;
	size_t without_bytes;
	vu_error error = {0};

	(void)state;
	assert_int_equal(vu_background_load_scaler(background, &scaler, NULL), VU_OK);
	assert_int_equal(vu_background_load_projection(background, 50, &projection, NULL), VU_OK);
	scorer.scaler = scaler;
	scorer.projection = projection;
	assert_int_equal(
	    vu_utterance_describe(background, frames, frames_bytes, false, &without, &without_bytes, NULL), VU_OK);
	for (unsigned s = 0; s < 2; s++) {
		synthetic_vector(3, s, 0, vectors[s]);
		samples[s] = (vu_scorer_sample){
		    .whole = {.vector = vectors[s], .statistics = blob, .statistics_bytes = blob_bytes}};
	}
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	assert_int_equal(vu_scorer_train(&scorer, samples, 2, &options, writer, &trained, &error), VU_OK);
	vu_model_writer_destroy(writer);
	samples[1].whole.statistics = without;
	samples[1].whole.statistics_bytes = without_bytes;
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	assert_int_equal(vu_scorer_train(&scorer, samples, 2, &options, writer, &trained, &error),
	                 VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "the frames of sample 2 are missing"));
	vu_model_writer_destroy(writer);
	free(without);
	free(projection);
	free(scaler);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_the_place_travels_unchanged, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_frames_travel_when_asked, setup, teardown),
	    cmocka_unit_test(test_places_alone),
	    cmocka_unit_test_setup_teardown(test_another_background_is_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_another_version_is_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_scores_as_from_frames, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_enrolment_needs_the_frames, setup, teardown),
	};
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
