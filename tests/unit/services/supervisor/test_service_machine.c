/* The life of a service, event by event, on a clock that the test moves. */
#include "service_machine.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#define MS 1000LL
#define S  1000000LL

static int64_t test_now_us;

static int64_t read_test_clock(void *context)
{
	(void)context;
	return test_now_us;
}

static vu_service_machine fresh(void)
{
	vu_service_machine machine;
	vu_clock clock = {.monotonic_us = read_test_clock, .wall_us = read_test_clock};
	test_now_us = 1000 * S;
	vu_service_machine_init(&machine, clock);
	return machine;
}

static vu_machine_effect feed(vu_service_machine *machine, vu_machine_event_kind kind)
{
	return vu_service_machine_feed(machine, &(vu_machine_event){.kind = kind});
}

static vu_machine_effect exits(vu_service_machine *machine, int code)
{
	return vu_service_machine_feed(machine, &(vu_machine_event){.kind = VU_MACHINE_EXITED, .exit_code = code});
}

static vu_machine_effect dies(vu_service_machine *machine, int signal)
{
	return vu_service_machine_feed(machine, &(vu_machine_event){.kind = VU_MACHINE_EXITED, .signal = signal});
}

static vu_service_machine running(void)
{
	vu_service_machine machine = fresh();
	assert_int_equal(feed(&machine, VU_MACHINE_START), VU_EFFECT_SPAWN);
	assert_int_equal(feed(&machine, VU_MACHINE_READY), VU_EFFECT_NONE);
	assert_int_equal(machine.state, VU_MACHINE_RUNNING);
	return machine;
}

/* Moves time to the machine's deadline and feeds TIMER. */
static vu_machine_effect elapse(vu_service_machine *machine)
{
	assert_true(vu_service_machine_deadline_us(machine) >= test_now_us);
	test_now_us = vu_service_machine_deadline_us(machine);
	return feed(machine, VU_MACHINE_TIMER);
}

static void starts_and_becomes_ready(void **state)
{
	(void)state;
	vu_service_machine machine = fresh();
	assert_int_equal(machine.state, VU_MACHINE_STOPPED);
	assert_false(vu_service_machine_has_process(&machine));
	assert_int_equal(feed(&machine, VU_MACHINE_START), VU_EFFECT_SPAWN);
	assert_int_equal(machine.state, VU_MACHINE_STARTING);
	assert_true(vu_service_machine_has_process(&machine));
	assert_int_equal(vu_service_machine_deadline_us(&machine), test_now_us + VU_START_TIMEOUT_US);
	test_now_us += 20 * MS;
	assert_int_equal(feed(&machine, VU_MACHINE_READY), VU_EFFECT_NONE);
	assert_int_equal(machine.state, VU_MACHINE_RUNNING);
	assert_int_equal(vu_service_machine_deadline_us(&machine), 0);
	assert_int_equal(vu_service_machine_restarts(&machine), 0);
	assert_string_equal(machine.reason, "");
}

static void is_killed_when_never_ready(void **state)
{
	(void)state;
	vu_service_machine machine = fresh();
	feed(&machine, VU_MACHINE_START);
	assert_int_equal(elapse(&machine), VU_EFFECT_KILL);
	assert_int_equal(machine.state, VU_MACHINE_STARTING);
	assert_int_equal(dies(&machine, SIGKILL), VU_EFFECT_NONE);
	assert_int_equal(machine.state, VU_MACHINE_BACKOFF);
	assert_string_equal(machine.reason, "killed: not ready within 10 s of its start");
	assert_int_equal(machine.death_count, 1);
}

static void restarts_at_once_the_first_time_then_backs_off(void **state)
{
	(void)state;
	static const int64_t DELAYS_MS[] = {50, 100, 200};
	vu_service_machine machine = running();
	assert_int_equal(dies(&machine, SIGSEGV), VU_EFFECT_SPAWN);
	assert_int_equal(machine.state, VU_MACHINE_STARTING);
	assert_non_null(strstr(machine.reason, "died by signal 11"));
	for (size_t i = 0; i < sizeof DELAYS_MS / sizeof DELAYS_MS[0]; i++) {
		feed(&machine, VU_MACHINE_READY);
		assert_int_equal(dies(&machine, SIGSEGV), VU_EFFECT_NONE);
		assert_int_equal(machine.state, VU_MACHINE_BACKOFF);
		assert_int_equal(vu_service_machine_deadline_us(&machine) - test_now_us, DELAYS_MS[i] * MS);
		assert_int_equal(elapse(&machine), VU_EFFECT_SPAWN);
	}
	assert_int_equal(vu_service_machine_restarts(&machine), 4);
}

static void five_deaths_within_a_minute_are_too_many(void **state)
{
	(void)state;
	vu_service_machine machine = running();
	for (int death = 1; death < VU_DEATHS_MAX; death++) {
		if (exits(&machine, 70) == VU_EFFECT_NONE)
			assert_int_equal(elapse(&machine), VU_EFFECT_SPAWN);
		feed(&machine, VU_MACHINE_READY);
	}
	assert_int_equal(exits(&machine, 70), VU_EFFECT_NONE);
	assert_int_equal(machine.state, VU_MACHINE_FAILED);
	assert_int_equal(vu_service_machine_deadline_us(&machine), 0);
	assert_string_equal(machine.reason, "died 5 times within a minute; the last time: exited with status 70");

	/* Only a restart on request clears it. */
	assert_int_equal(feed(&machine, VU_MACHINE_START), VU_EFFECT_NONE);
	assert_int_equal(feed(&machine, VU_MACHINE_TIMER), VU_EFFECT_NONE);
	assert_int_equal(machine.state, VU_MACHINE_FAILED);
	assert_int_equal(feed(&machine, VU_MACHINE_RESTART), VU_EFFECT_SPAWN);
	assert_int_equal(machine.death_count, 0);
	feed(&machine, VU_MACHINE_READY);
	assert_int_equal(exits(&machine, 70), VU_EFFECT_SPAWN);
}

static void slow_deaths_are_forgiven(void **state)
{
	(void)state;
	vu_service_machine machine = running();
	for (int death = 0; death < 4 * VU_DEATHS_MAX; death++) {
		test_now_us += VU_DEATHS_WINDOW_US / (VU_DEATHS_MAX - 1) + S;
		assert_int_equal(exits(&machine, 1), VU_EFFECT_SPAWN);
		feed(&machine, VU_MACHINE_READY);
	}
	assert_int_equal(machine.state, VU_MACHINE_RUNNING);
}

static void sigkill_from_outside_never_fails_it(void **state)
{
	(void)state;
	vu_service_machine machine = running();
	for (int kill = 0; kill < 50; kill++) {
		test_now_us += VU_STABLE_KILLED_US;
		assert_int_equal(dies(&machine, SIGKILL), VU_EFFECT_SPAWN);
		feed(&machine, VU_MACHINE_READY);
	}
	assert_int_equal(machine.death_count, 0);
	assert_string_equal(machine.reason, "killed from outside");
	test_now_us += VU_STABLE_KILLED_US;
	assert_int_equal(
	    vu_service_machine_feed(
	        &machine, &(vu_machine_event){.kind = VU_MACHINE_EXITED, .signal = SIGKILL, .out_of_memory = true}),
	    VU_EFFECT_SPAWN);
	assert_string_equal(machine.reason, "killed by the system: it went past the memory of its control group");
}

/* Whatever kills it over and over (the machine is out of memory) must not make us spin. */
static void quick_sigkills_back_off_up_to_the_limit(void **state)
{
	(void)state;
	vu_service_machine machine = running();
	int64_t last_us = 0;
	assert_int_equal(dies(&machine, SIGKILL), VU_EFFECT_SPAWN);
	for (int kill = 0; kill < 20; kill++) {
		assert_int_equal(dies(&machine, SIGKILL), VU_EFFECT_NONE);
		assert_int_equal(machine.state, VU_MACHINE_BACKOFF);
		last_us = vu_service_machine_deadline_us(&machine) - test_now_us;
		assert_int_equal(elapse(&machine), VU_EFFECT_SPAWN);
	}
	assert_int_equal(last_us, VU_BACKOFF_MAX_US);
}

static void one_that_was_ready_is_not_kept_waiting_for_being_killed(void **state)
{
	(void)state;
	vu_service_machine machine = running();
	assert_int_equal(dies(&machine, SIGKILL), VU_EFFECT_SPAWN);
	for (int kill = 0; kill < 20; kill++) {
		feed(&machine, VU_MACHINE_READY);
		assert_int_equal(dies(&machine, SIGKILL), VU_EFFECT_NONE);
		assert_true(vu_service_machine_deadline_us(&machine) - test_now_us <= VU_BACKOFF_KILLED_MAX_US);
		assert_int_equal(elapse(&machine), VU_EFFECT_SPAWN);
	}
}

static void one_that_never_was_ready_waits_longer(void **state)
{
	(void)state;
	static const int64_t DELAYS_MS[] = {500, 1000, 2000, 4000};
	vu_service_machine machine = fresh();
	feed(&machine, VU_MACHINE_START);
	for (size_t i = 0; i < sizeof DELAYS_MS / sizeof DELAYS_MS[0]; i++) {
		assert_int_equal(exits(&machine, 70), VU_EFFECT_NONE);
		assert_int_equal(machine.state, VU_MACHINE_BACKOFF);
		assert_string_equal(machine.reason, "exited with status 70 before it was ready");
		assert_int_equal(vu_service_machine_deadline_us(&machine) - test_now_us, DELAYS_MS[i] * MS);
		assert_int_equal(elapse(&machine), VU_EFFECT_SPAWN);
	}
	assert_int_equal(exits(&machine, 70), VU_EFFECT_NONE);
	assert_int_equal(machine.state, VU_MACHINE_FAILED);
	assert_int_equal(machine.last_exit_code, 70);
}

static void refused_configuration_fails_at_once(void **state)
{
	(void)state;
	vu_service_machine machine = fresh();
	feed(&machine, VU_MACHINE_START);
	assert_int_equal(exits(&machine, 8), VU_EFFECT_NONE);
	assert_int_equal(machine.state, VU_MACHINE_FAILED);
	assert_non_null(strstr(machine.reason, "its configuration is not right (exit 8)"));
	assert_int_equal(machine.last_exit_code, 8);
	assert_int_equal(feed(&machine, VU_MACHINE_RESTART), VU_EFFECT_SPAWN);
	assert_int_equal(exits(&machine, 9), VU_EFFECT_NONE);
	assert_int_equal(machine.state, VU_MACHINE_FAILED);
	assert_non_null(strstr(machine.reason, "it lacks a permission (exit 9)"));
}

static void three_misses_in_a_row_are_a_hang(void **state)
{
	(void)state;
	vu_service_machine machine = running();
	assert_int_equal(feed(&machine, VU_MACHINE_MISSED), VU_EFFECT_NONE);
	assert_int_equal(feed(&machine, VU_MACHINE_MISSED), VU_EFFECT_NONE);
	assert_int_equal(feed(&machine, VU_MACHINE_ANSWERED), VU_EFFECT_NONE);
	assert_int_equal(feed(&machine, VU_MACHINE_MISSED), VU_EFFECT_NONE);
	assert_int_equal(feed(&machine, VU_MACHINE_MISSED), VU_EFFECT_NONE);
	assert_int_equal(feed(&machine, VU_MACHINE_MISSED), VU_EFFECT_KILL);
	/* A poll that was on its way when the signal was sent changes nothing. */
	assert_int_equal(feed(&machine, VU_MACHINE_MISSED), VU_EFFECT_NONE);
	assert_int_equal(dies(&machine, SIGKILL), VU_EFFECT_SPAWN);
	assert_string_equal(machine.reason, "killed: hung, it missed 3 health checks in a row");
	assert_int_equal(machine.death_count, 1);
	/* The new process starts without the misses of the old one. */
	feed(&machine, VU_MACHINE_READY);
	assert_int_equal(feed(&machine, VU_MACHINE_MISSED), VU_EFFECT_NONE);
}

static void misses_before_ready_mean_nothing(void **state)
{
	(void)state;
	vu_service_machine machine = fresh();
	feed(&machine, VU_MACHINE_START);
	for (int i = 0; i < 10; i++)
		assert_int_equal(feed(&machine, VU_MACHINE_MISSED), VU_EFFECT_NONE);
	assert_int_equal(machine.misses, 0);
}

static void stops_by_sigterm(void **state)
{
	(void)state;
	vu_service_machine machine = running();
	assert_int_equal(feed(&machine, VU_MACHINE_STOP), VU_EFFECT_TERMINATE);
	assert_int_equal(machine.state, VU_MACHINE_STOPPING);
	assert_int_equal(vu_service_machine_deadline_us(&machine), test_now_us + VU_STOP_TIMEOUT_US);
	assert_int_equal(exits(&machine, 0), VU_EFFECT_NONE);
	assert_int_equal(machine.state, VU_MACHINE_STOPPED);
	assert_string_equal(machine.reason, "stopped on request");
	assert_false(vu_service_machine_has_process(&machine));
}

static void is_killed_when_it_does_not_stop(void **state)
{
	(void)state;
	vu_service_machine machine = running();
	feed(&machine, VU_MACHINE_STOP);
	assert_int_equal(elapse(&machine), VU_EFFECT_KILL);
	assert_int_equal(dies(&machine, SIGKILL), VU_EFFECT_NONE);
	assert_int_equal(machine.state, VU_MACHINE_STOPPED);
	assert_string_equal(machine.reason, "stopped on request; it did not stop by itself and was killed");
}

static void restarts_on_request_without_counting_it_as_a_death(void **state)
{
	(void)state;
	vu_service_machine machine = running();
	for (int i = 0; i < 3 * VU_DEATHS_MAX; i++) {
		assert_int_equal(feed(&machine, VU_MACHINE_RESTART), VU_EFFECT_TERMINATE);
		assert_int_equal(exits(&machine, 0), VU_EFFECT_SPAWN);
		assert_int_equal(feed(&machine, VU_MACHINE_READY), VU_EFFECT_NONE);
	}
	assert_int_equal(machine.state, VU_MACHINE_RUNNING);
	assert_string_equal(machine.reason, "restarted on request");
	assert_int_equal(vu_service_machine_restarts(&machine), 3 * VU_DEATHS_MAX);
}

static void the_last_request_wins_while_stopping(void **state)
{
	(void)state;
	vu_service_machine machine = running();
	feed(&machine, VU_MACHINE_RESTART);
	assert_int_equal(feed(&machine, VU_MACHINE_STOP), VU_EFFECT_NONE);
	assert_int_equal(exits(&machine, 0), VU_EFFECT_NONE);
	assert_int_equal(machine.state, VU_MACHINE_STOPPED);

	machine = running();
	feed(&machine, VU_MACHINE_STOP);
	assert_int_equal(feed(&machine, VU_MACHINE_RESTART), VU_EFFECT_NONE);
	assert_int_equal(exits(&machine, 0), VU_EFFECT_SPAWN);
	assert_int_equal(machine.state, VU_MACHINE_STARTING);
}

static void stop_and_restart_while_waiting_to_start_again(void **state)
{
	(void)state;
	vu_service_machine machine = fresh();
	feed(&machine, VU_MACHINE_START);
	exits(&machine, 70);
	assert_int_equal(machine.state, VU_MACHINE_BACKOFF);
	assert_int_equal(feed(&machine, VU_MACHINE_START), VU_EFFECT_NONE);
	assert_int_equal(feed(&machine, VU_MACHINE_RESTART), VU_EFFECT_SPAWN);
	exits(&machine, 70);
	assert_int_equal(feed(&machine, VU_MACHINE_STOP), VU_EFFECT_NONE);
	assert_int_equal(machine.state, VU_MACHINE_STOPPED);
	assert_int_equal(vu_service_machine_deadline_us(&machine), 0);
}

static void above_the_ceiling_it_is_killed_and_started_again(void **state)
{
	(void)state;
	vu_service_machine machine = running();
	vu_machine_event event = {.kind = VU_MACHINE_CEILING, .detail = "401 MB of memory, the limit is 400 MB"};
	for (int i = 0; i < 2 * VU_DEATHS_MAX; i++) {
		assert_int_equal(vu_service_machine_feed(&machine, &event), VU_EFFECT_KILL);
		assert_int_equal(vu_service_machine_feed(&machine, &event), VU_EFFECT_NONE);
		if (dies(&machine, SIGKILL) == VU_EFFECT_NONE)
			assert_int_equal(elapse(&machine), VU_EFFECT_SPAWN);
		feed(&machine, VU_MACHINE_READY);
	}
	assert_string_equal(machine.reason, "killed: 401 MB of memory, the limit is 400 MB");
	assert_int_equal(machine.death_count, 0);
}

static void a_service_stopped_from_outside_is_replaced_and_never_given_up(void **state)
{
	(void)state;
	vu_service_machine machine = running();
	for (int i = 0; i < 3 * VU_DEATHS_MAX; i++) {
		assert_int_equal(feed(&machine, VU_MACHINE_HALTED), VU_EFFECT_KILL);
		/* The checks that it then misses change nothing. */
		assert_int_equal(feed(&machine, VU_MACHINE_HALTED), VU_EFFECT_NONE);
		assert_int_equal(feed(&machine, VU_MACHINE_MISSED), VU_EFFECT_NONE);
		if (dies(&machine, SIGKILL) == VU_EFFECT_NONE)
			assert_int_equal(elapse(&machine), VU_EFFECT_SPAWN);
		feed(&machine, VU_MACHINE_READY);
	}
	assert_string_equal(machine.reason, "killed: hung, it was stopped from outside");
	assert_int_equal(machine.death_count, 0);
	assert_int_equal(machine.state, VU_MACHINE_RUNNING);
}

static void a_program_that_cannot_be_started(void **state)
{
	(void)state;
	vu_service_machine machine = fresh();
	vu_machine_event event = {.kind = VU_MACHINE_SPAWN_FAILED, .detail = "unable to start it: no such file"};
	feed(&machine, VU_MACHINE_START);
	for (int i = 1; i < VU_DEATHS_MAX; i++) {
		assert_int_equal(vu_service_machine_feed(&machine, &event), VU_EFFECT_NONE);
		assert_int_equal(machine.state, VU_MACHINE_BACKOFF);
		assert_int_equal(elapse(&machine), VU_EFFECT_SPAWN);
	}
	vu_service_machine_feed(&machine, &event);
	assert_int_equal(machine.state, VU_MACHINE_FAILED);
	assert_string_equal(machine.reason,
	                    "died 5 times within a minute; the last time: unable to start it: no such file");
}

static void settled_means_tried(void **state)
{
	(void)state;
	vu_service_machine machine = fresh();
	assert_false(vu_service_machine_is_settled(&machine));
	feed(&machine, VU_MACHINE_START);
	assert_false(vu_service_machine_is_settled(&machine));
	exits(&machine, 70);
	assert_true(vu_service_machine_is_settled(&machine));
	feed(&machine, VU_MACHINE_RESTART);
	feed(&machine, VU_MACHINE_READY);
	assert_true(vu_service_machine_is_settled(&machine));
}

/* Every event in every state: a state of the table comes out, and an effect fits the state. */
static void no_event_breaks_it(void **state)
{
	(void)state;
	uint32_t seed = 1;
	vu_service_machine machine = fresh();
	for (int i = 0; i < 200000; i++) {
		vu_machine_event event = {0};
		bool had_process = vu_service_machine_has_process(&machine);
		vu_machine_effect effect;
		seed = seed * 1664525u + 1013904223u;
		event.kind = (vu_machine_event_kind)((seed >> 16) % VU_MACHINE_EVENT_COUNT);
		event.exit_code = (int)((seed >> 8) % 3);
		event.signal = event.exit_code == 0 && (seed & 64) ? SIGKILL : 0;
		test_now_us += (seed >> 4) % (3 * S);
		effect = vu_service_machine_feed(&machine, &event);
		assert_in_range(machine.state, 0, VU_MACHINE_STATE_COUNT - 1);
		if (effect == VU_EFFECT_SPAWN)
			assert_int_equal(machine.state, VU_MACHINE_STARTING);
		if (effect == VU_EFFECT_KILL || effect == VU_EFFECT_TERMINATE)
			assert_true(had_process && vu_service_machine_has_process(&machine));
		if (event.kind != VU_MACHINE_EXITED && event.kind != VU_MACHINE_SPAWN_FAILED && had_process)
			assert_true(vu_service_machine_has_process(&machine));
		if (!vu_service_machine_has_process(&machine))
			assert_int_equal(vu_service_machine_deadline_us(&machine) != 0,
			                 machine.state == VU_MACHINE_BACKOFF);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(starts_and_becomes_ready),
	    cmocka_unit_test(is_killed_when_never_ready),
	    cmocka_unit_test(restarts_at_once_the_first_time_then_backs_off),
	    cmocka_unit_test(five_deaths_within_a_minute_are_too_many),
	    cmocka_unit_test(slow_deaths_are_forgiven),
	    cmocka_unit_test(sigkill_from_outside_never_fails_it),
	    cmocka_unit_test(quick_sigkills_back_off_up_to_the_limit),
	    cmocka_unit_test(one_that_was_ready_is_not_kept_waiting_for_being_killed),
	    cmocka_unit_test(one_that_never_was_ready_waits_longer),
	    cmocka_unit_test(refused_configuration_fails_at_once),
	    cmocka_unit_test(three_misses_in_a_row_are_a_hang),
	    cmocka_unit_test(misses_before_ready_mean_nothing),
	    cmocka_unit_test(stops_by_sigterm),
	    cmocka_unit_test(is_killed_when_it_does_not_stop),
	    cmocka_unit_test(restarts_on_request_without_counting_it_as_a_death),
	    cmocka_unit_test(the_last_request_wins_while_stopping),
	    cmocka_unit_test(stop_and_restart_while_waiting_to_start_again),
	    cmocka_unit_test(above_the_ceiling_it_is_killed_and_started_again),
	    cmocka_unit_test(a_service_stopped_from_outside_is_replaced_and_never_given_up),
	    cmocka_unit_test(a_program_that_cannot_be_started),
	    cmocka_unit_test(settled_means_tried),
	    cmocka_unit_test(no_event_breaks_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
