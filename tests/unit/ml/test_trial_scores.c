/* Expected figures were worked out by hand or with an independent program, as each test says. */
#include "ml/trial_scores.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define CLOSE(actual, expected) assert_float_equal_d(actual, expected)

static void assert_float_equal_d(double actual, double expected)
{
	if (!(fabs(actual - expected) <= 1e-9))
		fail_msg("%.12f is not %.12f", actual, expected);
}

static vu_scores *make(const double *scores, const bool *is_target, size_t count)
{
	vu_scores *made = NULL;

	assert_int_equal(vu_scores_create(scores, is_target, count, &made, NULL), VU_OK);
	return made;
}

static void separated_scores_have_no_errors(void **state)
{
	const double scores[] = {3, 4, -1, -2};
	const bool is_target[] = {true, true, false, false};
	vu_scores *made = make(scores, is_target, 4);
	double threshold = 0;

	(void)state;
	CLOSE(vu_scores_eer(made, &threshold), 0);
	CLOSE(threshold, 3);
	CLOSE(vu_scores_min_dcf(made, 0.01), 0);
	CLOSE(vu_scores_frr_at_far(made, 0.001), 0);
	CLOSE(vu_scores_min_cllr(made), 0);
	assert_int_equal(vu_scores_targets(made), 2);
	assert_int_equal(vu_scores_others(made), 2);
	vu_scores_destroy(made);
}

/* Sorted: n1 n2 T3 n4 T5 n6 T7 T8. After T3: FRR 1/4, FAR 1/2; after n4: FRR 1/4, FAR 1/4. */
static void overlapping_scores(void **state)
{
	const double scores[] = {3, 5, 7, 8, 1, 2, 4, 6};
	const bool is_target[] = {true, true, true, true, false, false, false, false};
	vu_scores *made = make(scores, is_target, 8);
	double threshold = 0;

	(void)state;
	CLOSE(vu_scores_eer(made, &threshold), 0.25);
	CLOSE(threshold, 5);
	CLOSE(vu_scores_frr_at_far(made, 0.5), 0);
	CLOSE(vu_scores_frr_at_far(made, 0.25), 0.25);
	CLOSE(vu_scores_frr_at_far(made, 0.0), 0.5);
	/* p = 0.5: after n2 (0 + 0.5)/2 = 0.25; after n4 (0.25 + 0.25)/2 = 0.25; after n6 0.5/2; over 0.5. */
	CLOSE(vu_scores_min_dcf(made, 0.5), 0.5);
	/* p = 0.01: after n6 0.01 x 0.5, over 0.01. */
	CLOSE(vu_scores_min_dcf(made, 0.01), 0.5);
	vu_scores_destroy(made);
}

/* The same trials: n1 n2 T3 n4 T5 n6 T7 T8, a point before the first and one behind each. */
static void curve_has_every_threshold(void **state)
{
	const double scores[] = {3, 5, 7, 8, 1, 2, 4, 6};
	const bool is_target[] = {true, true, true, true, false, false, false, false};
	const double far[] = {1, 0.75, 0.5, 0.5, 0.25, 0.25, 0, 0, 0};
	const double frr[] = {0, 0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 1};
	vu_scores *made = make(scores, is_target, 8);
	vu_scores *lone = make(scores, is_target, 4);
	vu_scores_point points[9];

	(void)state;
	assert_int_equal(vu_scores_curve(made, points, 9), 9);
	for (size_t i = 0; i < 9; i++) {
		CLOSE(points[i].far, far[i]);
		CLOSE(points[i].frr, frr[i]);
	}
	points[2].far = -1;
	assert_int_equal(vu_scores_curve(made, points, 2), 9);
	CLOSE(points[2].far, -1);
	assert_int_equal(vu_scores_curve(lone, points, 9), 0);
	vu_scores_destroy(lone);
	vu_scores_destroy(made);
}

/* Sorted: n1 T2 T3 n4 T5 T6: from (FRR 1/4, FAR 1/2) over T3 to (1/2, 1/2). Between steps the line is taken. */
static void crossing_between_points(void **state)
{
	const double scores[] = {2, 3, 5, 6, 1, 4, 1};
	const bool is_target[] = {true, true, true, true, false, false, false};
	vu_scores *made = make(scores, is_target, 7);

	(void)state;
	/* FAR is 1/3 after both 1s; FRR goes from 1/4 to 1/2 over score 3: the line meets FAR = 1/3 at FRR = 1/3. */
	CLOSE(vu_scores_eer(made, NULL), 1.0 / 3.0);
	vu_scores_destroy(made);
}

/* No threshold separates equal scores: everybody or nobody, so the line between gives 1/2. */
static void equal_scores_are_one_group(void **state)
{
	const double scores[] = {1, 1, 1, 1};
	const bool is_target[] = {true, false, true, false};
	vu_scores *made = make(scores, is_target, 4);

	(void)state;
	CLOSE(vu_scores_eer(made, NULL), 0.5);
	CLOSE(vu_scores_frr_at_far(made, 0.1), 1);
	CLOSE(vu_scores_min_dcf(made, 0.01), 1);
	CLOSE(vu_scores_min_cllr(made), 1);
	vu_scores_destroy(made);
}

static void reversed_scores_are_all_wrong(void **state)
{
	const double scores[] = {-3, -4, 1, 2};
	const bool is_target[] = {true, true, false, false};
	vu_scores *made = make(scores, is_target, 4);

	(void)state;
	CLOSE(vu_scores_eer(made, NULL), 1);
	CLOSE(vu_scores_min_dcf(made, 0.01), 1);
	vu_scores_destroy(made);
}

static void cost_of_ratios(void **state)
{
	const double nothing[] = {0, 0, 0};
	const bool is_target[] = {true, false, false};
	const double some[] = {1, -1, 2, 0.5};
	const bool some_targets[] = {true, false, true, false};
	const double extreme[] = {2000, -2000, INFINITY};
	const bool extreme_targets[] = {true, false, true};
	vu_scores *made = make(nothing, is_target, 3);

	(void)state;
	CLOSE(vu_scores_cllr(made), 1);
	vu_scores_destroy(made);
	made = make(some, some_targets, 4);
	/* (log2(1+e^-1) + log2(1+e^-2))/4 + (log2(1+e^-1) + log2(1+e^0.5))/4, computed with Python. */
	CLOSE(vu_scores_cllr(made),
	      0.5 * ((log2(1 + exp(-1)) + log2(1 + exp(-2))) / 2 + (log2(1 + exp(-1)) + log2(1 + exp(0.5))) / 2));
	CLOSE(vu_scores_min_cllr(made), 0);
	vu_scores_destroy(made);
	made = make(extreme, extreme_targets, 3);
	CLOSE(vu_scores_cllr(made), 0);
	vu_scores_destroy(made);
}

/*
 * n T | n T: pooled to one block in the middle. Sorted: n1 T2 n3 T4 gives
 * blocks {n}, {T n}, {T}; the middle one has odds 1 and prior odds 1, so both
 * of its members cost one bit: 0.5 (1/2 + 1/2) = 0.5.
 */
static void pooling_adjacent_violators(void **state)
{
	const double scores[] = {1, 2, 3, 4};
	const bool is_target[] = {false, true, false, true};
	vu_scores *made = make(scores, is_target, 4);

	(void)state;
	CLOSE(vu_scores_min_cllr(made), 0.5);
	vu_scores_destroy(made);
}

static void one_class_alone_has_no_figures(void **state)
{
	const double scores[] = {1, 2};
	const bool targets[] = {true, true};
	const bool others[] = {false, false};
	vu_scores *made = make(scores, targets, 2);

	(void)state;
	assert_true(isnan(vu_scores_eer(made, NULL)));
	assert_true(isnan(vu_scores_min_dcf(made, 0.01)));
	assert_true(isnan(vu_scores_frr_at_far(made, 0.01)));
	assert_true(isnan(vu_scores_cllr(made)));
	assert_true(isnan(vu_scores_min_cllr(made)));
	vu_scores_destroy(made);
	made = make(scores, others, 2);
	assert_true(isnan(vu_scores_eer(made, NULL)));
	vu_scores_destroy(made);
	made = make(scores, others, 0);
	assert_true(isnan(vu_scores_eer(made, NULL)));
	vu_scores_destroy(made);
}

static void nan_is_refused(void **state)
{
	const double scores[] = {1, NAN};
	const bool is_target[] = {true, false};
	vu_scores *made = NULL;
	vu_error error;

	(void)state;
	assert_int_equal(vu_scores_create(scores, is_target, 2, &made, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message, "unable to judge the scores: number 1 is NaN");
	assert_null(made);
}

static void interval_over_people(void **state)
{
	enum { PEOPLE = 10, EACH = 4 };
	double scores[PEOPLE * PEOPLE * EACH];
	bool is_target[PEOPLE * PEOPLE * EACH];
	uint32_t claimed[PEOPLE * PEOPLE * EACH], speaking[PEOPLE * PEOPLE * EACH];
	size_t count = 0;
	double low, high, again_low, again_high, eer;
	vu_scores *made;

	(void)state;
	/* Two people are hard to know: their own scores lie among the others'. */
	for (uint32_t a = 0; a < PEOPLE; a++) {
		for (uint32_t b = 0; b < PEOPLE; b++) {
			for (uint32_t k = 0; k < EACH; k++, count++) {
				claimed[count] = a;
				speaking[count] = b;
				is_target[count] = a == b;
				scores[count] =
				    a == b ? (a < 2 ? 0.5 : 3.0) + 0.01 * k : 0.1 * ((a * 7 + b * 3 + k) % 10);
			}
		}
	}
	made = make(scores, is_target, count);
	eer = vu_scores_eer(made, NULL);
	assert_true(eer > 0.1 && eer < 0.3);
	assert_int_equal(vu_scores_eer_interval(made, claimed, speaking, PEOPLE, 500, 1, 0.95, &low, &high, NULL),
	                 VU_OK);
	assert_true(low < eer && eer < high);
	/* All of the hard ones may be missing from a draw, and they may make up half of it. */
	assert_true(low < 0.05 && high > 0.3 && high < 0.7);
	assert_int_equal(
	    vu_scores_eer_interval(made, claimed, speaking, PEOPLE, 500, 1, 0.95, &again_low, &again_high, NULL),
	    VU_OK);
	CLOSE(again_low, low);
	CLOSE(again_high, high);
	assert_int_equal(vu_scores_eer_interval(made, claimed, speaking, PEOPLE - 1, 10, 1, 0.95, &low, &high, NULL),
	                 VU_INVALID_ARGUMENT);
	vu_scores_destroy(made);
}

static void fusing_is_a_soft_and(void **state)
{
	(void)state;
	CLOSE(vu_fuse_speaker_antispoof(0, 0), 0);
	CLOSE(vu_fuse_speaker_antispoof(2, 2), 2);
	CLOSE(vu_fuse_speaker_antispoof(1, 3), -log(0.5 * exp(-1) + 0.5 * exp(-3)));
	CLOSE(vu_fuse_speaker_antispoof(3, 1), vu_fuse_speaker_antispoof(1, 3));
	CLOSE(vu_fuse_speaker_antispoof(5000, -5000), -5000 + log(2));
	CLOSE(vu_fuse_speaker_antispoof(INFINITY, 1), 1 + log(2));
	assert_true(isinf(vu_fuse_speaker_antispoof(-INFINITY, -INFINITY)));
	assert_true(isnan(vu_fuse_speaker_antispoof(NAN, 1)));
	assert_true(isnan(vu_fuse_speaker_antispoof(1, NAN)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(separated_scores_have_no_errors),
	    cmocka_unit_test(overlapping_scores),
	    cmocka_unit_test(curve_has_every_threshold),
	    cmocka_unit_test(crossing_between_points),
	    cmocka_unit_test(equal_scores_are_one_group),
	    cmocka_unit_test(reversed_scores_are_all_wrong),
	    cmocka_unit_test(cost_of_ratios),
	    cmocka_unit_test(pooling_adjacent_violators),
	    cmocka_unit_test(one_class_alone_has_no_figures),
	    cmocka_unit_test(nan_is_refused),
	    cmocka_unit_test(interval_over_people),
	    cmocka_unit_test(fusing_is_a_soft_and),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
