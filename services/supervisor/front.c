/*
 * The crossing from NNG's threads to the loop: a list under a mutex. It cannot
 * grow beyond the server's bound of requests in flight.
 */
#include "front.h"

#include "own_process.h"

#include "voiceunlock/v1/supervisor.pb-c.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vu_front {
	uv_async_t wake;
	pthread_mutex_t mutex;
	vu_front_request *first; /* oldest */
	vu_front_request **end;
	void (*take)(void *context, vu_front_request *request);
	void *context;
	vu_rpc_service service;
};

/* A copy of what is asked goes to the loop. */
static void post(vu_front *front, const vu_front_request *asked)
{
	vu_front_request *request = malloc(sizeof *request);

	if (!request) {
		vu_rpc_fail(asked->call, VU_RESOURCE_EXHAUSTED, "unable to take the request: out of memory");
		return;
	}
	*request = *asked;
	pthread_mutex_lock(&front->mutex);
	*front->end = request;
	front->end = &request->next;
	pthread_mutex_unlock(&front->mutex);
	uv_async_send(&front->wake);
}

static void handle_status(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	(void)request;
	post(context, &(vu_front_request){.kind = VU_FRONT_STATUS, .call = call});
}

static void handle_restart(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	vu_front_request asked = {.kind = VU_FRONT_RESTART, .call = call};

	snprintf(asked.service, sizeof asked.service, "%s", ((const Vu__RestartRequest *)request)->service);
	post(context, &asked);
}

static void handle_stop(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	(void)request;
	post(context, &(vu_front_request){.kind = VU_FRONT_STOP, .call = call});
}

static void handle_reload(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	(void)request;
	post(context, &(vu_front_request){.kind = VU_FRONT_RELOAD, .call = call});
}

static void handle_who_is(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	const Vu__WhoIsRequest *who = (const Vu__WhoIsRequest *)request;

	post(context, &(vu_front_request){.kind = VU_FRONT_WHO_IS, .call = call, .pid = who->pid});
}

static void handle_counters(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	(void)request;
	post(context, &(vu_front_request){.kind = VU_FRONT_COUNTERS, .call = call});
}

static void handle_run_alert_command(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__AlertCommandRequest *request = (const Vu__AlertCommandRequest *)message;
	vu_front_request asked = {
	    .kind = VU_FRONT_ALERT,
	    .call = call,
	    .alert = {.sequence = request->sequence,
	              .value = request->value,
	              .threshold = request->threshold,
	              .critical = request->critical,
	              .since_us = request->since_us},
	};

	/* A name that does not fit is no metric's. */
	if (strlen(request->metric) < sizeof asked.alert.metric)
		strcpy(asked.alert.metric, request->metric);
	post(context, &asked);
}

static const vu_rpc_method METHODS[] = {
    {"Status", handle_status, VU_RPC_INLINE | VU_RPC_IDEMPOTENT},
    {"Restart", handle_restart, VU_RPC_INLINE},
    {"Stop", handle_stop, VU_RPC_INLINE | VU_RPC_IDEMPOTENT},
    {"Reload", handle_reload, VU_RPC_INLINE | VU_RPC_IDEMPOTENT},
    {"WhoIs", handle_who_is, VU_RPC_INLINE | VU_RPC_IDEMPOTENT},
    {"RunAlertCommand", handle_run_alert_command, VU_RPC_INLINE | VU_RPC_IDEMPOTENT},
};

static void empty_mailbox(uv_async_t *wake)
{
	vu_front *front = wake->data;
	vu_front_request *request;

	pthread_mutex_lock(&front->mutex);
	request = front->first;
	front->first = NULL;
	front->end = &front->first;
	pthread_mutex_unlock(&front->mutex);
	while (request) {
		vu_front_request *next = request->next;
		front->take(front->context, request);
		request = next;
	}
}

vu_status vu_front_create(uv_loop_t *loop, vu_rpc_server *server,
                          void (*take)(void *context, vu_front_request *request), void *context, vu_front **front_out,
                          vu_error *error)
{
	vu_status status;
	vu_own_process own = {.reload = handle_reload, .counters = handle_counters};
	vu_front *front = calloc(1, sizeof *front);

	if (!front || pthread_mutex_init(&front->mutex, NULL) != 0) {
		free(front);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to serve requests: out of memory");
	}
	front->end = &front->first;
	front->take = take;
	front->context = context;
	front->service = (vu_rpc_service){
	    .descriptor = &vu__supervisor__descriptor,
	    .methods = METHODS,
	    .method_count = sizeof METHODS / sizeof METHODS[0],
	    .context = front,
	};
	uv_async_init(loop, &front->wake, empty_mailbox);
	front->wake.data = front;
	status = vu_rpc_server_add(server, &front->service, error);
	own.context = front;
	if (status == VU_OK)
		status = vu_own_process_add(server, &own, error);
	/* On failure the process ends, so the handle may stay with the loop. */
	if (status == VU_OK)
		*front_out = front;
	return status;
}
