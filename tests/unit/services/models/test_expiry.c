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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_goes_by_steps),
	    cmocka_unit_test(what_is_not_known_is_fresh),
	};
	return cmocka_run_group_tests_name("expiry", tests, NULL, NULL);
}
