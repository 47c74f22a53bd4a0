/* What each level of memory calls for, and that asking does not become nagging. */
#include "memory_ceiling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define MB    (1024 * 1024ull)
#define LIMIT (400 * MB)

static void thresholds(void **state)
{
	(void)state;
	vu_memory_ceiling ceiling = {0};
	assert_int_equal(vu_memory_ceiling_judge(&ceiling, 319 * MB, LIMIT, 1), VU_CEILING_FINE);
	assert_int_equal(vu_memory_ceiling_judge(&ceiling, 321 * MB, LIMIT, 2), VU_CEILING_CLEANUP);
	assert_int_equal(vu_memory_ceiling_judge(&ceiling, LIMIT - 1, LIMIT, 3), VU_CEILING_FINE);
	assert_int_equal(vu_memory_ceiling_judge(&ceiling, LIMIT, LIMIT, 4), VU_CEILING_KILL);
	assert_int_equal(vu_memory_ceiling_judge(&ceiling, UINT64_MAX, LIMIT, 5), VU_CEILING_KILL);
}

static void asks_again_while_it_stays_high_and_anew_after_a_fall(void **state)
{
	(void)state;
	vu_memory_ceiling ceiling = {0};
	assert_int_equal(vu_memory_ceiling_judge(&ceiling, 350 * MB, LIMIT, 1000), VU_CEILING_CLEANUP);
	assert_int_equal(vu_memory_ceiling_judge(&ceiling, 350 * MB, LIMIT, 999 + VU_CLEANUP_AGAIN_US),
	                 VU_CEILING_FINE);
	assert_int_equal(vu_memory_ceiling_judge(&ceiling, 350 * MB, LIMIT, 1000 + VU_CLEANUP_AGAIN_US),
	                 VU_CEILING_CLEANUP);
	assert_int_equal(vu_memory_ceiling_judge(&ceiling, 100 * MB, LIMIT, 1001 + VU_CLEANUP_AGAIN_US),
	                 VU_CEILING_FINE);
	assert_int_equal(vu_memory_ceiling_judge(&ceiling, 350 * MB, LIMIT, 1002 + VU_CLEANUP_AGAIN_US),
	                 VU_CEILING_CLEANUP);
}

static void no_limit_no_reaction(void **state)
{
	(void)state;
	vu_memory_ceiling ceiling = {0};
	assert_int_equal(vu_memory_ceiling_judge(&ceiling, UINT64_MAX, 0, 1), VU_CEILING_FINE);
}

static void from_ninety_percent_on_nothing_new_is_loaded(void **state)
{
	(void)state;
	assert_false(vu_memory_ceiling_refuses_loads(359 * MB, LIMIT));
	assert_true(vu_memory_ceiling_refuses_loads(360 * MB, LIMIT));
	assert_true(vu_memory_ceiling_refuses_loads(UINT64_MAX, LIMIT));
	assert_false(vu_memory_ceiling_refuses_loads(UINT64_MAX, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(thresholds),
	    cmocka_unit_test(asks_again_while_it_stays_high_and_anew_after_a_fall),
	    cmocka_unit_test(no_limit_no_reaction),
	    cmocka_unit_test(from_ninety_percent_on_nothing_new_is_loaded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
