/*
 * A slot is one NNG context with its aio: it receives a request, sees to it
 * that exactly one answer is sent, and receives again. Slots are opened when
 * fewer than VU_SLOTS_SPARE wait for a request and never closed.
 *
 * Refusals are answered right here, without a call object. A slot whose answer
 * the peer does not take within VU_SEND_TIMEOUT_MS ends that peer's connection.
 */
#include "rpc/server_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void receive(vu_slot *slot)
{
	vu_session_release(slot->session);
	slot->session = NULL;
	slot->state = VU_SLOT_RECEIVING;
	atomic_fetch_add(&slot->server->receiving, 1);
	nng_aio_set_timeout(slot->aio, NNG_DURATION_INFINITE);
	nng_ctx_recv(slot->context, slot->aio);
}

/* Head and payload in one message, packed once, sealed for a remote caller. NULL when there is no memory. */
static nng_msg *build(const vu_slot *slot, vu_status status, const char *message, uint64_t server_time_us,
                      const ProtobufCMessage *response, const vu_span *response_bytes)
{
	uint8_t head[VU_FRAME_HEAD_BYTES_MAX];
	size_t head_bytes;
	size_t envelope_bytes = slot->session ? VU_SESSION_ENVELOPE_BYTES : 0;
	size_t payload_bytes = 0;
	nng_msg *msg;
	uint8_t *body;

	if (status == VU_OK && response)
		payload_bytes = protobuf_c_message_get_packed_size(response);
	else if (status == VU_OK && response_bytes)
		payload_bytes = response_bytes->bytes;
	head_bytes = vu_frame_write_response(head, status, message, server_time_us);
	if (head_bytes + payload_bytes > VU_RPC_MESSAGE_BYTES_MAX) {
		char reason[128];
		snprintf(reason, sizeof reason,
		         "unable to send the response: it has %zu bytes and the limit is %u; ask for less",
		         payload_bytes, VU_RPC_MESSAGE_BYTES_MAX);
		return build(slot, VU_RESOURCE_EXHAUSTED, reason, server_time_us, NULL, NULL);
	}
	if (nng_msg_alloc(&msg, envelope_bytes + head_bytes + payload_bytes) != 0)
		return NULL;
	body = (uint8_t *)nng_msg_body(msg) + envelope_bytes;
	memcpy(body, head, head_bytes);
	if (payload_bytes > 0 && response)
		protobuf_c_message_pack(response, body + head_bytes);
	else if (payload_bytes > 0)
		memcpy(body + head_bytes, response_bytes->data, payload_bytes);
	if (slot->session)
		vu_session_seal(slot->session, slot->lane, slot->number, nng_msg_body(msg), nng_msg_len(msg));
	return msg;
}

void vu_slot_answer(vu_slot *slot, const vu_rpc_call *call, vu_status status, const char *message,
                    const ProtobufCMessage *response, const vu_span *response_bytes)
{
	vu_rpc_server *server = slot->server;
	int64_t taken_us = call ? vu_clock_monotonic_us() - call->received_us : 0;
	nng_msg *msg = build(slot, status, message, (uint64_t)taken_us, response, response_bytes);

	if (status)
		atomic_fetch_add(&server->failures, 1);
	atomic_fetch_add(&server->busy_us, (uint64_t)taken_us);
	/* Without memory for an answer there is none; the caller's deadline ends the call. */
	if (!msg) {
		receive(slot);
		return;
	}
	vu_slot_send(slot, msg);
}

static void keep_spare_slots(vu_rpc_server *server)
{
	if (atomic_load(&server->receiving) < VU_SLOTS_SPARE)
		(void)vu_slot_add(server, NULL);
}

void vu_slot_send(vu_slot *slot, nng_msg *msg)
{
	unsigned unread;

	atomic_fetch_add(&slot->server->tx_bytes, nng_msg_len(msg));
	slot->state = VU_SLOT_SENDING;
	slot->reader = vu_peer_find(&slot->server->peers, slot->pipe);
	unread = slot->reader ? atomic_fetch_add(&slot->reader->unread, 1) : 0;
	/* While this one waits for its reader, others take its place, up to a point. */
	if (unread >= VU_UNREAD_MAX)
		(void)nng_pipe_close(slot->pipe);
	else if (unread > 0)
		keep_spare_slots(slot->server);
	nng_aio_set_msg(slot->aio, msg);
	nng_aio_set_timeout(slot->aio, VU_SEND_TIMEOUT_MS);
	nng_ctx_send(slot->context, slot->aio);
}

static const vu_method_entry *find_method(const vu_rpc_server *server, const vu_span *name)
{
	size_t low = 0;
	size_t high = server->method_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const vu_method_entry *entry = &server->methods[middle];
		size_t shorter = entry->full_name_bytes < name->bytes ? entry->full_name_bytes : name->bytes;
		int order = memcmp(name->data, entry->full_name, shorter);
		if (order == 0)
			order = (name->bytes > entry->full_name_bytes) - (name->bytes < entry->full_name_bytes);
		if (order == 0)
			return entry;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static void refuse(vu_slot *slot, vu_status status, const char *message)
{
	vu_slot_answer(slot, NULL, status, message, NULL, NULL);
}

/* Room for one more call of `bytes`; built-in services always have it. */
static bool take_room(vu_rpc_server *server, const vu_method_entry *method, size_t bytes)
{
	unsigned calls;
	size_t total;

	if (method->builtin)
		return true;
	calls = atomic_fetch_add(&server->in_flight, 1) + 1;
	total = atomic_fetch_add(&server->in_flight_bytes, bytes) + bytes;
	if (calls <= server->in_flight_max && total <= VU_IN_FLIGHT_BYTES_MAX)
		return true;
	vu_slot_give_room(server, method, bytes);
	return false;
}

void vu_slot_give_room(vu_rpc_server *server, const vu_method_entry *method, size_t bytes)
{
	if (method->builtin)
		return;
	atomic_fetch_sub(&server->in_flight_bytes, bytes);
	atomic_fetch_sub(&server->in_flight, 1);
}

/*
 * Counts a call among the unanswered; false when the server is draining. Under
 * the lock that draining takes, so that none slips in behind its back.
 */
static bool begin(vu_rpc_server *server, const vu_method_entry *method)
{
	bool open;

	if (method->builtin)
		return true;
	uv_mutex_lock(&server->lock);
	open = !atomic_load(&server->draining);
	if (open)
		atomic_fetch_add(&server->unanswered, 1);
	uv_mutex_unlock(&server->lock);
	return open;
}

void vu_slot_end(vu_rpc_server *server, const vu_method_entry *method)
{
	if (method->builtin)
		return;
	/* Under the lock, so that who waits for the last one may destroy the server. */
	uv_mutex_lock(&server->lock);
	if (atomic_fetch_sub(&server->unanswered, 1) == 1)
		uv_cond_broadcast(&server->idle);
	uv_mutex_unlock(&server->lock);
}

static void run(vu_rpc_call *call)
{
	vu_rpc_server *server = call->server;
	const vu_method_entry *method = call->method;

	if (method->flags & VU_RPC_INLINE) {
		vu_call_hold(call);
		method->handler(method->context, call, call->request);
		/* It will answer later: from now on the watchdog looks after it. */
		if (!atomic_load(&call->answered)) {
			uv_mutex_lock(&server->lock);
			if (!call->finished && !call->watched && !call->is_watcher)
				vu_watchdog_add(call, call->deadline_us);
			uv_mutex_unlock(&server->lock);
			keep_spare_slots(server);
		}
		vu_call_release(call);
		return;
	}
	uv_mutex_lock(&server->lock);
	vu_watchdog_add(call, call->deadline_us);
	uv_mutex_unlock(&server->lock);
	keep_spare_slots(server);
	if (!vu_worker_submit(call))
		vu_call_finish(call, VU_RESOURCE_EXHAUSTED, "unable to start a thread for the call", NULL, NULL);
}

/* A request that was let in: make a call of it and free the message. */
static void start_call(vu_slot *slot, const vu_method_entry *method, const vu_request_header *header,
                       const vu_span *payload, nng_msg *msg, int64_t received_us)
{
	vu_error error;
	vu_status status;
	vu_rpc_call *call = vu_call_create(slot, method, header, received_us);

	if (!call) {
		vu_slot_give_room(slot->server, method, payload->bytes);
		nng_msg_free(msg);
		refuse(slot, VU_RESOURCE_EXHAUSTED, "unable to take the call: no memory");
		vu_slot_end(slot->server, method);
		return;
	}
	call->request_bytes = payload->bytes;
	status = vu_payload_unpack(method->descriptor->input, payload->data, payload->bytes, &call->arena,
	                           &call->request, &error);
	nng_msg_free(msg);
	if (status) {
		vu_call_finish(call, status, error.message, NULL, NULL);
		return;
	}
	run(call);
}

static void dispatch(vu_slot *slot, nng_msg *msg)
{
	vu_rpc_server *server = slot->server;
	int64_t received_us = vu_clock_monotonic_us();
	size_t bytes = nng_msg_len(msg);
	const vu_method_entry *method = NULL;
	vu_request_header header;
	vu_span payload;
	vu_error error;
	vu_status status = VU_UNAUTHENTICATED;
	bool other_user = true;
	vu_span frame;
	vu_caller caller = VU_CALLER_CLIENT;
	pid_t pid = 0;
	vu_peer *peer;

	slot->state = VU_SLOT_HANDLING;
	slot->pipe = nng_msg_get_pipe(msg);
	atomic_fetch_add(&server->requests, 1);
	atomic_fetch_add(&server->rx_bytes, bytes);

	frame = (vu_span){nng_msg_body(msg), bytes};
	peer = vu_peer_find(&server->peers, slot->pipe);
	if (peer) {
		status = peer->verdict;
		if (peer->remote && !vu_slot_unseal(slot, peer, msg, &frame)) {
			vu_peer_release(peer);
			return;
		}
		/* What a host may call is looked up by its roles. */
		other_user = !peer->remote && vu_peer_judge(peer->uid, geteuid(), false) != VU_OK;
		pid = peer->pid;
		if (server->roster && !peer->remote)
			caller = vu_roster_caller(server->roster, pid, peer->connected_us);
		vu_peer_release(peer);
	}
	if (status) {
		vu_fail(&error, status,
		        status == VU_PERMISSION_DENIED
		            ? "unable to accept calls of this user: %s runs as another one; ask its own user, or root"
		            : "unable to accept the call: the identity of the process that calls %s cannot be read",
		        server->service);
		goto refused;
	}
	if (frame.bytes > VU_RPC_MESSAGE_BYTES_MAX) {
		status =
		    vu_fail(&error, VU_RESOURCE_EXHAUSTED,
		            "unable to take the request: it has %zu bytes and the limit is %u; send less at once",
		            frame.bytes, VU_RPC_MESSAGE_BYTES_MAX);
		goto refused;
	}
	status = vu_frame_parse_request(frame.data, frame.bytes, &header, &payload, &error);
	if (status)
		goto refused;
	method = find_method(server, &header.method);
	if (!method || !method->handler) {
		status = vu_fail(&error, VU_UNIMPLEMENTED, "unable to call %.*s: %s has no such method",
		                 (int)header.method.bytes, (const char *)header.method.data, server->service);
		goto refused;
	}
	if (other_user && !(method->flags & VU_RPC_ANY_USER)) {
		status = vu_fail(&error, VU_PERMISSION_DENIED,
		                 "unable to call %s as this user: that is for the user whom %s runs as, and for root",
		                 method->full_name, server->service);
		goto refused;
	}
	if (slot->session || server->roster) {
		status = slot->session
		             ? vu_caller_check_host(vu_session_roles(slot->session), method->callers,
		                                    method->full_name, vu_session_peer(slot->session), &error)
		             : vu_caller_check(caller, method->callers, method->full_name, pid, &error);
		if (status)
			goto refused;
	}
	if (header.timeout_us == 0) {
		status =
		    vu_fail(&error, VU_INVALID_ARGUMENT,
		            "unable to call %s: the request has no timeout; every call needs one", method->full_name);
		goto refused;
	}
	if (!take_room(server, method, payload.bytes)) {
		atomic_fetch_add(&server->refused, 1);
		status = vu_fail(&error, VU_RESOURCE_EXHAUSTED,
		                 "unable to call %s: %s has as many calls in flight as it takes; try again later",
		                 method->full_name, server->service);
		goto refused;
	}
	if (!begin(server, method)) {
		vu_slot_give_room(server, method, payload.bytes);
		status = vu_fail(&error, VU_UNAVAILABLE, "unable to call %s: %s is stopping; try again",
		                 method->full_name, server->service);
		goto refused;
	}
	start_call(slot, method, &header, &payload, msg, received_us);
	return;

refused:
	nng_msg_free(msg);
	refuse(slot, status, error.message);
}

static void on_event(void *argument)
{
	vu_slot *slot = argument;
	int result = nng_aio_result(slot->aio);
	nng_msg *msg;

	if (slot->state == VU_SLOT_SENDING) {
		if (slot->reader) {
			atomic_fetch_sub(&slot->reader->unread, 1);
			vu_peer_release(slot->reader);
			slot->reader = NULL;
		}
		if (result != 0) {
			msg = nng_aio_get_msg(slot->aio);
			nng_aio_set_msg(slot->aio, NULL);
			if (msg)
				nng_msg_free(msg);
			if (result == NNG_ETIMEDOUT)
				(void)nng_pipe_close(slot->pipe);
		}
		if (result != NNG_ECLOSED)
			receive(slot);
		return;
	}
	atomic_fetch_sub(&slot->server->receiving, 1);
	if (result == NNG_ECLOSED || result == NNG_ECANCELED)
		return;
	if (result != 0) {
		vu_log_warn("unable to receive a request: %s", nng_strerror(result));
		receive(slot);
		return;
	}
	msg = nng_aio_get_msg(slot->aio);
	nng_aio_set_msg(slot->aio, NULL);
	dispatch(slot, msg);
}

vu_status vu_slot_add(vu_rpc_server *server, vu_error *error)
{
	vu_slot *slot;
	unsigned limit = server->in_flight_max + VU_WATCHERS_MAX + VU_SLOTS_SPARE + VU_SLOTS_UNREAD;
	int result;

	uv_mutex_lock(&server->lock);
	if (server->slot_count >= limit) {
		uv_mutex_unlock(&server->lock);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open one more context: there are %u", limit);
	}
	server->slot_count++;
	uv_mutex_unlock(&server->lock);

	slot = calloc(1, sizeof *slot);
	result = slot ? nng_aio_alloc(&slot->aio, on_event, slot) : NNG_ENOMEM;
	if (result == 0) {
		slot->server = server;
		result = nng_ctx_open(&slot->context, server->socket);
		if (result != 0)
			nng_aio_free(slot->aio);
	}
	uv_mutex_lock(&server->lock);
	if (result == 0) {
		slot->next = server->slots;
		server->slots = slot;
	} else {
		server->slot_count--;
	}
	uv_mutex_unlock(&server->lock);
	if (result != 0) {
		free(slot);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open a context: %s", nng_strerror(result));
	}
	receive(slot);
	return VU_OK;
}
