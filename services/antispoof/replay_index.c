/*
 * Postings by landmark, votes in a table of small counters.
 *
 * Votes for one attempt and offset fall into one counter, found by hashing; two
 * that fall together make a candidate look better than it is, which costs a
 * comparison of imprints and nothing else. The hash is seeded afresh in every
 * process, so that nobody can prepare recordings whose votes collide.
 */
#include "replay_index.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define TIME_BITS    10
#define TIME_MAX     ((1u << TIME_BITS) - 1)
#define COUNTER_BITS 19
#define COUNTERS     (1u << COUNTER_BITS)
#define PENDING_MAX  8192
/*
 * Postings looked at for one query: in a large memory the landmarks that many
 * attempts hold, which tell least, are left out.
 */
#define POSTINGS_MAX 30000
/* From so many votes in neighbouring offsets on, an attempt is looked at. */
#define VOTES_MIN 3

typedef struct posting_list {
	uint32_t *postings; /* slot << TIME_BITS | time */
	uint32_t count;
	uint32_t room;
} posting_list;

typedef struct pending {
	uint32_t slot;
	int offset; /* pairs of rows */
} pending;

/* How many attempts hold the landmark, and which of the query's it is. */
typedef struct rarity {
	uint32_t postings;
	uint32_t query;
} rarity;

struct vu_replay_index {
	posting_list lists[VU_LANDMARK_NAMES];
	int64_t *attempts; /* by slot; 0 = removed */
	uint32_t slot_count;
	uint32_t slot_room;
	size_t posting_room;
	uint64_t seed;
	uint8_t *counters;
	rarity order[VU_LANDMARKS_MAX];
	pending pending[PENDING_MAX];
	vu_replay_candidate found[PENDING_MAX];
};

vu_status vu_replay_index_create(vu_replay_index **index_out)
{
	vu_replay_index *x = calloc(1, sizeof *x);

	if (x)
		x->counters = malloc(COUNTERS);
	if (!x || !x->counters) {
		free(x);
		return VU_RESOURCE_EXHAUSTED;
	}
	randombytes_buf(&x->seed, sizeof x->seed);
	x->seed |= 1;
	*index_out = x;
	return VU_OK;
}

void vu_replay_index_destroy(vu_replay_index *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < VU_LANDMARK_NAMES; i++)
		free(x->lists[i].postings);
	free(x->attempts);
	free(x->counters);
	free(x);
}

static vu_status make_room(vu_replay_index *x, posting_list *list)
{
	uint32_t room = list->room ? list->room + list->room / 2 : 4;
	uint32_t *grown = realloc(list->postings, room * sizeof *grown);

	if (!grown)
		return VU_RESOURCE_EXHAUSTED;
	x->posting_room += room - list->room;
	list->postings = grown;
	list->room = room;
	return VU_OK;
}

static vu_status take_slot(vu_replay_index *x)
{
	if (x->slot_count == VU_REPLAY_INDEX_MAX)
		return VU_RESOURCE_EXHAUSTED;
	if (x->slot_count == x->slot_room) {
		uint32_t room = x->slot_room ? x->slot_room * 2 : 256;
		int64_t *grown = realloc(x->attempts, room * sizeof *grown);
		if (!grown)
			return VU_RESOURCE_EXHAUSTED;
		x->attempts = grown;
		x->slot_room = room;
	}
	return VU_OK;
}

vu_status vu_replay_index_add(vu_replay_index *x, int64_t attempt, const vu_landmark *landmarks, size_t count)
{
	vu_status status = take_slot(x);

	/* A slot that is only half filled is given up: its postings count for nobody. */
	for (size_t i = 0; i < count && status == VU_OK; i++) {
		posting_list *list = &x->lists[landmarks[i].name];
		uint32_t time = landmarks[i].time < TIME_MAX ? landmarks[i].time : TIME_MAX;
		if (list->count == list->room)
			status = make_room(x, list);
		if (status == VU_OK)
			list->postings[list->count++] = x->slot_count << TIME_BITS | time;
	}
	if (x->slot_count < x->slot_room)
		x->attempts[x->slot_count++] = status == VU_OK ? attempt : 0;
	return status;
}

/* Takes removed attempts' postings out and numbers the others anew. */
static void compact(vu_replay_index *x)
{
	uint32_t *renamed = malloc(x->slot_count * sizeof *renamed);
	uint32_t kept = 0;

	if (!renamed)
		return; /* They stay in the way, and count for nobody. */
	for (uint32_t s = 0; s < x->slot_count; s++) {
		renamed[s] = kept;
		if (x->attempts[s] != 0)
			x->attempts[kept++] = x->attempts[s];
		else
			renamed[s] = UINT32_MAX;
	}
	for (size_t n = 0; n < VU_LANDMARK_NAMES; n++) {
		posting_list *list = &x->lists[n];
		uint32_t left = 0;
		for (uint32_t i = 0; i < list->count; i++) {
			uint32_t slot = renamed[list->postings[i] >> TIME_BITS];
			if (slot != UINT32_MAX)
				list->postings[left++] = slot << TIME_BITS | (list->postings[i] & TIME_MAX);
		}
		list->count = left;
	}
	x->slot_count = kept;
	free(renamed);
}

void vu_replay_index_remove(vu_replay_index *x, int64_t attempt)
{
	uint32_t removed = 0;

	for (uint32_t s = 0; s < x->slot_count; s++) {
		if (x->attempts[s] == attempt)
			x->attempts[s] = 0;
		removed += x->attempts[s] == 0;
	}
	if (removed > 64 && removed > x->slot_count / 4)
		compact(x);
}

size_t vu_replay_index_bytes(const vu_replay_index *x)
{
	return sizeof *x + COUNTERS + x->posting_room * sizeof(uint32_t) + x->slot_room * sizeof(int64_t);
}

/* `offset` may be negative; neighbouring offsets have neighbouring counters. */
static uint32_t counter_of(const vu_replay_index *x, uint32_t slot, int offset)
{
	return (uint32_t)((slot * x->seed >> 32) + (uint32_t)offset) & (COUNTERS - 1);
}

static int most_votes_first(const void *a, const void *b)
{
	const vu_replay_candidate *x = a;
	const vu_replay_candidate *y = b;
	return (x->votes < y->votes) - (x->votes > y->votes);
}

static int rarest_first(const void *a, const void *b)
{
	const rarity *x = a;
	const rarity *y = b;
	return (x->postings > y->postings) - (x->postings < y->postings);
}

/* Counts; returns how many slots and offsets came to enough votes. */
static size_t vote(vu_replay_index *x, const vu_landmark *landmarks, size_t count)
{
	rarity *order = x->order;
	size_t pending_count = 0;
	size_t looked_at = 0;

	for (size_t i = 0; i < count; i++)
		order[i] = (rarity){x->lists[landmarks[i].name].count, (uint32_t)i};
	qsort(order, count, sizeof *order, rarest_first);
	memset(x->counters, 0, COUNTERS);
	for (size_t i = 0; i < count && looked_at + order[i].postings <= POSTINGS_MAX; i++) {
		const vu_landmark *landmark = &landmarks[order[i].query];
		const posting_list *list = &x->lists[landmark->name];
		looked_at += list->count;
		for (uint32_t k = 0; k < list->count; k++) {
			uint32_t slot = list->postings[k] >> TIME_BITS;
			int offset = (int)(list->postings[k] & TIME_MAX) - landmark->time;
			uint8_t *counter = &x->counters[counter_of(x, slot, offset)];
			if (*counter < UINT8_MAX && ++*counter == VOTES_MIN && pending_count < PENDING_MAX)
				x->pending[pending_count++] = (pending){slot, offset};
		}
	}
	return pending_count;
}

size_t vu_replay_index_find(vu_replay_index *x, const vu_landmark *landmarks, size_t count, int64_t except,
                            vu_replay_candidate *out, size_t room)
{
	size_t pending_count = vote(x, landmarks, count);
	size_t found = 0;

	for (size_t i = 0; i < pending_count; i++) {
		const pending *p = &x->pending[i];
		int64_t attempt = x->attempts[p->slot];
		uint32_t before = x->counters[counter_of(x, p->slot, p->offset - 1)];
		uint32_t after = x->counters[counter_of(x, p->slot, p->offset + 1)];

		if (attempt == 0 || attempt == except)
			continue;
		x->found[found++] = (vu_replay_candidate){attempt, p->offset * 2,
		                                          x->counters[counter_of(x, p->slot, p->offset)] +
		                                              (before > after ? before : after)};
	}
	qsort(x->found, found, sizeof x->found[0], most_votes_first);
	if (found > room)
		found = room;
	memcpy(out, x->found, found * sizeof *out);
	return found;
}
