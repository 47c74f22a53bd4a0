#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

static void monotonic_time_never_goes_back(void **state)
{
	int64_t before = vu_clock_monotonic_us();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		int64_t now = vu_clock_monotonic_us();
		assert_true(now >= before);
		before = now;
	}
}

static void monotonic_time_measures_a_sleep(void **state)
{
	struct timespec pause = {0, 20 * 1000000};
	int64_t before = vu_clock_monotonic_us();

	(void)state;
	nanosleep(&pause, NULL);
	assert_true(vu_clock_monotonic_us() - before >= 20000);
}

static void wall_time_is_that_of_time(void **state)
{
	int64_t seconds = (int64_t)time(NULL);
	int64_t wall_us = vu_clock_wall_us();

	(void)state;
	assert_true(wall_us / 1000000 >= seconds - 1);
	assert_true(wall_us / 1000000 <= seconds + 60);
}

static void the_system_clock_is_both(void **state)
{
	vu_clock clock = vu_clock_system();
	int64_t before = vu_clock_monotonic_us();

	(void)state;
	assert_true(clock.monotonic_us(clock.context) >= before);
	assert_true(clock.wall_us(clock.context) >= vu_clock_wall_us() - 60 * INT64_C(1000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(monotonic_time_never_goes_back),
	    cmocka_unit_test(monotonic_time_measures_a_sleep),
	    cmocka_unit_test(wall_time_is_that_of_time),
	    cmocka_unit_test(the_system_clock_is_both),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
