/* What learns: perceptrons and trees on the same examples, every corpus of genuine speech alike. */
#include "learner.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define INPUTS   2
#define EXAMPLES 600

static const vu_traces_kind KIND = {.name = "test", .version = "test/1", .size = INPUTS};

/* A corpus of many, a corpus of few, and attacks. */
static listed_file files[] = {{false, "a", "many", "a"}, {false, "b", "few", "b"}, {true, "c", "attack", "c"}};
static const file_list LIST = {files, 3};

static double uniform(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (double)(*state >> 11) / 9007199254740992.0;
}

/* One in ten of the genuine is of the small corpus, and has a high second value, as one in ten of the attacks. */
static examples make_examples(bool *chosen)
{
	examples e = {.all = calloc(EXAMPLES, sizeof(example)), .count = EXAMPLES, .traces = &KIND};
	uint64_t state = 3;

	assert_non_null(e.all);
	for (size_t i = 0; i < EXAMPLES; i++) {
		example *one = &e.all[i];
		one->spoof = i >= EXAMPLES / 2;
		one->file = one->spoof ? 2 : i >= EXAMPLES / 2 - EXAMPLES / 20;
		one->vector[0] = (float)(uniform(&state) + (one->spoof ? 0.9 : 0));
		one->vector[1] =
		    (float)uniform(&state) + (one->file == 1 || (one->spoof && i % 10 == 0) ? 5.0f : 0.0f);
		chosen[i] = true;
	}
	return e;
}

static learning small(void)
{
	learning how = learning_default();
	how.mlp.hidden = 8;
	how.mlp.members = 2;
	how.mlp.epochs = 30;
	how.trees.trees = 40;
	how.trees.rate = 0.2f;
	how.trees.columns = 1;
	how.trees_weight = 0.5f;
	learning_seed(&how, 5);
	return how;
}

static void test_both_learn_and_are_added(void **state)
{
	static bool chosen[EXAMPLES];
	examples e = make_examples(chosen);
	const learning how = small();
	learned l;
	vu_detector_parts parts;
	size_t right[3] = {0};

	(void)state;
	assert_int_equal(learn(&LIST, &e, chosen, &how, &l), VU_OK);
	parts = learned_parts(&l);
	for (size_t i = 0; i < EXAMPLES; i++) {
		const float *vector = e.all[i].vector;
		float both = vu_detector_parts_score(&parts, vector);
		assert_true(both == vu_mlp_score(parts.mlp, vector) + 0.5f * vu_trees_score(parts.trees, vector));
		right[0] += (both > 0) == !e.all[i].spoof;
		right[1] += (vu_mlp_score(parts.mlp, vector) > 0) == !e.all[i].spoof;
		right[2] += (vu_trees_score(parts.trees, vector) > 0) == !e.all[i].spoof;
	}
	for (size_t k = 0; k < 3; k++)
		assert_true(right[k] > EXAMPLES * 8 / 10);
	learned_free(&l);
	free(e.all);
}

static void test_small_corpora_weigh_as_much_as_large_ones(void **state)
{
	static bool chosen[EXAMPLES];
	examples e = make_examples(chosen);
	const learning how = small();
	vu_detector_parts parts;
	learned l;
	/* Between the classes; there the small corpus outweighs the few attacks that are like it. */
	const float ordinary[INPUTS] = {0.95f, 0.5f};
	const float small_corpus[INPUTS] = {0.95f, 5.5f};

	(void)state;
	assert_int_equal(learn(&LIST, &e, chosen, &how, &l), VU_OK);
	parts = learned_parts(&l);
	assert_true(vu_detector_parts_score(&parts, small_corpus) > vu_detector_parts_score(&parts, ordinary) + 0.5f);
	learned_free(&l);
	free(e.all);
}

static void test_one_class_teaches_nothing(void **state)
{
	static bool chosen[EXAMPLES];
	examples e = make_examples(chosen);
	const learning how = small();
	learned l;

	(void)state;
	for (size_t i = 0; i < EXAMPLES; i++)
		chosen[i] = e.all[i].spoof;
	assert_int_equal(learn(&LIST, &e, chosen, &how, &l), VU_INVALID_ARGUMENT);
	assert_null(l.mlp);
	assert_null(l.trees);
	free(e.all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_both_learn_and_are_added),
	    cmocka_unit_test(test_small_corpora_weigh_as_much_as_large_ones),
	    cmocka_unit_test(test_one_class_teaches_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
