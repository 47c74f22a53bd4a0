/* Training of backgrounds: deterministic, calibrated, and clear about what it cannot be trained on. */
#include "ml/background_train.h"

#include "synthetic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static vu_status train(const synthetic_people *people, uint64_t seed, void **data, size_t *bytes,
                       vu_training_figures *figures, vu_error *error)
{
	vu_training_config config = vu_training_config_default();
	vu_model_writer *writer;
	vu_status status;

	config.extractor = SYNTHETIC_EXTRACTOR;
	config.corpora = "synthetic\n";
	config.seed = seed;
	config.folds = 2;
	config.discriminants = 40;
	assert_int_equal(vu_model_writer_create(VU_MODEL_BACKGROUND, &writer), VU_OK);
	status = vu_background_train(&config, people->utterances, people->count, writer, figures, error);
	if (status == VU_OK)
		status = vu_model_writer_finish(writer, data, bytes, error);
	vu_model_writer_destroy(writer);
	return status;
}

static void test_deterministic_by_seed(void **state)
{
	synthetic_people people;
	vu_training_figures figures[VU_TRAINING_CALIBRATIONS];
	void *data[3];
	size_t bytes[3];

	(void)state;
	synthetic_people_make(16, 6, &people);
	assert_int_equal(train(&people, 1, &data[0], &bytes[0], figures, NULL), VU_OK);
	assert_int_equal(train(&people, 1, &data[1], &bytes[1], figures, NULL), VU_OK);
	assert_int_equal(train(&people, 2, &data[2], &bytes[2], figures, NULL), VU_OK);
	assert_int_equal(bytes[0], bytes[1]);
	assert_memory_equal(data[0], data[1], bytes[0]);
	assert_true(bytes[0] != bytes[2] || memcmp(data[0], data[2], bytes[0]) != 0);
	for (size_t c = 0; c < VU_TRAINING_CALIBRATIONS; c++) {
		assert_int_equal(figures[c].components, vu_training_components[c]);
		assert_true(figures[c].target_trials > 0 && figures[c].stranger_trials > figures[c].target_trials);
		assert_true(figures[c].fused.eer < 0.2);
		assert_true(figures[c].thresholds[0] <= figures[c].thresholds[1]);
		assert_true(figures[c].thresholds[1] <= figures[c].thresholds[2]);
		assert_true(figures[c].extrapolated[2]);
	}
	for (int i = 0; i < 3; i++)
		free(data[i]);
	synthetic_people_free(&people);
}

/* Every second utterance stands for a corrupted copy of the one before it. */
static void test_corrupted_copies_are_tried_apart(void **state)
{
	synthetic_people people;
	vu_training_figures with[VU_TRAINING_CALIBRATIONS];
	vu_training_figures without[VU_TRAINING_CALIBRATIONS];
	size_t clean = 0;
	void *data;
	size_t bytes;

	(void)state;
	synthetic_people_make(16, 12, &people);
	for (size_t i = 0; i < people.count; i++)
		people.utterances[i].augmented = i % 2 == 1;
	assert_int_equal(train(&people, 1, &data, &bytes, with, NULL), VU_OK);
	free(data);
	for (size_t i = 0; i < people.count; i += 2)
		people.utterances[clean++] = people.utterances[i];
	people.count = clean;
	assert_int_equal(train(&people, 1, &data, &bytes, without, NULL), VU_OK);
	free(data);
	for (size_t c = 0; c < VU_TRAINING_CALIBRATIONS; c++) {
		assert_int_equal(with[c].target_trials, without[c].target_trials);
		assert_int_equal(with[c].stranger_trials, without[c].stranger_trials);
		assert_true(with[c].corrupted.eer < 0.2);
		assert_true(isnan(without[c].corrupted.eer));
	}
	synthetic_people_free(&people);
}

static void expect_refusal(unsigned people_count, unsigned utterances, const char *reason)
{
	synthetic_people people;
	vu_training_figures figures[VU_TRAINING_CALIBRATIONS];
	vu_error error = {0};
	void *data;
	size_t bytes;

	synthetic_people_make(people_count, utterances, &people);
	assert_int_equal(train(&people, 1, &data, &bytes, figures, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, reason));
	synthetic_people_free(&people);
}

static void test_too_few_people(void **state)
{
	(void)state;
	expect_refusal(0, 0, "no person");
	expect_refusal(1, 8, "only one person");
	expect_refusal(10, 1, "only 0 of 10 people");
	expect_refusal(3, 8, "only 3 of 3 people");
}

static void test_fewest_people(void **state)
{
	synthetic_people people;
	vu_training_figures figures[VU_TRAINING_CALIBRATIONS];
	void *data;
	size_t bytes;

	(void)state;
	synthetic_people_make(4, 3, &people);
	assert_int_equal(train(&people, 1, &data, &bytes, figures, NULL), VU_OK);
	free(data);
	synthetic_people_free(&people);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_deterministic_by_seed),
	    cmocka_unit_test(test_corrupted_copies_are_tried_apart),
	    cmocka_unit_test(test_too_few_people),
	    cmocka_unit_test(test_fewest_people),
	};
	return cmocka_run_group_tests_name("background_train", tests, NULL, NULL);
}
