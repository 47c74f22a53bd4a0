/* Expected values from an independent program (statistics.NormalDist of Python 3.11). */
#include "ml/rates.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_close(double actual, double expected)
{
	if (!(fabs(actual - expected) < 1e-9))
		fail_msg("%.15f is not %.15f", actual, expected);
}

static void normal_deviates(void **state)
{
	(void)state;
	assert_close(vu_normal_deviate(1e-9), -5.9978070150076865);
	assert_close(vu_normal_deviate(0.0001), -3.71901648545568);
	assert_close(vu_normal_deviate(0.001), -3.090232306167813);
	assert_close(vu_normal_deviate(0.02), -2.0537489106318225);
	assert_close(vu_normal_deviate(0.02425), -1.9729610513118845);
	assert_close(vu_normal_deviate(0.05), -1.6448536269514726);
	assert_close(vu_normal_deviate(0.3), -0.5244005127080407);
	assert_close(vu_normal_deviate(0.5), 0);
	assert_close(vu_normal_deviate(0.7), 0.5244005127080407);
	assert_close(vu_normal_deviate(0.999), 3.090232306167813);
}

static void ends_and_beyond(void **state)
{
	(void)state;
	assert_true(vu_normal_deviate(0) == -INFINITY);
	assert_true(vu_normal_deviate(1) == INFINITY);
	assert_true(isnan(vu_normal_deviate(-0.1)));
	assert_true(isnan(vu_normal_deviate(1.1)));
	assert_true(isnan(vu_normal_deviate(NAN)));
}

static void intervals(void **state)
{
	double low, high;

	(void)state;
	vu_wilson_interval(0, 100, 0.95, &low, &high);
	assert_true(low == 0);
	assert_close(high, 0.03699349820698566);
	vu_wilson_interval(13, 3240, 0.95, &low, &high);
	assert_close(low, 0.002346383962398413);
	assert_close(high, 0.006853035676175123);
	vu_wilson_interval(270, 270, 0.95, &low, &high);
	assert_close(low, 0.9859719604283536);
	assert_true(high == 1);
	vu_wilson_interval(5, 10, 0.9, &low, &high);
	assert_close(low, 0.26927182113826736);
	assert_close(high, 0.7307281788617326);
}

static void no_interval(void **state)
{
	double low, high;

	(void)state;
	vu_wilson_interval(0, 0, 0.95, &low, &high);
	assert_true(isnan(low) && isnan(high));
	vu_wilson_interval(2, 1, 0.95, &low, &high);
	assert_true(isnan(low) && isnan(high));
	vu_wilson_interval(1, 2, 1.0, &low, &high);
	assert_true(isnan(low) && isnan(high));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(normal_deviates),
	    cmocka_unit_test(ends_and_beyond),
	    cmocka_unit_test(intervals),
	    cmocka_unit_test(no_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
