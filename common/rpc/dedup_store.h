/*
 * The memory behind dedup.h, without RPC: keys, their state, and answers, in
 * order of age. Not thread-safe; the owner locks. `waiter` is whatever the
 * owner wants to be given back.
 */
#ifndef VU_RPC_DEDUP_STORE_H
#define VU_RPC_DEDUP_STORE_H

#include "rpc/dedup.h"

typedef struct vu_dedup_key {
	uint8_t request_id[VU_ID_BYTES];
	const void *method; /* compared as a pointer */
	uid_t uid;
} vu_dedup_key;

typedef struct vu_dedup_entry {
	struct vu_dedup_entry *newer, *older;
	struct vu_dedup_entry *bucket_next;
	vu_dedup_key key;
	bool finished;
	int64_t finished_us;
	uint8_t *answer; /* when finished */
	size_t answer_bytes;
	void *waiters[VU_DEDUP_WAITERS_MAX];
	unsigned waiter_count;
} vu_dedup_entry;

typedef struct vu_dedup_store {
	size_t entries_max;
	size_t bytes_max;
	int64_t age_max_us;
	vu_dedup_entry **buckets;
	size_t bucket_count;
	vu_dedup_entry *newest, *oldest;
	size_t entries;
	size_t bytes;
} vu_dedup_store;

vu_status vu_dedup_store_init(vu_dedup_store *store, size_t entries_max, size_t bytes_max, int64_t age_max_us);
void vu_dedup_store_fini(vu_dedup_store *store);

/* The entry of a key that is not too old, or NULL. */
vu_dedup_entry *vu_dedup_store_find(vu_dedup_store *store, const vu_dedup_key *key, int64_t now_us);

/*
 * A new entry, not finished. Forgets finished ones to make room; NULL when
 * all are unfinished or there is no memory.
 */
vu_dedup_entry *vu_dedup_store_add(vu_dedup_store *store, const vu_dedup_key *key, int64_t now_us);

/*
 * Finishes an entry and takes over `answer` (malloc'd, NULL when empty);
 * forgets the oldest finished ones while there are too many bytes, itself last.
 */
void vu_dedup_store_finish(vu_dedup_store *store, vu_dedup_entry *entry, uint8_t *answer, size_t answer_bytes,
                           int64_t now_us);

void vu_dedup_store_remove(vu_dedup_store *store, vu_dedup_entry *entry);

#endif
