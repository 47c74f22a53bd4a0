/*
 * One request, from dispatch to its single answer.
 *
 * Two may want to answer: the handler and, when time has run out, the
 * watchdog. Whoever sets `answered` first sends; the other's answer is dropped
 * and counted. The call and its request live until the handler has ended.
 */
#include "rpc/server_internal.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *keep_text(vu_rpc_call *call, const vu_span *text)
{
	char *copy = vu_payload_arena_alloc(&call->arena, text->bytes + 1);
	if (!copy)
		copy = malloc(text->bytes + 1);
	if (copy) {
		if (text->bytes > 0)
			memcpy(copy, text->data, text->bytes);
		copy[text->bytes] = '\0';
	}
	return copy;
}

static void drop_text(vu_rpc_call *call, const char *text)
{
	void *memory = (void *)(uintptr_t)text;
	if (memory)
		call->arena.allocator.free(&call->arena, memory);
}

static void destroy(vu_rpc_call *call)
{
	if (call->request)
		protobuf_c_message_free_unpacked(call->request, &call->arena.allocator);
	for (unsigned i = 0; i < call->metadata_count; i++) {
		drop_text(call, call->metadata[i].key);
		drop_text(call, call->metadata[i].value);
	}
	if (call->peer)
		vu_peer_release(call->peer);
	free(call->watch_service);
	free(call);
}

vu_rpc_call *vu_call_create(vu_slot *slot, const vu_method_entry *method, const vu_request_header *header,
                            int64_t received_us)
{
	/* Not zeroed as a whole: the arena is large and needs none. */
	vu_rpc_call *call = malloc(sizeof *call);
	int64_t timeout_us = header->timeout_us < VU_TIMEOUT_US_MAX ? (int64_t)header->timeout_us : VU_TIMEOUT_US_MAX;

	if (!call)
		return NULL;
	memset(call, 0, offsetof(vu_rpc_call, arena));
	vu_payload_arena_init(&call->arena);
	call->server = slot->server;
	call->slot = slot;
	call->method = method;
	call->received_us = received_us;
	call->deadline_us = received_us + timeout_us;
	call->attempt = header->attempt;
	memcpy(call->request_id, header->request_id, VU_ID_BYTES);
	atomic_init(&call->answered, false);
	atomic_init(&call->references, 1);
	for (unsigned i = 0; i < header->metadata_count; i++) {
		call->metadata[i].key = keep_text(call, &header->metadata[i].key);
		call->metadata[i].value = keep_text(call, &header->metadata[i].value);
		call->metadata_count++;
		if (!call->metadata[i].key || !call->metadata[i].value) {
			destroy(call);
			return NULL;
		}
	}
	call->peer = vu_peer_find(&slot->server->peers, slot->pipe);
	return call;
}

void vu_call_hold(vu_rpc_call *call)
{
	atomic_fetch_add(&call->references, 1);
}

void vu_call_release(vu_rpc_call *call)
{
	if (atomic_fetch_sub(&call->references, 1) == 1)
		destroy(call);
}

void vu_call_finish(vu_rpc_call *call, vu_status status, const char *message, const ProtobufCMessage *response,
                    const vu_span *response_bytes)
{
	vu_rpc_server *server = call->server;

	uv_mutex_lock(&server->lock);
	call->finished = true;
	vu_watchdog_remove(call);
	uv_mutex_unlock(&server->lock);
	/* Room is given back before the answer goes out, so that who has it may call again at once. */
	vu_slot_give_room(server, call->method, call->request_bytes);
	if (!atomic_exchange(&call->answered, true))
		vu_slot_answer(call->slot, call, status, message, response, response_bytes);
	else
		atomic_fetch_add(&server->dropped, 1);
	vu_slot_end(server, call->method);
	vu_call_release(call);
}

void vu_call_expire(vu_rpc_call *call)
{
	if (!atomic_exchange(&call->answered, true)) {
		char message[VU_RPC_METHOD_NAME_MAX + 96];
		snprintf(message, sizeof message,
		         "unable to finish %s in time: it took longer than the caller allows",
		         call->method->full_name);
		vu_slot_answer(call->slot, call, VU_DEADLINE_EXCEEDED, message, NULL, NULL);
	}
}

void vu_call_reply_packed(vu_rpc_call *call, const void *data, size_t bytes)
{
	vu_span packed = {data, bytes};
	vu_call_finish(call, VU_OK, NULL, NULL, &packed);
}

void vu_rpc_reply(vu_rpc_call *call, const ProtobufCMessage *response)
{
	/* A handler that answers with another method's message has a defect; its caller could not parse it. */
	if (response->descriptor != call->method->descriptor->output) {
		vu_rpc_fail(call, VU_INTERNAL, "unable to answer %s: its handler made a %s", call->method->full_name,
		            response->descriptor->name);
		return;
	}
	vu_call_finish(call, VU_OK, NULL, response, NULL);
}

void vu_rpc_fail(vu_rpc_call *call, vu_status status, const char *format, ...)
{
	char message[VU_ERROR_MESSAGE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	/* A failure with the status of success would be taken for one. */
	if (status == VU_OK || (unsigned)status >= VU_STATUS_COUNT)
		status = VU_INTERNAL;
	vu_call_finish(call, status, message, NULL, NULL);
}

void vu_rpc_fail_error(vu_rpc_call *call, const vu_error *error)
{
	vu_rpc_fail(call, error->status, "%s", error->message);
}

int64_t vu_rpc_time_left_us(const vu_rpc_call *call)
{
	int64_t left = call->deadline_us - vu_clock_monotonic_us();
	return left > 0 ? left : 0;
}

int64_t vu_rpc_deadline_us(const vu_rpc_call *call)
{
	return call->deadline_us;
}

bool vu_rpc_is_cancelled(const vu_rpc_call *call)
{
	return atomic_load(&call->server->draining) || !call->peer || atomic_load(&call->peer->gone) ||
	       vu_rpc_time_left_us(call) == 0;
}

const uint8_t *vu_rpc_request_id(const vu_rpc_call *call)
{
	return call->request_id;
}

uint32_t vu_rpc_attempt(const vu_rpc_call *call)
{
	return call->attempt;
}

pid_t vu_rpc_peer_pid(const vu_rpc_call *call)
{
	return call->peer ? call->peer->pid : 0;
}

bool vu_rpc_is_other_user(const vu_rpc_call *call)
{
	return vu_peer_judge(vu_rpc_peer_uid(call), geteuid(), false) != VU_OK;
}

uid_t vu_rpc_peer_uid(const vu_rpc_call *call)
{
	return call->peer ? call->peer->uid : (uid_t)-1;
}

const char *vu_rpc_metadata(const vu_rpc_call *call, const char *key)
{
	for (unsigned i = 0; i < call->metadata_count; i++) {
		if (strcmp(call->metadata[i].key, key) == 0)
			return call->metadata[i].value;
	}
	return NULL;
}

const ProtobufCMethodDescriptor *vu_rpc_method_descriptor(const vu_rpc_call *call)
{
	return call->method->descriptor;
}
