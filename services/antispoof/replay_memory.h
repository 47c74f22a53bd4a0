/*
 * The replay memory: keyed landmarks of every past attempt of this machine.
 *
 * Nothing of the audio can be made from what is kept: a landmark is stored as
 * a keyed hash, the key lies beside the database with mode 0600. Looking up
 * and remembering are one transaction, so of two replays at once at most one
 * finds nothing; an attempt never meets its own landmarks, so a retry after a
 * crash is no replay. Bounded in number and age; survives restarts.
 *
 * All functions may be called from any thread; they take turns.
 */
#ifndef VU_ANTISPOOF_REPLAY_MEMORY_H
#define VU_ANTISPOOF_REPLAY_MEMORY_H

#include "base/clock.h"
#include "base/status.h"
#include "landmarks.h"

#include <stdint.h>

#define VU_REPLAY_ATTEMPTS_MAX 20000
#define VU_REPLAY_AGE_DAYS_MAX 400

typedef struct vu_replay_memory vu_replay_memory;

typedef struct vu_replay_match {
	uint32_t landmarks;  /* of the query */
	uint32_t aligned;    /* of these, found in one past attempt at one time offset */
	uint32_t candidates; /* landmarks of that attempt */
	double share;        /* aligned / min(landmarks, candidates) */
	int64_t time_us;     /* when that attempt was (wall clock) */
} vu_replay_match;

typedef struct vu_replay_stats {
	uint64_t attempts;
	uint64_t landmarks;
	uint64_t bytes; /* of the database file */
} vu_replay_stats;

/*
 * Opens or creates the memory in `folder`. A damaged database is moved aside
 * (its name in the log) and a new one begun. PERMISSION_DENIED: files of
 * another owner or open to others.
 */
vu_status vu_replay_memory_open(const char *folder, vu_clock clock, vu_replay_memory **memory_out, vu_error *error);
void vu_replay_memory_close(vu_replay_memory *memory);

/* Finds the most similar past attempt other than `attempt_id`, and remembers this one under that name. */
vu_status vu_replay_memory_meet(vu_replay_memory *memory, const char *attempt_id, const vu_landmark *landmarks,
                                size_t count, vu_replay_match *match_out, vu_error *error);

/* OK also when there was no such attempt. */
vu_status vu_replay_memory_forget(vu_replay_memory *memory, const char *attempt_id, vu_error *error);

vu_status vu_replay_memory_stats(vu_replay_memory *memory, vu_replay_stats *out, vu_error *error);

#endif
