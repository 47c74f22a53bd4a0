/* When the screen may be opened, at given times. */
#include "gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void nothing_without_a_trigger(void **state)
{
	vu_screen_gate gate = {0};
	(void)state;
	for (int64_t ms = 0; ms < 100000; ms += 500) {
		vu_screen_gate_see(&gate, ms >= 1000, ms);
		assert_false(vu_screen_gate_take(&gate, ms));
	}
}

static void nothing_while_unlocked(void **state)
{
	vu_screen_gate gate = {0};
	(void)state;
	vu_screen_gate_see(&gate, false, 0);
	vu_screen_gate_trigger(&gate, 100);
	assert_false(vu_screen_gate_take(&gate, 100));
	/* Nor is the trigger kept for the locking that follows. */
	vu_screen_gate_see(&gate, true, 200);
	assert_false(vu_screen_gate_take(&gate, 200));
	assert_false(vu_screen_gate_take(&gate, 200 + VU_SCREEN_COOL_DOWN_MS));
}

static void nothing_in_the_cool_down(void **state)
{
	vu_screen_gate gate = {0};
	(void)state;
	vu_screen_gate_see(&gate, true, 1000);
	vu_screen_gate_trigger(&gate, 1000 + VU_SCREEN_COOL_DOWN_MS - 1);
	assert_false(vu_screen_gate_take(&gate, 1000 + VU_SCREEN_COOL_DOWN_MS - 1));
	assert_false(vu_screen_gate_take(&gate, 1000 + VU_SCREEN_COOL_DOWN_MS + 1));
	vu_screen_gate_trigger(&gate, 1000 + VU_SCREEN_COOL_DOWN_MS);
	assert_true(vu_screen_gate_take(&gate, 1000 + VU_SCREEN_COOL_DOWN_MS));
}

static void one_trigger_is_one_attempt(void **state)
{
	vu_screen_gate gate = {0};
	(void)state;
	vu_screen_gate_see(&gate, true, 0);
	vu_screen_gate_trigger(&gate, 10000);
	vu_screen_gate_trigger(&gate, 10001);
	assert_true(vu_screen_gate_take(&gate, 10002));
	assert_false(vu_screen_gate_take(&gate, 10003));
}

static void a_stale_trigger_is_none(void **state)
{
	vu_screen_gate gate = {0};
	(void)state;
	vu_screen_gate_see(&gate, true, 0);
	vu_screen_gate_trigger(&gate, 10000);
	assert_false(vu_screen_gate_take(&gate, 10001 + VU_SCREEN_FRESH_MS));
}

/* A look at the session may take long: what was triggered before the locking it saw is not for that. */
static void a_trigger_from_before_the_locking_is_none(void **state)
{
	vu_screen_gate gate = {0};
	(void)state;
	vu_screen_gate_see(&gate, false, 0);
	vu_screen_gate_see(&gate, true, 20000);
	vu_screen_gate_trigger(&gate, 10000);
	assert_false(vu_screen_gate_take(&gate, 20000));
	assert_false(vu_screen_gate_take(&gate, 20000 + VU_SCREEN_COOL_DOWN_MS));
}

static void each_locking_cools_down_anew(void **state)
{
	vu_screen_gate gate = {0};
	(void)state;
	vu_screen_gate_see(&gate, true, 0);
	assert_int_equal(gate.lock_number, 1);
	vu_screen_gate_trigger(&gate, 10000);
	vu_screen_gate_see(&gate, false, 10001);
	vu_screen_gate_see(&gate, true, 10002);
	assert_int_equal(gate.lock_number, 2);
	assert_false(vu_screen_gate_take(&gate, 10003));
	vu_screen_gate_trigger(&gate, 10004);
	assert_false(vu_screen_gate_take(&gate, 10004));
	vu_screen_gate_see(&gate, true, 20000);
	assert_int_equal(gate.lock_number, 2);
	vu_screen_gate_trigger(&gate, 20000);
	assert_true(vu_screen_gate_take(&gate, 20000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_without_a_trigger),
	    cmocka_unit_test(nothing_while_unlocked),
	    cmocka_unit_test(nothing_in_the_cool_down),
	    cmocka_unit_test(one_trigger_is_one_attempt),
	    cmocka_unit_test(a_stale_trigger_is_none),
	    cmocka_unit_test(each_locking_cools_down_anew),
	    cmocka_unit_test(a_trigger_from_before_the_locking_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
