/* The table of attempts without any peer: who runs, who joins, who is refused. */
#include "attempts.h"

#include "base/clock.h"
#include "voiceunlock/v1/common.pb-c.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000LL

static vu_attempts *table;

static int setup(void **state)
{
	vu_error error;
	(void)state;
	return vu_attempts_create(&table, &error) == VU_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	vu_attempts_destroy(table);
	return 0;
}

static vu_status enter(const char *id, bool microphone, vu_attempt **attempt, bool *must_run, vu_error *error)
{
	vu_attempt_order order = {.id = id, .fingerprint = "what is asked", .microphone = microphone};
	return vu_attempts_enter(table, &order, vu_clock_monotonic_us() + 10 * SECOND, attempt, must_run, error);
}

static vu_attempt *enter_to_run(const char *id, bool microphone)
{
	vu_attempt *attempt = NULL;
	bool must_run = false;
	vu_error error;
	if (enter(id, microphone, &attempt, &must_run, &error) != VU_OK)
		fail_msg("%s", error.message);
	assert_true(must_run);
	return attempt;
}

static void end(vu_attempt *attempt)
{
	Vu__Empty nothing = VU__EMPTY__INIT;
	vu_attempt_finish(table, attempt, &nothing.base, NULL);
	vu_attempt_leave(table, attempt);
}

static void ids_are_checked(void **state)
{
	vu_attempt *attempt;
	bool must_run;
	vu_error error;
	(void)state;
	assert_int_equal(enter("", false, &attempt, &must_run, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(enter("xyz", false, &attempt, &must_run, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(enter(NULL, false, &attempt, &must_run, &error), VU_INVALID_ARGUMENT);
}

static void only_so_many_run_at_once(void **state)
{
	vu_attempt *running[VU_ATTEMPTS_RUNNING_MAX];
	vu_attempt *attempt;
	char id[VU_ID_HEX_SIZE];
	bool must_run;
	vu_error error;
	(void)state;
	for (int i = 0; i < VU_ATTEMPTS_RUNNING_MAX; i++) {
		vu_id_generate_hex(id);
		running[i] = enter_to_run(id, false);
	}
	vu_id_generate_hex(id);
	assert_int_equal(enter(id, false, &attempt, &must_run, &error), VU_RESOURCE_EXHAUSTED);
	assert_int_equal(vu_attempts_running(table), VU_ATTEMPTS_RUNNING_MAX);
	end(running[0]);
	running[0] = enter_to_run(id, false);
	for (int i = 0; i < VU_ATTEMPTS_RUNNING_MAX; i++)
		end(running[i]);
	assert_int_equal(vu_attempts_running(table), 0);
}

static void a_finished_attempt_is_not_run_again(void **state)
{
	char id[VU_ID_HEX_SIZE];
	vu_attempt *attempt;
	bool must_run = true;
	vu_error error;
	vu_attempt_order other = {.id = id, .fingerprint = "something else"};
	(void)state;
	vu_id_generate_hex(id);
	end(enter_to_run(id, false));
	assert_int_equal(enter(id, false, &attempt, &must_run, &error), VU_OK);
	assert_false(must_run);
	vu_attempt_leave(table, attempt);
	assert_int_equal(
	    vu_attempts_enter(table, &other, vu_clock_monotonic_us() + SECOND, &attempt, &must_run, &error),
	    VU_INVALID_ARGUMENT);
}

static void whoever_joins_waits_no_longer_than_the_deadline(void **state)
{
	char id[VU_ID_HEX_SIZE];
	vu_attempt *running;
	vu_attempt *attempt;
	bool must_run;
	vu_error error;
	vu_attempt_order order = {.id = id, .fingerprint = "what is asked"};
	(void)state;
	vu_id_generate_hex(id);
	running = enter_to_run(id, false);
	assert_int_equal(
	    vu_attempts_enter(table, &order, vu_clock_monotonic_us() + 50000, &attempt, &must_run, &error),
	    VU_DEADLINE_EXCEEDED);
	end(running);
}

static void *end_soon(void *argument)
{
	end(argument);
	return NULL;
}

static void the_microphone_is_waited_for_only_while_it_is_closed(void **state)
{
	Vu__Empty nothing = VU__EMPTY__INIT;
	char first[VU_ID_HEX_SIZE];
	char second[VU_ID_HEX_SIZE];
	vu_attempt *holder;
	vu_attempt *attempt;
	pthread_t thread;
	bool must_run;
	vu_error error;
	(void)state;
	vu_id_generate_hex(first);
	vu_id_generate_hex(second);
	holder = enter_to_run(first, true);
	assert_int_equal(enter(second, true, &attempt, &must_run, &error), VU_RESOURCE_EXHAUSTED);
	/* An upload needs none. */
	end(enter_to_run(second, false));
	/* Answered but not left yet: the next one waits until it is. */
	vu_attempt_finish(table, holder, &nothing.base, NULL);
	vu_id_generate_hex(second);
	vu_attempt_order impatient = {.id = second, .fingerprint = "what is asked", .microphone = true};
	assert_int_equal(
	    vu_attempts_enter(table, &impatient, vu_clock_monotonic_us() + 50000, &attempt, &must_run, &error),
	    VU_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(error.message, "still being closed"));
	vu_attempt_leave(table, holder);
	attempt = enter_to_run(second, true);
	assert_int_equal(pthread_create(&thread, NULL, end_soon, attempt), 0);
	pthread_join(thread, NULL);
}

static void cancelling_marks_only_what_runs(void **state)
{
	char id[VU_ID_HEX_SIZE];
	vu_attempt *attempt;
	vu_error error;
	(void)state;
	vu_id_generate_hex(id);
	assert_int_equal(vu_attempts_cancel(table, id, &error), VU_NOT_FOUND);
	attempt = enter_to_run(id, false);
	assert_false(vu_attempt_was_cancelled(table, attempt));
	assert_int_equal(vu_attempts_cancel(table, id, &error), VU_OK);
	assert_true(vu_attempt_was_cancelled(table, attempt));
	assert_true(vu_cancel_is_triggered(vu_attempt_cancel(attempt)));
	end(attempt);
	assert_int_equal(vu_attempts_cancel(table, id, &error), VU_OK);
}

static void the_table_stays_small(void **state)
{
	char first[VU_ID_HEX_SIZE];
	char id[VU_ID_HEX_SIZE];
	vu_attempt_view view;
	(void)state;
	vu_id_generate_hex(first);
	end(enter_to_run(first, false));
	vu_attempts_view(table, first, 0, &view);
	assert_true(view.known && view.finished);
	for (int i = 0; i < VU_ATTEMPTS_KEPT_MAX + 1; i++) {
		vu_id_generate_hex(id);
		end(enter_to_run(id, false));
	}
	vu_attempts_view(table, first, 0, &view);
	assert_false(view.known);
	vu_attempts_view(table, id, 0, &view);
	assert_true(view.known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(ids_are_checked, setup, teardown),
	    cmocka_unit_test_setup_teardown(only_so_many_run_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_finished_attempt_is_not_run_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(whoever_joins_waits_no_longer_than_the_deadline, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_microphone_is_waited_for_only_while_it_is_closed, setup, teardown),
	    cmocka_unit_test_setup_teardown(cancelling_marks_only_what_runs, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_table_stays_small, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
