/*
 * A folder, a server with a few well-behaved and ill-behaved methods, and
 * channels to it: what the tests of common/rpc share.
 *
 * The methods are those of voiceunlock.v1.Capture, used for what their
 * messages can carry:
 *   Append        echoes the number of bytes it got (worker)
 *   GetSession    answers at once (inline), session_id decides, see below
 *   Read          waits for `wait_ms` while it is not cancelled, then answers
 *                 with `max_samples` bytes (worker)
 *   FinishSession keeps the call; rpc_aid_answer_kept answers it (inline)
 *   OpenSession   answers FAILED_PRECONDITION with its session_id as message
 *   CloseSession  has no handler
 *   ListDevices   counts how often it ran, and answers UNAVAILABLE so many
 *                 times before it succeeds (inline)
 */
#ifndef VU_TESTS_RPC_AID_H
#define VU_TESTS_RPC_AID_H

#include "rpc/channel.h"
#include "rpc/server.h"
#include "voiceunlock/v1/capture.pb-c.h"

#include <nng/nng.h>
#include <stdatomic.h>
#include <sys/types.h>

#define RPC_AID_KEPT_MAX 256

typedef struct rpc_aid {
	char folder[64];
	vu_endpoint endpoint;
	vu_rpc_server *server;
	vu_rpc_service service;
	atomic_uint devices_runs;      /* how often ListDevices ran */
	atomic_uint devices_failures;  /* how often it is still to fail */
	atomic_uint reads_running;
	atomic_uint kept_count;
	vu_rpc_call *kept[RPC_AID_KEPT_MAX];
} rpc_aid;

/* A private folder and the endpoint in it; no server yet. */
void rpc_aid_init(rpc_aid *aid);
/* Creates the server; `config` may be NULL for defaults. Listens unless `listen` is false. */
void rpc_aid_start(rpc_aid *aid, const vu_rpc_server_config *config);
void rpc_aid_stop(rpc_aid *aid);
/* Removes the folder. */
void rpc_aid_fini(rpc_aid *aid);

vu_channel *rpc_aid_channel(const rpc_aid *aid);

/* Answers the oldest `count` kept calls. */
void rpc_aid_answer_kept(rpc_aid *aid);

/* One call of GetSession with the given options; returns its status. */
vu_status rpc_aid_call(vu_channel *channel, const char *method, const ProtobufCMessage *request,
                       ProtobufCMessage **response_out, int64_t timeout_us, vu_error *error);

/* Sends a frame as it is over a bare socket and returns the answer's status, or -1 when the connection was cut
 * or nothing came. The answer's message goes to `text` (of VU_ERROR_MESSAGE_MAX bytes) unless NULL. */
int rpc_aid_send_raw(const rpc_aid *aid, const void *frame, size_t bytes, char *text);

/* Waits until *counter has come to `value`; false after ten seconds. */
int rpc_aid_wait_for(atomic_uint *counter, unsigned value);

#endif
