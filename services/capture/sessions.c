/*
 * The table of sessions. Its own lock guards nothing but which id each slot
 * has and is never held while waiting for a session that is in use.
 */
#include "sessions.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

struct capture_sessions {
	uv_mutex_t lock;
	char ids[VU_RING_SLOTS][VU_ID_HEX_SIZE]; /* empty: free */
	capture_session sessions[VU_RING_SLOTS];
};

vu_status sessions_create(vu_ring *ring, const session_limits *limits, capture_sessions **sessions_out,
                          vu_error *error)
{
	capture_sessions *sessions = calloc(1, sizeof *sessions);
	unsigned adopted = 0;

	if (!sessions)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to prepare sessions: out of memory");
	uv_mutex_init(&sessions->lock);
	for (unsigned i = 0; i < VU_RING_SLOTS; i++) {
		capture_session *session = &sessions->sessions[i];
		session_init(session, ring, i);
		uv_mutex_lock(&session->writer);
		if (session_adopt(session, limits)) {
			memcpy(sessions->ids[i], session->record.id, VU_ID_HEX_SIZE);
			adopted++;
		}
		uv_mutex_unlock(&session->writer);
	}
	if (adopted > 0)
		vu_log_info("took over %u audio sessions of a former process", adopted);
	*sessions_out = sessions;
	return VU_OK;
}

void sessions_destroy(capture_sessions *sessions)
{
	if (!sessions)
		return;
	for (unsigned i = 0; i < VU_RING_SLOTS; i++)
		session_destroy(&sessions->sessions[i]);
	uv_mutex_destroy(&sessions->lock);
	free(sessions);
}

/* Under the table's lock: index of `id`, or VU_RING_SLOTS. */
static unsigned find(const capture_sessions *sessions, const char *id)
{
	for (unsigned i = 0; i < VU_RING_SLOTS; i++)
		if (strcmp(sessions->ids[i], id) == 0)
			return i;
	return VU_RING_SLOTS;
}

/*
 * Under the table's lock: a free slot, with writer held. One whose writer is
 * busy has just been closed and a late caller is about to find that out.
 */
static capture_session *occupy(capture_sessions *sessions, const char *id)
{
	for (unsigned i = 0; i < VU_RING_SLOTS; i++) {
		if (sessions->ids[i][0] != '\0' || uv_mutex_trylock(&sessions->sessions[i].writer) != 0)
			continue;
		memcpy(sessions->ids[i], id, VU_ID_HEX_SIZE);
		return &sessions->sessions[i];
	}
	return NULL;
}

static vu_status not_found(const char *id, vu_error *error)
{
	return vu_fail(error, VU_NOT_FOUND,
	               "unable to find audio session %s: it was closed or never opened; open a new one", id);
}

vu_status sessions_claim(capture_sessions *sessions, const char *id, capture_session **session_out, bool *created_out,
                         vu_error *error)
{
	unsigned index;

	uv_mutex_lock(&sessions->lock);
	index = find(sessions, id);
	if (index == VU_RING_SLOTS) {
		*session_out = occupy(sessions, id);
		uv_mutex_unlock(&sessions->lock);
		*created_out = true;
		if (!*session_out)
			return vu_fail(
			    error, VU_RESOURCE_EXHAUSTED,
			    "unable to open an audio session: all %u are in use; close one or try again later",
			    VU_RING_SLOTS);
		return VU_OK;
	}
	uv_mutex_unlock(&sessions->lock);
	*created_out = false;
	return sessions_lock_writer(sessions, id, session_out, error);
}

static capture_session *look_up(capture_sessions *sessions, const char *id)
{
	unsigned index;

	uv_mutex_lock(&sessions->lock);
	index = find(sessions, id);
	uv_mutex_unlock(&sessions->lock);
	return index < VU_RING_SLOTS ? &sessions->sessions[index] : NULL;
}

/* With a lock of the session held: it is used and still has this id. */
static bool is_still(const capture_session *session, const char *id)
{
	return session->used && strcmp(session->record.id, id) == 0;
}

vu_status sessions_lock_writer(capture_sessions *sessions, const char *id, capture_session **session_out,
                               vu_error *error)
{
	capture_session *session = look_up(sessions, id);

	if (!session)
		return not_found(id, error);
	uv_mutex_lock(&session->writer);
	if (!is_still(session, id)) {
		uv_mutex_unlock(&session->writer);
		return not_found(id, error);
	}
	*session_out = session;
	return VU_OK;
}

vu_status sessions_lock(capture_sessions *sessions, const char *id, capture_session **session_out, vu_error *error)
{
	capture_session *session = look_up(sessions, id);

	if (!session)
		return not_found(id, error);
	uv_mutex_lock(&session->lock);
	if (!is_still(session, id)) {
		uv_mutex_unlock(&session->lock);
		return not_found(id, error);
	}
	*session_out = session;
	return VU_OK;
}

void sessions_close(capture_sessions *sessions, capture_session *session, vu_status status, const char *message)
{
	unsigned slot = session->slot;
	waiting_list waiting = session_wipe(session);

	uv_mutex_unlock(&session->writer);
	/* The id is freed last, so the slot cannot be occupied before it is clean. */
	uv_mutex_lock(&sessions->lock);
	sessions->ids[slot][0] = '\0';
	uv_mutex_unlock(&sessions->lock);
	waiting_refuse(&waiting, status, message);
}

capture_session *sessions_at(capture_sessions *sessions, unsigned index)
{
	return &sessions->sessions[index];
}

unsigned sessions_count_used(capture_sessions *sessions)
{
	unsigned count = 0;

	uv_mutex_lock(&sessions->lock);
	for (unsigned i = 0; i < VU_RING_SLOTS; i++)
		count += sessions->ids[i][0] != '\0';
	uv_mutex_unlock(&sessions->lock);
	return count;
}

/* Closes the session if it is still an orphan once it can be locked; a session in use is none. */
static void close_orphan(capture_sessions *sessions, capture_session *session, int64_t now_us)
{
	bool orphaned;

	if (uv_mutex_trylock(&session->writer) != 0)
		return;
	uv_mutex_lock(&session->lock);
	orphaned = session->used && now_us - session->last_access_us >= SESSION_ORPHAN_US;
	uv_mutex_unlock(&session->lock);
	if (!orphaned) {
		uv_mutex_unlock(&session->writer);
		return;
	}
	vu_log_info("closing an audio session that nobody used for %lld s", SESSION_ORPHAN_US / 1000000);
	sessions_close(sessions, session, VU_NOT_FOUND, "the audio session was closed because nobody used it");
}

int64_t sessions_sweep(capture_sessions *sessions, int64_t now_us)
{
	int64_t next_us = INT64_MAX;

	for (unsigned i = 0; i < VU_RING_SLOTS; i++) {
		capture_session *session = &sessions->sessions[i];
		int64_t due_us = INT64_MAX;
		bool orphaned = false;

		uv_mutex_lock(&session->lock);
		if (session->used) {
			due_us = waiting_answer_due(&session->waiting, now_us, &session->record,
			                            vu_ring_samples(session->ring, i));
			/* Who waits is there. */
			if (session->waiting.first)
				session->last_access_us = now_us;
			orphaned = now_us - session->last_access_us >= SESSION_ORPHAN_US;
			if (due_us > session->last_access_us + SESSION_ORPHAN_US)
				due_us = session->last_access_us + SESSION_ORPHAN_US;
		}
		uv_mutex_unlock(&session->lock);
		if (orphaned) {
			close_orphan(sessions, session, now_us);
			due_us = now_us + 1000000;
		}
		if (due_us < next_us)
			next_us = due_us;
	}
	return next_us;
}
