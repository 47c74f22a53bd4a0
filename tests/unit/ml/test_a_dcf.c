/* Costs worked out by hand. */
#include "ml/a_dcf.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define T VU_TRIAL_TARGET
#define O VU_TRIAL_OTHER
#define S VU_TRIAL_SPOOF

static double least_of(const double *scores, const vu_trial_class *classes, size_t count)
{
	double least = -1;

	assert_int_equal(vu_min_a_dcf(scores, classes, count, &VU_A_DCF_COSTS, &least, NULL), VU_OK);
	return least;
}

static void assert_close(double actual, double expected)
{
	if (!(fabs(actual - expected) < 1e-12))
		fail_msg("%.15f is not %.15f", actual, expected);
}

static void separated_scores_cost_nothing(void **state)
{
	const double scores[] = {3, 4, -1, 2};
	const vu_trial_class classes[] = {T, T, O, S};

	(void)state;
	assert_close(least_of(scores, classes, 4), 0);
}

/*
 * Sorted: O T S O T S T T. Refusing all costs 0.9, accepting all 10 x 0.05 + 20 x 0.05 = 1.5. Behind the last S
 * two of four targets are missed: 0.45; behind the first O T S one is missed, half of the others and of the fakes
 * pass: 0.225 + 0.25 + 0.5 = 0.975. Behind O T S O: 0.225 + 0 + 0.5 = 0.725. So 0.45 over 0.9.
 */
static void overlapping_scores(void **state)
{
	const double scores[] = {2, 5, 7, 8, 1, 4, 3, 6};
	const vu_trial_class classes[] = {T, T, T, T, O, O, S, S};

	(void)state;
	assert_close(least_of(scores, classes, 8), 0.5);
}

/* Nobody can be told apart: the best is to refuse everybody. */
static void equal_scores_cost_as_much_as_refusing_all(void **state)
{
	const double scores[] = {1, 1, 1};
	const vu_trial_class classes[] = {T, O, S};

	(void)state;
	assert_close(least_of(scores, classes, 3), 1);
}

/* With accepting all the cheaper: 0.5 against 0.8. */
static void cheap_attacks(void **state)
{
	const vu_a_dcf_costs costs = {
	    .p_target = 0.8, .p_other = 0.1, .p_spoof = 0.1, .miss = 1, .false_other = 3, .false_spoof = 2};
	const double scores[] = {1, 3, 2};
	const vu_trial_class classes[] = {T, O, S};
	double least;

	(void)state;
	assert_int_equal(vu_min_a_dcf(scores, classes, 3, &costs, &least, NULL), VU_OK);
	assert_close(least, 1);
}

static void infinite_scores_count(void **state)
{
	const double scores[] = {INFINITY, -INFINITY, 0};
	const vu_trial_class classes[] = {T, O, S};

	(void)state;
	assert_close(least_of(scores, classes, 3), 0);
}

static void bad_input(void **state)
{
	const double scores[] = {1, NAN, 2};
	const double good[] = {1, 0, 2};
	const vu_trial_class classes[] = {T, O, S};
	const vu_trial_class unknown[] = {T, O, (vu_trial_class)9};
	double least;
	vu_error error;

	(void)state;
	assert_int_equal(vu_min_a_dcf(scores, classes, 3, &VU_A_DCF_COSTS, &least, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message, "unable to judge the scores: number 1 is NaN");
	assert_int_equal(vu_min_a_dcf(good, unknown, 3, &VU_A_DCF_COSTS, &least, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message, "unable to judge the scores: number 2 is of no known class");
	assert_true(isnan(least_of(good, classes, 2)));
	assert_true(isnan(least_of(NULL, NULL, 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(separated_scores_cost_nothing),
	    cmocka_unit_test(overlapping_scores),
	    cmocka_unit_test(equal_scores_cost_as_much_as_refusing_all),
	    cmocka_unit_test(cheap_attacks),
	    cmocka_unit_test(infinite_scores_count),
	    cmocka_unit_test(bad_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
