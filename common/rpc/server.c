/* Creating a server, adding services, draining, figures. Listening itself is in listener.c. */
#include "rpc/server_internal.h"

#include "base/clock.h"

#include <nng/protocol/reqrep0/rep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_FLIGHT_DEFAULT 64
#define WORKERS_DEFAULT   8
#define SLOTS_AT_START    (VU_SLOTS_SPARE + 2)

static vu_status no_memory(vu_error *error)
{
	return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to create the server: no memory");
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
	vu_rpc_server *server = argument;
	if (event == NNG_PIPE_EV_ADD_PRE)
		vu_peer_add(&server->peers, pipe);
	else if (event == NNG_PIPE_EV_REM_POST)
		vu_peer_remove(&server->peers, pipe);
}

static vu_status open_socket(vu_rpc_server *server, vu_error *error)
{
	int result = nng_rep0_open(&server->socket);

	if (result != 0)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open a socket: %s", nng_strerror(result));
	server->is_open = true;
	result = nng_socket_set_size(server->socket, NNG_OPT_RECVMAXSZ,
	                             VU_RPC_MESSAGE_BYTES_MAX + VU_FRAME_NNG_SLACK_BYTES);
	if (result == 0)
		result = nng_pipe_notify(server->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, server);
	if (result == 0)
		result = nng_pipe_notify(server->socket, NNG_PIPE_EV_REM_POST, on_pipe, server);
	if (result != 0)
		return vu_fail(error, VU_INTERNAL, "unable to set up a socket: %s", nng_strerror(result));
	return VU_OK;
}

static vu_status check_endpoints(const vu_rpc_server_config *config, vu_error *error)
{
	vu_status status = vu_endpoint_usable(config->endpoint, config->credentials != NULL, error);

	for (size_t i = 0; i < config->remote_endpoint_count && !status; i++) {
		status = vu_endpoint_usable(&config->remote_endpoints[i], config->credentials != NULL, error);
		if (!status && config->remote_endpoints[i].transport != VU_TRANSPORT_TLS)
			status = vu_fail(error, VU_INVALID_ARGUMENT,
			                 "unable to listen at %s besides: that is for tls+tcp:// endpoints",
			                 config->remote_endpoints[i].uri);
	}
	if (!status && config->remote_endpoint_count + (config->endpoint->transport == VU_TRANSPORT_TLS) >
	                   VU_REMOTE_ENDPOINTS_MAX)
		status = vu_fail(error, VU_OUT_OF_RANGE, "unable to listen at more than %d tls+tcp:// endpoints",
		                 VU_REMOTE_ENDPOINTS_MAX);
	return status;
}

vu_status vu_rpc_server_create(const vu_rpc_server_config *config, vu_rpc_server **server_out, vu_error *error)
{
	vu_rpc_server *server;
	vu_status status = check_endpoints(config, error);

	if (status)
		return status;
	server = calloc(1, sizeof *server);
	if (!server)
		return no_memory(error);
	server->lock_fd = -1;
	server->guard.fd = -1;
	server->endpoint = *config->endpoint;
	server->credentials = config->credentials;
	if (config->endpoint->transport == VU_TRANSPORT_TLS)
		server->remotes[server->remote_count++].endpoint = *config->endpoint;
	for (size_t i = 0; i < config->remote_endpoint_count; i++)
		server->remotes[server->remote_count++].endpoint = config->remote_endpoints[i];
	server->in_flight_max = config->in_flight_max ? config->in_flight_max : IN_FLIGHT_DEFAULT;
	server->workers_max = config->workers_max ? config->workers_max : WORKERS_DEFAULT;
	server->any_uid = config->any_uid;
	server->roster = config->roster;
	server->watchdog_wakes_us = INT64_MAX;
	if (uv_mutex_init(&server->lock) != 0 || uv_cond_init(&server->idle) != 0 ||
	    uv_cond_init(&server->watchdog_wake) != 0 || uv_cond_init(&server->worker_wake) != 0 ||
	    vu_peer_table_init(&server->peers, config->any_uid, server->remote_count > 0) != VU_OK) {
		free(server);
		return no_memory(error);
	}
	server->service = strdup(config->service);
	status = server->service ? open_socket(server, error) : no_memory(error);
	if (!status)
		status = vu_health_register(server, error);
	if (!status)
		status = vu_reflection_register(server, error);
	if (status) {
		vu_rpc_server_destroy(server);
		return status;
	}
	*server_out = server;
	return VU_OK;
}

/* The handler's entry for a method, or NULL. */
static const vu_rpc_method *handler_of(const vu_rpc_service *service, const char *name)
{
	for (size_t i = 0; i < service->method_count; i++) {
		if (strcmp(service->methods[i].name, name) == 0)
			return &service->methods[i];
	}
	return NULL;
}

static vu_status check_service(const vu_rpc_server *server, const vu_rpc_service *service, vu_error *error)
{
	const ProtobufCServiceDescriptor *descriptor = service->descriptor;

	if (server->is_listening)
		return vu_fail(error, VU_FAILED_PRECONDITION, "unable to add %s: the server listens already",
		               descriptor->name);
	for (size_t i = 0; i < server->service_count; i++) {
		if (strcmp(server->services[i]->descriptor->name, descriptor->name) == 0)
			return vu_fail(error, VU_ALREADY_EXISTS, "unable to add %s: it was added before",
			               descriptor->name);
	}
	for (size_t i = 0; i < service->method_count; i++) {
		if (!protobuf_c_service_descriptor_get_method_by_name(descriptor, service->methods[i].name))
			return vu_fail(error, VU_INVALID_ARGUMENT, "unable to add %s: it has no method %s",
			               descriptor->name, service->methods[i].name);
	}
	for (unsigned i = 0; i < descriptor->n_methods; i++) {
		if (strlen(descriptor->name) + strlen(descriptor->methods[i].name) + 2 > VU_RPC_METHOD_NAME_MAX)
			return vu_fail(error, VU_OUT_OF_RANGE, "unable to add %s: the name of %s is too long",
			               descriptor->name, descriptor->methods[i].name);
	}
	return VU_OK;
}

vu_status vu_server_add_service(vu_rpc_server *server, const vu_rpc_service *service, bool builtin, vu_error *error)
{
	const ProtobufCServiceDescriptor *descriptor = service->descriptor;
	vu_status status = check_service(server, service, error);
	const vu_rpc_service **services;
	vu_method_entry *methods;

	if (status)
		return status;
	services = realloc(server->services, (server->service_count + 1) * sizeof *services);
	if (!services)
		return no_memory(error);
	server->services = services;
	methods = realloc(server->methods, (server->method_count + descriptor->n_methods) * sizeof *methods);
	if (!methods)
		return no_memory(error);
	server->methods = methods;
	for (unsigned i = 0; i < descriptor->n_methods; i++) {
		vu_method_entry *entry = &methods[server->method_count];
		const vu_rpc_method *method = handler_of(service, descriptor->methods[i].name);
		size_t bytes = strlen(descriptor->name) + strlen(descriptor->methods[i].name) + 2;
		memset(entry, 0, sizeof *entry);
		entry->full_name = malloc(bytes + 1);
		if (!entry->full_name)
			return no_memory(error);
		snprintf(entry->full_name, bytes + 1, "/%s/%s", descriptor->name, descriptor->methods[i].name);
		entry->full_name_bytes = bytes;
		entry->descriptor = &descriptor->methods[i];
		entry->handler = method ? method->handler : NULL;
		entry->flags = method ? method->flags : 0;
		entry->context = service->context;
		entry->callers = vu_callers_of(server->service, entry->full_name);
		entry->builtin = builtin;
		server->method_count++;
	}
	if (vu_health_follow(server, descriptor->name) != VU_OK)
		return no_memory(error);
	services[server->service_count++] = service;
	return VU_OK;
}

vu_status vu_rpc_server_add(vu_rpc_server *server, const vu_rpc_service *service, vu_error *error)
{
	return vu_server_add_service(server, service, false, error);
}

static int compare_methods(const void *left, const void *right)
{
	const vu_method_entry *a = left;
	const vu_method_entry *b = right;
	return strcmp(a->full_name, b->full_name);
}

vu_status vu_rpc_server_listen(vu_rpc_server *server, vu_error *error)
{
	vu_status status;

	if (server->is_listening)
		return vu_fail(error, VU_FAILED_PRECONDITION, "unable to listen at %s: this server does so already",
		               server->endpoint.uri);
	status = vu_listener_lock(server, error);
	if (status)
		return status;
	qsort(server->methods, server->method_count, sizeof *server->methods, compare_methods);
	server->is_listening = true;
	for (unsigned i = 0; i < SLOTS_AT_START && !status; i++)
		status = vu_slot_add(server, error);
	if (!status && server->endpoint.transport == VU_TRANSPORT_IPC)
		status = vu_listener_start(server, error);
	if (!status && server->remote_count > 0)
		status = vu_remote_listeners_start(server, error);
	if (status)
		vu_listener_unlock(server);
	else
		vu_watchdog_start(server);
	return status;
}

/* Waits on `idle` with the lock held; false once `until_us` has come. */
static bool wait_idle(vu_rpc_server *server, int64_t until_us)
{
	int64_t left_us = until_us - vu_clock_monotonic_us();
	if (left_us <= 0)
		return false;
	(void)uv_cond_timedwait(&server->idle, &server->lock, (uint64_t)left_us * 1000);
	return true;
}

unsigned vu_rpc_server_drain(vu_rpc_server *server, unsigned timeout_ms)
{
	int64_t until_us = vu_clock_monotonic_us() + (int64_t)timeout_ms * 1000;
	unsigned left;

	uv_mutex_lock(&server->lock);
	atomic_store(&server->draining, true);
	uv_mutex_unlock(&server->lock);
	vu_health_notify(server);
	uv_mutex_lock(&server->lock);
	while (atomic_load(&server->unanswered) > 0 && wait_idle(server, until_us))
		;
	left = atomic_load(&server->unanswered);
	uv_mutex_unlock(&server->lock);
	return left;
}

void vu_rpc_server_get_stats(vu_rpc_server *server, vu_rpc_server_stats *out)
{
	out->requests = atomic_load(&server->requests);
	out->failures = atomic_load(&server->failures);
	out->refused = atomic_load(&server->refused);
	out->dropped = atomic_load(&server->dropped);
	out->rx_bytes = atomic_load(&server->rx_bytes);
	out->tx_bytes = atomic_load(&server->tx_bytes);
	out->in_flight = atomic_load(&server->in_flight);
	out->connections = vu_peer_count(&server->peers);
	out->busy_us = atomic_load(&server->busy_us);
}

void vu_rpc_server_destroy(vu_rpc_server *server)
{
	if (!server)
		return;
	atomic_store(&server->draining, true);
	uv_mutex_lock(&server->lock);
	server->stopping = true;
	uv_mutex_unlock(&server->lock);
	vu_health_notify(server);
	uv_mutex_lock(&server->lock);
	uv_cond_broadcast(&server->worker_wake);
	uv_cond_broadcast(&server->watchdog_wake);
	while (server->workers > 0 || server->watchdog_runs)
		uv_cond_wait(&server->idle, &server->lock);
	uv_mutex_unlock(&server->lock);
	if (server->is_open)
		nng_close(server->socket);
	while (server->slots) {
		vu_slot *slot = server->slots;
		server->slots = slot->next;
		nng_aio_stop(slot->aio);
		nng_aio_free(slot->aio);
		vu_session_release(slot->session);
		free(slot);
	}
	vu_listener_fini(server);
	for (size_t i = 0; i < server->method_count; i++)
		free(server->methods[i].full_name);
	free(server->methods);
	free(server->services);
	vu_health_fini(server);
	vu_peer_table_fini(&server->peers);
	uv_cond_destroy(&server->worker_wake);
	uv_cond_destroy(&server->watchdog_wake);
	uv_cond_destroy(&server->idle);
	uv_mutex_destroy(&server->lock);
	free(server->service);
	free(server);
}
