/*
 * One service under watch: its state machine joined to real processes, timers,
 * health checks, memory samples and its log pipe. Loop thread only.
 *
 * The log pipe is made once and held across restarts, so that what a dying
 * process still wrote is read, and the next one writes to the same place.
 *
 * A service on another machine is only asked for its health: there is no
 * process of it here, and whoever wants it started or stopped asks in vain.
 */
#ifndef VU_SUPERVISOR_WATCHED_H
#define VU_SUPERVISOR_WATCHED_H

#include "prober.h"
#include "service_machine.h"
#include "platform/cgroup.h"
#include "rpc/roster.h"
#include "service_table.h"

#include <uv.h>

typedef struct vu_watched vu_watched;

typedef struct vu_watched_config {
	uv_loop_t *loop;
	const vu_service_entry *entry;
	const char *program_folder;
	const char *log_folder; /* NULL: lines go to standard error */
	const vu_placement *placement;
	vu_credentials *credentials; /* for a service that is elsewhere; else NULL */
	vu_roster *roster;           /* where each process is entered */
	int roster_fd;               /* for the service to read it */
	int ring_fd;                 /* or -1 */
	vu_cgroup *cgroup;           /* where the system bounds the memory of each service; NULL where it does not */
	uint64_t memory_limit_bytes; /* of the configuration at the start; vu_watched_tick tells another */
	/* State or health changed. Called from within feed, tick and the loop; may feed again. */
	void (*on_change)(void *context, vu_service_id id);
	void *context;
} vu_watched_config;

/* Everything a restart needs is made here, so that a restart can fail only for want of a process. */
vu_status vu_watched_create(const vu_watched_config *config, vu_watched **watched_out, vu_error *error);

/* START, STOP, RESTART. */
void vu_watched_feed(vu_watched *watched, vu_machine_event_kind kind);

/* Every VU_HEALTH_INTERVAL_MS: samples memory and asks for health. */
void vu_watched_tick(vu_watched *watched, uint64_t memory_limit_bytes);

/* SIGKILL now, without waiting for an orderly stop. */
void vu_watched_kill(vu_watched *watched);

typedef struct vu_watched_status {
	vu_machine_state state;
	vu_health health; /* SERVING, NOT_SERVING or UNKNOWN */
	pid_t pid;        /* 0 when there is no process */
	unsigned restarts;
	unsigned spawns;
	uint64_t rss_bytes;
	int64_t uptime_us;
	const char *reason; /* valid until the next event */
	int last_exit_code; /* of a process that never was ready, or 0 */
	bool settled;
	bool elsewhere; /* on another machine; `reason` says where. It has no process and is STOPPED */
} vu_watched_status;

void vu_watched_get_status(const vu_watched *watched, vu_watched_status *out);

/* For jobs of the thread pool. */
vu_prober *vu_watched_prober(vu_watched *watched);

#endif
