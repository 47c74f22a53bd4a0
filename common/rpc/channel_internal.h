/* What channel.c, channel_group.c, try.c and try_session.c share; nobody else includes this. */
#ifndef VU_RPC_CHANNEL_INTERNAL_H
#define VU_RPC_CHANNEL_INTERNAL_H

#include "rpc/channel.h"
#include "rpc/connection.h"
#include "rpc/frame.h"
#include "rpc/retry.h"
#include "rpc/session.h"

#include <stdatomic.h>
#include <uv.h>

#define VU_CALL_TIMEOUT_US_MAX (INT64_C(24) * 3600 * 1000000)
/* A try on a remote link that may have gone silent. */
#define VU_REMOTE_TRY_US 1000000

/*
 * One context of the pool. The waiting is ours: NNG 1.5.2's clock thread may
 * end an operation that has just begun in place of one that has just ended, so
 * an answer is never waited for with a timeout of NNG.
 */
typedef struct vu_way {
	struct vu_way *next;
	struct vu_way *next_free;
	nng_ctx context;
	nng_aio *send_aio;    /* no callback: what NNG can send at once ends at once, with no thread in between */
	nng_aio *receive_aio; /* its callback sets `answered` */
	uv_mutex_t lock;
	uv_cond_t changed;
	uint32_t lane; /* its number, from 0: frames of a session are numbered on it */
	bool answered; /* guarded by lock: the receive operation has ended, well or not */
} vu_way;

/* NULL when there is no memory. The context belongs to `socket`. */
vu_way *vu_way_open(nng_socket socket);
/* After the socket has been closed. */
void vu_way_close(vu_way *way);

/* See channel_group.c. */
typedef struct vu_group vu_group;

struct vu_channel {
	char *service;
	char *caller;
	vu_group *group; /* of several channels with one endpoint each; NULL: this one calls by itself */
	vu_endpoint *endpoints;
	unsigned concurrency_max;
	vu_connection connection;
	vu_credentials *credentials;
	atomic_bool gave_up; /* a try timed out or was cancelled: the socket must not be closed any more */

	/* Guarded by connection.lock. */
	vu_session *session;         /* NULL where there is none */
	uint64_t session_generation; /* the connection that it is of */
	bool agreeing;               /* some thread agrees on one, without the lock */
	vu_way *all_ways;
	vu_way *free_ways;
	unsigned way_count;
	vu_retry_bucket bucket;
	uint8_t random_seed[VU_ID_BYTES];

	atomic_uint_fast64_t calls, failures, retries, tx_bytes, rx_bytes;
};

/* A call and its present try. */
typedef struct vu_try {
	const char *full_method;
	const ProtobufCMessage *request; /* or NULL: */
	const void *request_data;
	size_t request_bytes;
	const vu_call_options *options;
	uint8_t request_id[VU_ID_BYTES];
	uint32_t attempt;
	int64_t deadline_us;
	/* What the request was sealed with, held; NULL on this machine. */
	vu_session *session;
	uint64_t number;
	/* On OK: the answer's message, owned by the caller, and the payload within it. */
	nng_msg *response_msg;
	vu_span response;
} vu_try;

/* Sends once and waits once. */
vu_status vu_try_once(vu_channel *channel, vu_way *way, vu_try *try, vu_error *error);

/* Receives what answers the last message sent on `way`; see try.c. */
vu_status vu_try_receive(vu_channel *channel, vu_way *way, const vu_try *try, int64_t until_us, nng_msg **msg_out,
                         vu_error *error);

/*
 * try_session.c: sees to it that try->session is one of the connection that
 * stands, agreeing on one if need be. UNAUTHENTICATED when the server does not
 * prove who it is or does not let us in; else as a try.
 */
vu_status vu_try_begin_session(vu_channel *channel, vu_way *way, vu_try *try, vu_error *error);
/* Opens an answer: UNAVAILABLE, with the session at an end, when the server has lost it. */
vu_status vu_try_unseal(vu_channel *channel, const vu_way *way, const vu_try *try, nng_msg *msg, vu_span *frame_out,
                        vu_error *error);

/* One try of a call whose time and id are set, on a context of this very channel. */
vu_status vu_channel_try(vu_channel *channel, vu_try *try, vu_error *error);

/* When to try again after a try that ended with `status`; negative: not any more. */
int64_t vu_channel_decide(vu_channel *channel, const vu_try *try, vu_status status);

/* A channel for one endpoint each. The members are made and destroyed with the group. */
vu_status vu_group_create(const vu_channel_config *config, vu_group **group_out, vu_error *error);
void vu_group_destroy(vu_group *group);
/* One try on the member whose turn it is. */
vu_status vu_group_try(vu_channel *channel, vu_try *try, vu_error *error);
void vu_group_add_stats(vu_group *group, vu_channel_stats *out);
size_t vu_group_parts(vu_group *group, vu_channel **parts, size_t room);

/* All tries of a call. On OK the caller frees try->response_msg. */
vu_status vu_channel_run(vu_channel *channel, vu_try *try, vu_error *error);

#endif
