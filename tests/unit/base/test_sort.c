/* Order of numbers, and the percentile that is read off it. */
#include "base/sort.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void numbers_come_out_in_order(void **state)
{
	float floats[] = {3.0f, -1.5f, 3.0f, 0.0f, -1e30f};
	double doubles[] = {2.0, 1.0 + 1e-15, 1.0, -7.0};

	(void)state;
	vu_sort_floats(floats, 5);
	vu_sort_doubles(doubles, 4);
	for (int i = 1; i < 5; i++)
		assert_true(floats[i - 1] <= floats[i]);
	for (int i = 1; i < 4; i++)
		assert_true(doubles[i - 1] < doubles[i]);
	assert_float_equal(floats[0], -1e30f, 0);
	assert_float_equal(doubles[3], 2, 0);
	vu_sort_floats(floats, 0);
}

static void a_percentile_is_one_of_them(void **state)
{
	float values[] = {50, 10, 40, 20, 30};

	(void)state;
	assert_float_equal(vu_sort_percentile(values, 5, 0), 10, 0);
	assert_float_equal(vu_sort_percentile(values, 5, 50), 30, 0);
	assert_float_equal(vu_sort_percentile(values, 5, 74), 30, 0);
	assert_float_equal(vu_sort_percentile(values, 5, 100), 50, 0);
	assert_float_equal(vu_sort_percentile(values, 1, 95), 10, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_come_out_in_order),
	    cmocka_unit_test(a_percentile_is_one_of_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
