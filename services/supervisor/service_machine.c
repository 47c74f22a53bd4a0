/*
 * The table of transitions and the actions it names. An action changes the
 * machine and returns the effect; nothing in here can fail.
 */
#include "service_machine.h"

#include "exit_codes.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

typedef vu_machine_effect (*vu_machine_action)(vu_service_machine *machine, const vu_machine_event *event);

static int64_t now_us(const vu_service_machine *machine)
{
	return machine->clock.monotonic_us(machine->clock.context);
}

static void forget_deaths(vu_service_machine *machine)
{
	machine->death_count = 0;
	machine->quick_deaths = 0;
	machine->last_exit_code = 0;
}

/* ---- actions ---- */

static vu_machine_effect spawn(vu_service_machine *machine, const vu_machine_event *event)
{
	(void)event;
	machine->state = VU_MACHINE_STARTING;
	machine->start_again = false;
	machine->ready_once = false;
	machine->kill_cause = VU_KILL_NONE;
	machine->misses = 0;
	machine->spawns++;
	machine->spawned_us = now_us(machine);
	machine->deadline_us = machine->spawned_us + VU_START_TIMEOUT_US;
	return VU_EFFECT_SPAWN;
}

static vu_machine_effect spawn_afresh(vu_service_machine *machine, const vu_machine_event *event)
{
	forget_deaths(machine);
	return spawn(machine, event);
}

static vu_machine_effect become_running(vu_service_machine *machine, const vu_machine_event *event)
{
	(void)event;
	machine->state = VU_MACHINE_RUNNING;
	machine->ready_once = true;
	machine->ready_us = now_us(machine);
	machine->deadline_us = 0;
	return VU_EFFECT_NONE;
}

static vu_machine_effect kill_for(vu_service_machine *machine, vu_kill_cause cause)
{
	machine->kill_cause = cause;
	machine->deadline_us = 0;
	return VU_EFFECT_KILL;
}

static vu_machine_effect kill_not_ready(vu_service_machine *machine, const vu_machine_event *event)
{
	(void)event;
	snprintf(machine->reason, sizeof machine->reason, "killed: not ready within %lld s of its start",
	         (long long)(VU_START_TIMEOUT_US / 1000000));
	return kill_for(machine, VU_KILL_NOT_READY);
}

static vu_machine_effect kill_halted(vu_service_machine *machine, const vu_machine_event *event)
{
	(void)event;
	if (machine->kill_cause != VU_KILL_NONE)
		return VU_EFFECT_NONE;
	snprintf(machine->reason, sizeof machine->reason, "killed: hung, it was stopped from outside");
	return kill_for(machine, VU_KILL_HALTED);
}

static vu_machine_effect kill_above_ceiling(vu_service_machine *machine, const vu_machine_event *event)
{
	if (machine->kill_cause != VU_KILL_NONE)
		return VU_EFFECT_NONE;
	snprintf(machine->reason, sizeof machine->reason, "killed: %s",
	         event->detail ? event->detail : "its memory went above the limit");
	return kill_for(machine, VU_KILL_CEILING);
}

static vu_machine_effect kill_unstoppable(vu_service_machine *machine, const vu_machine_event *event)
{
	(void)event;
	return kill_for(machine, VU_KILL_WOULD_NOT_STOP);
}

static vu_machine_effect note_answer(vu_service_machine *machine, const vu_machine_event *event)
{
	(void)event;
	machine->misses = 0;
	return VU_EFFECT_NONE;
}

static vu_machine_effect note_miss(vu_service_machine *machine, const vu_machine_event *event)
{
	(void)event;
	if (machine->kill_cause != VU_KILL_NONE || ++machine->misses < VU_HEALTH_MISSES_MAX)
		return VU_EFFECT_NONE;
	snprintf(machine->reason, sizeof machine->reason, "killed: hung, it missed %d health checks in a row",
	         VU_HEALTH_MISSES_MAX);
	return kill_for(machine, VU_KILL_HUNG);
}

static vu_machine_effect terminate(vu_service_machine *machine, bool start_again)
{
	machine->state = VU_MACHINE_STOPPING;
	machine->start_again = start_again;
	machine->deadline_us = now_us(machine) + VU_STOP_TIMEOUT_US;
	return VU_EFFECT_TERMINATE;
}

static vu_machine_effect stop(vu_service_machine *machine, const vu_machine_event *event)
{
	(void)event;
	return terminate(machine, false);
}

static vu_machine_effect restart(vu_service_machine *machine, const vu_machine_event *event)
{
	(void)event;
	forget_deaths(machine);
	return terminate(machine, true);
}

static vu_machine_effect start_when_gone(vu_service_machine *machine, const vu_machine_event *event)
{
	(void)event;
	forget_deaths(machine);
	machine->start_again = true;
	return VU_EFFECT_NONE;
}

static vu_machine_effect stay_down(vu_service_machine *machine, const vu_machine_event *event)
{
	(void)event;
	machine->start_again = false;
	return VU_EFFECT_NONE;
}

static vu_machine_effect become_stopped(vu_service_machine *machine, const vu_machine_event *event)
{
	(void)event;
	machine->state = VU_MACHINE_STOPPED;
	machine->deadline_us = 0;
	return VU_EFFECT_NONE;
}

static vu_machine_effect finish_stopping(vu_service_machine *machine, const vu_machine_event *event)
{
	bool start_again = machine->start_again;
	snprintf(machine->reason, sizeof machine->reason, "%s%s",
	         start_again ? "restarted on request" : "stopped on request",
	         machine->kill_cause == VU_KILL_WOULD_NOT_STOP ? "; it did not stop by itself and was killed" : "");
	return start_again ? spawn(machine, event) : become_stopped(machine, event);
}

static vu_machine_effect become_failed(vu_service_machine *machine)
{
	machine->state = VU_MACHINE_FAILED;
	machine->deadline_us = 0;
	return VU_EFFECT_NONE;
}

/* Adds to the deaths of its own making; true when that makes too many. */
static bool count_death(vu_service_machine *machine, int64_t now)
{
	if (machine->death_count == VU_DEATHS_MAX) {
		memmove(machine->deaths_us, machine->deaths_us + 1,
		        sizeof machine->deaths_us - sizeof machine->deaths_us[0]);
		machine->death_count--;
	}
	machine->deaths_us[machine->death_count++] = now;
	return machine->death_count == VU_DEATHS_MAX && now - machine->deaths_us[0] <= VU_DEATHS_WINDOW_US;
}

static int64_t doubled(int64_t first_us, unsigned times)
{
	while (times-- > 0 && first_us < VU_BACKOFF_MAX_US)
		first_us *= 2;
	return first_us < VU_BACKOFF_MAX_US ? first_us : VU_BACKOFF_MAX_US;
}

/* How long to wait before the next start, given the deaths in a row before this one. */
static int64_t restart_delay_us(const vu_service_machine *machine, bool own)
{
	int64_t delay_us;

	if (own && !machine->ready_once)
		return doubled(VU_BACKOFF_NEVER_READY_US, machine->quick_deaths);
	delay_us = machine->quick_deaths == 0 ? 0 : doubled(VU_BACKOFF_FIRST_US, machine->quick_deaths - 1);
	return !own && machine->ready_once && delay_us > VU_BACKOFF_KILLED_MAX_US ? VU_BACKOFF_KILLED_MAX_US
	                                                                          : delay_us;
}

/* What decides over the next start, `own` being a death of the service's own making. */
static vu_machine_effect start_again_later(vu_service_machine *machine, bool own)
{
	int64_t now = now_us(machine);
	int64_t delay_us;

	if (own && count_death(machine, now)) {
		char last[160];
		snprintf(last, sizeof last, "%.*s", (int)sizeof last - 1, machine->reason);
		snprintf(machine->reason, sizeof machine->reason, "died %d times within a minute; the last time: %s",
		         VU_DEATHS_MAX, last);
		return become_failed(machine);
	}
	if (machine->ready_once && now - machine->ready_us >= (own ? VU_STABLE_US : VU_STABLE_KILLED_US))
		machine->quick_deaths = 0;
	delay_us = restart_delay_us(machine, own);
	machine->quick_deaths++;
	if (delay_us == 0)
		return spawn(machine, NULL);
	machine->state = VU_MACHINE_BACKOFF;
	machine->deadline_us = now + delay_us;
	return VU_EFFECT_NONE;
}

static vu_machine_effect die(vu_service_machine *machine, const vu_machine_event *event)
{
	const char *when = machine->ready_once ? "" : " before it was ready";
	const char *colon = event->detail ? ": " : "";
	const char *said = event->detail ? event->detail : "";

	machine->deadline_us = 0;
	switch (machine->kill_cause) {
	case VU_KILL_HUNG:
	case VU_KILL_NOT_READY:
		return start_again_later(machine, true);
	case VU_KILL_CEILING:
	case VU_KILL_HALTED:
		return start_again_later(machine, false);
	case VU_KILL_WOULD_NOT_STOP:
	case VU_KILL_NONE:
		break;
	}
	if (event->signal == SIGKILL) {
		snprintf(machine->reason, sizeof machine->reason, "%s%s",
		         event->out_of_memory ? "killed by the system: it went past the memory of its control group"
		                              : "killed from outside",
		         when);
		return start_again_later(machine, false);
	}
	if (event->signal != 0) {
		snprintf(machine->reason, sizeof machine->reason, "died by signal %d (%s)%s%s%s", event->signal,
		         strsignal(event->signal), when, colon, said);
		return start_again_later(machine, true);
	}
	if (event->exit_code == 0) {
		snprintf(machine->reason, sizeof machine->reason, "ended by itself%s", when);
		return start_again_later(machine, false);
	}
	if (!machine->ready_once)
		machine->last_exit_code = event->exit_code;
	/* These two are refusals: trying again would change nothing. */
	if (event->exit_code == VU_EXIT_CONFIGURATION && !machine->ready_once) {
		snprintf(machine->reason, sizeof machine->reason,
		         "refused to start: its configuration is not right (exit %d)%s%s", event->exit_code, colon,
		         said);
		return become_failed(machine);
	}
	if (event->exit_code == VU_EXIT_PERMISSION && !machine->ready_once) {
		snprintf(machine->reason, sizeof machine->reason,
		         "refused to start: it lacks a permission (exit %d)%s%s", event->exit_code, colon, said);
		return become_failed(machine);
	}
	snprintf(machine->reason, sizeof machine->reason, "exited with status %d%s%s%s", event->exit_code, when,
	         colon, said);
	return start_again_later(machine, true);
}

static vu_machine_effect not_spawned(vu_service_machine *machine, const vu_machine_event *event)
{
	snprintf(machine->reason, sizeof machine->reason, "%s", event->detail ? event->detail : "unable to start it");
	machine->deadline_us = 0;
	return start_again_later(machine, true);
}

/* ---- the table: what is not listed is ignored ---- */

static const vu_machine_action ACTIONS[VU_MACHINE_STATE_COUNT][VU_MACHINE_EVENT_COUNT] = {
    [VU_MACHINE_STOPPED] =
        {
            [VU_MACHINE_START] = spawn,
            [VU_MACHINE_RESTART] = spawn_afresh,
        },
    [VU_MACHINE_STARTING] =
        {
            [VU_MACHINE_READY] = become_running,
            [VU_MACHINE_EXITED] = die,
            [VU_MACHINE_SPAWN_FAILED] = not_spawned,
            [VU_MACHINE_HALTED] = kill_halted,
            [VU_MACHINE_CEILING] = kill_above_ceiling,
            [VU_MACHINE_TIMER] = kill_not_ready,
            [VU_MACHINE_STOP] = stop,
            [VU_MACHINE_RESTART] = restart,
        },
    [VU_MACHINE_RUNNING] =
        {
            [VU_MACHINE_EXITED] = die,
            [VU_MACHINE_ANSWERED] = note_answer,
            [VU_MACHINE_MISSED] = note_miss,
            [VU_MACHINE_HALTED] = kill_halted,
            [VU_MACHINE_CEILING] = kill_above_ceiling,
            [VU_MACHINE_STOP] = stop,
            [VU_MACHINE_RESTART] = restart,
        },
    [VU_MACHINE_STOPPING] =
        {
            [VU_MACHINE_START] = start_when_gone,
            [VU_MACHINE_EXITED] = finish_stopping,
            [VU_MACHINE_TIMER] = kill_unstoppable,
            [VU_MACHINE_STOP] = stay_down,
            [VU_MACHINE_RESTART] = start_when_gone,
        },
    [VU_MACHINE_BACKOFF] =
        {
            [VU_MACHINE_TIMER] = spawn,
            [VU_MACHINE_STOP] = become_stopped,
            [VU_MACHINE_RESTART] = spawn_afresh,
        },
    [VU_MACHINE_FAILED] =
        {
            [VU_MACHINE_STOP] = become_stopped,
            [VU_MACHINE_RESTART] = spawn_afresh,
        },
};

void vu_service_machine_init(vu_service_machine *machine, vu_clock clock)
{
	memset(machine, 0, sizeof *machine);
	machine->clock = clock;
	machine->state = VU_MACHINE_STOPPED;
}

vu_machine_effect vu_service_machine_feed(vu_service_machine *machine, const vu_machine_event *event)
{
	vu_machine_action action = ACTIONS[machine->state][event->kind];
	return action ? action(machine, event) : VU_EFFECT_NONE;
}

int64_t vu_service_machine_deadline_us(const vu_service_machine *machine)
{
	return machine->deadline_us;
}

bool vu_service_machine_has_process(const vu_service_machine *machine)
{
	return machine->state == VU_MACHINE_STARTING || machine->state == VU_MACHINE_RUNNING ||
	       machine->state == VU_MACHINE_STOPPING;
}

bool vu_service_machine_is_settled(const vu_service_machine *machine)
{
	return machine->spawns > 0 && machine->state != VU_MACHINE_STARTING;
}

unsigned vu_service_machine_restarts(const vu_service_machine *machine)
{
	return machine->spawns > 0 ? machine->spawns - 1 : 0;
}

const char *vu_machine_state_name(vu_machine_state state)
{
	static const char *const NAMES[VU_MACHINE_STATE_COUNT] = {
	    [VU_MACHINE_STOPPED] = "stopped",   [VU_MACHINE_STARTING] = "starting", [VU_MACHINE_RUNNING] = "running",
	    [VU_MACHINE_STOPPING] = "stopping", [VU_MACHINE_BACKOFF] = "backoff",   [VU_MACHINE_FAILED] = "failed",
	};
	return NAMES[state];
}
