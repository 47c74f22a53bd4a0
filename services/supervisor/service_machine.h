/*
 * The life of one service as a state machine: a table (state, event) → action,
 * without processes, timers or I/O of its own. Whoever drives it feeds events,
 * carries out the effect that each returns, and feeds TIMER when the machine's
 * deadline passes. The clock is injected.
 *
 *   stopped ──start──► starting ──ready──► running
 *      ▲                │   │                │
 *      │             exit  stop         exit │ stop, restart
 *      │                ▼   ▼                ▼
 *      └──exit── stopping   backoff ──timer──► starting
 *                              └──too many deaths──► failed ──restart──► starting
 *
 * Deaths. A service whose death was not its own making (SIGKILL or SIGSTOP from
 * outside, the memory ceiling, exit 0) is started again and never declared failed. One
 * that exits with an error, dies by a signal, hangs or is not ready in time
 * counts: VU_DEATHS_MAX of them within VU_DEATHS_WINDOW_US are too many. The
 * first restart is immediate, the next wait 50 ms and twice as long each time,
 * up to 400 ms when the death was not its own making and it had been ready; a service that never was
 * ready waits longer. A service that ran well for a
 * while starts again from the beginning.
 */
#ifndef VU_SUPERVISOR_SERVICE_MACHINE_H
#define VU_SUPERVISOR_SERVICE_MACHINE_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define VU_START_TIMEOUT_US       (10 * 1000000LL)
#define VU_STOP_TIMEOUT_US        (3 * 1000000LL)
#define VU_HEALTH_MISSES_MAX      3
#define VU_BACKOFF_FIRST_US       (50 * 1000LL)
#define VU_BACKOFF_NEVER_READY_US (500 * 1000LL)
#define VU_BACKOFF_MAX_US         (10 * 1000000LL)
/* Once ready, after a death that was not its own making: no reason to keep people waiting for long. */
#define VU_BACKOFF_KILLED_MAX_US (400 * 1000LL)
#define VU_DEATHS_MAX            5
#define VU_DEATHS_WINDOW_US      (60 * 1000000LL)
/* Having run this long, a service that dies is restarted at once again: by itself, or by SIGKILL from outside. */
#define VU_STABLE_US          (10 * 1000000LL)
#define VU_STABLE_KILLED_US   (1 * 1000000LL)
#define VU_MACHINE_REASON_MAX 256

typedef enum vu_machine_state {
	VU_MACHINE_STOPPED,
	VU_MACHINE_STARTING,
	VU_MACHINE_RUNNING,
	VU_MACHINE_STOPPING,
	VU_MACHINE_BACKOFF,
	VU_MACHINE_FAILED,
	VU_MACHINE_STATE_COUNT,
} vu_machine_state;

typedef enum vu_machine_event_kind {
	VU_MACHINE_START,        /* somebody wants it up, and its turn has come */
	VU_MACHINE_READY,        /* the process says that it is ready */
	VU_MACHINE_EXITED,       /* the process is gone: exit_code or signal; detail is what it said last */
	VU_MACHINE_SPAWN_FAILED, /* there is no process: detail says why */
	VU_MACHINE_ANSWERED,     /* a health poll was answered */
	VU_MACHINE_MISSED,       /* a health poll was not */
	VU_MACHINE_HALTED,       /* the process was stopped from outside (SIGSTOP) and does not go on */
	VU_MACHINE_CEILING,      /* the process holds more memory than it may: detail */
	VU_MACHINE_TIMER,        /* the deadline has passed */
	VU_MACHINE_STOP,         /* somebody wants it down */
	VU_MACHINE_RESTART,      /* somebody wants it down and up again; clears what failed */
	VU_MACHINE_EVENT_COUNT,
} vu_machine_event_kind;

typedef struct vu_machine_event {
	vu_machine_event_kind kind;
	int exit_code;
	int signal;         /* 0 when it exited */
	bool out_of_memory; /* the system killed it for that */
	const char *detail; /* or NULL */
} vu_machine_event;

typedef enum vu_machine_effect {
	VU_EFFECT_NONE,
	VU_EFFECT_SPAWN,     /* start a process; feed SPAWN_FAILED when that fails */
	VU_EFFECT_TERMINATE, /* SIGTERM */
	VU_EFFECT_KILL,      /* SIGKILL */
} vu_machine_effect;

/* Why the machine itself sent SIGKILL to the process that runs now. */
typedef enum vu_kill_cause {
	VU_KILL_NONE,
	VU_KILL_HUNG,
	VU_KILL_HALTED,
	VU_KILL_NOT_READY,
	VU_KILL_CEILING,
	VU_KILL_WOULD_NOT_STOP,
} vu_kill_cause;

typedef struct vu_service_machine {
	vu_clock clock;
	vu_machine_state state;
	bool start_again; /* STOPPING: start when gone */
	bool ready_once;  /* this process was ready */
	vu_kill_cause kill_cause;
	int64_t deadline_us; /* 0: none */
	int64_t spawned_us;
	int64_t ready_us;
	unsigned misses;
	unsigned spawns;                  /* since the machine was made */
	unsigned quick_deaths;            /* in a row */
	int64_t deaths_us[VU_DEATHS_MAX]; /* of its own making, oldest first */
	unsigned death_count;
	int last_exit_code; /* of the last process that exited with an error before it was ready, else 0 */
	char reason[VU_MACHINE_REASON_MAX]; /* why it is not running, or why it last stopped */
} vu_service_machine;

void vu_service_machine_init(vu_service_machine *machine, vu_clock clock);

/* Takes one event; the caller carries out the effect. Events that mean nothing in a state are ignored. */
vu_machine_effect vu_service_machine_feed(vu_service_machine *machine, const vu_machine_event *event);

/* When to feed TIMER (vu_clock's monotonic time), 0 for never. Changes with every event. */
int64_t vu_service_machine_deadline_us(const vu_service_machine *machine);

/* True while there is a process: starting, running, stopping. */
bool vu_service_machine_has_process(const vu_service_machine *machine);

/* True when others need not wait for it any more: it is up, or it was tried and did not come up. */
bool vu_service_machine_is_settled(const vu_service_machine *machine);

/* Starts after the first. */
unsigned vu_service_machine_restarts(const vu_service_machine *machine);

/* "stopped", "starting", … as in ServiceStatus. */
const char *vu_machine_state_name(vu_machine_state state);

#endif
