/*
 * Counts how many landmarks of a query lie in each past attempt at one common
 * time offset. A pure table; memory is its only limit.
 */
#ifndef VU_ANTISPOOF_REPLAY_VOTES_H
#define VU_ANTISPOOF_REPLAY_VOTES_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct vu_replay_votes vu_replay_votes;

vu_status vu_replay_votes_create(vu_replay_votes **votes_out);
void vu_replay_votes_destroy(vu_replay_votes *votes);

/* The landmark `query_index` of the query was found in `attempt`, `offset` frames later than in the query. */
vu_status vu_replay_votes_add(vu_replay_votes *votes, int64_t attempt, int32_t offset, uint32_t query_index);

/*
 * The attempt with the most different query landmarks within one frame of one
 * offset, and their number; 0 and attempt 0 when there are no votes.
 */
uint32_t vu_replay_votes_best(vu_replay_votes *votes, int64_t *attempt_out);

#endif
