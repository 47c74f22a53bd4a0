/*
 * The serving side of sessions: an offer is answered, a sealed frame opened,
 * and everything else that comes over TLS refused without being parsed.
 *
 * A second offer on a connection replaces its session. What was refused before
 * there was a session, or for a broken one, is said in the clear: the caller
 * may end its session over it and nothing else.
 */
#include "rpc/server_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define REFUSAL_BYTES_MAX 256

/* At most once a second, as peers may come again at once and without end. */
void vu_rpc_warn_seldom(const char *message)
{
	static atomic_int_fast64_t next_us;
	int64_t now_us = vu_clock_monotonic_us();
	int_fast64_t next = atomic_load(&next_us);

	if (now_us >= next && atomic_compare_exchange_strong(&next_us, &next, now_us + 1000000))
		vu_log_warn("%s", message);
}

/* Without memory for it there is no answer; the caller's time ends the try. */
static void say(vu_slot *slot, const uint8_t *data, size_t bytes)
{
	nng_msg *msg;

	if (nng_msg_alloc(&msg, bytes) != 0) {
		(void)nng_pipe_close(slot->pipe);
		return;
	}
	memcpy(nng_msg_body(msg), data, bytes);
	vu_slot_send(slot, msg);
}

static void refuse(vu_slot *slot, const vu_error *error)
{
	uint8_t message[5 + REFUSAL_BYTES_MAX] = {'V', 'U', 'S', VU_SESSION_REFUSED, (uint8_t)error->status};
	size_t bytes = strnlen(error->message, REFUSAL_BYTES_MAX);

	atomic_fetch_add(&slot->server->refused, 1);
	vu_rpc_warn_seldom(error->message);
	memcpy(message + 5, error->message, bytes);
	say(slot, message, 5 + bytes);
}

static void accept_offer(vu_slot *slot, vu_peer *peer, const vu_span *offer)
{
	uint8_t answer[VU_SESSION_HELLO_BYTES_MAX];
	vu_session *session = NULL;
	size_t bytes;
	vu_error error;

	(void)vu_credentials_refresh(slot->server->credentials);
	if (vu_session_accept(slot->server->credentials, offer->data, offer->bytes, answer, &bytes, &session,
	                      &error) != VU_OK) {
		refuse(slot, &error);
		return;
	}
	vu_peer_set_session(&slot->server->peers, peer, session);
	say(slot, answer, bytes);
}

bool vu_slot_unseal(vu_slot *slot, vu_peer *peer, nng_msg *msg, vu_span *frame_out)
{
	vu_span message = {nng_msg_body(msg), nng_msg_len(msg)};
	vu_session *session;
	vu_error error;
	vu_status status;

	if (vu_session_kind_of(message.data, message.bytes) == VU_SESSION_OFFER) {
		accept_offer(slot, peer, &message);
		nng_msg_free(msg);
		return false;
	}
	session = vu_peer_session(&slot->server->peers, peer);
	status = session ? vu_session_open_request(session, message.data, message.bytes, &slot->lane, &slot->number,
	                                           frame_out, &error)
	                 : vu_fail(&error, VU_UNAUTHENTICATED,
	                           "unable to accept the message: its connection has no session");
	if (status == VU_OK) {
		slot->session = session;
		return true;
	}
	vu_session_release(session);
	refuse(slot, &error);
	nng_msg_free(msg);
	return false;
}
