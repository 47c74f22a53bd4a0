/*
 * The replay memory: the imprint of every past attempt of this machine.
 *
 * An imprint is coarse (a level per semitone and 16 ms, without phase), is sealed with a key that lies beside
 * the database with mode 0600, and never leaves the machine. Looking up and
 * remembering are one transaction, so of two replays at once at most one finds
 * nothing; an attempt never meets its own imprint, so a retry after a crash is
 * no replay. Bounded in number, bytes and age; survives restarts.
 *
 * All functions may be called from any thread; they take turns.
 */
#ifndef VU_ANTISPOOF_REPLAY_MEMORY_H
#define VU_ANTISPOOF_REPLAY_MEMORY_H

#include "base/clock.h"
#include "base/status.h"
#include "imprint.h"

#include <stdint.h>

/* Fewer peaks than so many, under a second of speech, say nothing about an utterance. */
#define VU_REPLAY_PEAKS_MIN    10
#define VU_REPLAY_ATTEMPTS_MAX 10000
#define VU_REPLAY_BYTES_MAX    (64u * 1024 * 1024)
#define VU_REPLAY_AGE_DAYS_MAX 400

typedef struct vu_replay_limits {
	uint64_t attempts_max;
	uint64_t bytes_max; /* of sealed imprints */
	uint32_t age_days_max;
} vu_replay_limits;

typedef struct vu_replay_memory vu_replay_memory;

typedef struct vu_replay_match {
	uint32_t peaks;    /* of the query; under VU_REPLAY_PEAKS_MIN it was not looked for nor remembered */
	uint32_t compared; /* past attempts and offsets that were compared with it */
	double likeness;   /* correlation with the most alike of them, 0 to 1 */
	int64_t time_us;   /* when that attempt was (wall clock) */
	int64_t lookup_us; /* CPU time of finding and comparing */
} vu_replay_match;

typedef struct vu_replay_stats {
	uint64_t attempts;
	uint64_t bytes;       /* of the database file */
	uint64_t index_bytes; /* in memory */
} vu_replay_stats;

/*
 * Opens or creates the memory in `folder`. A damaged database is moved aside
 * (its name in the log) and a new one begun. PERMISSION_DENIED: files of
 * another owner or open to others. `limits` NULL: the usual ones.
 */
vu_status vu_replay_memory_open(const char *folder, vu_clock clock, const vu_replay_limits *limits,
                                vu_replay_memory **memory_out, vu_error *error);
void vu_replay_memory_close(vu_replay_memory *memory);

/* Finds the past attempt most alike, other than `attempt_id`, and remembers this one under that name. */
vu_status vu_replay_memory_meet(vu_replay_memory *memory, const char *attempt_id, const vu_imprinter *imprinter,
                                vu_replay_match *match_out, vu_error *error);

/* Remembers without looking; `attempt_id` is not remembered yet. */
vu_status vu_replay_memory_remember(vu_replay_memory *memory, const char *attempt_id, const vu_imprint *imprint,
                                    vu_error *error);

/* OK also when there was no such attempt. */
vu_status vu_replay_memory_forget(vu_replay_memory *memory, const char *attempt_id, vu_error *error);

vu_status vu_replay_memory_stats(vu_replay_memory *memory, vu_replay_stats *out, vu_error *error);

#endif
