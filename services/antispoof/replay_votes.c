/*
 * Votes are kept as they come and sorted once at the end: n log n, without a
 * hash table to attack.
 */
#include "replay_votes.h"

#include <stdlib.h>

/* Peaks of a shifted copy move by up to two frames. */
#define VU_REPLAY_OFFSET_SLACK 2

/* Past this many matches the query is no utterance but an attack on memory. */
#define VOTES_MAX 2000000

typedef struct vote {
	int64_t attempt;
	int32_t offset;
	uint32_t query;
} vote;

struct vu_replay_votes {
	vote *votes;
	size_t count;
	size_t room;
};

vu_status vu_replay_votes_create(vu_replay_votes **votes_out)
{
	*votes_out = calloc(1, sizeof **votes_out);
	return *votes_out ? VU_OK : VU_RESOURCE_EXHAUSTED;
}

void vu_replay_votes_destroy(vu_replay_votes *votes)
{
	if (votes) {
		free(votes->votes);
		free(votes);
	}
}

vu_status vu_replay_votes_add(vu_replay_votes *v, int64_t attempt, int32_t offset, uint32_t query_index)
{
	if (v->count == VOTES_MAX)
		return VU_RESOURCE_EXHAUSTED;
	if (v->count == v->room) {
		size_t room = v->room ? v->room * 2 : 1024;
		vote *grown = realloc(v->votes, room * sizeof *grown);
		if (!grown)
			return VU_RESOURCE_EXHAUSTED;
		v->votes = grown;
		v->room = room;
	}
	v->votes[v->count++] = (vote){attempt, offset, query_index};
	return VU_OK;
}

static int by_attempt_and_offset(const void *a, const void *b)
{
	const vote *x = a;
	const vote *y = b;
	if (x->attempt != y->attempt)
		return x->attempt < y->attempt ? -1 : 1;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return (x->query > y->query) - (x->query < y->query);
}

uint32_t vu_replay_votes_best(vu_replay_votes *v, int64_t *attempt_out)
{
	uint32_t best = 0;
	size_t from = 0;

	*attempt_out = 0;
	if (v->count > 1)
		qsort(v->votes, v->count, sizeof *v->votes, by_attempt_and_offset);
	/* A window over neighbouring offsets: a shift by half a hop splits a match over two. */
	for (size_t to = 0; to < v->count; to++) {
		while (v->votes[from].attempt != v->votes[to].attempt ||
		       v->votes[to].offset - v->votes[from].offset > VU_REPLAY_OFFSET_SLACK)
			from++;
		if (to + 1 - from > best) {
			best = (uint32_t)(to + 1 - from);
			*attempt_out = v->votes[to].attempt;
		}
	}
	return best;
}
