/*
 * The channel: its pool of contexts, its figures, and the calls made on it.
 * How one try goes is in try.c, when to try again in retry.c.
 *
 * A context and its aio belong to one call at a time and are never closed
 * while the process lives (NNG 1.5.2 crashes when they are opened and closed
 * per call). More calls than contexts wait for one, within their deadline.
 */
#include "rpc/channel_internal.h"

#include "base/clock.h"
#include "rpc/payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONCURRENCY_DEFAULT 16

static vu_status no_memory(const char *service, vu_error *error)
{
	return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to create the channel to %s: no memory", service);
}

static void free_parts(vu_channel *channel)
{
	vu_session_release(channel->session);
	free(channel->service);
	free(channel->caller);
	free(channel->endpoints);
	free(channel);
}

static bool has_remote(const vu_channel_config *config)
{
	for (size_t i = 0; i < config->endpoint_count; i++) {
		if (config->endpoints[i].transport == VU_TRANSPORT_TLS)
			return true;
	}
	return false;
}

vu_status vu_channel_create(const vu_channel_config *config, vu_channel **channel_out, vu_error *error)
{
	vu_channel *channel;
	vu_status status = VU_OK;

	if (config->endpoint_count == 0)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to create the channel to %s: it has no endpoint", config->service);
	for (size_t i = 0; i < config->endpoint_count && !status; i++)
		status = vu_endpoint_usable(&config->endpoints[i], config->credentials != NULL, error);
	if (status)
		return status;
	channel = calloc(1, sizeof *channel);
	if (!channel)
		return no_memory(config->service, error);
	channel->credentials = config->credentials;
	channel->service = strdup(config->service);
	channel->caller = strndup(config->caller ? config->caller : "", VU_FRAME_CALLER_BYTES_MAX);
	channel->endpoints = calloc(config->endpoint_count, sizeof *channel->endpoints);
	if (!channel->service || !channel->caller || !channel->endpoints) {
		free_parts(channel);
		return no_memory(config->service, error);
	}
	memcpy(channel->endpoints, config->endpoints, config->endpoint_count * sizeof *channel->endpoints);
	channel->concurrency_max = config->concurrency_max ? config->concurrency_max : CONCURRENCY_DEFAULT;
	vu_retry_bucket_init(&channel->bucket);
	vu_id_generate(channel->random_seed);
	channel->connection.service = channel->service;
	channel->connection.endpoints = channel->endpoints;
	channel->connection.endpoint_count = config->endpoint_count;
	if (channel->concurrency_max > VU_SESSION_LANES_MAX && vu_connection_is_remote(&channel->connection))
		channel->concurrency_max = VU_SESSION_LANES_MAX;
	channel->connection.credentials = config->credentials;
	channel->connection.any_uid = config->any_uid;
	channel->connection.wants_uid = config->server_uid != NULL;
	channel->connection.server_uid = config->server_uid ? *config->server_uid : 0;
	/* A session is of one connection, and NNG would choose freely among those of a socket. */
	status = config->endpoint_count > 1 && has_remote(config) ? vu_group_create(config, &channel->group, error)
	                                                          : VU_OK;
	if (!status)
		status = vu_connection_open(&channel->connection, error);
	if (status) {
		vu_group_destroy(channel->group);
		free_parts(channel);
		return status;
	}
	*channel_out = channel;
	return VU_OK;
}

void vu_channel_destroy(vu_channel *channel)
{
	bool abandon;

	if (!channel)
		return;
	vu_group_destroy(channel->group);
	/* A context that gave up on an answer makes closing unsafe: leave all to the end of the process. */
	abandon = atomic_load(&channel->gave_up);
	vu_connection_close(&channel->connection, abandon);
	if (abandon)
		return;
	while (channel->all_ways) {
		vu_way *way = channel->all_ways;
		channel->all_ways = way->next;
		vu_way_close(way);
	}
	free_parts(channel);
}

static vu_status acquire(vu_channel *channel, int64_t deadline_us, const vu_cancel *cancel, vu_way **way_out,
                         vu_error *error)
{
	vu_connection *connection = &channel->connection;
	vu_status status = VU_OK;

	uv_mutex_lock(&connection->lock);
	while (!channel->free_ways) {
		int64_t left_us;
		if (channel->way_count < channel->concurrency_max) {
			vu_way *way = vu_way_open(channel->connection.socket);
			if (way) {
				way->next = channel->all_ways;
				channel->all_ways = way;
				way->next_free = channel->free_ways;
				channel->free_ways = way;
				way->lane = channel->way_count++;
				break;
			}
			if (channel->way_count == 0) {
				status = vu_fail(error, VU_RESOURCE_EXHAUSTED,
				                 "unable to call %s: no memory for a context", channel->service);
				break;
			}
		}
		left_us = deadline_us - vu_clock_monotonic_us();
		if (vu_cancel_is_triggered(cancel)) {
			status = vu_fail(error, VU_CANCELLED, "unable to call %s: cancelled by the caller",
			                 channel->service);
			break;
		}
		if (left_us <= 0) {
			status = vu_fail(error, VU_DEADLINE_EXCEEDED,
			                 "unable to call %s in time: %u calls to it are under way already",
			                 channel->service, channel->way_count);
			break;
		}
		(void)uv_cond_timedwait(&connection->changed, &connection->lock, (uint64_t)left_us * 1000);
	}
	if (!status) {
		*way_out = channel->free_ways;
		channel->free_ways = (*way_out)->next_free;
	}
	uv_mutex_unlock(&connection->lock);
	return status;
}

static void release(vu_channel *channel, vu_way *way)
{
	uv_mutex_lock(&channel->connection.lock);
	way->next_free = channel->free_ways;
	channel->free_ways = way;
	/* Others may wait for a connection on the same condition, so wake all; mostly there is nobody. */
	if (!way->next_free)
		uv_cond_broadcast(&channel->connection.changed);
	uv_mutex_unlock(&channel->connection.lock);
}

/* In [0, 1). With the lock held. A small generator is enough to spread retries. */
static double next_random(vu_channel *channel)
{
	uint64_t x;
	memcpy(&x, channel->random_seed, sizeof x);
	x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	memcpy(channel->random_seed, &x, sizeof x);
	return (double)(x >> 11) / 9007199254740992.0;
}

static vu_status check_options(const vu_channel *channel, const vu_call_options *options, const char *full_method,
                               vu_error *error)
{
	size_t method_bytes = strlen(full_method);

	if (!options || options->timeout_us <= 0)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to call %s of %s: no time is allowed for it",
		               full_method, channel->service);
	if (full_method[0] != '/' || method_bytes > VU_RPC_METHOD_NAME_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to call \"%.140s\": write it as /package.Service/Method", full_method);
	if (options->metadata_key &&
	    (options->metadata_key[0] == '\0' ||
	     strlen(options->metadata_key) + (options->metadata_value ? strlen(options->metadata_value) : 0) >
	         VU_RPC_METADATA_BYTES_MAX))
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to call %s: its metadata is empty or over %d bytes", full_method,
		               VU_RPC_METADATA_BYTES_MAX);
	return VU_OK;
}

vu_status vu_channel_try(vu_channel *channel, vu_try *try, vu_error *error)
{
	vu_cancel *cancel = try->options->cancel;
	vu_cancel_waiter at_connection = {NULL, &channel->connection.lock, &channel->connection.changed};
	vu_cancel_waiter at_way;
	vu_way *way = NULL;
	vu_status status;

	vu_cancel_add(cancel, &at_connection);
	status = acquire(channel, try->deadline_us, cancel, &way, error);
	if (!status) {
		at_way = (vu_cancel_waiter){NULL, &way->lock, &way->changed};
		vu_cancel_add(cancel, &at_way);
		status = vu_try_once(channel, way, try, error);
		vu_session_release(try->session);
		try->session = NULL;
		vu_cancel_remove(cancel, &at_way);
		release(channel, way);
	}
	vu_cancel_remove(cancel, &at_connection);
	return status;
}

int64_t vu_channel_decide(vu_channel *channel, const vu_try *try, vu_status status)
{
	vu_retry_question question;
	int64_t delay_us = -1;
	int64_t now_us = vu_clock_monotonic_us();

	uv_mutex_lock(&channel->connection.lock);
	if (status == VU_UNAVAILABLE) {
		question = (vu_retry_question){status, try->attempt, try->options->wait_for_ready,
		                               try->deadline_us - now_us, next_random(channel)};
		delay_us = vu_retry_decide(&channel->bucket, &question);
	} else if (status == VU_OK) {
		vu_retry_bucket_success(&channel->bucket);
	}
	uv_mutex_unlock(&channel->connection.lock);
	return delay_us;
}

vu_status vu_channel_run(vu_channel *channel, vu_try *try, vu_error *error)
{
	const vu_call_options *options = try->options;
	vu_cancel *cancel = options ? options->cancel : NULL;
	vu_cancel_waiter at_connection = {NULL, &channel->connection.lock, &channel->connection.changed};
	vu_status status;

	atomic_fetch_add(&channel->calls, 1);
	status = check_options(channel, options, try->full_method, error);
	if (status)
		goto out;
	try->deadline_us =
	    vu_clock_monotonic_us() +
	    (options->timeout_us < VU_CALL_TIMEOUT_US_MAX ? options->timeout_us : VU_CALL_TIMEOUT_US_MAX);
	if (options->request_id)
		memcpy(try->request_id, options->request_id, VU_ID_BYTES);
	else
		vu_id_generate(try->request_id);
	for (try->attempt = 1;; try->attempt++) {
		uint64_t generation = vu_connection_generation(&channel->connection);
		int64_t delay_us;

		status = channel->group ? vu_group_try(channel, try, error) : vu_channel_try(channel, try, error);
		delay_us = vu_channel_decide(channel, try, status);
		if (delay_us < 0)
			break;
		atomic_fetch_add(&channel->retries, 1);
		/* A call that waits for the service goes on as soon as it is there again. */
		vu_cancel_add(cancel, &at_connection);
		vu_connection_sleep(&channel->connection, vu_clock_monotonic_us() + delay_us,
		                    options->wait_for_ready ? generation : UINT64_MAX, cancel);
		vu_cancel_remove(cancel, &at_connection);
		if (vu_cancel_is_triggered(cancel)) {
			status = vu_fail(error, VU_CANCELLED, "unable to call %s: cancelled by the caller",
			                 channel->service);
			break;
		}
	}
out:
	if (status)
		atomic_fetch_add(&channel->failures, 1);
	return status;
}

vu_status vu_channel_call(vu_channel *channel, const ProtobufCServiceDescriptor *service, const char *method,
                          const ProtobufCMessage *request, ProtobufCMessage **response_out,
                          const vu_call_options *options, vu_error *error)
{
	const ProtobufCMethodDescriptor *descriptor =
	    protobuf_c_service_descriptor_get_method_by_name(service, method);
	char full_method[VU_RPC_METHOD_NAME_MAX + 1];
	vu_try try = {.full_method = full_method, .request = request, .options = options};
	vu_error parse_error;
	vu_status status;

	if (response_out)
		*response_out = NULL;
	if (!descriptor)
		return vu_fail(error, VU_UNIMPLEMENTED, "unable to call %s: %s has no such method", method,
		               service->name);
	if (request->descriptor != descriptor->input)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to call %s: it takes %s, not %s", method,
		               descriptor->input->name, request->descriptor->name);
	snprintf(full_method, sizeof full_method, "/%s/%s", service->name, method);
	status = vu_channel_run(channel, &try, error);
	if (status)
		return status;
	if (response_out) {
		status = vu_payload_unpack(descriptor->output, try.response.data, try.response.bytes, NULL,
		                           response_out, &parse_error);
		if (status) {
			atomic_fetch_add(&channel->failures, 1);
			vu_fail(error, status, "unable to read the answer of %s: %s", channel->service,
			        parse_error.message);
		}
	}
	nng_msg_free(try.response_msg);
	return status;
}

vu_status vu_channel_call_bytes(vu_channel *channel, const char *full_method, const void *request,
                                size_t request_bytes, uint8_t **response_out, size_t *response_bytes_out,
                                const vu_call_options *options, vu_error *error)
{
	vu_try try = {
	    .full_method = full_method, .request_data = request, .request_bytes = request_bytes, .options = options};
	vu_status status;

	*response_out = NULL;
	*response_bytes_out = 0;
	status = vu_channel_run(channel, &try, error);
	if (status)
		return status;
	/* One byte more, so that an empty answer is a pointer too. */
	*response_out = malloc(try.response.bytes + 1);
	if (*response_out) {
		if (try.response.bytes > 0)
			memcpy(*response_out, try.response.data, try.response.bytes);
		(*response_out)[try.response.bytes] = 0;
		*response_bytes_out = try.response.bytes;
	} else {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep the answer of %s: no memory",
		                 channel->service);
	}
	nng_msg_free(try.response_msg);
	return status;
}

size_t vu_channel_parts(vu_channel *channel, vu_channel **parts, size_t room)
{
	if (channel->group)
		return vu_group_parts(channel->group, parts, room);
	if (room > 0)
		parts[0] = channel;
	return 1;
}

void vu_channel_get_stats(vu_channel *channel, vu_channel_stats *out)
{
	out->calls = atomic_load(&channel->calls);
	out->failures = atomic_load(&channel->failures);
	out->retries = atomic_load(&channel->retries);
	out->tx_bytes = atomic_load(&channel->tx_bytes);
	out->rx_bytes = atomic_load(&channel->rx_bytes);
	if (channel->group)
		vu_group_add_stats(channel->group, out);
}
