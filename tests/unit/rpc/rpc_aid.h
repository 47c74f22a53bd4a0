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
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#define RPC_AID_KEPT_MAX 256

typedef struct rpc_aid {
	char folder[64];
	vu_endpoint endpoint;
	vu_rpc_server *server;
	vu_rpc_service service;
	atomic_uint devices_runs;     /* how often ListDevices ran */
	atomic_uint devices_failures; /* how often it is still to fail */
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

/*
 * Programs of their own: this test program run again. A test's main begins
 * with rpc_aid_main, which does not return when it was started for that.
 */
void rpc_aid_main(int argc, char **argv);
/* Starts a server at the aid's endpoint as `uid` (0: as ourselves) and waits for its socket to answer. */
pid_t rpc_aid_spawn_server(const rpc_aid *aid, uid_t uid);
/* Kills and waits. */
void rpc_aid_kill(pid_t child);
/* One GetSession as another uid from a process of its own; its status. */
int rpc_aid_call_as(const rpc_aid *aid, uid_t uid);
/* The same for GetSession (which any user may call where any is let in) or ListDevices (which not). */
int rpc_aid_call_method_as(const rpc_aid *aid, uid_t uid, const char *method);

/* A frame of a request, as a client would send it; returns its length. */
size_t rpc_aid_frame(uint8_t *frame, const char *method, uint64_t timeout_us, const void *payload,
                     size_t payload_bytes);

/* Waits until *counter has come to `value`; false after ten seconds. */
int rpc_aid_wait_for(atomic_uint *counter, unsigned value);

/* A call in a thread of its own. */
typedef struct rpc_aid_thread {
	pthread_t thread;
	vu_channel *channel;
	const char *method;
	const ProtobufCMessage *request;
	vu_call_options options;
	vu_status status;
	vu_error error;
} rpc_aid_thread;

void rpc_aid_thread_start(rpc_aid_thread *call, vu_channel *channel, const char *method,
                          const ProtobufCMessage *request, int64_t timeout_us);
/* Waits for it; its status. */
vu_status rpc_aid_thread_join(rpc_aid_thread *call);

#endif
