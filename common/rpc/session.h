/*
 * Who is at the other end of a TLS connection: a session within it.
 *
 * NNG checks that a peer has a certificate of our authority but cannot say
 * which, so hosts prove their names here. Each host has an X25519 key whose
 * public half is in everybody's allow-list (credentials.h). The exchange is
 * one round: the caller offers its name and a fresh key; the server answers
 * with its name, a fresh key, a number for the session and a proof. Both join
 * four Diffie-Hellman results (fresh or lasting, either side), so only who has
 * the lasting key of the name can compute what follows, a recorded exchange is
 * of no use, and a lasting key that is stolen later opens no old session. The
 * caller's proof is its first sealed frame.
 *
 *   offer    "VUS" 1, name length, name, fresh key (32)
 *   answer   "VUS" 2, session (16), name length, name, fresh key, proof (32)
 *   sealed   "VUS" 3, session, lane (u32), number (u64), MAC (32), frame
 *   refused  "VUS" 4, status (u8), message: not authenticated, so it may only
 *            end a session and never pass for an answer
 *
 * A lane is one context of the caller, on which one call is under way at a
 * time. Its frames are numbered upwards: one that was seen or overtaken is
 * refused. An answer carries the lane and number of its request, under the key
 * of the other direction, so none passes for another's. Little-endian.
 *
 * MAC: BLAKE2b-256, keyed. Secrecy is TLS's. Sessions may be used by any number
 * of threads and are counted: whoever holds one releases it.
 */
#ifndef VU_RPC_SESSION_H
#define VU_RPC_SESSION_H

#include "base/id.h"
#include "base/status.h"
#include "rpc/credentials.h"
#include "rpc/frame.h"

#include <stddef.h>
#include <stdint.h>

#define VU_SESSION_ENVELOPE_BYTES  64
#define VU_SESSION_HELLO_BYTES_MAX 192
#define VU_SESSION_LANES_MAX       64

typedef enum vu_session_kind {
	VU_SESSION_NONE = 0, /* no message of this protocol */
	VU_SESSION_OFFER = 1,
	VU_SESSION_ANSWER = 2,
	VU_SESSION_SEALED = 3,
	VU_SESSION_REFUSED = 4
} vu_session_kind;

typedef struct vu_session vu_session;

vu_session_kind vu_session_kind_of(const void *message, size_t bytes);

/* The caller's first step; *bytes_out bytes of `offer` are to be sent. */
vu_status vu_session_offer(const vu_credentials *credentials, uint8_t offer[VU_SESSION_HELLO_BYTES_MAX],
                           size_t *bytes_out, vu_session **session_out, vu_error *error);

/* The server's step. UNAUTHENTICATED when the name is not in the allow-list; INTERNAL when malformed. */
vu_status vu_session_accept(const vu_credentials *credentials, const void *offer, size_t bytes,
                            uint8_t answer[VU_SESSION_HELLO_BYTES_MAX], size_t *bytes_out, vu_session **session_out,
                            vu_error *error);

/* The caller's second step. UNAUTHENTICATED when the server is not who it says; nothing may be sent then. */
vu_status vu_session_complete(vu_session *session, const void *answer, size_t bytes, vu_error *error);

/* The name of the other end. For a server it is proven once a frame was opened. */
const char *vu_session_peer(const vu_session *session);
/* Of the other end, as the allow-list says: bits of vu_host_role. */
unsigned vu_session_roles(const vu_session *session);

/* Fills the first VU_SESSION_ENVELOPE_BYTES of `message`, whose frame lies behind them already. */
void vu_session_seal(const vu_session *session, uint32_t lane, uint64_t number, uint8_t *message, size_t bytes);

/* The caller's next number on a lane. */
uint64_t vu_session_next_number(vu_session *session, uint32_t lane);

/* At the server: UNAUTHENTICATED when the frame is not of this session, altered, replayed or overtaken. */
vu_status vu_session_open_request(vu_session *session, const uint8_t *message, size_t bytes, uint32_t *lane_out,
                                  uint64_t *number_out, vu_span *frame_out, vu_error *error);
/* At the caller: the answer to exactly this request. */
vu_status vu_session_open_response(const vu_session *session, uint32_t lane, uint64_t number, const uint8_t *message,
                                   size_t bytes, vu_span *frame_out, vu_error *error);

vu_session *vu_session_hold(vu_session *session);
/* Wipes the keys with the last. NULL is allowed. */
void vu_session_release(vu_session *session);

#endif
