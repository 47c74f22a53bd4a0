/*
 * grpc.health.v1. Check answers at once; Watch is a long poll: without the
 * metadata entry "last-status", or when that is not the present status, it
 * answers at once, else when the status changes or the deadline nears.
 *
 * Names that were added as services follow the status of the process ("")
 * until set for themselves. While draining all are NOT_SERVING.
 */
#include "rpc/server_internal.h"

#include "base/clock.h"
#include "grpc/health/v1/health.pb-c.h"

#include <stdlib.h>
#include <string.h>

#define WATCH_MARGIN_US 100000

static vu_health_entry *find(vu_rpc_server *server, const char *service)
{
	for (size_t i = 0; i < server->health_count; i++) {
		if (strcmp(server->health[i].service, service) == 0)
			return &server->health[i];
	}
	return NULL;
}

/* With the lock held. NULL when out of memory. */
static vu_health_entry *find_or_add(vu_rpc_server *server, const char *service)
{
	vu_health_entry *entry = find(server, service);
	vu_health_entry *grown;
	char *name;

	if (entry)
		return entry;
	name = strdup(service);
	grown = name ? realloc(server->health, (server->health_count + 1) * sizeof *grown) : NULL;
	if (!grown) {
		free(name);
		return NULL;
	}
	server->health = grown;
	entry = &grown[server->health_count++];
	entry->service = name;
	entry->status = VU_NOT_SERVING;
	entry->follows = false;
	return entry;
}

/* The wire status of a name: with the lock held; SERVICE_UNKNOWN when it was never registered. */
static int current(vu_rpc_server *server, const char *service)
{
	const vu_health_entry *entry = find(server, service);
	if (!entry)
		return VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN;
	if (atomic_load(&server->draining))
		return VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
	if (entry->follows) {
		entry = find(server, "");
		if (!entry)
			return VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
	}
	return (int)entry->status;
}

static void reply(vu_rpc_call *call, int status)
{
	VuHealth__HealthCheckResponse response = VU_HEALTH__HEALTH_CHECK_RESPONSE__INIT;
	response.status = (VuHealth__HealthCheckResponse__ServingStatus)status;
	vu_rpc_reply(call, &response.base);
}

static void on_check(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_rpc_server *server = context;
	const VuHealth__HealthCheckRequest *request = (const void *)message;
	int status;

	uv_mutex_lock(&server->lock);
	status = current(server, request->service);
	uv_mutex_unlock(&server->lock);
	if (status == VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN)
		vu_rpc_fail(call, VU_NOT_FOUND, "unable to tell the health of \"%s\": %s has no such service",
		            request->service, server->service);
	else
		reply(call, status);
}

/* Takes a watcher out of the list for the caller to answer. With the lock held. */
static void claim(vu_rpc_call *call)
{
	vu_watchdog_remove(call);
	call->server->watchers--;
}

/* One watcher whose process has gone, claimed; NULL when there is none. With the lock held. */
static vu_rpc_call *claim_abandoned(vu_rpc_server *server)
{
	for (vu_rpc_call *call = server->watch_first; call; call = call->watch_next) {
		if (call->is_watcher && (!call->peer || atomic_load(&call->peer->gone))) {
			claim(call);
			return call;
		}
	}
	return NULL;
}

static void on_watch(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_rpc_server *server = context;
	const VuHealth__HealthCheckRequest *request = (const void *)message;
	const char *last = vu_rpc_metadata(call, "last-status");
	char *service = strdup(request->service);
	vu_rpc_call *abandoned = NULL;
	bool full = false;
	int status;
	int64_t margin_us = (call->deadline_us - call->received_us) / 4;

	if (margin_us > WATCH_MARGIN_US)
		margin_us = WATCH_MARGIN_US;
	uv_mutex_lock(&server->lock);
	status = current(server, request->service);
	if (last && service && atoi(last) == status) {
		if (server->watchers >= VU_WATCHERS_MAX)
			abandoned = claim_abandoned(server);
		full = server->watchers >= VU_WATCHERS_MAX;
		if (!full) {
			server->watchers++;
			call->is_watcher = true;
			call->watch_service = service;
			call->watch_last = status;
			vu_watchdog_add(call, call->deadline_us - margin_us);
			/* From here on the call may be answered and gone at any time. */
			call = NULL;
			service = NULL;
		}
	}
	uv_mutex_unlock(&server->lock);
	free(service);
	if (abandoned)
		reply(abandoned, abandoned->watch_last);
	if (call && full)
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED, "unable to watch the health of %s: %d watch it already",
		            server->service, VU_WATCHERS_MAX);
	else if (call)
		reply(call, status);
}

void vu_health_watcher_due(vu_rpc_call *call)
{
	vu_rpc_server *server = call->server;
	int status;

	uv_mutex_lock(&server->lock);
	server->watchers--;
	status = current(server, call->watch_service);
	uv_mutex_unlock(&server->lock);
	reply(call, status);
}

void vu_health_notify(vu_rpc_server *server)
{
	for (;;) {
		vu_rpc_call *call;
		int status = 0;
		uv_mutex_lock(&server->lock);
		for (call = server->watch_first; call; call = call->watch_next) {
			if (!call->is_watcher)
				continue;
			status = current(server, call->watch_service);
			if (status != call->watch_last || server->stopping)
				break;
		}
		if (call)
			claim(call);
		uv_mutex_unlock(&server->lock);
		if (!call)
			return;
		reply(call, status);
	}
}

void vu_rpc_server_set_health(vu_rpc_server *server, const char *service, vu_serving_status status)
{
	vu_health_entry *entry;

	uv_mutex_lock(&server->lock);
	entry = find_or_add(server, service);
	if (entry) {
		entry->status = status;
		entry->follows = false;
	}
	uv_mutex_unlock(&server->lock);
	vu_health_notify(server);
}

vu_status vu_health_follow(vu_rpc_server *server, const char *service)
{
	vu_health_entry *entry;

	uv_mutex_lock(&server->lock);
	entry = find_or_add(server, service);
	if (entry)
		entry->follows = service[0] != '\0';
	uv_mutex_unlock(&server->lock);
	return entry ? VU_OK : VU_RESOURCE_EXHAUSTED;
}

void vu_health_fini(vu_rpc_server *server)
{
	for (size_t i = 0; i < server->health_count; i++)
		free(server->health[i].service);
	free(server->health);
}

vu_status vu_health_register(vu_rpc_server *server, vu_error *error)
{
	static const vu_rpc_method methods[] = {
	    {"Check", on_check, VU_RPC_INLINE | VU_RPC_IDEMPOTENT},
	    {"Watch", on_watch, VU_RPC_INLINE | VU_RPC_IDEMPOTENT},
	};
	vu_rpc_service *service = &server->health_service;

	service->descriptor = &vu_health__health__descriptor;
	service->methods = methods;
	service->method_count = sizeof methods / sizeof *methods;
	service->context = server;
	if (vu_health_follow(server, "") != VU_OK)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to register the health service: no memory");
	return vu_server_add_service(server, service, true, error);
}
