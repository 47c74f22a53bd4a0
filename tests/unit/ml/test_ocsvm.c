/* The dense scorer against libsvm itself, in float32 and float16. */
#include "ml/ocsvm.h"

#include "ml/float16.h"
#include "synthetic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#if __has_include(<libsvm/svm.h>)
#include <libsvm/svm.h>
#else
#include <svm.h>
#endif

#define ROWS       80
#define DIMENSIONS 50

static float rows[ROWS * DIMENSIONS];
static float strangers[ROWS * DIMENSIONS];

static void print_nothing(const char *text)
{
	(void)text;
}

static int setup(void **state)
{
	uint64_t seed = 7;
	(void)state;
	svm_set_print_string_function(print_nothing);
	for (size_t i = 0; i < ROWS * DIMENSIONS; i++) {
		rows[i] = (float)(synthetic_random(&seed) + synthetic_random(&seed) - 1);
		strangers[i] = (float)(3 * synthetic_random(&seed) - 1);
	}
	return 0;
}

static void fill_nodes(const float *row, struct svm_node *nodes)
{
	for (int d = 0; d < DIMENSIONS; d++)
		nodes[d] = (struct svm_node){d + 1, row[d]};
	nodes[DIMENSIONS] = (struct svm_node){-1, 0};
}

/* libsvm's own training and decision, the oracle. */
static struct svm_model *train_oracle(struct svm_problem *problem, double nu, double gamma)
{
	struct svm_parameter parameter = {.svm_type = ONE_CLASS,
	                                  .kernel_type = RBF,
	                                  .gamma = gamma,
	                                  .nu = nu,
	                                  .cache_size = 8,
	                                  .eps = 1e-5,
	                                  .shrinking = 0};
	struct svm_node *nodes = calloc(ROWS * (DIMENSIONS + 1), sizeof *nodes);

	problem->l = ROWS;
	problem->y = calloc(ROWS, sizeof *problem->y);
	problem->x = calloc(ROWS, sizeof *problem->x);
	assert_true(nodes && problem->x && problem->y);
	for (int i = 0; i < ROWS; i++) {
		problem->x[i] = nodes + i * (DIMENSIONS + 1);
		fill_nodes(rows + i * DIMENSIONS, problem->x[i]);
	}
	return svm_train(problem, &parameter);
}

static double oracle_decision(const struct svm_model *model, const float *row, double scale)
{
	struct svm_node nodes[DIMENSIONS + 1];
	double value;

	fill_nodes(row, nodes);
	svm_predict_values(model, nodes, &value);
	return value * scale;
}

static void compare(double nu, double gamma, bool half)
{
	struct svm_problem problem;
	struct svm_model *oracle = train_oracle(&problem, nu, gamma);
	vu_ocsvm_trained trained;
	vu_ocsvm machine;
	vu_float16 *halves;
	double total = 0;
	double limit = half ? 2e-3 : 2e-6;

	assert_int_equal(vu_ocsvm_train(rows, ROWS, DIMENSIONS, nu, gamma, 0, &trained, NULL), VU_OK);
	assert_int_equal(trained.machine.count, oracle->l);
	for (int i = 0; i < oracle->l; i++)
		total += oracle->sv_coef[0][i];
	machine = trained.machine;
	halves = malloc((size_t)machine.count * DIMENSIONS * sizeof *halves);
	assert_non_null(halves);
	if (half) {
		vu_float16_pack(trained.vectors, halves, (size_t)machine.count * DIMENSIONS);
		machine.element = VU_ELEMENT_F16;
		machine.vectors = halves;
	}
	for (int i = 0; i < 2 * ROWS; i++) {
		const float *row = i < ROWS ? rows + i * DIMENSIONS : strangers + (i - ROWS) * DIMENSIONS;
		double expected = oracle_decision(oracle, row, 1 / total);
		double got = vu_ocsvm_decision(&machine, row);
		double ratio = vu_ocsvm_log_ratio(&machine, row);
		assert_true(fabs(got - expected) < limit);
		/* The logarithm's sign is the decision's, and where it does not underflow it is the same number. */
		if (fabs(expected) > limit)
			assert_true((ratio > 0) == (expected > 0));
		assert_true(fabs(exp(ratio) * machine.rho - (expected + machine.rho)) < limit);
	}
	free(halves);
	vu_ocsvm_trained_free(&trained);
	svm_free_and_destroy_model(&oracle);
	free(problem.x[0]);
	free(problem.x);
	free(problem.y);
}

static void test_equals_libsvm(void **state)
{
	(void)state;
	compare(0.05, 0.02, false);
	compare(0.1, 0.01, false);
	compare(0.5, 0.1, false);
}

static void test_float16_is_close(void **state)
{
	(void)state;
	compare(0.1, 0.01, true);
	compare(0.1, 0.1, true);
}

static void test_far_away_is_still_ordered(void **state)
{
	vu_ocsvm_trained trained;
	float far_away[DIMENSIONS];
	float farther[DIMENSIONS];

	(void)state;
	for (int d = 0; d < DIMENSIONS; d++) {
		far_away[d] = 100;
		farther[d] = 200;
	}
	assert_int_equal(vu_ocsvm_train(rows, ROWS, DIMENSIONS, 0.1, 0.1, 0, &trained, NULL), VU_OK);
	assert_true(vu_ocsvm_decision(&trained.machine, far_away) == vu_ocsvm_decision(&trained.machine, farther));
	assert_true(vu_ocsvm_log_ratio(&trained.machine, far_away) > vu_ocsvm_log_ratio(&trained.machine, farther));
	assert_true(isfinite(vu_ocsvm_log_ratio(&trained.machine, farther)));
	vu_ocsvm_trained_free(&trained);
}

static void test_pruning_drops_the_smallest(void **state)
{
	vu_ocsvm_trained whole;
	vu_ocsvm_trained pruned;
	float sum = 0;
	int outside = 0;

	(void)state;
	assert_int_equal(vu_ocsvm_train(rows, ROWS, DIMENSIONS, 0.3, 0.02, 0, &whole, NULL), VU_OK);
	assert_int_equal(vu_ocsvm_train(rows, ROWS, DIMENSIONS, 0.3, 0.02, 0.5, &pruned, NULL), VU_OK);
	assert_int_equal(pruned.machine.count, whole.machine.count - whole.machine.count / 2);
	for (uint32_t i = 0; i < pruned.machine.count; i++)
		sum += pruned.coefficients[i];
	assert_true(fabsf(sum - 1) < 1e-5f);
	for (int i = 0; i < ROWS; i++)
		outside += vu_ocsvm_decision(&pruned.machine, rows + i * DIMENSIONS) < 0;
	assert_true(outside <= (int)(0.3 * ROWS) + 1 && outside >= (int)(0.3 * ROWS) - 1);
	vu_ocsvm_trained_free(&whole);
	vu_ocsvm_trained_free(&pruned);
}

static void test_refuses(void **state)
{
	vu_ocsvm_trained trained;
	vu_error error = {0};
	float bad[2 * DIMENSIONS];

	(void)state;
	memcpy(bad, rows, sizeof bad);
	bad[3] = NAN;
	assert_int_equal(vu_ocsvm_train(rows, 1, DIMENSIONS, 0.1, 0.1, 0, &trained, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_ocsvm_train(rows, ROWS, DIMENSIONS, 0, 0.1, 0, &trained, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_ocsvm_train(rows, ROWS, DIMENSIONS, 1.5, 0.1, 0, &trained, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_ocsvm_train(rows, ROWS, DIMENSIONS, 0.1, -1, 0, &trained, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_ocsvm_train(rows, ROWS, DIMENSIONS, 0.1, NAN, 0, &trained, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_ocsvm_train(rows, ROWS, DIMENSIONS, 0.1, 0.1, 0.95, &trained, &error),
	                 VU_INVALID_ARGUMENT);
	assert_int_equal(vu_ocsvm_train(rows, ROWS, 300, 0.1, 0.1, 0, &trained, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_ocsvm_train(bad, 2, DIMENSIONS, 0.1, 0.1, 0, &trained, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "not a number"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_equals_libsvm),
	    cmocka_unit_test(test_float16_is_close),
	    cmocka_unit_test(test_far_away_is_still_ordered),
	    cmocka_unit_test(test_pruning_drops_the_smallest),
	    cmocka_unit_test(test_refuses),
	};
	return cmocka_run_group_tests_name("ocsvm", tests, setup, NULL);
}
