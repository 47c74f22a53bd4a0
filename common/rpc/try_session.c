/*
 * The calling side of sessions: agreeing on one per connection, and opening
 * answers. The first call on a connection exchanges keys before it is sent;
 * others wait for that.
 */
#include "rpc/channel_internal.h"

#include "base/clock.h"

#include <string.h>

#define REFUSED_BYTES 5 /* before the message */

/* What a refusal says, in the server's words; it was not authenticated, so it is only quoted. */
static vu_status refusal(const vu_channel *channel, const nng_msg *msg, vu_status status, vu_error *error)
{
	nng_msg *readable = NULL;
	char text[200] = "";
	size_t bytes = nng_msg_len(msg) - REFUSED_BYTES;

	if (nng_msg_dup(&readable, msg) == 0) {
		const char *body = nng_msg_body(readable);
		if (bytes >= sizeof text)
			bytes = sizeof text - 1;
		for (size_t i = 0; i < bytes; i++)
			text[i] = body[REFUSED_BYTES + i] >= ' ' && body[REFUSED_BYTES + i] < 0x7f
			              ? body[REFUSED_BYTES + i]
			              : '?';
		nng_msg_free(readable);
	}
	return vu_fail(error, status, "unable to call %s: the other host says: %s", channel->service, text);
}

/* One exchange on `way`. Without the lock: it takes as long as the link does. */
static vu_status agree(vu_channel *channel, vu_way *way, const vu_try *try, vu_session **session_out, vu_error *error)
{
	uint8_t offer[VU_SESSION_HELLO_BYTES_MAX];
	int64_t since_us = vu_clock_monotonic_us();
	int64_t until_us = since_us + VU_REMOTE_TRY_US;
	vu_session *session = NULL;
	nng_msg *msg = NULL;
	size_t bytes;
	vu_status status = vu_session_offer(channel->credentials, offer, &bytes, &session, error);

	if (status)
		return status;
	if (nng_msg_alloc(&msg, bytes) != 0) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to call %s: no memory", channel->service);
		goto out;
	}
	memcpy(nng_msg_body(msg), offer, bytes);
	nng_aio_set_msg(way->send_aio, msg);
	nng_aio_set_timeout(way->send_aio, VU_REMOTE_TRY_US / 1000);
	nng_ctx_send(way->context, way->send_aio);
	nng_aio_wait(way->send_aio);
	if (nng_aio_result(way->send_aio) != 0) {
		nng_aio_set_msg(way->send_aio, NULL);
		status = vu_fail(error, VU_UNAVAILABLE, "unable to call %s: %s", channel->service,
		                 nng_strerror(nng_aio_result(way->send_aio)));
		goto out;
	}
	msg = NULL;
	if (until_us > try->deadline_us)
		until_us = try->deadline_us;
	status = vu_try_receive(channel, way, try, until_us, &msg, error);
	if (status == VU_DEADLINE_EXCEEDED)
		vu_connection_unheard(&channel->connection, since_us);
	if (status == VU_DEADLINE_EXCEEDED && until_us < try->deadline_us)
		status =
		    vu_fail(error, VU_UNAVAILABLE, "unable to call %s: it did not agree on a session within a second",
		            channel->service);
	if (status)
		goto out;
	if (vu_session_kind_of(nng_msg_body(msg), nng_msg_len(msg)) == VU_SESSION_REFUSED &&
	    nng_msg_len(msg) >= REFUSED_BYTES)
		status = refusal(channel, msg, VU_UNAUTHENTICATED, error);
	else
		status = vu_session_complete(session, nng_msg_body(msg), nng_msg_len(msg), error);
	if (!status) {
		*session_out = session;
		session = NULL;
	}
out:
	if (msg)
		nng_msg_free(msg);
	vu_session_release(session);
	return status;
}

/* With the lock held: the session of the connection that stands, held for the caller, or NULL. */
static vu_session *present(const vu_channel *channel)
{
	return channel->session && channel->session_generation == channel->connection.generation
	           ? vu_session_hold(channel->session)
	           : NULL;
}

/* With the lock held: waits while another thread agrees on a session; no longer than the call may. */
static vu_status wait_for_others(vu_channel *channel, const vu_try *try, vu_error *error)
{
	while (channel->agreeing) {
		int64_t left_us = try->deadline_us - vu_clock_monotonic_us();
		if (vu_cancel_is_triggered(try->options->cancel))
			return vu_fail(error, VU_CANCELLED, "unable to call %s: cancelled by the caller",
			               channel->service);
		if (left_us <= 0)
			return vu_fail(error, VU_DEADLINE_EXCEEDED,
			               "unable to call %s in time: no session was agreed on with its host",
			               channel->service);
		(void)uv_cond_timedwait(&channel->connection.changed, &channel->connection.lock,
		                        (uint64_t)left_us * 1000);
	}
	return VU_OK;
}

vu_status vu_try_begin_session(vu_channel *channel, vu_way *way, vu_try *try, vu_error *error)
{
	uv_mutex_t *lock = &channel->connection.lock;
	vu_session *session = NULL;
	uint64_t generation;
	vu_status status;

	vu_session_release(try->session);
	uv_mutex_lock(lock);
	status = wait_for_others(channel, try, error);
	try->session = status ? NULL : present(channel);
	if (status || try->session) {
		uv_mutex_unlock(lock);
		return status;
	}
	channel->agreeing = true;
	generation = channel->connection.generation;
	uv_mutex_unlock(lock);
	(void)vu_credentials_refresh(channel->credentials);
	status = agree(channel, way, try, &session, error);
	uv_mutex_lock(lock);
	vu_session_release(channel->session);
	channel->session = session;
	channel->session_generation = generation;
	channel->agreeing = false;
	if (session)
		try->session = vu_session_hold(session);
	uv_cond_broadcast(&channel->connection.changed);
	uv_mutex_unlock(lock);
	return status;
}

vu_status vu_try_unseal(vu_channel *channel, const vu_way *way, const vu_try *try, nng_msg *msg, vu_span *frame_out,
                        vu_error *error)
{
	const uint8_t *data = nng_msg_body(msg);
	size_t bytes = nng_msg_len(msg);

	if (vu_session_kind_of(data, bytes) != VU_SESSION_REFUSED || bytes < REFUSED_BYTES)
		return vu_session_open_response(try->session, way->lane, try->number, data, bytes, frame_out, error);
	/* It knows the session no more, mostly for being another connection: the next try agrees on a new one. */
	uv_mutex_lock(&channel->connection.lock);
	if (channel->session == try->session) {
		vu_session_release(channel->session);
		channel->session = NULL;
	}
	uv_mutex_unlock(&channel->connection.lock);
	return refusal(channel, msg, VU_UNAVAILABLE, error);
}
