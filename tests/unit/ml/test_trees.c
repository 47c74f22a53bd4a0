/* Trees learn what no line separates, the same from the same seed, and nothing from one class. */
#include "ml/trees.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define INPUTS   4
#define EXAMPLES 2000

static double uniform(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (double)(*state >> 11) / 9007199254740992.0;
}

/* Bona fide inside a ring of the first two; the third is constant, the fourth says nothing. */
static void make_examples(uint64_t seed, float (*vectors)[INPUTS], vu_trees_example *examples)
{
	for (size_t i = 0; i < EXAMPLES; i++) {
		float x = (float)(4 * uniform(&seed) - 2);
		float y = (float)(4 * uniform(&seed) - 2);
		float radius = sqrtf(x * x + y * y);
		vectors[i][0] = x;
		vectors[i][1] = y;
		vectors[i][2] = 7;
		vectors[i][3] = (float)uniform(&seed);
		examples[i] = (vu_trees_example){vectors[i], radius > 0.8f && radius < 1.7f ? 1.0f : 0.0f, 1};
	}
}

static vu_trees_owned *train(uint64_t seed)
{
	static float vectors[EXAMPLES][INPUTS];
	static vu_trees_example examples[EXAMPLES];
	vu_trees_training how = vu_trees_training_default();
	vu_trees_owned *trees;

	make_examples(1, vectors, examples);
	how.seed = seed;
	how.trees = 60;
	how.rate = 0.3f;
	how.columns = 0.75f;
	assert_int_equal(vu_trees_train(&how, INPUTS, examples, EXAMPLES, &trees), VU_OK);
	return trees;
}

static void test_learns_a_ring(void **state)
{
	static float vectors[EXAMPLES][INPUTS];
	static vu_trees_example examples[EXAMPLES];
	vu_trees_owned *trees = train(1);
	size_t right = 0;

	(void)state;
	/* Others than it was made from. */
	make_examples(2, vectors, examples);
	for (size_t i = 0; i < EXAMPLES; i++)
		right += (vu_trees_score(vu_trees_owned_get(trees), vectors[i]) > 0) == (examples[i].target > 0.5f);
	assert_true(right > EXAMPLES * 93 / 100);
	vu_trees_owned_destroy(trees);
}

static void test_seed_decides(void **state)
{
	const float probe[INPUTS] = {0.9f, 0.1f, 7, 0.5f};
	vu_trees_owned *a = train(1);
	vu_trees_owned *b = train(1);
	vu_trees_owned *c = train(2);
	float score = vu_trees_score(vu_trees_owned_get(a), probe);

	(void)state;
	assert_true(score == vu_trees_score(vu_trees_owned_get(b), probe));
	assert_true(score != vu_trees_score(vu_trees_owned_get(c), probe));
	vu_trees_owned_destroy(c);
	vu_trees_owned_destroy(b);
	vu_trees_owned_destroy(a);
}

static void test_questions_are_followed(void **state)
{
	/* First: value 0 below 1? then value 1 below 2, or no question. */
	static const uint16_t feature[] = {0, 1, 3};
	static const float threshold[] = {1, 2, FLT_MAX};
	static const float leaf[] = {10, 20, 30, 40};
	const vu_trees trees = {{INPUTS, 1, 2}, feature, threshold, leaf, 0.5f};
	const float below_below[INPUTS] = {0, 1, 0, 0};
	const float below_above[INPUTS] = {0, 2, 0, 0};
	const float above[INPUTS] = {1, 0, 0, 1e30f};
	const float broken[INPUTS] = {0, 0, NAN, 0};

	(void)state;
	assert_true(vu_trees_score(&trees, below_below) == 10.5f);
	assert_true(vu_trees_score(&trees, below_above) == 20.5f);
	assert_true(vu_trees_score(&trees, above) == 30.5f);
	assert_true(isnan(vu_trees_score(&trees, broken)));
}

static void test_weights_count(void **state)
{
	float vector[INPUTS] = {0};
	vu_trees_example examples[4] = {{vector, 1, 3}, {vector, 0, 1}, {vector, 1, 3}, {vector, 0, 1}};
	vu_trees_training how = vu_trees_training_default();
	vu_trees_owned *trees;

	(void)state;
	how.trees = 1;
	assert_int_equal(vu_trees_train(&how, INPUTS, examples, 4, &trees), VU_OK);
	/* Nothing can be asked: log-odds of 3 to 1. */
	assert_true(fabsf(vu_trees_score(vu_trees_owned_get(trees), vector) - logf(3)) < 0.1f);
	vu_trees_owned_destroy(trees);
}

static void test_what_cannot_be_trained(void **state)
{
	float vector[INPUTS] = {0};
	vu_trees_example one[2] = {{vector, 1, 1}, {vector, 1, 1}};
	vu_trees_training how = vu_trees_training_default();
	vu_trees_owned *trees;

	(void)state;
	assert_int_equal(vu_trees_train(&how, INPUTS, one, 2, &trees), VU_INVALID_ARGUMENT);
	one[1].target = 0;
	how.depth = VU_TREES_DEPTH_MAX + 1;
	assert_int_equal(vu_trees_train(&how, INPUTS, one, 2, &trees), VU_INVALID_ARGUMENT);
	how.depth = 2;
	how.trees = 0;
	assert_int_equal(vu_trees_train(&how, INPUTS, one, 2, &trees), VU_INVALID_ARGUMENT);
	how.trees = 1;
	assert_int_equal(vu_trees_train(&how, VU_TREES_INPUTS_MAX + 1, one, 2, &trees), VU_INVALID_ARGUMENT);
	assert_null(trees);
	vu_trees_owned_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_learns_a_ring),          cmocka_unit_test(test_seed_decides),
	    cmocka_unit_test(test_questions_are_followed), cmocka_unit_test(test_weights_count),
	    cmocka_unit_test(test_what_cannot_be_trained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
