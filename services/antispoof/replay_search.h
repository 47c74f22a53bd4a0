/* Comparing an attempt with those remembered that the index finds; used by replay_memory.c only. */
#ifndef VU_ANTISPOOF_REPLAY_SEARCH_H
#define VU_ANTISPOOF_REPLAY_SEARCH_H

#include "imprint.h"
#include "replay_index.h"
#include "replay_memory.h"

#include "store/store.h"

/* How a copy may have been played: pitch is undone before it is looked for. The first is as it was heard. */
#define VU_REPLAY_PITCHES 3
extern const double vu_replay_pitches[VU_REPLAY_PITCHES];

/* Where to search; all borrowed. */
typedef struct vu_replay_past {
	vu_store *store; /* within a transaction */
	vu_replay_index *index;
	const uint8_t *key; /* VU_REPLAY_KEY_BYTES, that imprints are sealed with */
	const char *path;   /* of the store, for messages */
} vu_replay_past;

/*
 * Fills compared, likeness and time of `match` (which the caller cleared) for
 * one imprint a pitch. The attempt in `own_row` is passed over; 0: none.
 * RESOURCE_EXHAUSTED, or what the store says.
 */
vu_status vu_replay_search(const vu_replay_past *past, vu_imprint *const *imprints, int64_t own_row,
                           vu_replay_match *match, vu_error *error);

#endif
