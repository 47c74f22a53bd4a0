/* Cohort statistics against sorting everything, whatever the order, ties and number wanted. */
#include "ml/cohort.h"

#include "synthetic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int descending(const void *a, const void *b)
{
	float left = *(const float *)a;
	float right = *(const float *)b;
	return (left < right) - (left > right);
}

static vu_cohort_statistics naive(const float *scores, size_t count, size_t top)
{
	float sorted[VU_COHORT_MAX];
	double sum = 0;
	double squares = 0;

	memcpy(sorted, scores, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, descending);
	if (top > 0 && top < count)
		count = top;
	for (size_t i = 0; i < count; i++)
		sum += sorted[i];
	sum /= (double)count;
	for (size_t i = 0; i < count; i++)
		squares += (sorted[i] - sum) * (sorted[i] - sum);
	return (vu_cohort_statistics){(float)sum, (float)sqrt(squares / (double)count)};
}

static void expect_same(const float *scores, size_t count, size_t top)
{
	float reordered[VU_COHORT_MAX];
	vu_cohort_statistics expected = naive(scores, count, top);
	vu_cohort_statistics found;

	memcpy(reordered, scores, count * sizeof *reordered);
	found = vu_cohort_compute(reordered, count, top);
	assert_true(found.mean == expected.mean);
	if (expected.deviation > VU_COHORT_DEVIATION_MIN)
		assert_true(found.deviation == expected.deviation);
	else
		assert_true(found.deviation == VU_COHORT_DEVIATION_MIN);
}

static void test_the_largest_by_any_number(void **state)
{
	float scores[VU_COHORT_MAX];
	uint64_t random = 1;

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		size_t count = 1 + (size_t)(synthetic_random(&random) * VU_COHORT_MAX);
		/* Every third has many ties. */
		double steps = round % 3 ? 1e9 : 5;
		for (size_t i = 0; i < count; i++)
			scores[i] = (float)(floor(synthetic_random(&random) * steps) / steps);
		for (size_t top = 0; top <= count + 1; top += 1 + count / 9)
			expect_same(scores, count, top);
		expect_same(scores, count, 1);
		expect_same(scores, count, count - 1);
	}
}

static void test_sorted_already_or_all_alike(void **state)
{
	float scores[VU_COHORT_MAX];

	(void)state;
	for (size_t i = 0; i < VU_COHORT_MAX; i++)
		scores[i] = (float)i;
	expect_same(scores, VU_COHORT_MAX, 100);
	for (size_t i = 0; i < VU_COHORT_MAX; i++)
		scores[i] = -(float)i;
	expect_same(scores, VU_COHORT_MAX, 100);
	for (size_t i = 0; i < VU_COHORT_MAX; i++)
		scores[i] = 0.25f;
	expect_same(scores, VU_COHORT_MAX, 100);
}

static void test_nobody(void **state)
{
	vu_cohort_statistics found = vu_cohort_compute(NULL, 0, 3);

	(void)state;
	assert_true(found.mean == 0 && found.deviation == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_largest_by_any_number),
	    cmocka_unit_test(test_sorted_already_or_all_alike),
	    cmocka_unit_test(test_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
