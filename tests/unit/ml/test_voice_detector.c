/* Perceptrons learn what no line separates; detectors survive the way through a file and refuse broken ones. */
#include "ml/voice_detector.h"

#include "../folder_aid.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define INPUTS   3
#define EXAMPLES 400

static double uniform(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (double)(*state >> 11) / 9007199254740992.0;
}

/* Bona fide where the first two have the same sign; the third says nothing. */
static void make_examples(float (*vectors)[INPUTS], vu_mlp_example *examples)
{
	uint64_t state = 7;
	for (size_t i = 0; i < EXAMPLES; i++) {
		for (size_t k = 0; k < INPUTS; k++)
			vectors[i][k] = (float)(20 * uniform(&state) - 10 + 100 * (double)k);
		examples[i] =
		    (vu_mlp_example){vectors[i], (vectors[i][0] > 0) == (vectors[i][1] > 100) ? 1.0f : 0.0f, 1};
	}
}

static vu_mlp_owned *train(uint64_t seed)
{
	static float vectors[EXAMPLES][INPUTS];
	vu_mlp_example examples[EXAMPLES];
	vu_mlp_training how = vu_mlp_training_default();
	vu_mlp_owned *mlp;

	make_examples(vectors, examples);
	how.seed = seed;
	how.hidden = 16;
	how.members = 2;
	how.epochs = 150;
	how.rate = 0.01f;
	how.decay = 0.0f;
	assert_int_equal(vu_mlp_train(&how, INPUTS, examples, EXAMPLES, &mlp), VU_OK);
	return mlp;
}

static void test_learns_exclusive_or(void **state)
{
	static float vectors[EXAMPLES][INPUTS];
	vu_mlp_example examples[EXAMPLES];
	vu_mlp_owned *mlp = train(1);
	size_t right = 0;

	(void)state;
	make_examples(vectors, examples);
	for (size_t i = 0; i < EXAMPLES; i++)
		right += (vu_mlp_score(vu_mlp_owned_get(mlp), vectors[i]) > 0) == (examples[i].target > 0.5f);
	assert_true(right > EXAMPLES * 9 / 10);
	vu_mlp_owned_destroy(mlp);
}

static void test_seed_decides(void **state)
{
	const float probe[INPUTS] = {3, 104, 203};
	vu_mlp_owned *a = train(1);
	vu_mlp_owned *b = train(1);
	vu_mlp_owned *c = train(2);
	float score = vu_mlp_score(vu_mlp_owned_get(a), probe);

	(void)state;
	assert_true(score == vu_mlp_score(vu_mlp_owned_get(b), probe));
	assert_true(score != vu_mlp_score(vu_mlp_owned_get(c), probe));
	vu_mlp_owned_destroy(c);
	vu_mlp_owned_destroy(b);
	vu_mlp_owned_destroy(a);
}

static void test_training_needs_both_classes(void **state)
{
	float vector[INPUTS] = {0};
	vu_mlp_example one[2] = {{vector, 1, 1}, {vector, 1, 1}};
	vu_mlp_training how = vu_mlp_training_default();
	vu_mlp_owned *mlp;

	(void)state;
	assert_int_equal(vu_mlp_train(&how, INPUTS, one, 2, &mlp), VU_INVALID_ARGUMENT);
	one[1].target = 0;
	how.hidden = VU_MLP_HIDDEN_MAX + 1;
	assert_int_equal(vu_mlp_train(&how, INPUTS, one, 2, &mlp), VU_INVALID_ARGUMENT);
	assert_null(mlp);
}

static void test_not_a_number(void **state)
{
	const float probe[INPUTS] = {3, NAN, 203};
	vu_mlp_owned *mlp = train(1);

	(void)state;
	assert_true(isnan(vu_mlp_score(vu_mlp_owned_get(mlp), probe)));
	vu_mlp_owned_destroy(mlp);
}

/* Two trees of depth one; the second has no question. */
static const uint16_t ASKED[] = {1, 0};
static const float LIMITS[] = {103.5f, FLT_MAX};
static const float LEAVES[] = {-0.25f, 0.75f, 0.125f, 100};
static const vu_trees TREES = {{INPUTS, 2, 1}, ASKED, LIMITS, LEAVES, 0.5f};

static void write_model_of(const char *folder, const vu_trees *trees, const float calibration[2],
                           char path[TEST_PATH_MAX + 16])
{
	const float thresholds[VU_DETECTOR_THRESHOLDS] = {-2, -3, -1, -2.5f};
	vu_mlp_owned *mlp = train(1);
	const vu_detector_parts parts = {vu_mlp_owned_get(mlp), trees, 2};
	vu_model_writer *writer;
	vu_error error;

	snprintf(path, TEST_PATH_MAX + 16, "%s/d.vum", folder);
	assert_int_equal(vu_model_writer_create(VU_MODEL_DETECTOR, &writer), VU_OK);
	vu_voice_detector_write(writer, &parts, "test/1", calibration, thresholds);
	assert_int_equal(vu_model_writer_save(writer, path, &error), VU_OK);
	vu_model_writer_destroy(writer);
	vu_mlp_owned_destroy(mlp);
}

static void write_model(const char *folder, const float calibration[2], char path[TEST_PATH_MAX + 16])
{
	write_model_of(folder, &TREES, calibration, path);
}

static void test_through_a_file(void **state)
{
	const float calibration[2] = {0.5f, 2};
	const float probe[INPUTS] = {3, 104, 203};
	char folder[TEST_PATH_MAX];
	char path[TEST_PATH_MAX + 16];
	vu_voice_detector *detector;
	vu_mlp_owned *mlp = train(1);
	vu_error error;

	(void)state;
	test_folder_create(folder);
	write_model(folder, calibration, path);
	assert_int_equal(vu_voice_detector_open(path, true, "test/1", INPUTS, &detector, &error), VU_OK);
	assert_true(fabsf(vu_voice_detector_score(detector, probe) -
	                  (0.5f + 2 * (vu_mlp_score(vu_mlp_owned_get(mlp), probe) + 2 * (0.5f + 0.75f + 0.125f)))) <
	            0.1f);
	assert_true(vu_voice_detector_threshold(detector, 0, false) == -2);
	assert_true(vu_voice_detector_threshold(detector, 0, true) == -3);
	assert_true(vu_voice_detector_threshold(detector, 1, false) == -1);
	assert_true(vu_voice_detector_threshold(detector, 9, true) == -2.5f);
	assert_int_equal(strlen(vu_voice_detector_id(detector)), 64);
	assert_true(vu_voice_detector_bytes(detector) > 500);
	vu_voice_detector_destroy(detector);
	vu_mlp_owned_destroy(mlp);
	test_folder_remove(folder);
}

static void test_files_that_do_not_fit(void **state)
{
	const float good[2] = {0, 1};
	const float around[2] = {0, -1};
	char folder[TEST_PATH_MAX];
	char path[TEST_PATH_MAX + 16];
	vu_voice_detector *detector;
	vu_error error;
	FILE *file;

	(void)state;
	test_folder_create(folder);
	snprintf(path, sizeof path, "%s/none.vum", folder);
	assert_int_equal(vu_voice_detector_open(path, true, "test/1", INPUTS, &detector, &error), VU_NOT_FOUND);
	write_model(folder, good, path);
	assert_int_equal(vu_voice_detector_open(path, true, "test/2", INPUTS, &detector, &error),
	                 VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "test/2"));
	assert_int_equal(vu_voice_detector_open(path, true, "test/1", INPUTS + 1, &detector, &error), VU_DATA_LOSS);
	file = fopen(path, "r+b");
	assert_non_null(file);
	fseek(file, 700, SEEK_SET);
	fputc(0x55, file);
	fputc(0xAA, file);
	fclose(file);
	assert_int_equal(vu_voice_detector_open(path, true, "test/1", INPUTS, &detector, &error), VU_DATA_LOSS);
	assert_null(detector);
	write_model(folder, around, path);
	assert_int_equal(vu_voice_detector_open(path, false, "test/1", INPUTS, &detector, &error), VU_DATA_LOSS);
	test_folder_remove(folder);
}

static void test_trees_that_cannot_be(void **state)
{
	static const uint16_t beyond[] = {1, INPUTS};
	static const float plain[2] = {0, 1};
	vu_trees trees = {{INPUTS, 2, 1}, beyond, LIMITS, LEAVES, 0};
	char folder[TEST_PATH_MAX];
	char path[TEST_PATH_MAX + 16];
	vu_voice_detector *detector;
	vu_error error;

	(void)state;
	test_folder_create(folder);
	write_model_of(folder, &trees, plain, path);
	assert_int_equal(vu_voice_detector_open(path, true, "test/1", INPUTS, &detector, &error), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "a tree asks about value 3, and there are 3"));
	trees = (vu_trees){{INPUTS, 0, 1}, ASKED, LIMITS, LEAVES, 0};
	write_model_of(folder, &trees, plain, path);
	assert_int_equal(vu_voice_detector_open(path, true, "test/1", INPUTS, &detector, &error), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "do not make trees"));
	assert_null(detector);
	test_folder_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_learns_exclusive_or),
	    cmocka_unit_test(test_seed_decides),
	    cmocka_unit_test(test_training_needs_both_classes),
	    cmocka_unit_test(test_not_a_number),
	    cmocka_unit_test(test_through_a_file),
	    cmocka_unit_test(test_files_that_do_not_fit),
	    cmocka_unit_test(test_trees_that_cannot_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
