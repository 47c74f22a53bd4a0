/*
 * The index of the replay memory: which past attempts hold a landmark, and
 * when. In memory, four bytes a landmark; made anew from the store when that
 * is opened. The caller sees to it that one thread at a time uses an index.
 */
#ifndef VU_ANTISPOOF_REPLAY_INDEX_H
#define VU_ANTISPOOF_REPLAY_INDEX_H

#include "base/status.h"
#include "landmarks.h"

#include <stddef.h>
#include <stdint.h>

/* Attempts that an index can hold, removed ones that still take their place included. */
#define VU_REPLAY_INDEX_MAX (1u << 20)

typedef struct vu_replay_index vu_replay_index;

/* A past attempt that shares landmarks with the query at one offset. */
typedef struct vu_replay_candidate {
	int64_t attempt;
	int offset;     /* rows: where the query's first row lies in the attempt */
	uint32_t votes; /* landmarks at that offset */
} vu_replay_candidate;

vu_status vu_replay_index_create(vu_replay_index **index_out);
void vu_replay_index_destroy(vu_replay_index *index);

/* `attempt` is not in the index yet. RESOURCE_EXHAUSTED without memory or room; nothing is added then. */
vu_status vu_replay_index_add(vu_replay_index *index, int64_t attempt, const vu_landmark *landmarks, size_t count);
void vu_replay_index_remove(vu_replay_index *index, int64_t attempt);

/* Bytes that the index takes. */
size_t vu_replay_index_bytes(const vu_replay_index *index);

/*
 * The at most `room` attempts and offsets with the most votes, most first,
 * without the attempt `except`. Counts may be too high by chance, never too
 * low. Returns how many were written.
 */
size_t vu_replay_index_find(vu_replay_index *index, const vu_landmark *landmarks, size_t count, int64_t except,
                            vu_replay_candidate *out, size_t room);

#endif
