/*
 * The services that others call here. Their handlers run on NNG's threads and do nothing but
 * copy the request into a mailbox and wake the loop (uv_async_send); the loop
 * takes requests out, and answers them at once or later.
 */
#ifndef VU_SUPERVISOR_FRONT_H
#define VU_SUPERVISOR_FRONT_H

#include "alert_command.h"

#include "base/status.h"
#include "rpc/server.h"

#include <stdint.h>
#include <uv.h>

#define VU_FRONT_SERVICE_NAME_MAX 64

typedef enum vu_front_kind {
	VU_FRONT_STATUS,
	VU_FRONT_RESTART,
	VU_FRONT_STOP,
	VU_FRONT_RELOAD,
	VU_FRONT_WHO_IS,
	VU_FRONT_COUNTERS,
	VU_FRONT_ALERT,
} vu_front_kind;

typedef struct vu_front_request {
	struct vu_front_request *next;
	vu_front_kind kind;
	vu_rpc_call *call;
	char service[VU_FRONT_SERVICE_NAME_MAX]; /* RESTART; cut when longer, and so unknown */
	uint64_t pid;                            /* WHO_IS */
	vu_alert alert;                          /* ALERT; its metric "" when it has none */
} vu_front_request;

typedef struct vu_front vu_front;

/*
 * Adds the Supervisor service and the supervisor's Process service to `server`.
 * `take` is called on the loop thread and owns the request: it answers the call and frees the request.
 */
vu_status vu_front_create(uv_loop_t *loop, vu_rpc_server *server,
                          void (*take)(void *context, vu_front_request *request), void *context, vu_front **front_out,
                          vu_error *error);

#endif
