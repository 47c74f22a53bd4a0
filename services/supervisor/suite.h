/*
 * All services together: their order at start and stop, and the requests of
 * the Supervisor service. Loop thread only.
 */
#ifndef VU_SUPERVISOR_SUITE_H
#define VU_SUPERVISOR_SUITE_H

#include "base/config.h"
#include "base/status.h"
#include "front.h"
#include "platform/cgroup.h"
#include "rpc/roster.h"

#include <stdbool.h>
#include <uv.h>

/* A service that takes longer than this to serve is reported as a failed start (and goes on being tried). */
#define VU_SUITE_START_TIMEOUT_US (15 * 1000000LL)
/* How long services of a supervisor that was killed may take to end by themselves. */
#define VU_SUITE_PREDECESSOR_PATIENCE_MS 2000

typedef struct vu_suite vu_suite;

typedef struct vu_suite_config {
	uv_loop_t *loop;
	vu_config *config; /* the suite owns it from here on */
	const char *program_folder;
	const char *runtime_folder;
	const char *home;       /* state folder, for the credentials when a service is on another machine */
	const char *log_folder; /* NULL in the foreground */
	vu_roster *roster;      /* which every process is entered into; outlives the suite */
	int roster_fd;          /* for the services to read it */
	vu_cgroup *cgroup;      /* NULL where the system bounds no memory; outlives the suite */
	/* Once: all services serve (exit_code 0), or why not and which exit code tells that. */
	void (*on_started)(void *context, int exit_code, const char *message);
	/* Once: somebody asked for the end, or the start has failed. */
	void (*on_stopping)(void *context);
	/* Once: no process is left. */
	void (*on_stopped)(void *context);
	void *context;
} vu_suite_config;

/*
 * Makes what every service needs, the session rings included, and waits for
 * the services of a supervisor before us to be gone; starts nothing.
 * FAILED_PRECONDITION: an endpoint of the configuration cannot be used. On
 * failure the process is to end: what was made is not taken apart.
 */
vu_status vu_suite_create(const vu_suite_config *config, vu_suite **suite_out, vu_error *error);

void vu_suite_start(vu_suite *suite);

/* Orderly, in reverse order of dependency. A second call kills what is left. */
void vu_suite_stop(vu_suite *suite);

/* Reads the configuration again, as Reload does; what came of it goes to the log. */
void vu_suite_reload(vu_suite *suite);

/* Answers one request, at once or later, and frees it. */
void vu_suite_take_request(vu_suite *suite, vu_front_request *request);

#endif
