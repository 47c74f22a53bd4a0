/* alerts.command, run for real: how often, with what, and what becomes of commands that hang. */
#include "alert_command.h"

#include "../../folder_aid.h"
#include "base/clock.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS   20000 /* on a busy machine, too, nothing is killed that does not hang */
#define BRIEFLY_MS    2000
#define WAIT_US       (20 * 1000000LL)
#define MANY          64
#define LINE          512
#define VU_FD_IN_TEST 200

static char folder[TEST_PATH_MAX];
static uv_loop_t loop;
static vu_alert_command *alerts;

static int set_up(unsigned patience_ms)
{
	test_folder_create(folder);
	assert_int_equal(uv_loop_init(&loop), 0);
	alerts = vu_alert_command_create(&loop, patience_ms, STDERR_FILENO);
	assert_non_null(alerts);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return set_up(PATIENCE_MS);
}

static int setup_briefly(void **state)
{
	(void)state;
	return set_up(BRIEFLY_MS);
}

static void close_one(uv_handle_t *handle, void *context)
{
	(void)context;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static int teardown(void **state)
{
	(void)state;
	vu_alert_command_stop(alerts);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_walk(&loop, close_one, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	free(alerts);
	test_folder_remove(folder);
	return 0;
}

static vu_alert alert_of(uint64_t sequence)
{
	return (vu_alert){.sequence = sequence,
	                  .metric = "memory_percent",
	                  .value = 81.5,
	                  .threshold = 80,
	                  .since_us = 1790000000123456};
}

/* "cat-like" command: appends its argument to <folder>/told. */
static const char *teller(void)
{
	static char command[TEST_PATH_MAX + 64];

	snprintf(command, sizeof command, "f() { printf '%%s\\n' \"$1\" >>%s/told; }; f", folder);
	return command;
}

static size_t read_told(char lines[MANY][LINE])
{
	char path[TEST_PATH_MAX + 16];
	size_t count = 0;
	FILE *stream;

	snprintf(path, sizeof path, "%s/told", folder);
	stream = fopen(path, "re");
	while (stream && count < MANY && fgets(lines[count], LINE, stream)) {
		lines[count][strcspn(lines[count], "\n")] = '\0';
		count++;
	}
	if (stream)
		fclose(stream);
	return count;
}

/* Nothing runs any more: only handles that are active keep the loop. */
static void run_to_the_end(void)
{
	int64_t until_us = vu_clock_monotonic_us() + WAIT_US;

	while (uv_run(&loop, UV_RUN_ONCE) != 0)
		assert_true(vu_clock_monotonic_us() < until_us);
}

static void run_ok(const char *command, uint64_t sequence)
{
	vu_alert alert = alert_of(sequence);
	vu_error error = {.status = VU_OK};

	if (vu_alert_command_run(alerts, command, &alert, &error) != VU_OK)
		fail_msg("%s", error.message);
}

static void the_command_gets_the_alert_as_json(void **state)
{
	char lines[MANY][LINE];
	vu_alert alert = alert_of(7);
	vu_error error;
	(void)state;
	run_ok(teller(), 6);
	run_to_the_end();
	alert.critical = true;
	assert_int_equal(vu_alert_command_run(alerts, teller(), &alert, &error), VU_OK);
	run_to_the_end();
	assert_int_equal(read_told(lines), 2);
	assert_string_equal(lines[0], "{\"metric\":\"memory_percent\",\"value\":81.5,\"threshold\":80,\"severity\":"
	                              "\"warning\",\"since\":1790000000}");
	assert_non_null(strstr(lines[1], "\"severity\":\"critical\""));
}

static void an_alert_told_twice_is_run_once(void **state)
{
	char lines[MANY][LINE];
	(void)state;
	run_ok(teller(), 3);
	run_ok(teller(), 3);
	run_to_the_end();
	run_ok(teller(), 3);
	run_to_the_end();
	assert_int_equal(read_told(lines), 1);
	run_ok(teller(), 4);
	run_to_the_end();
	assert_int_equal(read_told(lines), 2);
}

static void alerts_at_once_wait_for_each_other(void **state)
{
	char lines[MANY][LINE];
	vu_alert alert = alert_of(100);
	vu_error error;
	(void)state;
	for (uint64_t i = 1; i <= 1 + VU_ALERT_QUEUE_MAX; i++)
		run_ok(teller(), i);
	assert_int_equal(vu_alert_command_run(alerts, teller(), &alert, &error), VU_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(error.message, "8 more wait"));
	run_to_the_end();
	assert_int_equal(read_told(lines), 1 + VU_ALERT_QUEUE_MAX);
	/* What did not fit was not run, and may come again. */
	run_ok(teller(), 100);
	run_to_the_end();
	assert_int_equal(read_told(lines), 2 + VU_ALERT_QUEUE_MAX);
}

/* The hanging shell leaves a child of its own, which holds the pipe open as long as it lives. */
static void what_hangs_is_killed_with_its_children(void **state)
{
	char lines[MANY][LINE];
	char byte;
	int ends[2];
	char command[64];
	int64_t began_us = vu_clock_monotonic_us();
	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], VU_FD_IN_TEST), VU_FD_IN_TEST);
	snprintf(command, sizeof command, "(sleep 600 & sleep 600) #");
	run_ok(command, 1);
	run_ok(teller(), 2);
	close(ends[1]);
	close(VU_FD_IN_TEST);
	run_to_the_end();
	assert_true(vu_clock_monotonic_us() - began_us >= BRIEFLY_MS * 1000);
	assert_int_equal(read(ends[0], &byte, 1), 0); /* would wait for ten minutes */
	close(ends[0]);
	assert_int_equal(read_told(lines), 1);
}

static void a_command_that_fails_does_not_stop_the_next(void **state)
{
	char lines[MANY][LINE];
	(void)state;
	run_ok("false", 1);
	run_ok("/nonexistent/program", 2);
	run_ok("kill -9 $$ #", 3);
	run_ok(teller(), 4);
	run_to_the_end();
	assert_int_equal(read_told(lines), 1);
}

static void what_is_no_alert_runs_nothing(void **state)
{
	static const char *const NAMES[] = {"", "Memory", "a b", "$(touch x)", "\";id;\"", "é", "a\nb"};
	char lines[MANY][LINE];
	vu_error error;
	vu_alert alert;
	(void)state;
	for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
		alert = alert_of(1);
		strcpy(alert.metric, NAMES[i]);
		assert_int_equal(vu_alert_command_run(alerts, teller(), &alert, &error), VU_INVALID_ARGUMENT);
		assert_string_equal(error.message, "unable to run alerts.command: this is no alert");
	}
	alert = alert_of(1);
	memset(alert.metric, 'a', sizeof alert.metric);
	assert_int_equal(vu_alert_command_run(alerts, teller(), &alert, &error), VU_INVALID_ARGUMENT);
	alert = alert_of(1);
	alert.value = (double)NAN;
	assert_int_equal(vu_alert_command_run(alerts, teller(), &alert, &error), VU_INVALID_ARGUMENT);
	alert = alert_of(1);
	alert.threshold = (double)INFINITY;
	assert_int_equal(vu_alert_command_run(alerts, teller(), &alert, &error), VU_INVALID_ARGUMENT);
	alert = alert_of(0);
	assert_int_equal(vu_alert_command_run(alerts, teller(), &alert, &error), VU_INVALID_ARGUMENT);
	run_to_the_end();
	assert_int_equal(read_told(lines), 0);
}

static void without_a_command_nothing_is_run(void **state)
{
	char longer[VU_ALERT_COMMAND_LENGTH + 1];
	vu_alert alert = alert_of(1);
	vu_error error;
	(void)state;
	assert_int_equal(vu_alert_command_run(alerts, NULL, &alert, &error), VU_FAILED_PRECONDITION);
	assert_int_equal(vu_alert_command_run(alerts, "", &alert, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "none is configured"));
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_int_equal(vu_alert_command_run(alerts, longer, &alert, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "the limit is 1023"));
}

static void a_suite_that_stops_kills_it_and_begins_no_other(void **state)
{
	char lines[MANY][LINE];
	vu_alert alert = alert_of(3);
	vu_error error;
	(void)state;
	run_ok("sleep 600 #", 1);
	run_ok(teller(), 2);
	vu_alert_command_stop(alerts);
	run_to_the_end();
	assert_int_equal(read_told(lines), 0);
	assert_int_equal(vu_alert_command_run(alerts, teller(), &alert, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "the suite is being stopped"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_command_gets_the_alert_as_json, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_alert_told_twice_is_run_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(alerts_at_once_wait_for_each_other, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_hangs_is_killed_with_its_children, setup_briefly, teardown),
	    cmocka_unit_test_setup_teardown(a_command_that_fails_does_not_stop_the_next, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_no_alert_runs_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(without_a_command_nothing_is_run, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_suite_that_stops_kills_it_and_begins_no_other, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
