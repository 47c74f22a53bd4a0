/*
 * One try of a call: connect if need be, send, wait for the answer, read its
 * header. What NNG reports becomes a status here.
 */
#include "rpc/channel_internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/*
 * A request waits in NNG for at most so long before we look again whether
 * there is still anybody to send it to.
 */
#define SEND_SLICE_MS 50

static vu_status cancelled(const vu_channel *channel, vu_error *error)
{
	return vu_fail(error, VU_CANCELLED, "unable to call %s: cancelled by the caller", channel->service);
}

static vu_status too_late(const vu_channel *channel, const vu_try *try, vu_error *error)
{
	return vu_fail(error, VU_DEADLINE_EXCEEDED, "unable to call %s: %s did not answer within %lld ms",
	               try->full_method, channel->service, (long long)(try->options->timeout_us / 1000));
}

/* Header and payload, packed once into the message that goes out. */
static vu_status build(const vu_channel *channel, const vu_way *way, vu_try *try, int64_t now_us, nng_msg **msg_out,
                       vu_error *error)
{
	uint8_t head[VU_FRAME_HEAD_BYTES_MAX];
	const vu_call_options *options = try->options;
	size_t payload_bytes = try->request ? protobuf_c_message_get_packed_size(try->request) : try->request_bytes;
	size_t envelope_bytes = try->session ? VU_SESSION_ENVELOPE_BYTES : 0;
	vu_request_header header;
	size_t head_bytes;
	uint8_t *body;

	header.method = (vu_span){(const uint8_t *)try->full_method, strlen(try->full_method)};
	memcpy(header.request_id, try->request_id, VU_ID_BYTES);
	header.timeout_us = (uint64_t)(try->deadline_us - now_us);
	header.attempt = try->attempt;
	header.caller = (vu_span){(const uint8_t *)channel->caller, strlen(channel->caller)};
	header.metadata_count = 0;
	if (options->metadata_key) {
		const char *value = options->metadata_value ? options->metadata_value : "";
		header.metadata[0].key =
		    (vu_span){(const uint8_t *)options->metadata_key, strlen(options->metadata_key)};
		header.metadata[0].value = (vu_span){(const uint8_t *)value, strlen(value)};
		header.metadata_count = 1;
	}
	head_bytes = vu_frame_write_request(head, &header);
	if (head_bytes == 0)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to call %s: its header is over the limits",
		               try->full_method);
	/* NNG would drop an oversized message without a word. */
	if (head_bytes + payload_bytes > VU_RPC_MESSAGE_BYTES_MAX)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED,
		               "unable to call %s: the request has %zu bytes and the limit is %u; send less at once",
		               try->full_method, payload_bytes, VU_RPC_MESSAGE_BYTES_MAX);
	if (nng_msg_alloc(msg_out, envelope_bytes + head_bytes + payload_bytes) != 0)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to call %s: no memory for the request",
		               try->full_method);
	body = (uint8_t *)nng_msg_body(*msg_out) + envelope_bytes;
	memcpy(body, head, head_bytes);
	if (try->request)
		protobuf_c_message_pack(try->request, body + head_bytes);
	else if (payload_bytes > 0)
		memcpy(body + head_bytes, try->request_data, payload_bytes);
	if (try->session) {
		try->number = vu_session_next_number(try->session, way->lane);
		vu_session_seal(try->session, way->lane, try->number, nng_msg_body(*msg_out), nng_msg_len(*msg_out));
	}
	return VU_OK;
}

static void on_received(void *argument)
{
	vu_way *way = argument;
	uv_mutex_lock(&way->lock);
	way->answered = true;
	uv_cond_signal(&way->changed);
	uv_mutex_unlock(&way->lock);
}

vu_way *vu_way_open(nng_socket socket)
{
	vu_way *way = calloc(1, sizeof *way);

	if (!way)
		return NULL;
	if (nng_aio_alloc(&way->send_aio, NULL, NULL) != 0)
		goto no_send_aio;
	if (nng_aio_alloc(&way->receive_aio, on_received, way) != 0)
		goto no_receive_aio;
	if (uv_mutex_init(&way->lock) != 0)
		goto no_lock;
	if (uv_cond_init(&way->changed) != 0)
		goto no_changed;
	if (nng_ctx_open(&way->context, socket) == 0)
		return way;
	uv_cond_destroy(&way->changed);
no_changed:
	uv_mutex_destroy(&way->lock);
no_lock:
	nng_aio_free(way->receive_aio);
no_receive_aio:
	nng_aio_free(way->send_aio);
no_send_aio:
	free(way);
	return NULL;
}

void vu_way_close(vu_way *way)
{
	nng_aio_stop(way->send_aio);
	nng_aio_free(way->send_aio);
	nng_aio_stop(way->receive_aio);
	nng_aio_free(way->receive_aio);
	uv_cond_destroy(&way->changed);
	uv_mutex_destroy(&way->lock);
	free(way);
}

/* Hands the request to NNG. On OK it has been sent and nothing of it is ours any more. */
static vu_status send_request(vu_channel *channel, vu_way *way, vu_try *try, vu_error *error)
{
	const vu_call_options *options = try->options;
	nng_msg *msg = NULL;
	vu_status status;

	for (;;) {
		int64_t now_us;
		size_t bytes;
		int result;

		status = vu_connection_wait(&channel->connection, options->wait_for_ready, try->deadline_us,
		                            options->cancel, error);
		if (!status && channel->credentials && vu_connection_is_remote(&channel->connection))
			status = vu_try_begin_session(channel, way, try, error);
		if (status)
			return status;
		now_us = vu_clock_monotonic_us();
		if (now_us >= try->deadline_us)
			return too_late(channel, try, error);
		if (vu_cancel_is_triggered(options->cancel))
			return cancelled(channel, error);
		status = build(channel, way, try, now_us, &msg, error);
		if (status)
			return status;
		bytes = nng_msg_len(msg);
		nng_aio_set_msg(way->send_aio, msg);
		nng_aio_set_timeout(way->send_aio, SEND_SLICE_MS);
		nng_ctx_send(way->context, way->send_aio);
		nng_aio_wait(way->send_aio);
		result = nng_aio_result(way->send_aio);
		if (result == 0) {
			atomic_fetch_add(&channel->tx_bytes, bytes);
			return VU_OK;
		}
		/* Not sent, so it is ours again. */
		nng_msg_free(msg);
		nng_aio_set_msg(way->send_aio, NULL);
		vu_connection_check(&channel->connection);
		if (result != NNG_ETIMEDOUT)
			return vu_fail(error, VU_UNAVAILABLE, "unable to send to %s: %s", channel->service,
			               nng_strerror(result));
	}
}

/*
 * Receives the answer, or gives it up: OK with *msg_out, DEADLINE_EXCEEDED once
 * `until_us` has come, CANCELLED, UNAVAILABLE when the connection broke.
 */
vu_status vu_try_receive(vu_channel *channel, vu_way *way, const vu_try *try, int64_t until_us, nng_msg **msg_out,
                         vu_error *error)
{
	vu_status status = VU_OK;
	int result;

	way->answered = false;
	nng_ctx_recv(way->context, way->receive_aio);
	uv_mutex_lock(&way->lock);
	while (!way->answered && !status) {
		int64_t left_us = until_us - vu_clock_monotonic_us();
		if (vu_cancel_is_triggered(try->options->cancel))
			status = cancelled(channel, error);
		else if (left_us <= 0)
			status = too_late(channel, try, error);
		else
			(void)uv_cond_timedwait(&way->changed, &way->lock, (uint64_t)left_us * 1000);
	}
	if (status) {
		/* Only this thread begins and ends operations of this aio, so it cannot be another one's that is
		 * cancelled. */
		uv_mutex_unlock(&way->lock);
		atomic_store(&channel->gave_up, true);
		nng_aio_cancel(way->receive_aio);
		uv_mutex_lock(&way->lock);
		while (!way->answered)
			uv_cond_wait(&way->changed, &way->lock);
	}
	uv_mutex_unlock(&way->lock);
	result = nng_aio_result(way->receive_aio);
	if (result == 0) {
		/* At the last moment, perhaps; an answer is an answer. */
		*msg_out = nng_aio_get_msg(way->receive_aio);
		nng_aio_set_msg(way->receive_aio, NULL);
		return VU_OK;
	}
	if (status)
		return status;
	if (result == NNG_ENOMEM)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to receive from %s: no memory",
		               channel->service);
	return vu_fail(error, VU_UNAVAILABLE, "unable to call %s: the connection to %s broke (%s)", try->full_method,
	               channel->service, nng_strerror(result));
}

/* Takes the answer apart; frees it unless OK. */
static vu_status read_answer(vu_channel *channel, const vu_way *way, vu_try *try, nng_msg *msg, vu_error *error)
{
	vu_span frame = {nng_msg_body(msg), nng_msg_len(msg)};
	vu_response_header header;
	vu_error reason;
	vu_status status;

	if (try->session) {
		status = vu_try_unseal(channel, way, try, msg, &frame, error);
		if (status) {
			nng_msg_free(msg);
			return status;
		}
	}
	if (frame.bytes > VU_RPC_MESSAGE_BYTES_MAX) {
		nng_msg_free(msg);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED,
		               "unable to read the answer of %s: it is over the limit of %u bytes", channel->service,
		               VU_RPC_MESSAGE_BYTES_MAX);
	}
	status = vu_frame_parse_response(frame.data, frame.bytes, &header, &try->response, &reason);
	if (status)
		vu_fail(error, status, "unable to read the answer of %s: %s", channel->service, reason.message);
	else if (header.status != VU_OK)
		status =
		    vu_fail(error, header.status < VU_STATUS_COUNT ? (vu_status)header.status : VU_UNKNOWN, "%.*s",
		            (int)header.message.bytes, header.message.bytes ? (const char *)header.message.data : "");
	if (status) {
		nng_msg_free(msg);
		return status;
	}
	try->response_msg = msg;
	return VU_OK;
}

vu_status vu_try_once(vu_channel *channel, vu_way *way, vu_try *try, vu_error *error)
{
	int64_t until_us = try->deadline_us;
	int64_t now_us;
	int64_t since_us;
	nng_msg *msg = NULL;
	vu_status status = send_request(channel, way, try, error);

	if (status)
		return status;
	/* A black-holed link never reports that it is down, so a try on one has a time of its own. */
	since_us = now_us = vu_clock_monotonic_us();
	if (try->options->idempotent && vu_connection_is_remote(&channel->connection) &&
	    until_us > now_us + VU_REMOTE_TRY_US)
		until_us = now_us + VU_REMOTE_TRY_US;
	status = vu_try_receive(channel, way, try, until_us, &msg, error);
	if (status == VU_DEADLINE_EXCEEDED)
		vu_connection_unheard(&channel->connection, since_us);
	if (status == VU_DEADLINE_EXCEEDED && until_us < try->deadline_us)
		return vu_fail(error, VU_UNAVAILABLE, "unable to call %s: %s did not answer within a second",
		               try->full_method, channel->service);
	if (status)
		return status;
	vu_connection_heard(&channel->connection);
	atomic_fetch_add(&channel->rx_bytes, nng_msg_len(msg));
	return read_answer(channel, way, try, msg, error);
}
