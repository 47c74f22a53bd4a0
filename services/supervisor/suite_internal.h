/* What suite.c (order of start and stop), suite_requests.c and suite_reload.c share. Nobody else includes this. */
#ifndef VU_SUPERVISOR_SUITE_INTERNAL_H
#define VU_SUPERVISOR_SUITE_INTERNAL_H

#include "renewal.h"
#include "suite.h"
#include "watched.h"

/* A Restart that waits for the service to serve again. */
typedef struct vu_suite_waiter {
	struct vu_suite_waiter *next;
	vu_service_id id;
	unsigned spawns_before; /* served once there was another process than these */
	vu_rpc_call *call;
} vu_suite_waiter;

struct vu_suite {
	vu_suite_config config;
	vu_watched *services[VU_CHILD_COUNT];
	vu_credentials *credentials; /* NULL unless some service is on another machine */
	vu_renewal *renewal;         /* NULL unless some service here listens for other hosts */
	vu_service_set listening;    /* those that do */
	uv_timer_t tick;
	int ring_fd;
	int64_t created_us;
	int64_t started_us; /* 0 until started */
	bool outcome_known; /* on_started was called */
	bool stopping;
	bool stopped;
	bool advancing;
	bool advance_again;
	bool reloading;
	vu_suite_waiter *waiters;
	vu_alert_command *alerts;
};

/* Calls Restart's waiters whose service has come up, or will not. */
void vu_suite_answer_waiters(vu_suite *suite);

/* Up and healthy, wherever it is. */
bool vu_suite_serves(const vu_watched_status *status);
/* As in ServiceStatus. */
const char *vu_suite_state_name(const vu_watched_status *status);

/* Answers the call, unless NULL, when done. */
void vu_suite_reload_for(vu_suite *suite, vu_rpc_call *call);

#endif
