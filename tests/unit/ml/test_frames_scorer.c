/* The scorer with a background that models frames too: train, compare, train again from what was kept, refuse. */
#include "ml/scorer.h"

#include "dsp/statistics.h"
#include "ml/frames.h"
#include "synthetic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PEOPLE     24
#define UTTERANCES 6
#define FRAMES     250
#define SOUNDS     12

static vu_background *background;
static vu_background_scaler *scaler;
static vu_background_projection *projection;
static vu_scorer scorer;
static void *background_data;

/* Every person has an own way to make each of a few sounds; that is all that tells them apart in frames. */
static uint8_t *make_statistics(unsigned person, unsigned utterance, size_t frames, size_t *bytes_out)
{
	float *mfcc = malloc(frames * VU_MFCC_COEFFICIENTS * sizeof *mfcc);
	uint8_t *blob = malloc(vu_statistics_bytes(frames));
	uint64_t words = (person + 1) * 7919u + (utterance + 1) * 104729u;

	assert_true(mfcc && blob);
	for (size_t t = 0; t < frames; t++) {
		uint64_t place = (t / 5 + (uint64_t)(synthetic_random(&words) < 0.1)) % SOUNDS;
		uint64_t sound = place * 31 + 5;
		uint64_t accent = (person + 1) * 1000003u + place * 17u;
		for (int i = 0; i < 4; i++)
			synthetic_random(&accent);
		for (size_t d = 0; d < VU_MFCC_COEFFICIENTS; d++)
			mfcc[t * VU_MFCC_COEFFICIENTS + d] =
			    (float)(8 * synthetic_random(&sound) + 2 * synthetic_random(&accent) +
			            synthetic_random(&words));
	}
	assert_int_equal(vu_statistics_pack(mfcc, NULL, frames, blob), VU_OK);
	*bytes_out = vu_statistics_bytes(frames);
	free(mfcc);
	return blob;
}

static int setup(void **state)
{
	synthetic_people people;
	vu_training_config config = vu_training_config_default();
	vu_training_figures figures[VU_TRAINING_CALIBRATIONS];
	vu_model_writer *writer;
	vu_model_file *file;
	size_t bytes;
	vu_error error = {0};

	(void)state;
	config.extractor = SYNTHETIC_EXTRACTOR;
	config.folds = 2;
	config.enrol_samples = 4;
	config.discriminants = 30;
	config.mixture = 16;
	config.rank = 30;
	config.frames_discriminants = 20;
	synthetic_people_make(PEOPLE, UTTERANCES, &people);
	for (size_t i = 0; i < people.count; i++)
		people.utterances[i].statistics =
		    make_statistics((unsigned)(i / UTTERANCES), (unsigned)(i % UTTERANCES), FRAMES,
		                    &people.utterances[i].statistics_bytes);
	assert_int_equal(vu_model_writer_create(VU_MODEL_BACKGROUND, &writer), VU_OK);
	if (vu_background_train(&config, people.utterances, people.count, writer, figures, &error) != VU_OK)
		fail_msg("%s", error.message);
	for (int space = VU_SPACE_FRAMES; space < VU_SPACES_MAX; space++)
		assert_true(figures[4].spaces[space].eer < 0.2);
	assert_true(figures[4].shift.eer < 0.2);
	assert_int_equal(vu_model_writer_finish(writer, &background_data, &bytes, NULL), VU_OK);
	assert_int_equal(
	    vu_model_file_from_memory(background_data, bytes, "background", VU_MODEL_BACKGROUND, &file, NULL), VU_OK);
	assert_int_equal(vu_background_create(file, &background, NULL), VU_OK);
	assert_int_equal(background->space_count, VU_SPACES_MAX);
	assert_int_equal(background->spaces[VU_SPACE_JOINT].dimensions +
	                     background->spaces[VU_SPACE_JOINT_OF(1)].dimensions,
	                 2 * 100 + vu_background_place_size(background) - (background->shift.length + 2));
	assert_int_equal(background->models[0].basis.element, VU_ELEMENT_I8);
	assert_int_equal(vu_background_load_scaler(background, &scaler, NULL), VU_OK);
	assert_int_equal(vu_background_load_projection(background, 50, &projection, NULL), VU_OK);
	scorer = (vu_scorer){background, scaler, projection};
	vu_model_writer_destroy(writer);
	for (size_t i = 0; i < people.count; i++)
		free((void *)(uintptr_t)people.utterances[i].statistics);
	synthetic_people_free(&people);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(projection);
	free(scaler);
	vu_background_destroy(background);
	free(background_data);
	return 0;
}

typedef struct enrolled {
	vu_template *t;
	void *data;
} enrolled;

static vu_status train(unsigned person, unsigned samples, bool quantize, enrolled *out, vu_error *error)
{
	float vectors[VU_SCORER_SAMPLES_MAX][100];
	vu_scorer_sample list[VU_SCORER_SAMPLES_MAX];
	uint8_t *blobs[VU_SCORER_SAMPLES_MAX];
	vu_scorer_options options = {.quantize = quantize};
	vu_scorer_trained trained;
	vu_model_writer *writer;
	vu_model_file *file;
	size_t bytes;
	vu_status status;

	for (unsigned s = 0; s < samples; s++) {
		size_t blob_bytes;
		synthetic_vector(person, s, 0, vectors[s]);
		blobs[s] = make_statistics(person, s, FRAMES, &blob_bytes);
		list[s] = (vu_scorer_sample){
		    .whole = {.vector = vectors[s], .statistics = blobs[s], .statistics_bytes = blob_bytes}};
	}
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	status = vu_scorer_train(&scorer, list, samples, &options, writer, &trained, error);
	if (status == VU_OK) {
		assert_int_equal(vu_model_writer_finish(writer, &out->data, &bytes, NULL), VU_OK);
		assert_true(bytes <= VU_TEMPLATE_BYTES_MAX);
		assert_int_equal(vu_model_file_from_memory(out->data, bytes, "t", VU_MODEL_TEMPLATE, &file, NULL),
		                 VU_OK);
		assert_int_equal(vu_template_create(file, &out->t, NULL), VU_OK);
	}
	vu_model_writer_destroy(writer);
	for (unsigned s = 0; s < samples; s++)
		free(blobs[s]);
	return status;
}

static void drop(enrolled *e)
{
	vu_template_destroy(e->t);
	free(e->data);
}

static vu_score try(const vu_scorer *with, const vu_template *t, unsigned person, unsigned utterance)
{
	float vector[100];
	size_t bytes;
	uint8_t *blob = make_statistics(person, utterance, FRAMES, &bytes);
	vu_scorer_input input = {.vector = vector, .statistics = blob, .statistics_bytes = bytes, .speech_ms = 2500};
	vu_probe probe;
	vu_score score;

	synthetic_vector(person, utterance, 0, vector);
	assert_int_equal(vu_scorer_prepare(with, &input, &probe, NULL), VU_OK);
	vu_scorer_compare(with, t, &probe, VU_LEVEL_STANDARD, &score);
	free(blob);
	return score;
}

static void test_frames_tell_people_apart(void **state)
{
	int in_order = 0;
	int joint_in_order = 0;

	(void)state;
	for (unsigned p = 0; p < 8; p++) {
		enrolled e;
		vu_score own;
		vu_score other;
		assert_int_equal(train(700 + p, 5, true, &e, NULL), VU_OK);
		assert_int_equal(vu_scorer_check_template(&scorer, e.t, NULL, NULL), VU_OK);
		assert_int_equal(e.t->space_count, VU_SPACES_MAX);
		own = try(&scorer, e.t, 700 + p, 9);
		other = try(&scorer, e.t, 800 + p, 9);
		in_order += own.inputs[2] > other.inputs[2];
		assert_true(own.fused > other.fused);
		joint_in_order += own.inputs[3] > other.inputs[3];
		assert_true(own.second == own.inputs[3]);
		drop(&e);
	}
	assert_true(in_order >= 7);
	assert_int_equal(joint_in_order, 8);
}

static void test_retrain_keeps_frames(void **state)
{
	vu_scorer_options options = {.quantize = true};
	vu_scorer_trained trained;
	vu_scorer other = scorer;
	vu_background_projection *narrow;
	vu_model_writer *writer;
	vu_model_file *file;
	enrolled e;
	enrolled again = {0};
	size_t bytes;

	(void)state;
	assert_int_equal(train(900, 5, true, &e, NULL), VU_OK);
	assert_int_equal(e.t->kept_frames_count, 5);
	assert_int_equal(vu_background_load_projection(background, 30, &narrow, NULL), VU_OK);
	other.projection = narrow;
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	assert_int_equal(vu_scorer_retrain(&other, e.t, &options, writer, &trained, NULL), VU_OK);
	assert_int_equal(vu_model_writer_finish(writer, &again.data, &bytes, NULL), VU_OK);
	assert_int_equal(vu_model_file_from_memory(again.data, bytes, "t", VU_MODEL_TEMPLATE, &file, NULL), VU_OK);
	assert_int_equal(vu_template_create(file, &again.t, NULL), VU_OK);
	assert_int_equal(vu_scorer_check_template(&other, again.t, NULL, NULL), VU_OK);
	assert_int_equal(again.t->kept_frames_count, 5);
	/* All frames of 250 fit into a fifth of what is kept: nothing was lost. */
	assert_true(fabsf(try(&scorer, e.t, 900, 9).inputs[2] - try(&other, again.t, 900, 9).inputs[2]) < 0.05f);
	vu_model_writer_destroy(writer);
	free(narrow);
	drop(&again);
	drop(&e);
}

static void test_most_samples_fit(void **state)
{
	enrolled e;

	(void)state;
	for (int quantize = 0; quantize < 2; quantize++) {
		assert_int_equal(train(901, 10, quantize, &e, NULL), VU_OK);
		assert_int_equal(e.t->kept_frames_count, 10);
		drop(&e);
		assert_int_equal(train(901, VU_SCORER_SAMPLES_MAX, quantize, &e, NULL), VU_OK);
		drop(&e);
	}
}

static void test_statistics_missing_or_bad(void **state)
{
	float vector[100];
	size_t bytes;
	uint8_t *blob = make_statistics(1, 1, FRAMES, &bytes);
	uint8_t *brief = make_statistics(1, 1, VU_FRAMES_MIN - 1, &bytes);
	vu_scorer_input input = {.vector = vector, .speech_ms = 2500};
	vu_scorer_sample samples[2];
	vu_probe probe;
	float agreement;
	bool agrees;
	vu_error error = {0};

	(void)state;
	synthetic_vector(1, 1, 0, vector);
	assert_int_equal(vu_scorer_prepare(&scorer, &input, &probe, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "missing"));
	input.statistics = brief;
	input.statistics_bytes = bytes;
	assert_int_equal(vu_scorer_prepare(&scorer, &input, &probe, &error), VU_INVALID_ARGUMENT);
	input.statistics = blob;
	assert_int_equal(vu_scorer_prepare(&scorer, &input, &probe, &error), VU_INVALID_ARGUMENT);
	input.statistics_bytes = vu_statistics_bytes(FRAMES);
	blob[4] = 77; /* a version of the future */
	assert_int_equal(vu_scorer_prepare(&scorer, &input, &probe, &error), VU_INVALID_ARGUMENT);
	samples[0] = samples[1] = (vu_scorer_sample){.whole = input};
	assert_int_equal(vu_scorer_agreement(&scorer, samples, 1, &samples[1], &agreement, &agrees, &error),
	                 VU_INVALID_ARGUMENT);
	blob[4] = 1;
	assert_int_equal(vu_scorer_prepare(&scorer, &input, &probe, &error), VU_OK);
	assert_int_equal(vu_scorer_agreement(&scorer, samples, 1, &samples[1], &agreement, &agrees, &error), VU_OK);
	assert_true(agrees);
	free(brief);
	free(blob);
}

/* The background with one value of a section of parameters changed; DATA_LOSS or what its creation says. */
static vu_status create_changed(const char *name, unsigned at, float value, vu_background **out, void **data,
                                vu_error *error)
{
	vu_model_writer *writer;
	vu_model_file *file;
	size_t bytes;

	assert_int_equal(vu_model_writer_create(VU_MODEL_BACKGROUND, &writer), VU_OK);
	for (size_t i = 0; i < vu_model_file_section_count(background->file); i++) {
		vu_model_section section;
		float values[4];
		vu_model_file_section_at(background->file, i, &section);
		if (strcmp(section.name, name) != 0) {
			vu_model_writer_add(writer, section.name, section.element, section.rows, section.columns,
			                    section.data);
			continue;
		}
		assert_int_equal(section.columns, 4);
		memcpy(values, section.data, sizeof values);
		values[at] = value;
		vu_model_writer_add(writer, name, section.element, 1, 4, values);
	}
	assert_int_equal(vu_model_writer_finish(writer, data, &bytes, NULL), VU_OK);
	vu_model_writer_destroy(writer);
	assert_int_equal(vu_model_file_from_memory(*data, bytes, "changed", VU_MODEL_BACKGROUND, &file, NULL), VU_OK);
	return vu_background_create(file, out, error);
}

/* Models of before there were kinds of frames and shares of norms have zeros there. */
static void test_older_and_newer_parameters(void **state)
{
	vu_background *changed;
	void *data;
	vu_error error = {0};

	(void)state;
	assert_int_equal(background->models[0].kind, VU_FRAMES_BANDS);
	assert_int_equal(background->models[1].kind, VU_FRAMES_QUARTERS);
	assert_true(background->audio_share == 0.7f);
	assert_int_equal(create_changed("frame.param", 2, 0, &changed, &data, NULL), VU_OK);
	assert_int_equal(changed->models[0].kind, VU_FRAMES_CEPSTRA);
	vu_background_destroy(changed);
	free(data);
	assert_int_equal(create_changed("frame.param", 2, VU_FRAMES_KINDS, &changed, &data, &error), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "its frames are of a kind that this version does not know"));
	free(data);
	assert_int_equal(create_changed("frame.param", 2, NAN, &changed, &data, &error), VU_DATA_LOSS);
	free(data);
	assert_int_equal(create_changed("second", 1, 0, &changed, &data, NULL), VU_OK);
	assert_true(changed->audio_share == 0.5f);
	vu_background_destroy(changed);
	free(data);
	assert_int_equal(create_changed("second", 1, 1.5f, &changed, &data, &error), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "a parameter of its scorers is out of range"));
	free(data);
}

/* What a section of the background becomes in another one. */
typedef enum change { LEAVE_OUT, SPOIL_SCALE, CUT_COLUMN } change;

/* The background with such a change of all sections whose names begin with `prefix`. */
static vu_status create_with(const char *prefix, change what, vu_background **out, void **data, vu_error *error)
{
	vu_model_writer *writer;
	vu_model_file *file;
	size_t bytes;

	assert_int_equal(vu_model_writer_create(VU_MODEL_BACKGROUND, &writer), VU_OK);
	for (size_t i = 0; i < vu_model_file_section_count(background->file); i++) {
		const float nan = NAN;
		vu_model_section s;
		uint8_t *values;
		vu_model_file_section_at(background->file, i, &s);
		if (strncmp(s.name, prefix, strlen(prefix)) != 0) {
			vu_model_writer_add(writer, s.name, s.element, s.rows, s.columns, s.data);
			continue;
		}
		if (what == LEAVE_OUT)
			continue;
		values = malloc(s.bytes);
		assert_non_null(values);
		memcpy(values, s.data, s.bytes);
		if (what == SPOIL_SCALE)
			memcpy(values, &nan, sizeof nan);
		vu_model_writer_add(writer, s.name, s.element, what == CUT_COLUMN ? 1 : s.rows,
		                    what == CUT_COLUMN ? s.columns - 4 : s.columns, values);
		free(values);
	}
	assert_int_equal(vu_model_writer_finish(writer, data, &bytes, NULL), VU_OK);
	vu_model_writer_destroy(writer);
	assert_int_equal(vu_model_file_from_memory(*data, bytes, "changed", VU_MODEL_BACKGROUND, &file, NULL), VU_OK);
	return vu_background_create(file, out, error);
}

static void test_damaged_and_older_models(void **state)
{
	vu_background *changed;
	void *data;
	vu_error error = {0};

	(void)state;
	assert_int_equal(create_with("frame.basis", SPOIL_SCALE, &changed, &data, &error), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "a value of it is not a number"));
	free(data);
	assert_int_equal(create_with("join2.cohort", LEAVE_OUT, &changed, &data, &error), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "join2.cohort"));
	free(data);
	/* Of before there were two models of frames: fewer scorers were calibrated. */
	assert_int_equal(create_with("calibration", CUT_COLUMN, &changed, &data, &error), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "it is of an earlier or later version of this program"));
	free(data);
}

/* What is enrolled with one model of frames is trained again for two, from what was kept. */
static void test_one_model_and_two(void **state)
{
	vu_background *single;
	vu_scorer with_one;
	void *data;
	bool retrainable;
	enrolled e;
	vu_error error = {0};

	(void)state;
	assert_int_equal(create_with("ubm2.", LEAVE_OUT, &single, &data, &error), VU_OK);
	assert_int_equal(single->model_count, 1);
	assert_int_equal(single->space_count, 3);
	with_one = (vu_scorer){single, scaler, projection};
	assert_int_equal(train(1, 5, true, &e, &error), VU_OK);
	assert_int_equal(vu_scorer_check_template(&with_one, e.t, &retrainable, &error), VU_FAILED_PRECONDITION);
	assert_true(retrainable);
	for (int turn = 0; turn < 2; turn++) {
		const vu_scorer *into = turn ? &scorer : &with_one;
		vu_scorer_options options = {.quantize = true};
		vu_scorer_trained trained;
		vu_model_writer *writer;
		vu_model_file *file;
		enrolled next;
		size_t bytes;
		assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
		assert_int_equal(vu_scorer_retrain(into, e.t, &options, writer, &trained, &error), VU_OK);
		assert_int_equal(vu_model_writer_finish(writer, &next.data, &bytes, NULL), VU_OK);
		vu_model_writer_destroy(writer);
		assert_int_equal(vu_model_file_from_memory(next.data, bytes, "next", VU_MODEL_TEMPLATE, &file, NULL),
		                 VU_OK);
		assert_int_equal(vu_template_create(file, &next.t, &error), VU_OK);
		assert_int_equal(vu_scorer_check_template(into, next.t, NULL, &error), VU_OK);
		assert_int_equal(next.t->space_count, into->background->space_count);
		vu_template_destroy(e.t);
		free(e.data);
		e = next;
	}
	vu_template_destroy(e.t);
	free(e.data);
	vu_background_destroy(single);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_frames_tell_people_apart),   cmocka_unit_test(test_retrain_keeps_frames),
	    cmocka_unit_test(test_most_samples_fit),           cmocka_unit_test(test_statistics_missing_or_bad),
	    cmocka_unit_test(test_older_and_newer_parameters), cmocka_unit_test(test_damaged_and_older_models),
	    cmocka_unit_test(test_one_model_and_two),
	};
	return cmocka_run_group_tests_name("frames_scorer", tests, setup, teardown);
}
