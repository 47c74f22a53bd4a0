/*
 * What the files of the serving side share; nobody else includes this.
 *
 *   server.c      creating, adding services, draining, figures
 *   listener.c    the lock, the socket, and the guard over it
 *   remote_listener.c   where other hosts connect
 *   slot.c        NNG contexts: receiving, dispatch, sending
 *   slot_session.c   the session of a remote caller
 *   call.c        one request from dispatch to its single answer
 *   worker.c      threads for handlers that may block
 *   watchdog.c    answers what is not answered in time
 *   health.c, reflection.c   the built-in services
 *
 * Threads: requests arrive on NNG's threads, one slot at a time. A call has two
 * ends that may race, its handler and the watchdog; `answered` decides who
 * sends. `lock` guards the lists and is never held while sending.
 */
#ifndef VU_RPC_SERVER_INTERNAL_H
#define VU_RPC_SERVER_INTERNAL_H

#include "rpc/frame.h"
#include "rpc/payload.h"
#include "rpc/peer.h"
#include "rpc/server.h"
#include "rpc/session.h"

#include <nng/nng.h>
#include <stdatomic.h>
#include <uv.h>

/* Contexts beyond the calls in flight, so that there is always one to say RESOURCE_EXHAUSTED with. */
#define VU_SLOTS_SPARE 4
/* Long polls on health are counted apart from calls. */
#define VU_WATCHERS_MAX 32
/* Answers that a peer does not read occupy slots; this many more are allowed before receiving stops. */
#define VU_SLOTS_UNREAD 64
/* A peer that leaves so many unread is disconnected at once: the rest is for others. */
#define VU_UNREAD_MAX 64
/* A peer that does not read its answer for so long is disconnected. */
#define VU_SEND_TIMEOUT_MS 10000
/* Requests of all calls in flight together. */
#define VU_IN_FLIGHT_BYTES_MAX (64u * 1024 * 1024)
#define VU_TIMEOUT_US_MAX      (INT64_C(24) * 3600 * 1000000)

typedef struct vu_slot vu_slot;

typedef struct vu_method_entry {
	char *full_name; /* "/voiceunlock.v1.Models/Score" */
	size_t full_name_bytes;
	const ProtobufCMethodDescriptor *descriptor;
	vu_rpc_handler handler; /* NULL: UNIMPLEMENTED */
	unsigned flags;
	void *context;
	vu_caller_set callers; /* looked at when there is a roster */
	bool builtin;          /* answers while draining and above the bound */
} vu_method_entry;

typedef struct vu_health_entry {
	char *service;
	vu_serving_status status;
	bool follows; /* says what "" says until set */
} vu_health_entry;

struct vu_rpc_call {
	vu_rpc_server *server;
	vu_slot *slot; /* to answer on; not to be touched once `answered` is set by another */
	const vu_method_entry *method;
	ProtobufCMessage *request;
	size_t request_bytes;
	vu_peer *peer;
	int64_t received_us;
	int64_t deadline_us;
	uint8_t request_id[VU_ID_BYTES];
	uint32_t attempt;
	unsigned metadata_count;
	struct {
		const char *key;
		const char *value;
	} metadata[VU_RPC_METADATA_MAX];
	atomic_bool answered;   /* something was or is being sent */
	atomic_uint references; /* the handler's, the dispatcher's, the watchdog's */

	/* Guarded by server->lock. */
	bool finished;  /* the handler's end is done */
	bool watched;   /* in the watchdog's list */
	bool queued;    /* in the worker's queue */
	bool withdrawn; /* taken out of the queue by the watchdog */
	vu_rpc_call *watch_next, *watch_previous;
	vu_rpc_call *queue_next, *queue_previous;
	int64_t due_us; /* when the watchdog acts: the deadline, or earlier for a watcher of health */

	/* Health.Watch: what to look at, and what the caller knows. Guarded by server->lock. */
	bool is_watcher;
	char *watch_service;
	int watch_last;

	vu_payload_arena arena; /* last: the rest stays in few cache lines */
};

struct vu_slot {
	vu_rpc_server *server;
	vu_slot *next; /* all slots of the server */
	nng_ctx context;
	nng_aio *aio;
	nng_pipe pipe; /* where the request came from */
	/* What the answer is to be sealed with; NULL on this machine. */
	vu_session *session;
	uint32_t lane;
	uint64_t number;
	enum { VU_SLOT_RECEIVING, VU_SLOT_HANDLING, VU_SLOT_SENDING } state;
	vu_peer *reader; /* whose unread answers the one being sent is counted among, or NULL */
};

/* See listener.c. Used by the watchdog's thread alone. */
typedef struct vu_guard {
	enum { VU_GUARD_IDLE, VU_GUARD_SUSPECT, VU_GUARD_PROBING } state;
	int64_t next_us;
	int64_t until_us;
	uint64_t errors_seen;
	unsigned own_before;
	int fd;
} vu_guard;

/* A place where hosts connect. */
typedef struct vu_remote_listener {
	vu_endpoint endpoint;
	nng_listener listener;
} vu_remote_listener;

struct vu_rpc_server {
	char *service;
	vu_endpoint endpoint; /* of this machine, or the only one */
	vu_credentials *credentials;
	vu_remote_listener remotes[VU_REMOTE_ENDPOINTS_MAX];
	size_t remote_count;
	uint64_t credentials_generation; /* that was seen last, by the watchdog */
	unsigned in_flight_max;
	unsigned workers_max;
	bool any_uid;
	const vu_roster *roster; /* or NULL */

	nng_socket socket;
	bool is_open;
	bool is_listening;
	int lock_fd;
	nng_listener listener;
	vu_guard guard;
	vu_peer_table peers;

	vu_method_entry *methods; /* sorted by full_name once listening */
	size_t method_count;
	const vu_rpc_service **services; /* for reflection, built-in ones included */
	size_t service_count;
	vu_rpc_service health_service;
	vu_rpc_service reflection_service;

	atomic_bool draining;
	atomic_uint in_flight;  /* what the bound counts */
	atomic_uint unanswered; /* the same until the answer has been handed to NNG: what draining waits for */
	atomic_size_t in_flight_bytes;
	atomic_uint receiving; /* slots that wait for a request */

	uv_mutex_t lock;
	uv_cond_t idle; /* all is answered while draining, a worker or the watchdog ended */

	vu_slot *slots;
	unsigned slot_count;

	vu_rpc_call *watch_first;
	bool watchdog_runs;
	bool stopping;
	int64_t watchdog_wakes_us;
	uv_cond_t watchdog_wake;

	vu_rpc_call *queue_first, *queue_last;
	unsigned queue_length;
	unsigned workers;
	unsigned workers_idle;
	uv_cond_t worker_wake;

	vu_health_entry *health;
	size_t health_count;
	unsigned watchers;

	atomic_uint_fast64_t requests, failures, refused, dropped, rx_bytes, tx_bytes, busy_us;
};

/* slot.c */
vu_status vu_slot_add(vu_rpc_server *server, vu_error *error);
/* Sends a whole message and makes the slot receive again. Takes the message. */
void vu_slot_send(vu_slot *slot, nng_msg *msg);
/* Gives back the room that a call was counted for. */
void vu_slot_give_room(vu_rpc_server *server, const vu_method_entry *method, size_t bytes);
/* A call that was begun has been answered, or never will be; the server may be gone after this. */
void vu_slot_end(vu_rpc_server *server, const vu_method_entry *method);
/* Sends on the slot of a call and makes the slot receive again. Takes no reference. */
void vu_slot_answer(vu_slot *slot, const vu_rpc_call *call, vu_status status, const char *message,
                    const ProtobufCMessage *response, const vu_span *response_bytes);

/*
 * slot_session.c: what comes over TLS. True with *frame_out when the message is
 * a frame of the session of its connection; else it has been answered.
 */
bool vu_slot_unseal(vu_slot *slot, vu_peer *peer, nng_msg *msg, vu_span *frame_out);
/* Logs at most once a second, for what peers may cause without end. */
void vu_rpc_warn_seldom(const char *message);

/* call.c */
vu_rpc_call *vu_call_create(vu_slot *slot, const vu_method_entry *method, const vu_request_header *header,
                            int64_t received_us);
void vu_call_hold(vu_rpc_call *call);
void vu_call_release(vu_rpc_call *call);
/* The handler's answer, whole: decides the race with the watchdog and ends the handler's part. */
void vu_call_finish(vu_rpc_call *call, vu_status status, const char *message, const ProtobufCMessage *response,
                    const vu_span *response_bytes);
/* The watchdog's part of the race: answers when the handler has not. */
void vu_call_expire(vu_rpc_call *call);
/* The answer of a call as bytes that were packed before. */
void vu_call_reply_packed(vu_rpc_call *call, const void *data, size_t bytes);

/* worker.c. vu_worker_submit is given the handler's reference; false when no thread can be had. */
bool vu_worker_submit(vu_rpc_call *call);
/* Takes a call that waits out of the queue. With server->lock held. */
void vu_worker_withdraw(vu_rpc_call *call);

/* listener.c */
vu_status vu_listener_lock(vu_rpc_server *server, vu_error *error);
void vu_listener_unlock(vu_rpc_server *server);
vu_status vu_listener_start(vu_rpc_server *server, vu_error *error);
/* Looks after the listeners; returns when it wants to be called again. */
int64_t vu_listener_guard(vu_rpc_server *server, int64_t now_us);
void vu_listener_fini(vu_rpc_server *server);
/* What NNG says, in words. */
vu_status vu_listener_failure(const vu_endpoint *endpoint, int result, vu_error *error);

/* remote_listener.c */
vu_status vu_remote_listeners_start(vu_rpc_server *server, vu_error *error);
/* Reads the credentials again when they have changed; what comes of it is in remote_listener.c. */
void vu_remote_listeners_refresh(vu_rpc_server *server);

/* watchdog.c: the thread, once; and with server->lock held: */
void vu_watchdog_start(vu_rpc_server *server);
void vu_watchdog_add(vu_rpc_call *call, int64_t due_us);
void vu_watchdog_remove(vu_rpc_call *call);

/* health.c */
vu_status vu_health_register(vu_rpc_server *server, vu_error *error);
/* A name whose health follows that of "". */
vu_status vu_health_follow(vu_rpc_server *server, const char *service);
/* Answers a watcher that is due. Without the lock. */
void vu_health_watcher_due(vu_rpc_call *call);
/* Answers all watchers whose status has changed. Without the lock. */
void vu_health_notify(vu_rpc_server *server);
void vu_health_fini(vu_rpc_server *server);

/* reflection.c */
vu_status vu_reflection_register(vu_rpc_server *server, vu_error *error);

/* server.c */
vu_status vu_server_add_service(vu_rpc_server *server, const vu_rpc_service *service, bool builtin, vu_error *error);
/* Stack of the library's own threads; sanitizers need more. */
bool vu_server_start_thread(void (*entry)(void *), void *argument, size_t stack_bytes);

#endif
