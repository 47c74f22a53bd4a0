/*
 * Who is at the other end of each connection: read once when it is made, then
 * looked up by the pipe that a message came from.
 *
 * A peer that may not call keeps its connection and gets a refusal for an
 * answer, so that it learns why; what it sends is never parsed.
 */
#ifndef VU_RPC_PEER_H
#define VU_RPC_PEER_H

#include "base/status.h"
#include "rpc/session.h"

#include <nng/nng.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

typedef struct vu_peer {
	struct vu_peer *next; /* in its bucket */
	uint32_t pipe_id;
	uid_t uid;
	pid_t pid;
	int64_t connected_us; /* vu_clock_monotonic_us */
	vu_status verdict;    /* OK, PERMISSION_DENIED, UNAUTHENTICATED */
	bool remote;          /* on another machine: `uid` and `pid` are unknown, `session` says who */
	vu_session *session;  /* guarded by the table's lock; NULL until there is one */
	atomic_bool gone;     /* the connection has ended */
	atomic_uint unread;   /* answers on their way to it */
	atomic_uint references;
} vu_peer;

#define VU_PEER_BUCKETS 32

typedef struct vu_peer_table {
	uv_mutex_t lock;
	bool any_uid;
	bool remote;                 /* connections may come over TLS */
	atomic_uint own_connections; /* made by this very process, ever */
	vu_peer *buckets[VU_PEER_BUCKETS];
} vu_peer_table;

vu_status vu_peer_table_init(vu_peer_table *table, bool any_uid, bool remote);
void vu_peer_table_fini(vu_peer_table *table);

/* To be called from NNG's ADD_PRE and REM_POST. */
void vu_peer_add(vu_peer_table *table, nng_pipe pipe);
void vu_peer_remove(vu_peer_table *table, nng_pipe pipe);

unsigned vu_peer_count(vu_peer_table *table);

/* The peer of a pipe with one more reference, or NULL when it has gone already. */
vu_peer *vu_peer_find(vu_peer_table *table, nng_pipe pipe);
void vu_peer_release(vu_peer *peer);

/* The session of a connection, held for the caller, or NULL; and a new one in place of it, which is taken. */
vu_session *vu_peer_session(vu_peer_table *table, vu_peer *peer);
void vu_peer_set_session(vu_peer_table *table, vu_peer *peer, vu_session *session);

/* What the rule says of a uid: OK or PERMISSION_DENIED. */
vu_status vu_peer_judge(uid_t peer_uid, uid_t own_uid, bool any_uid);

#endif
