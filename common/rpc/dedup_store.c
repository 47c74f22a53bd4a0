/* A hash of entries, chained from newest to oldest. Its size is fixed at creation. */
#include "rpc/dedup_store.h"

#include <stdlib.h>
#include <string.h>

vu_status vu_dedup_store_init(vu_dedup_store *store, size_t entries_max, size_t bytes_max, int64_t age_max_us)
{
	memset(store, 0, sizeof *store);
	store->entries_max = entries_max;
	store->bytes_max = bytes_max;
	store->age_max_us = age_max_us;
	store->bucket_count = entries_max > 16 ? entries_max : 16;
	store->buckets = calloc(store->bucket_count, sizeof(vu_dedup_entry *));
	return store->buckets ? VU_OK : VU_RESOURCE_EXHAUSTED;
}

void vu_dedup_store_fini(vu_dedup_store *store)
{
	while (store->newest)
		vu_dedup_store_remove(store, store->newest);
	free(store->buckets);
	store->buckets = NULL;
}

static bool same(const vu_dedup_key *a, const vu_dedup_key *b)
{
	return memcmp(a->request_id, b->request_id, VU_ID_BYTES) == 0 && a->method == b->method && a->uid == b->uid;
}

/* Request ids are random, so any eight bytes of them are a hash. */
static vu_dedup_entry **bucket_of(const vu_dedup_store *store, const vu_dedup_key *key)
{
	uint64_t hash;
	memcpy(&hash, key->request_id, sizeof hash);
	return &store->buckets[hash % store->bucket_count];
}

static bool is_too_old(const vu_dedup_store *store, const vu_dedup_entry *entry, int64_t now_us)
{
	return entry->finished && now_us - entry->finished_us > store->age_max_us;
}

vu_dedup_entry *vu_dedup_store_find(vu_dedup_store *store, const vu_dedup_key *key, int64_t now_us)
{
	vu_dedup_entry *entry = *bucket_of(store, key);

	while (entry && !same(&entry->key, key))
		entry = entry->bucket_next;
	if (entry && is_too_old(store, entry, now_us)) {
		vu_dedup_store_remove(store, entry);
		entry = NULL;
	}
	return entry;
}

/* The oldest entry that may be forgotten, or NULL. */
static vu_dedup_entry *oldest_finished(const vu_dedup_store *store)
{
	vu_dedup_entry *entry = store->oldest;
	while (entry && !entry->finished)
		entry = entry->newer;
	return entry;
}

static void forget_old(vu_dedup_store *store, int64_t now_us)
{
	vu_dedup_entry *entry;
	while ((entry = oldest_finished(store)) != NULL && is_too_old(store, entry, now_us))
		vu_dedup_store_remove(store, entry);
}

vu_dedup_entry *vu_dedup_store_add(vu_dedup_store *store, const vu_dedup_key *key, int64_t now_us)
{
	vu_dedup_entry *entry;
	vu_dedup_entry **bucket = bucket_of(store, key);

	forget_old(store, now_us);
	while (store->entries >= store->entries_max) {
		vu_dedup_entry *victim = oldest_finished(store);
		if (!victim)
			return NULL;
		vu_dedup_store_remove(store, victim);
	}
	entry = calloc(1, sizeof *entry);
	if (!entry)
		return NULL;
	entry->key = *key;
	entry->bucket_next = *bucket;
	*bucket = entry;
	entry->older = store->newest;
	if (store->newest)
		store->newest->newer = entry;
	else
		store->oldest = entry;
	store->newest = entry;
	store->entries++;
	return entry;
}

void vu_dedup_store_finish(vu_dedup_store *store, vu_dedup_entry *entry, uint8_t *answer, size_t answer_bytes,
                           int64_t now_us)
{
	entry->finished = true;
	entry->finished_us = now_us;
	entry->answer = answer;
	entry->answer_bytes = answer_bytes;
	store->bytes += answer_bytes;
	while (store->bytes > store->bytes_max) {
		vu_dedup_entry *victim = oldest_finished(store);
		/* The new one goes last, and only when it alone is too large. */
		if (victim == entry && entry->newer) {
			victim = entry->newer;
			while (victim && !victim->finished)
				victim = victim->newer;
			if (!victim)
				victim = entry;
		}
		vu_dedup_store_remove(store, victim);
		if (victim == entry)
			return;
	}
}

void vu_dedup_store_remove(vu_dedup_store *store, vu_dedup_entry *entry)
{
	vu_dedup_entry **link = bucket_of(store, &entry->key);

	while (*link != entry)
		link = &(*link)->bucket_next;
	*link = entry->bucket_next;
	if (entry->newer)
		entry->newer->older = entry->older;
	else
		store->newest = entry->older;
	if (entry->older)
		entry->older->newer = entry->newer;
	else
		store->oldest = entry->newer;
	store->entries--;
	store->bytes -= entry->answer_bytes;
	free(entry->answer);
	free(entry);
}
