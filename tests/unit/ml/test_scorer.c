/* Background, template and scorer together, on synthetic people: lets in who should be, keeps out who should not. */
#include "ml/scorer.h"

#include "synthetic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define PEOPLE   40
#define NEWCOMER 1000 /* people from here on are not in the background */

static char folder[64];
static char path[96];
static vu_background *background;
static vu_background_scaler *scaler;
static vu_background_projection *projection;
static vu_scorer scorer;

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vu-scorer-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/b.vum", folder);
	synthetic_background_save(path, PEOPLE, SYNTHETIC_EXTRACTOR);
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

typedef struct material {
	float wholes[VU_SCORER_SAMPLES_MAX][100];
	float crops[VU_SCORER_SAMPLES_MAX][SYNTHETIC_CROPS * 100];
	vu_scorer_sample samples[VU_SCORER_SAMPLES_MAX];
} material;

static void fill(material *m, size_t at, unsigned person, unsigned utterance)
{
	synthetic_vector(person, utterance, 0, m->wholes[at]);
	for (unsigned c = 0; c < SYNTHETIC_CROPS; c++)
		synthetic_vector(person, utterance, c + 1, m->crops[at] + c * 100);
	m->samples[at] = (vu_scorer_sample){.whole = {.vector = m->wholes[at], .speech_ms = 3000},
	                                    .crops = m->crops[at],
	                                    .crop_count = SYNTHETIC_CROPS};
}

static vu_template *enrol_with(const vu_scorer *with, unsigned person, unsigned samples, bool quantize,
                               vu_scorer_trained *trained, void **data)
{
	material *m = malloc(sizeof *m);
	vu_model_writer *writer;
	vu_model_file *file;
	vu_template *result = NULL;
	vu_scorer_options options = {.quantize = quantize};
	size_t bytes;

	assert_non_null(m);
	for (unsigned s = 0; s < samples; s++)
		fill(m, s, person, s);
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	assert_int_equal(vu_scorer_train(with, m->samples, samples, &options, writer, trained, NULL), VU_OK);
	assert_int_equal(vu_model_writer_finish(writer, data, &bytes, NULL), VU_OK);
	assert_true(bytes <= VU_TEMPLATE_BYTES_MAX);
	assert_int_equal(vu_model_file_from_memory(*data, bytes, "t", VU_MODEL_TEMPLATE, &file, NULL), VU_OK);
	assert_int_equal(vu_template_create(file, &result, NULL), VU_OK);
	vu_model_writer_destroy(writer);
	free(m);
	return result;
}

static vu_score try(const vu_scorer *with, const vu_template *t, unsigned person, unsigned utterance, vu_level level)
{
	float vector[100];
	vu_scorer_input input = {.vector = vector, .speech_ms = 3000};
	vu_probe probe;
	vu_score score;

	synthetic_vector(person, utterance, 0, vector);
	assert_int_equal(vu_scorer_prepare(with, &input, &probe, NULL), VU_OK);
	vu_scorer_compare(with, t, &probe, level, &score);
	return score;
}

static void test_lets_in_and_keeps_out(void **state)
{
	(void)state;
	for (int quantize = 0; quantize < 2; quantize++) {
		int let_in = 0;
		int strangers_let_in = 0;
		for (unsigned p = 0; p < 10; p++) {
			vu_scorer_trained trained;
			void *data;
			vu_template *t = enrol_with(&scorer, NEWCOMER + p, 5, quantize, &trained, &data);
			assert_true(trained.support_vectors >= 2 && trained.samples == 5);
			assert_int_equal(vu_scorer_check_template(&scorer, t, NULL, NULL), VU_OK);
			for (unsigned u = 10; u < 15; u++) {
				vu_score own = try(&scorer, t, NEWCOMER + p, u, VU_LEVEL_STANDARD);
				vu_score other = try(&scorer, t, NEWCOMER + 100 + p, u, VU_LEVEL_STANDARD);
				let_in += own.fused >= own.threshold;
				strangers_let_in += other.fused >= other.threshold;
				assert_true(isfinite(own.svm) && isfinite(own.second) && own.svm > other.svm);
			}
			vu_template_destroy(t);
			free(data);
		}
		assert_true(let_in >= 48);
		assert_int_equal(strangers_let_in, 0);
	}
}

static void test_levels_are_ordered(void **state)
{
	vu_scorer_trained trained;
	void *data;
	vu_template *t = enrol_with(&scorer, NEWCOMER, 5, true, &trained, &data);
	vu_score convenient = try(&scorer, t, NEWCOMER, 9, VU_LEVEL_CONVENIENT);
	vu_score standard = try(&scorer, t, NEWCOMER, 9, VU_LEVEL_STANDARD);
	vu_score strict = try(&scorer, t, NEWCOMER, 9, VU_LEVEL_STRICT);

	(void)state;
	assert_true(convenient.threshold <= standard.threshold && standard.threshold <= strict.threshold);
	assert_true(convenient.threshold < strict.threshold);
	assert_true(convenient.fused == strict.fused);
	vu_template_destroy(t);
	free(data);
}

static void test_quantization_hardly_changes_scores(void **state)
{
	vu_scorer_trained trained;
	void *data[2];
	vu_template *full = enrol_with(&scorer, NEWCOMER + 3, 5, false, &trained, &data[0]);
	vu_template *half = enrol_with(&scorer, NEWCOMER + 3, 5, true, &trained, &data[1]);

	(void)state;
	for (unsigned p = 0; p < 20; p++) {
		vu_score a = try(&scorer, full, NEWCOMER + p, 8, VU_LEVEL_STANDARD);
		vu_score b = try(&scorer, half, NEWCOMER + p, 8, VU_LEVEL_STANDARD);
		assert_true(fabsf(a.fused - b.fused) < 0.05f * (1 + fabsf(a.fused)));
	}
	vu_template_destroy(full);
	vu_template_destroy(half);
	free(data[0]);
	free(data[1]);
}

static void test_more_than_can_be_kept(void **state)
{
	vu_scorer_trained trained;
	void *data;
	vu_template *t = enrol_with(&scorer, NEWCOMER + 4, 30, false, &trained, &data);
	int wholes[30] = {0};

	(void)state;
	assert_int_equal(t->kept_count, VU_TEMPLATE_KEPT_MAX);
	for (uint32_t i = 0; i < t->kept_count; i++)
		wholes[t->kept_sample[i]]++;
	for (int s = 0; s < 30; s++)
		assert_true(wholes[s] >= 2);
	vu_template_destroy(t);
	free(data);
}

static void test_other_components_are_retrained(void **state)
{
	vu_scorer_trained trained;
	vu_scorer_trained again;
	vu_background_projection *narrow;
	vu_scorer other = scorer;
	vu_model_writer *writer;
	vu_model_file *file;
	vu_template *retrained;
	vu_template *direct;
	void *data;
	void *new_data;
	void *direct_data;
	size_t bytes;
	bool retrainable;
	vu_error error = {0};
	vu_scorer_options options = {.quantize = true};
	vu_template *t = enrol_with(&scorer, NEWCOMER + 5, 5, true, &trained, &data);

	(void)state;
	assert_int_equal(vu_background_load_projection(background, 30, &narrow, NULL), VU_OK);
	other.projection = narrow;
	assert_int_equal(vu_scorer_check_template(&other, t, &retrainable, &error), VU_FAILED_PRECONDITION);
	assert_true(retrainable);
	assert_non_null(strstr(error.message, "ml.pca_components"));
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	assert_int_equal(vu_scorer_retrain(&other, t, &options, writer, &again, NULL), VU_OK);
	assert_int_equal(vu_model_writer_finish(writer, &new_data, &bytes, NULL), VU_OK);
	assert_int_equal(vu_model_file_from_memory(new_data, bytes, "t", VU_MODEL_TEMPLATE, &file, NULL), VU_OK);
	assert_int_equal(vu_template_create(file, &retrained, NULL), VU_OK);
	assert_int_equal(vu_scorer_check_template(&other, retrained, NULL, NULL), VU_OK);
	assert_int_equal(retrained->svm.dimensions, 30);
	/* What was kept is float16; the result is close to training on the samples themselves. */
	direct = enrol_with(&other, NEWCOMER + 5, 5, true, &trained, &direct_data);
	for (unsigned p = 0; p < 10; p++) {
		vu_score a = try(&other, retrained, NEWCOMER + p, 8, VU_LEVEL_STANDARD);
		vu_score b = try(&other, direct, NEWCOMER + p, 8, VU_LEVEL_STANDARD);
		assert_true(fabsf(a.fused - b.fused) < 0.1f * (1 + fabsf(b.fused)));
	}
	vu_template_destroy(direct);
	vu_template_destroy(retrained);
	vu_template_destroy(t);
	vu_model_writer_destroy(writer);
	free(narrow);
	free(direct_data);
	free(new_data);
	free(data);
}

static void test_other_background_or_extractor(void **state)
{
	vu_scorer_trained trained;
	void *data;
	vu_template *t = enrol_with(&scorer, NEWCOMER + 6, 5, true, &trained, &data);
	vu_background *foreign;
	vu_scorer other = scorer;
	char other_path[96];
	bool retrainable;
	vu_error error = {0};

	(void)state;
	snprintf(other_path, sizeof other_path, "%s/other.vum", folder);
	synthetic_background_save(other_path, PEOPLE + 1, SYNTHETIC_EXTRACTOR);
	assert_int_equal(vu_background_open(other_path, false, &foreign, NULL), VU_OK);
	other.background = foreign;
	assert_int_equal(vu_scorer_check_template(&other, t, &retrainable, &error), VU_FAILED_PRECONDITION);
	assert_true(retrainable);
	assert_non_null(strstr(error.message, "ml.background_model"));
	vu_background_destroy(foreign);
	synthetic_background_save(other_path, PEOPLE, "synthetic/2");
	assert_int_equal(vu_background_open(other_path, false, &foreign, NULL), VU_OK);
	other.background = foreign;
	assert_int_equal(vu_scorer_check_template(&other, t, &retrainable, &error), VU_FAILED_PRECONDITION);
	assert_false(retrainable);
	assert_non_null(strstr(error.message, "enrol again with --replace"));
	vu_background_destroy(foreign);
	unlink(other_path);
	vu_template_destroy(t);
	free(data);
}

static void test_agreement(void **state)
{
	material *m = malloc(sizeof *m);
	float agreement;
	bool agrees;
	float stranger;
	bool stranger_agrees;

	(void)state;
	assert_non_null(m);
	for (unsigned s = 0; s < 4; s++)
		fill(m, s, NEWCOMER + 7, s);
	assert_int_equal(vu_scorer_agreement(&scorer, m->samples, 0, &m->samples[3], &agreement, &agrees, NULL),
	                 VU_OK);
	assert_true(agrees && agreement == 1);
	assert_int_equal(vu_scorer_agreement(&scorer, m->samples, 3, &m->samples[3], &agreement, &agrees, NULL),
	                 VU_OK);
	fill(m, 3, NEWCOMER + 70, 0);
	assert_int_equal(
	    vu_scorer_agreement(&scorer, m->samples, 3, &m->samples[3], &stranger, &stranger_agrees, NULL), VU_OK);
	assert_true(agrees && agreement > 0.8f);
	assert_true(!stranger_agrees && stranger < 0.2f);
	free(m);
}

static void test_disagreeing_sample_is_named(void **state)
{
	material *m = malloc(sizeof *m);
	vu_model_writer *writer;
	vu_scorer_trained trained;
	vu_scorer_options options = {.quantize = true};

	(void)state;
	assert_non_null(m);
	for (unsigned s = 0; s < 5; s++)
		fill(m, s, s == 2 ? NEWCOMER + 90 : NEWCOMER + 8, s);
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	assert_int_equal(vu_scorer_train(&scorer, m->samples, 5, &options, writer, &trained, NULL), VU_OK);
	for (int s = 0; s < 5; s++)
		assert_int_equal(trained.agrees[s], s != 2);
	vu_model_writer_destroy(writer);
	free(m);
}

static void test_hostile_vectors(void **state)
{
	float vector[100] = {0};
	static const float bad[] = {NAN, INFINITY, -INFINITY, 1e7f, -1e30f};
	vu_error error = {0};

	(void)state;
	assert_int_equal(vu_scorer_check_vector(vector, 100, &error), VU_OK);
	assert_int_equal(vu_scorer_check_vector(vector, 99, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_scorer_check_vector(NULL, 0, &error), VU_INVALID_ARGUMENT);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		vector[42] = bad[i];
		assert_int_equal(vu_scorer_check_vector(vector, 100, &error), VU_INVALID_ARGUMENT);
		assert_non_null(strstr(error.message, "value 42"));
	}
}

static void test_projection_range(void **state)
{
	vu_background_projection *p;
	vu_error error = {0};

	(void)state;
	assert_int_equal(vu_background_load_projection(background, 9, &p, &error), VU_OUT_OF_RANGE);
	assert_int_equal(vu_background_load_projection(background, 101, &p, &error), VU_OUT_OF_RANGE);
	assert_int_equal(vu_background_load_projection(background, 10, &p, &error), VU_OK);
	free(p);
	assert_true(vu_background_calibration(background, 50)[VU_CALIBRATION_COMPONENTS] == 50);
	assert_true(vu_background_calibration(background, 64)[VU_CALIBRATION_COMPONENTS] == 50);
	assert_true(vu_background_calibration(background, 99)[VU_CALIBRATION_COMPONENTS] == 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lets_in_and_keeps_out),
	    cmocka_unit_test(test_levels_are_ordered),
	    cmocka_unit_test(test_quantization_hardly_changes_scores),
	    cmocka_unit_test(test_more_than_can_be_kept),
	    cmocka_unit_test(test_other_components_are_retrained),
	    cmocka_unit_test(test_other_background_or_extractor),
	    cmocka_unit_test(test_agreement),
	    cmocka_unit_test(test_disagreeing_sample_is_named),
	    cmocka_unit_test(test_hostile_vectors),
	    cmocka_unit_test(test_projection_range),
	};
	return cmocka_run_group_tests_name("scorer", tests, setup, teardown);
}
