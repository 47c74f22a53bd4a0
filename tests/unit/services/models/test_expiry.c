/* When templates that nobody uses go. */
#include "expiry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define DAY_US (86400 * INT64_C(1000000))
#define NOW_US (20000 * DAY_US)

static void it_goes_by_steps(void **state)
{
	(void)state;
	assert_int_equal(expiry_judge(NOW_US, NOW_US), EXPIRY_FRESH);
	assert_int_equal(expiry_judge(NOW_US - 334 * DAY_US, NOW_US), EXPIRY_FRESH);
	assert_int_equal(expiry_judge(NOW_US - 335 * DAY_US, NOW_US), EXPIRY_SOON);
	assert_int_equal(expiry_judge(NOW_US - 365 * DAY_US + 1, NOW_US), EXPIRY_SOON);
	assert_int_equal(expiry_judge(NOW_US - 365 * DAY_US, NOW_US), EXPIRY_EXPIRED);
	assert_int_equal(expiry_judge(NOW_US - 395 * DAY_US + 1, NOW_US), EXPIRY_EXPIRED);
	assert_int_equal(expiry_judge(NOW_US - 395 * DAY_US, NOW_US), EXPIRY_OVERDUE);
}

/* A file without a date, or with one that is still to come, is no reason to refuse anybody. */
static void what_is_not_known_is_fresh(void **state)
{
	(void)state;
	assert_int_equal(expiry_judge(0, NOW_US), EXPIRY_FRESH);
	assert_int_equal(expiry_judge(NOW_US + 4000 * DAY_US, NOW_US), EXPIRY_FRESH);
}

/* A step ahead is doubted for a day, one back is believed; time goes on meanwhile. */
static void a_step_of_the_clock_must_last(void **state)
{
	expiry_clock clock = {0};
	const int64_t hour = DAY_US / 24;
	const int64_t year = 365 * DAY_US;

	(void)state;
	assert_true(expiry_clock_now_us(&clock, 1000 * hour, 5 * hour) == 1000 * hour);
	assert_true(expiry_clock_now_us(&clock, 1010 * hour, 15 * hour) == 1010 * hour);
	/* Seconds are no step. */
	assert_true(expiry_clock_now_us(&clock, 1011 * hour + 1000000, 16 * hour) == 1011 * hour + 1000000);
	assert_true(expiry_clock_now_us(&clock, 1012 * hour + year, 17 * hour) == 1012 * hour + 1000000);
	assert_true(expiry_clock_now_us(&clock, 1030 * hour + year, 35 * hour) == 1030 * hour + 1000000);
	/* Back, and ahead again: the day begins anew. */
	assert_true(expiry_clock_now_us(&clock, 1031 * hour, 36 * hour) == 1031 * hour);
	assert_true(expiry_clock_now_us(&clock, 1032 * hour + year, 37 * hour) == 1032 * hour);
	assert_true(expiry_clock_now_us(&clock, 1046 * hour + year, 51 * hour) == 1046 * hour);
	/* Ahead by something else, too. */
	assert_true(expiry_clock_now_us(&clock, 1047 * hour + 2 * year, 52 * hour) == 1047 * hour);
	assert_true(expiry_clock_now_us(&clock, 1070 * hour + 2 * year, 75 * hour) == 1070 * hour);
	assert_true(expiry_clock_now_us(&clock, 1071 * hour + 2 * year, 76 * hour) == 1071 * hour + 2 * year);
	/* Far back. */
	assert_true(expiry_clock_now_us(&clock, 100 * hour, 77 * hour) == 100 * hour);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_goes_by_steps),
	    cmocka_unit_test(what_is_not_known_is_fresh),
	    cmocka_unit_test(a_step_of_the_clock_must_last),
	};
	return cmocka_run_group_tests_name("expiry", tests, NULL, NULL);
}
