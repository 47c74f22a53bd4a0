/* The table of connections. A peer whose identity cannot be read, or that there is no memory for, is refused. */
#include "rpc/peer.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

vu_status vu_peer_table_init(vu_peer_table *table, bool any_uid, bool remote)
{
	table->any_uid = any_uid;
	table->remote = remote;
	atomic_init(&table->own_connections, 0);
	for (int i = 0; i < VU_PEER_BUCKETS; i++)
		table->buckets[i] = NULL;
	return uv_mutex_init(&table->lock) == 0 ? VU_OK : VU_RESOURCE_EXHAUSTED;
}

void vu_peer_table_fini(vu_peer_table *table)
{
	for (int i = 0; i < VU_PEER_BUCKETS; i++) {
		while (table->buckets[i]) {
			vu_peer *peer = table->buckets[i];
			table->buckets[i] = peer->next;
			vu_peer_release(peer);
		}
	}
	uv_mutex_destroy(&table->lock);
}

vu_status vu_peer_judge(uid_t peer_uid, uid_t own_uid, bool any_uid)
{
	return any_uid || peer_uid == own_uid || peer_uid == 0 ? VU_OK : VU_PERMISSION_DENIED;
}

static uint32_t pipe_number(nng_pipe pipe)
{
	int id = nng_pipe_id(pipe);
	return id > 0 ? (uint32_t)id : 0;
}

/* At most once a second: who is refused may come again at once and without end. */
static bool may_warn(void)
{
	static atomic_int_fast64_t next_us;
	int64_t now_us = vu_clock_monotonic_us();
	int_fast64_t next = atomic_load(&next_us);
	return now_us >= next && atomic_compare_exchange_strong(&next_us, &next, now_us + 1000000);
}

/* What cannot be told to be a local connection has to prove who it is. */
static bool is_remote(nng_pipe pipe)
{
	nng_sockaddr address;
	return nng_pipe_get_addr(pipe, NNG_OPT_LOCADDR, &address) != 0 || address.s_family != NNG_AF_IPC;
}

void vu_peer_add(vu_peer_table *table, nng_pipe pipe)
{
	vu_peer *peer = calloc(1, sizeof *peer);
	uint64_t uid;
	uint64_t pid;
	vu_peer **bucket;

	/* Not in the table means refused, so there is nothing else to do. */
	if (!peer)
		return;
	peer->pipe_id = pipe_number(pipe);
	peer->uid = (uid_t)-1;
	peer->connected_us = vu_clock_monotonic_us();
	atomic_init(&peer->gone, false);
	atomic_init(&peer->references, 1);
	peer->remote = table->remote && is_remote(pipe);
	if (peer->remote) {
		/* TLS has let it in; its first message must begin a session. */
		peer->verdict = VU_OK;
	} else if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0) {
		peer->uid = (uid_t)uid;
		peer->verdict = vu_peer_judge(peer->uid, geteuid(), table->any_uid);
	} else {
		peer->verdict = VU_UNAUTHENTICATED;
	}
	if (!peer->remote && nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid) == 0)
		peer->pid = (pid_t)pid;
	if (peer->pid == getpid())
		atomic_fetch_add(&table->own_connections, 1);
	if (peer->verdict && may_warn())
		vu_log_warn("unable to accept calls of process %ld: %s", (long)peer->pid,
		            peer->verdict == VU_PERMISSION_DENIED ? "it runs as another user"
		                                                  : "its identity cannot be read");
	uv_mutex_lock(&table->lock);
	bucket = &table->buckets[peer->pipe_id % VU_PEER_BUCKETS];
	peer->next = *bucket;
	*bucket = peer;
	uv_mutex_unlock(&table->lock);
}

void vu_peer_remove(vu_peer_table *table, nng_pipe pipe)
{
	uint32_t id = pipe_number(pipe);
	vu_peer *peer = NULL;

	uv_mutex_lock(&table->lock);
	for (vu_peer **link = &table->buckets[id % VU_PEER_BUCKETS]; *link; link = &(*link)->next) {
		if ((*link)->pipe_id == id) {
			peer = *link;
			*link = peer->next;
			break;
		}
	}
	uv_mutex_unlock(&table->lock);
	if (peer) {
		atomic_store(&peer->gone, true);
		vu_peer_release(peer);
	}
}

unsigned vu_peer_count(vu_peer_table *table)
{
	unsigned count = 0;

	uv_mutex_lock(&table->lock);
	for (size_t i = 0; i < VU_PEER_BUCKETS; i++)
		for (const vu_peer *peer = table->buckets[i]; peer; peer = peer->next)
			count++;
	uv_mutex_unlock(&table->lock);
	return count;
}

vu_peer *vu_peer_find(vu_peer_table *table, nng_pipe pipe)
{
	uint32_t id = pipe_number(pipe);
	vu_peer *peer;

	uv_mutex_lock(&table->lock);
	for (peer = table->buckets[id % VU_PEER_BUCKETS]; peer; peer = peer->next) {
		if (peer->pipe_id == id) {
			atomic_fetch_add(&peer->references, 1);
			break;
		}
	}
	uv_mutex_unlock(&table->lock);
	return peer;
}

void vu_peer_release(vu_peer *peer)
{
	if (atomic_fetch_sub(&peer->references, 1) != 1)
		return;
	vu_session_release(peer->session);
	free(peer);
}

vu_session *vu_peer_session(vu_peer_table *table, vu_peer *peer)
{
	vu_session *session;

	uv_mutex_lock(&table->lock);
	session = peer->session ? vu_session_hold(peer->session) : NULL;
	uv_mutex_unlock(&table->lock);
	return session;
}

void vu_peer_set_session(vu_peer_table *table, vu_peer *peer, vu_session *session)
{
	vu_session *before;

	uv_mutex_lock(&table->lock);
	before = peer->session;
	peer->session = session;
	uv_mutex_unlock(&table->lock);
	vu_session_release(before);
}
