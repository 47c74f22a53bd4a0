/* Calibration recovers known log-likelihood ratios; thresholds hold their rates; cohorts normalize. */
#include "ml/calibration.h"

#include "ml/cohort.h"
#include "synthetic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static double normal(uint64_t *state)
{
	double u = synthetic_random(state) + 1e-12;
	return sqrt(-2 * log(u)) * cos(6.283185307179586 * synthetic_random(state));
}

static void test_recovers_the_ratio(void **state)
{
	enum { COUNT = 40000 };
	float *x = malloc(COUNT * 2 * sizeof *x);
	uint8_t *labels = malloc(COUNT);
	float weights[3];
	uint64_t seed = 5;

	(void)state;
	assert_true(x && labels);
	/* Two independent normals, unit variance, means 0 and (2, 1): the ratio is 2 a + b - 2.5, whatever the prior.
	 */
	for (int i = 0; i < COUNT; i++) {
		labels[i] = i % 10 == 0;
		x[2 * i] = (float)(normal(&seed) + (labels[i] ? 2 : 0));
		x[2 * i + 1] = (float)(normal(&seed) + (labels[i] ? 1 : 0));
	}
	assert_int_equal(vu_calibration_fit(x, labels, COUNT, 2, 1e-6, 0.5, weights), VU_OK);
	assert_true(fabsf(weights[0] + 2.5f) < 0.15f);
	assert_true(fabsf(weights[1] - 2) < 0.1f);
	assert_true(fabsf(weights[2] - 1) < 0.1f);
	x[0] = 3;
	x[1] = 1;
	assert_true(fabsf(vu_calibration_apply(weights, x, 2) - (weights[0] + 3 * weights[1] + weights[2])) < 1e-5f);
	free(labels);
	free(x);
}

static void test_separable_classes_stay_finite(void **state)
{
	float x[4] = {-10, -9, 9, 10};
	uint8_t labels[4] = {0, 0, 1, 1};
	float weights[2];

	(void)state;
	assert_int_equal(vu_calibration_fit(x, labels, 4, 1, 1e-3, 0.5, weights), VU_OK);
	assert_true(isfinite(weights[0]) && weights[1] > 0 && weights[1] < 10);
}

static void test_refuses(void **state)
{
	float x[2] = {0, 1};
	uint8_t ones[2] = {1, 1};
	uint8_t both[2] = {0, 1};
	float weights[2];

	(void)state;
	assert_int_equal(vu_calibration_fit(x, ones, 2, 1, 0, 0.5, weights), VU_INVALID_ARGUMENT);
	assert_int_equal(vu_calibration_fit(x, both, 2, 0, 0, 0.5, weights), VU_INVALID_ARGUMENT);
	x[1] = NAN;
	assert_int_equal(vu_calibration_fit(x, both, 2, 1, 0, 0.5, weights), VU_INVALID_ARGUMENT);
}

static int descending(const void *a, const void *b)
{
	return *(const float *)a < *(const float *)b ? 1 : *(const float *)a > *(const float *)b ? -1 : 0;
}

static void test_thresholds(void **state)
{
	enum { COUNT = 20000 };
	float *scores = malloc(COUNT * sizeof *scores);
	uint64_t seed = 3;
	int extrapolated;
	float threshold;
	size_t accepted = 0;

	(void)state;
	assert_non_null(scores);
	for (int i = 0; i < COUNT; i++)
		scores[i] = (float)-log(1 - synthetic_random(&seed)); /* exponential: P(score > t) = e^-t */
	qsort(scores, COUNT, sizeof *scores, descending);
	threshold = vu_calibration_threshold(scores, COUNT, 0.01, &extrapolated);
	assert_false(extrapolated);
	for (int i = 0; i < COUNT; i++)
		accepted += scores[i] >= threshold;
	assert_int_equal(accepted, COUNT / 100);
	threshold = vu_calibration_threshold(scores, COUNT, 1e-5, &extrapolated);
	assert_true(extrapolated);
	assert_true(fabs(threshold - -log(1e-5)) < 1.5);
	threshold = vu_calibration_threshold(scores, 1, 0.01, &extrapolated);
	assert_true(extrapolated && threshold > scores[0]);
	assert_true(isinf(vu_calibration_threshold(scores, 0, 0.01, &extrapolated)));
	free(scores);
}

static void test_cohort(void **state)
{
	float scores[6] = {1, 5, 3, 2, 4, -100};
	vu_cohort_statistics top = vu_cohort_compute(scores, 6, 5);
	vu_cohort_statistics other = {1, 2};
	float same[3] = {2, 2, 2};

	(void)state;
	assert_true(top.mean == 3 && fabsf(top.deviation - sqrtf(2)) < 1e-6f);
	assert_true(vu_cohort_normalize(5, other) == 2);
	assert_true(fabsf(vu_cohort_normalize_both(5, other, (vu_cohort_statistics){3, 1}, 0.5f) - 2) < 1e-6f);
	assert_true(fabsf(vu_cohort_normalize_both(6, other, (vu_cohort_statistics){3, 1}, 0.8f) - 2.9f) < 1e-6f);
	assert_true(vu_cohort_compute(same, 3, 0).deviation == VU_COHORT_DEVIATION_MIN);
	assert_true(vu_cohort_compute(same, 0, 0).deviation == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_recovers_the_ratio),
	    cmocka_unit_test(test_separable_classes_stay_finite),
	    cmocka_unit_test(test_refuses),
	    cmocka_unit_test(test_thresholds),
	    cmocka_unit_test(test_cohort),
	};
	return cmocka_run_group_tests_name("calibration", tests, NULL, NULL);
}
