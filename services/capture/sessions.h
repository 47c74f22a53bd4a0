/*
 * The table of sessions: one for each slot of the ring, found by id.
 *
 * Sessions are never freed while the process lives, so a pointer stays good;
 * whether the session is still the one that was looked for is checked again
 * once its lock is held.
 */
#ifndef CAPTURE_SESSIONS_H
#define CAPTURE_SESSIONS_H

#include "session.h"

/* A session that nobody asks about for so long is closed and its audio wiped. */
#define SESSION_ORPHAN_US (60 * 1000000ll)

typedef struct capture_sessions capture_sessions;

/* Takes over the sessions a former process left in `ring`, which outlives the table. */
vu_status sessions_create(vu_ring *ring, const session_limits *limits, capture_sessions **sessions_out,
                          vu_error *error);
/* When no thread uses it any more. The ring keeps what it has. NULL is ignored. */
void sessions_destroy(capture_sessions *sessions);

/*
 * The session called `id` with `writer` held, *created_out false; or an unused
 * one that now has this id, *created_out true, which the caller begins before
 * unlocking. RESOURCE_EXHAUSTED: all are in use.
 */
vu_status sessions_claim(capture_sessions *sessions, const char *id, capture_session **session_out, bool *created_out,
                         vu_error *error);

/* The session called `id` with `writer` held (sessions_lock_writer) or `lock` held (sessions_lock); NOT_FOUND. */
vu_status sessions_lock_writer(capture_sessions *sessions, const char *id, capture_session **session_out,
                               vu_error *error);
vu_status sessions_lock(capture_sessions *sessions, const char *id, capture_session **session_out, vu_error *error);

/* Wipes the session, whose `writer` the caller holds and which is released, and frees its id. */
void sessions_close(capture_sessions *sessions, capture_session *session, vu_status status, const char *message);

/* All sessions, used or not: index 0 to VU_RING_SLOTS - 1. */
capture_session *sessions_at(capture_sessions *sessions, unsigned index);
unsigned sessions_count_used(capture_sessions *sessions);

/*
 * Answers waiting calls whose time is over and closes orphans. Returns when to
 * look again, INT64_MAX when there is nothing to watch.
 */
int64_t sessions_sweep(capture_sessions *sessions, int64_t now_us);

#endif
