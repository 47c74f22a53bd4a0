/* Shifts of a mixture: against the formulas done by hand, through templates, and with files that do not fit. */
#include "ml/shift.h"

#include "synthetic.h"
#include "synthetic_frames.h"

#include "ml/rows.h"
#include "ml/scorer.h"
#include "ml/utterance.h"

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
static vu_background *background;
static vu_background_scaler *scaler;
static vu_background_projection *projection;
static vu_scorer scorer;

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vu-shift-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/b.vum", folder);
	synthetic_frames_background_save(path, PEOPLE, SYNTHETIC_EXTRACTOR);
	assert_int_equal(vu_background_open(path, true, &background, NULL), VU_OK);
	assert_int_equal(vu_background_load_scaler(background, &scaler, NULL), VU_OK);
	assert_int_equal(vu_background_load_projection(background, 50, &projection, NULL), VU_OK);
	scorer = (vu_scorer){background, scaler, projection};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(projection);
	free(scaler);
	vu_background_destroy(background);
	unlink(path);
	rmdir(folder);
	return 0;
}

/* Statistics that are nothing like speech, but known. */
static void make_statistics(uint64_t seed, float *zeroth, float *first)
{
	for (uint32_t m = 0; m < background->shift.components; m++)
		zeroth[m] = (float)(20 * synthetic_random(&seed));
	for (uint32_t i = 0; i < background->shift.length; i++)
		first[i] = (float)(10 * synthetic_random(&seed) - 5);
}

static void test_a_voice_is_what_shifts(void **state)
{
	const vu_shift_model *model = &background->shift;
	float zeroth[VU_SHIFT_COMPONENTS_MAX];
	float first[VU_SHIFT_LENGTH_MAX];
	float voice[VU_SHIFT_LENGTH_MAX];
	double length = 0;

	(void)state;
	assert_int_equal(model->length, model->components * VU_FRAMES_DIMENSIONS);
	assert_int_equal(model->cohort.rows, PEOPLE);
	make_statistics(1, zeroth, first);
	vu_shift_voice(model, zeroth, first, voice);
	for (uint32_t i = 0; i < model->length; i++) {
		double shift =
		    first[i] / (zeroth[i / VU_FRAMES_DIMENSIONS] + (double)model->relevance) - model->mean[i];
		length += shift * shift;
	}
	for (uint32_t i = 0; i < model->length; i++) {
		double shift =
		    first[i] / (zeroth[i / VU_FRAMES_DIMENSIONS] + (double)model->relevance) - model->mean[i];
		assert_true(fabs(voice[i] - shift / sqrt(length)) < 1e-5);
	}
}

/* What was heard does not grow with how long it was heard, and knows how the cohort fares with it. */
static void test_what_is_heard(void **state)
{
	const vu_shift_model *model = &background->shift;
	float zeroth[VU_SHIFT_COMPONENTS_MAX];
	float first[VU_SHIFT_LENGTH_MAX];
	float once[VU_SHIFT_HEARD_MAX];
	float twice[VU_SHIFT_HEARD_MAX];
	float scores[VU_COHORT_MAX];
	vu_cohort_statistics expected;

	(void)state;
	make_statistics(2, zeroth, first);
	vu_shift_hear(model, zeroth, first, once);
	for (uint32_t p = 0; p < model->cohort.rows; p++) {
		float row[VU_SHIFT_LENGTH_MAX];
		vu_model_section one = model->cohort;
		one.rows = 1;
		one.data = (const uint8_t *)one.data + p * vu_model_row_bytes(one.element, one.columns);
		assert_int_equal(vu_model_section_floats(background->file, &one, row, NULL), VU_OK);
		scores[p] = 0;
		for (uint32_t i = 0; i < model->length; i++)
			scores[p] += row[i] * once[i];
	}
	expected = vu_cohort_compute(scores, model->cohort.rows, model->top);
	assert_true(fabsf(once[model->length] - expected.mean) < 1e-4f);
	assert_true(fabsf(once[model->length + 1] - expected.deviation) < 1e-4f);
	for (uint32_t m = 0; m < model->components; m++)
		zeroth[m] *= 2;
	for (uint32_t i = 0; i < model->length; i++)
		first[i] *= 2;
	vu_shift_hear(model, zeroth, first, twice);
	for (uint32_t i = 0; i < model->length + 2; i++)
		assert_true(fabsf(once[i] - twice[i]) < 1e-5f);
	/* Nothing was heard. */
	memset(zeroth, 0, sizeof zeroth);
	memset(first, 0, sizeof first);
	vu_shift_hear(model, zeroth, first, twice);
	for (uint32_t i = 0; i < model->length + 2; i++)
		assert_true(isfinite(twice[i]));
}

static void describe(unsigned person, unsigned utterance, float *vector, vu_scorer_input *input)
{
	size_t bytes;

	synthetic_vector(person, utterance, 0, vector);
	*input = (vu_scorer_input){
	    .vector = vector, .statistics = synthetic_frames(person, utterance, FRAMES, &bytes), .speech_ms = 2000};
	input->statistics_bytes = bytes;
}

/* A template of somebody, without its section `without` (may be NULL). The caller frees *data_out. */
static vu_status enrol(unsigned person, const char *without, void **data_out, vu_template **out, vu_error *error)
{
	float vectors[SAMPLES][100];
	vu_scorer_sample samples[SAMPLES] = {0};
	vu_scorer_options options = {.quantize = true};
	vu_scorer_trained trained;
	vu_model_writer *writer;
	vu_model_writer *copy;
	vu_model_file *file;
	void *data;
	size_t bytes;
	vu_status status;

	for (unsigned s = 0; s < SAMPLES; s++)
		describe(person, s, vectors[s], &samples[s].whole);
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	assert_int_equal(vu_scorer_train(&scorer, samples, SAMPLES, &options, writer, &trained, NULL), VU_OK);
	assert_int_equal(vu_model_writer_finish(writer, &data, &bytes, NULL), VU_OK);
	assert_true(bytes <= VU_TEMPLATE_BYTES_MAX);
	assert_int_equal(vu_model_file_from_memory(data, bytes, "t", VU_MODEL_TEMPLATE, &file, NULL), VU_OK);
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &copy), VU_OK);
	for (size_t i = 0; i < vu_model_file_section_count(file); i++) {
		vu_model_section section;
		vu_model_file_section_at(file, i, &section);
		if (!without || strcmp(section.name, without) != 0)
			vu_model_writer_add(copy, section.name, section.element, section.rows, section.columns,
			                    section.data);
	}
	vu_model_file_close(file);
	free(data);
	assert_int_equal(vu_model_writer_finish(copy, data_out, &bytes, NULL), VU_OK);
	assert_int_equal(vu_model_file_from_memory(*data_out, bytes, "t", VU_MODEL_TEMPLATE, &file, NULL), VU_OK);
	status = vu_template_create(file, out, error);
	vu_model_writer_destroy(copy);
	vu_model_writer_destroy(writer);
	for (unsigned s = 0; s < SAMPLES; s++)
		free((void *)(uintptr_t)samples[s].whole.statistics);
	return status;
}

/* The shift alone, an utterance of `person` against a template; what was heard is changed by `spoil`. */
static float score_of(const vu_template *t, unsigned person, void (*spoil)(vu_probe *probe))
{
	float vector[100];
	vu_scorer_input input;
	vu_probe probe;
	vu_score score;

	describe(person, 9, vector, &input);
	assert_int_equal(vu_scorer_prepare(&scorer, &input, &probe, NULL), VU_OK);
	if (spoil)
		spoil(&probe);
	vu_scorer_compare(&scorer, t, &probe, VU_LEVEL_STANDARD, &score);
	free((void *)(uintptr_t)input.statistics);
	return score.inputs[1 + VU_SPACES_MAX];
}

static void test_tells_people_apart(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (unsigned p = 0; p < 4; p++) {
		void *data;
		vu_template *t;
		float own;
		assert_int_equal(enrol(NEWCOMER + p, NULL, &data, &t, NULL), VU_OK);
		own = score_of(t, NEWCOMER + p, NULL);
		for (unsigned q = 0; q < 4; q++)
			wrong += q != p && score_of(t, NEWCOMER + q, NULL) >= own;
		vu_template_destroy(t);
		free(data);
	}
	assert_int_equal(wrong, 0);
}

static void forget_deviation(vu_probe *probe)
{
	probe->heard[background->shift.length + 1] = 0;
}

static void test_what_comes_from_elsewhere_stays_a_number(void **state)
{
	void *data;
	vu_template *t;

	(void)state;
	assert_int_equal(enrol(NEWCOMER, NULL, &data, &t, NULL), VU_OK);
	assert_true(isfinite(score_of(t, NEWCOMER, forget_deviation)));
	vu_template_destroy(t);
	free(data);
}

/* One of a version that had no shifts is trained again of what it kept. */
static void test_a_template_without(void **state)
{
	vu_scorer_options options = {.quantize = true};
	vu_scorer_trained trained;
	vu_model_writer *writer;
	vu_model_file *file;
	void *data;
	void *again;
	size_t bytes;
	vu_template *t;
	bool retrainable = false;
	vu_error error = {0};

	(void)state;
	assert_int_equal(enrol(NEWCOMER, "shift.voice", &data, &t, NULL), VU_OK);
	assert_int_equal(vu_scorer_check_template(&scorer, t, &retrainable, &error), VU_FAILED_PRECONDITION);
	assert_true(retrainable);
	assert_non_null(strstr(error.message, "shift"));
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	assert_int_equal(vu_scorer_retrain(&scorer, t, &options, writer, &trained, NULL), VU_OK);
	vu_template_destroy(t);
	free(data);
	assert_int_equal(vu_model_writer_finish(writer, &again, &bytes, NULL), VU_OK);
	assert_int_equal(vu_model_file_from_memory(again, bytes, "t", VU_MODEL_TEMPLATE, &file, NULL), VU_OK);
	assert_int_equal(vu_template_create(file, &t, NULL), VU_OK);
	assert_int_equal(vu_scorer_check_template(&scorer, t, &retrainable, NULL), VU_OK);
	assert_true(score_of(t, NEWCOMER, NULL) > score_of(t, NEWCOMER + 1, NULL));
	vu_template_destroy(t);
	vu_model_writer_destroy(writer);
	free(again);
	/* Half of it is damage. */
	assert_int_equal(enrol(NEWCOMER, "shift.norm", &data, &t, &error), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "shift.norm"));
	free(data);
}

/* The background with one section replaced by `values`; NULL: left out. */
static vu_status replace(const char *name, vu_model_element element, uint32_t rows, uint32_t columns,
                         const float *values, vu_error *error)
{
	vu_model_writer *writer;
	vu_model_file *file;
	vu_background *changed = NULL;
	void *data;
	size_t bytes;
	vu_status status;

	assert_int_equal(vu_model_writer_create(VU_MODEL_BACKGROUND, &writer), VU_OK);
	for (size_t i = 0; i < vu_model_file_section_count(background->file); i++) {
		vu_model_section section;
		vu_model_file_section_at(background->file, i, &section);
		if (strcmp(section.name, name) != 0)
			vu_model_writer_add(writer, section.name, section.element, section.rows, section.columns,
			                    section.data);
	}
	if (values)
		vu_model_writer_add_floats(writer, name, element, rows, columns, values);
	assert_int_equal(vu_model_writer_finish(writer, &data, &bytes, NULL), VU_OK);
	assert_int_equal(vu_model_file_from_memory(data, bytes, "b", VU_MODEL_BACKGROUND, &file, NULL), VU_OK);
	status = vu_background_create(file, &changed, error);
	if (status == VU_OK)
		vu_background_destroy(changed);
	vu_model_writer_destroy(writer);
	free(data);
	return status;
}

static void expect_loss(const char *name, uint32_t rows, uint32_t columns, const float *values, const char *reason)
{
	vu_error error = {0};

	assert_int_equal(replace(name, VU_ELEMENT_F32, rows, columns, values, &error), VU_DATA_LOSS);
	if (!strstr(error.message, reason))
		fail_msg("%s: %s", name, error.message);
}

static void test_sections_that_do_not_fit(void **state)
{
	const vu_shift_model *model = &background->shift;
	float *zeros = calloc((size_t)PEOPLE * model->length, sizeof *zeros);
	vu_error error = {0};

	(void)state;
	assert_non_null(zeros);
	/* Without shifts it is a background of its own. */
	assert_int_equal(replace("shift.cohort", VU_ELEMENT_F32, 0, 0, NULL, &error), VU_OK);
	expect_loss("shift.param", 1, 4, NULL, "shift.param");
	expect_loss("shift.param", 1, 4, zeros, "out of range");
	expect_loss("shift.param", 1, 4, (float[]){8, 1000, 0.5f, 100}, "out of range");
	expect_loss("shift.param", 1, 4, (float[]){8, 10, 1.5f, 100}, "out of range");
	expect_loss("shift.param", 1, 4, (float[]){8, 10, 0.5f, 0}, "out of range");
	expect_loss("shift.mean", 1, model->length - 1, zeros, "shift.mean");
	expect_loss("shift.cohort", PEOPLE, model->length - 1, zeros, "shift.cohort");
	expect_loss("shift.cohort", 1, model->length, zeros, "too few");
	expect_loss("shift.length", 1, PEOPLE - 1, zeros, "shift.length");
	expect_loss("shift.length", 1, PEOPLE, zeros, "length of a voice");
	free(zeros);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_voice_is_what_shifts),
	    cmocka_unit_test(test_what_is_heard),
	    cmocka_unit_test(test_tells_people_apart),
	    cmocka_unit_test(test_what_comes_from_elsewhere_stays_a_number),
	    cmocka_unit_test(test_a_template_without),
	    cmocka_unit_test(test_sections_that_do_not_fit),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
