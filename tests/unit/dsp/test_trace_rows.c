/* Rows keep what was put in them, whatever they grow to; sums give the moments of a few numbers known by hand. */
#include "dsp/trace_rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 1000

static void test_rows_are_kept(void **state)
{
	vu_trace_rows rows = {.width = 3};

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		float *row = vu_trace_rows_add(&rows);
		assert_non_null(row);
		for (size_t c = 0; c < 3; c++)
			row[c] = (float)(10 * i + c);
	}
	assert_int_equal(rows.count, ROWS);
	for (size_t i = 0; i < ROWS; i++) {
		for (size_t c = 0; c < 3; c++)
			assert_float_equal(vu_trace_row(&rows, i)[c], (float)(10 * i + c), 0);
	}
	vu_trace_rows_free(&rows);
	assert_int_equal(rows.count, 0);
	vu_trace_rows_free(&rows);
}

static void test_percentiles(void **state)
{
	vu_trace_rows rows = {.width = 2};
	float value = -1;

	(void)state;
	assert_int_equal(vu_trace_rows_percentile(&rows, 0, 50, &value), VU_FAILED_PRECONDITION);
	for (size_t i = 0; i < 101; i++) {
		float *row = vu_trace_rows_add(&rows);
		assert_non_null(row);
		row[0] = 0;
		row[1] = (float)(i * 37 % 101); /* 0 to 100 in another order */
	}
	assert_int_equal(vu_trace_rows_percentile(&rows, 1, 0, &value), VU_OK);
	assert_float_equal(value, 0, 0);
	assert_int_equal(vu_trace_rows_percentile(&rows, 1, 95, &value), VU_OK);
	assert_float_equal(value, 95, 0);
	assert_int_equal(vu_trace_rows_percentile(&rows, 1, 100, &value), VU_OK);
	assert_float_equal(value, 100, 0);
	vu_trace_rows_free(&rows);
}

static void test_sums(void **state)
{
	vu_trace_sums sums = {0};

	(void)state;
	assert_float_equal(vu_trace_sums_mean(&sums), 0, 0);
	assert_float_equal(vu_trace_sums_deviation(&sums), 0, 0);
	assert_float_equal(vu_trace_sums_skew(&sums), 0, 0);
	vu_trace_sums_add(&sums, 5);
	assert_float_equal(vu_trace_sums_mean(&sums), 5, 0);
	assert_float_equal(vu_trace_sums_skew(&sums), 0, 0);
	/* 5 1 1 1: mean 2, squares of the rest 9 1 1 1, cubes 27 -1 -1 -1. */
	for (int i = 0; i < 3; i++)
		vu_trace_sums_add(&sums, 1);
	assert_float_equal(vu_trace_sums_mean(&sums), 2, 1e-6);
	assert_float_equal(vu_trace_sums_deviation(&sums), sqrtf(3), 1e-6);
	assert_float_equal(vu_trace_sums_skew(&sums), 6 / (3 * sqrtf(3)), 1e-6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows_are_kept),
	    cmocka_unit_test(test_percentiles),
	    cmocka_unit_test(test_sums),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
