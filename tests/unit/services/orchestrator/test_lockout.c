/* Lockouts: counting, time, restarts and reboots, with time in the test's hands. */
#include "store/lockout.h"

#include "../../folder_aid.h"
#include "history.h"
#include "ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000LL

static char folder[TEST_PATH_MAX];
static vu_ledger *ledger;
static vu_lockout_rule rule;

static void open_ledger(void)
{
	vu_error error;
	assert_int_equal(vu_ledger_create(folder, vu_clock_system(), &ledger, &error), VU_OK);
}

static int setup(void **state)
{
	(void)state;
	test_folder_create(folder);
	open_ledger();
	rule = (vu_lockout_rule){.max_attempts = 5, .lockout_s = 300, .boot_id = "boot-a", .now_us = 1000 * SECOND};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_ledger_destroy(ledger);
	test_folder_remove(folder);
	return 0;
}

static vu_lockout_state in_transaction(vu_status (*action)(vu_store *, const vu_lockout_rule *, const char *,
                                                           vu_lockout_state *, vu_error *),
                                       const char *user)
{
	vu_store *store;
	vu_error error;
	vu_lockout_state state;
	assert_int_equal(vu_ledger_begin(ledger, &store, &error), VU_OK);
	assert_int_equal(action(store, &rule, user, &state, &error), VU_OK);
	assert_int_equal(vu_ledger_commit(ledger, &error), VU_OK);
	return state;
}

static vu_lockout_state read_state(const char *user)
{
	return in_transaction(vu_lockout_read, user);
}

static vu_lockout_state count_failure(const char *user)
{
	return in_transaction(vu_lockout_count, user);
}

static void lock_out(const char *user)
{
	for (uint32_t i = 0; i < rule.max_attempts; i++)
		count_failure(user);
	assert_true(read_state(user).locked);
}

static void clear(const char *user)
{
	vu_store *store;
	vu_error error;
	assert_int_equal(vu_ledger_begin(ledger, &store, &error), VU_OK);
	assert_int_equal(vu_lockout_clear(store, user, &error), VU_OK);
	assert_int_equal(vu_ledger_commit(ledger, &error), VU_OK);
}

static void forgive(const char *source, uint32_t failures)
{
	vu_store *store;
	vu_error error;
	assert_int_equal(vu_ledger_begin(ledger, &store, &error), VU_OK);
	assert_int_equal(vu_lockout_forgive(store, &rule, source, failures, &error), VU_OK);
	assert_int_equal(vu_ledger_commit(ledger, &error), VU_OK);
}

static void a_source_is_forgiven_what_one_user_cost_it_but_no_lockout(void **state)
{
	vu_store *store;
	vu_error error;
	(void)state;
	rule.max_attempts *= VU_LOCKOUT_SOURCE_TIMES;
	for (int i = 0; i < 6; i++)
		count_failure("/uid/1000");
	forgive("/uid/1000", 2);
	assert_int_equal(read_state("/uid/1000").failures, 4);
	forgive("/uid/1000", 9);
	assert_int_equal(read_state("/uid/1000").failures, 0);
	forgive("/uid/1001", 1);
	assert_int_equal(read_state("/uid/1001").failures, 0);
	lock_out("/uid/1000");
	forgive("/uid/1000", 15);
	assert_true(read_state("/uid/1000").locked);
	/* An administrator's word ends it, and concerns no user. */
	count_failure("anna");
	assert_int_equal(vu_ledger_begin(ledger, &store, &error), VU_OK);
	assert_int_equal(vu_lockout_clear_sources(store, &error), VU_OK);
	assert_int_equal(vu_ledger_commit(ledger, &error), VU_OK);
	assert_false(read_state("/uid/1000").locked);
	assert_int_equal(read_state("anna").failures, 1);
}

static void restart(void)
{
	vu_ledger_destroy(ledger);
	open_ledger();
}

static void failures_count_up_to_the_lockout(void **state)
{
	vu_lockout_state now = read_state("anna");
	(void)state;
	assert_false(now.locked);
	assert_int_equal(now.failures_left, 5);
	for (uint32_t i = 1; i < 5; i++) {
		now = count_failure("anna");
		assert_false(now.locked);
		assert_int_equal(now.failures, i);
		assert_int_equal(now.failures_left, 5 - i);
	}
	now = count_failure("anna");
	assert_true(now.locked);
	assert_int_equal(now.remaining_s, 300);
	assert_int_equal(now.failures_left, 0);
	/* Somebody else is not concerned. */
	assert_int_equal(read_state("bert").failures_left, 5);
}

static void a_lockout_ends_with_its_time_and_takes_the_failures_along(void **state)
{
	(void)state;
	lock_out("anna");
	rule.now_us += 299 * SECOND + SECOND / 2;
	assert_true(read_state("anna").locked);
	assert_int_equal(read_state("anna").remaining_s, 1);
	rule.now_us += SECOND / 2;
	assert_false(read_state("anna").locked);
	assert_int_equal(read_state("anna").failures_left, 5);
	assert_int_equal(count_failure("anna").failures, 1);
}

static void each_lockout_is_twice_as_long_up_to_a_day(void **state)
{
	static const uint64_t expected[] = {300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 76800, 86400, 86400};
	(void)state;
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		lock_out("anna");
		assert_int_equal(read_state("anna").remaining_s, expected[i]);
		rule.now_us += (int64_t)expected[i] * SECOND;
		assert_false(read_state("anna").locked);
		assert_int_equal(read_state("anna").failures_left, 5);
		if (i % 2)
			restart();
	}
	/* Somebody else begins at the beginning, and so does she after an accept. */
	lock_out("bert");
	assert_int_equal(read_state("bert").remaining_s, 300);
	clear("anna");
	lock_out("anna");
	assert_int_equal(read_state("anna").remaining_s, 300);
}

static void failures_during_a_lockout_do_not_prolong_it(void **state)
{
	(void)state;
	lock_out("anna");
	rule.now_us += 100 * SECOND;
	assert_int_equal(count_failure("anna").remaining_s, 200);
	assert_int_equal(read_state("anna").remaining_s, 200);
}

static void a_restart_of_the_process_clears_nothing(void **state)
{
	(void)state;
	count_failure("bert");
	lock_out("anna");
	restart();
	rule.now_us += 10 * SECOND;
	assert_int_equal(read_state("anna").remaining_s, 290);
	assert_int_equal(read_state("bert").failures_left, 4);
}

static void a_reboot_shortens_nothing(void **state)
{
	(void)state;
	lock_out("anna");
	rule.now_us += 100 * SECOND;
	assert_int_equal(read_state("anna").remaining_s, 200);
	/* Boots again; the new monotonic clock begins near nothing, or anywhere. */
	restart();
	rule.boot_id = "boot-b";
	rule.now_us = 5 * SECOND;
	assert_int_equal(read_state("anna").remaining_s, 200);
	rule.now_us += 150 * SECOND;
	assert_int_equal(read_state("anna").remaining_s, 50);
	restart();
	rule.boot_id = "boot-c";
	rule.now_us = 1000000 * SECOND;
	assert_int_equal(read_state("anna").remaining_s, 50);
	rule.now_us += 50 * SECOND;
	assert_false(read_state("anna").locked);
}

static void a_clock_that_went_back_never_adds_time(void **state)
{
	(void)state;
	lock_out("anna");
	rule.now_us += 100 * SECOND;
	assert_int_equal(read_state("anna").remaining_s, 200);
	rule.now_us = 1 * SECOND; /* a reboot that left no trace in the boot id */
	assert_int_equal(read_state("anna").remaining_s, 200);
}

static void clearing_forgets_failures_and_lockout(void **state)
{
	vu_store *store;
	vu_error error;
	(void)state;
	lock_out("anna");
	assert_int_equal(vu_ledger_begin(ledger, &store, &error), VU_OK);
	assert_int_equal(vu_lockout_clear(store, "anna", &error), VU_OK);
	assert_int_equal(vu_ledger_commit(ledger, &error), VU_OK);
	assert_int_equal(read_state("anna").failures_left, 5);
}

static void the_list_names_who_is_locked_now(void **state)
{
	vu_lockout_user users[4];
	size_t count = 0;
	vu_store *store;
	vu_error error;
	(void)state;
	lock_out("anna");
	rule.now_us += 200 * SECOND;
	lock_out("bert");
	count_failure("cleo");
	rule.now_us += 150 * SECOND; /* anna's is over */
	assert_int_equal(vu_ledger_begin(ledger, &store, &error), VU_OK);
	assert_int_equal(vu_lockout_list(store, &rule, users, 4, &count, &error), VU_OK);
	vu_ledger_rollback(ledger, VU_OK);
	assert_int_equal(count, 1);
	assert_string_equal(users[0].user, "bert");
	assert_int_equal(users[0].state.remaining_s, 150);
	assert_int_equal(users[0].state.failures, 5);
}

static void a_stricter_rule_applies_to_old_failures(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		count_failure("anna");
	rule.max_attempts = 2;
	assert_int_equal(read_state("anna").failures_left, 1);
	assert_true(count_failure("anna").locked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(failures_count_up_to_the_lockout, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_lockout_ends_with_its_time_and_takes_the_failures_along, setup,
	                                    teardown),
	    cmocka_unit_test_setup_teardown(each_lockout_is_twice_as_long_up_to_a_day, setup, teardown),
	    cmocka_unit_test_setup_teardown(failures_during_a_lockout_do_not_prolong_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_restart_of_the_process_clears_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_reboot_shortens_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_clock_that_went_back_never_adds_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_source_is_forgiven_what_one_user_cost_it_but_no_lockout, setup,
	                                    teardown),
	    cmocka_unit_test_setup_teardown(clearing_forgets_failures_and_lockout, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_list_names_who_is_locked_now, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_stricter_rule_applies_to_old_failures, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
