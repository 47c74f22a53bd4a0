/* Smaller backgrounds: they score as the large one does, and what cannot be converted is refused. */
#include "ml/background_convert.h"

#include "synthetic.h"
#include "synthetic_frames.h"

#include "ml/scorer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define PEOPLE   16
#define NEWCOMER 1000
#define SAMPLES  4
#define FRAMES   200

static char folder[64];
static char path[96];
static vu_model_file *original;

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vu-convert-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/b.vum", folder);
	synthetic_frames_background_save(path, PEOPLE, SYNTHETIC_EXTRACTOR);
	assert_int_equal(vu_model_file_open(path, VU_MODEL_BACKGROUND, true, &original, NULL), VU_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_model_file_close(original);
	unlink(path);
	rmdir(folder);
	return 0;
}

static size_t convert(vu_model_element element, double prune, void **data)
{
	vu_model_writer *writer;
	vu_error error = {0};
	size_t bytes;

	assert_int_equal(vu_model_writer_create(VU_MODEL_BACKGROUND, &writer), VU_OK);
	assert_int_equal(vu_background_convert(original, element, prune, writer, &error), VU_OK);
	assert_int_equal(vu_model_writer_finish(writer, data, &bytes, &error), VU_OK);
	vu_model_writer_destroy(writer);
	return bytes;
}

static void describe(unsigned person, unsigned utterance, float *vector, vu_scorer_input *input)
{
	size_t bytes;

	synthetic_vector(person, utterance, 0, vector);
	input->vector = vector;
	input->statistics = synthetic_frames(person, utterance, FRAMES, &bytes);
	input->statistics_bytes = bytes;
	input->speech_ms = 2000;
}

/* Enrols and tries with the background in `data`; `scores` gets the joint cosine of the person and of a stranger. */
static void score(const void *data, size_t bytes, vu_model_element element, float scores[2])
{
	float vectors[SAMPLES][100];
	vu_scorer_sample samples[SAMPLES] = {0};
	vu_scorer_options options = {.quantize = true, .element = element};
	vu_scorer_trained trained;
	vu_background *background;
	vu_background_scaler *scaler;
	vu_background_projection *projection;
	vu_template *t;
	vu_model_file *file;
	vu_model_writer *writer;
	void *made;
	size_t made_bytes;
	vu_scorer scorer;

	assert_int_equal(vu_model_file_from_memory(data, bytes, "b", VU_MODEL_BACKGROUND, &file, NULL), VU_OK);
	assert_int_equal(vu_background_create(file, &background, NULL), VU_OK);
	assert_int_equal(vu_background_load_scaler(background, &scaler, NULL), VU_OK);
	assert_int_equal(vu_background_load_projection(background, 50, &projection, NULL), VU_OK);
	scorer = (vu_scorer){background, scaler, projection};
	for (unsigned s = 0; s < SAMPLES; s++)
		describe(NEWCOMER, s, vectors[s], &samples[s].whole);
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	assert_int_equal(vu_scorer_train(&scorer, samples, SAMPLES, &options, writer, &trained, NULL), VU_OK);
	assert_int_equal(vu_model_writer_finish(writer, &made, &made_bytes, NULL), VU_OK);
	assert_int_equal(vu_model_file_from_memory(made, made_bytes, "t", VU_MODEL_TEMPLATE, &file, NULL), VU_OK);
	assert_int_equal(vu_template_create(file, &t, NULL), VU_OK);
	assert_true(t->svm.element == element);
	for (unsigned i = 0; i < 2; i++) {
		float vector[100];
		vu_scorer_input input = {0};
		vu_probe probe;
		vu_score result;
		describe(NEWCOMER + i, 9, vector, &input);
		assert_int_equal(vu_scorer_prepare(&scorer, &input, &probe, NULL), VU_OK);
		vu_scorer_compare(&scorer, t, &probe, VU_LEVEL_STANDARD, &result);
		assert_true(isfinite(result.fused));
		scores[i] = result.second;
		free((void *)(uintptr_t)input.statistics);
	}
	for (unsigned s = 0; s < SAMPLES; s++)
		free((void *)(uintptr_t)samples[s].whole.statistics);
	vu_template_destroy(t);
	vu_model_writer_destroy(writer);
	free(made);
	free(projection);
	free(scaler);
	vu_background_destroy(background);
}

static void test_elements_score_alike(void **state)
{
	static const vu_model_element elements[] = {VU_ELEMENT_F32, VU_ELEMENT_F16, VU_ELEMENT_I8};
	float scores[3][2];
	size_t bytes[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		void *data;
		bytes[i] = convert(elements[i], 0, &data);
		score(data, bytes[i], elements[i], scores[i]);
		free(data);
		assert_true(scores[i][0] > scores[i][1]);
		assert_true(fabsf(scores[i][0] - scores[0][0]) < 0.1f * (1 + fabsf(scores[0][0])));
		assert_true(fabsf(scores[i][1] - scores[0][1]) < 0.1f * (1 + fabsf(scores[0][1])));
	}
	assert_true(bytes[0] > bytes[1] && bytes[1] > bytes[2]);
}

static void test_a_pruned_mixture(void **state)
{
	vu_background *background;
	vu_model_file *file;
	float scores[2];
	void *data;
	size_t bytes = convert(VU_ELEMENT_F16, 0.5, &data);
	float total = 0;

	(void)state;
	assert_int_equal(vu_model_file_from_memory(data, bytes, "b", VU_MODEL_BACKGROUND, &file, NULL), VU_OK);
	assert_int_equal(vu_background_create(file, &background, NULL), VU_OK);
	assert_int_equal(background->models[0].ubm->components, 8);
	for (int m = 0; m < 8; m++)
		total += background->models[0].ubm->weight[m];
	assert_true(fabsf(total - 1) < 1e-3f);
	assert_true(bytes < vu_model_file_bytes(original));
	vu_background_destroy(background);
	score(data, bytes, VU_ELEMENT_F16, scores);
	assert_true(scores[0] > scores[1]);
	free(data);
}

/* 0 changes no number: nothing but the same file comes out. */
static void test_as_it_is(void **state)
{
	char before[VU_MODEL_HASH_HEX_SIZE];
	char after[VU_MODEL_HASH_HEX_SIZE];
	vu_model_file *file;
	void *data;
	size_t bytes = convert(0, 0, &data);

	(void)state;
	assert_int_equal(vu_model_file_from_memory(data, bytes, "b", VU_MODEL_BACKGROUND, &file, NULL), VU_OK);
	vu_model_file_hash_hex(original, before);
	vu_model_file_hash_hex(file, after);
	assert_string_equal(after, before);
	vu_model_file_close(file);
	free(data);
}

static void expect_refusal(const vu_model_file *file, vu_model_element element, double prune, const char *reason)
{
	vu_model_writer *writer;
	vu_error error = {0};

	assert_int_equal(vu_model_writer_create(VU_MODEL_BACKGROUND, &writer), VU_OK);
	assert_int_equal(vu_background_convert(file, element, prune, writer, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, reason));
	vu_model_writer_destroy(writer);
}

static void test_refusals(void **state)
{
	vu_model_writer *writer;
	vu_model_file *other;
	void *data;
	size_t bytes;

	(void)state;
	expect_refusal(original, VU_ELEMENT_U64, 0, "f32, f16 or i8");
	expect_refusal(original, VU_ELEMENT_F16, 0.95, "0 to 0.9");
	expect_refusal(original, VU_ELEMENT_F16, NAN, "0 to 0.9");
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	assert_int_equal(vu_model_writer_finish(writer, &data, &bytes, NULL), VU_OK);
	assert_int_equal(vu_model_file_from_memory(data, bytes, "t", VU_MODEL_ANY, &other, NULL), VU_OK);
	expect_refusal(other, VU_ELEMENT_F16, 0, "not a background");
	vu_model_file_close(other);
	vu_model_writer_destroy(writer);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_elements_score_alike),
	    cmocka_unit_test(test_as_it_is),
	    cmocka_unit_test(test_a_pruned_mixture),
	    cmocka_unit_test(test_refusals),
	};
	return cmocka_run_group_tests_name("background_convert", tests, setup, teardown);
}
