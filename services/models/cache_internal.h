/* What the files of the cache share. All of it under the cache's lock. */
#ifndef VU_MODELS_CACHE_INTERNAL_H
#define VU_MODELS_CACHE_INTERNAL_H

#include "cache.h"

#include <pthread.h>

#define CACHE_BUCKETS 4096
/* Keys whose failures are remembered; the oldest is forgotten for a new one. */
#define CACHE_FAILURES_KEPT 64

typedef enum entry_state { LOADING, LOADED, FAILED } entry_state;

struct cache_entry {
	char *key;
	cache_part part;
	entry_state state;
	bool listed;  /* in the table and in one list: its part's, or that of what is leaving */
	bool leaving; /* which of the two */
	bool ahead;   /* loaded before anybody asked, and not asked for since */
	unsigned users;
	void *object;
	size_t bytes;
	int64_t used_us;
	double expected;
	int64_t expected_until_us;
	cache_destructor destroy;
	vu_error error;
	cache_entry *next_in_bucket;
	cache_entry *newer;
	cache_entry *older;
};

typedef struct entry_list {
	cache_entry *newest;
	cache_entry *oldest;
	size_t bytes; /* of those that are loaded */
} entry_list;

typedef struct cache_pinned {
	cache_entry *entry; /* NULL: free */
	int64_t until_us;
} cache_pinned;

typedef struct cache_failure {
	char *key; /* NULL: free */
	cache_part part;
	unsigned count;
	int64_t retry_us; /* 0: not paused */
	int64_t last_us;
	uint64_t stamp;
	vu_error error;
} cache_failure;

struct cache {
	pthread_mutex_t lock;
	pthread_cond_t loaded;
	cache_options options;
	size_t bytes;    /* of all entries, unlisted ones in use included */
	size_t reserved; /* predicted for loads under way */
	int64_t refuse_until_us;
	cache_entry *buckets[CACHE_BUCKETS];
	entry_list parts[CACHE_PARTS];
	entry_list leaving;
	cache_pinned pins[CACHE_PINS_MAX];
	unsigned failures_known;
	cache_failure failures[CACHE_FAILURES_KEPT];
	cache_stats stats[CACHE_PARTS];
};

/* ---- cache.c ---- */

int64_t cache_now_us(const cache *cache);
/* NULL when there is none; one that is being loaded or leaving is found, too. */
cache_entry *cache_find(cache *cache, cache_part part, const char *key);
/* Takes the entry out of its list. */
void cache_list_unlink(cache *cache, cache_entry *entry);
/* Puts it in front of its part's list, or of what is leaving. */
void cache_list_push(cache *cache, cache_entry *entry, bool leaving);
/* Takes the entry out of table and list; it is still there for those who use it. */
void cache_unlist(cache *cache, cache_entry *entry);
/* Ends an entry that nobody uses and that is not listed. */
void cache_end_entry(cache *cache, cache_entry *entry);

/* ---- cache_evict.c ---- */

/* Brings all down to the ceiling less what is reserved, as far as it can. */
void cache_trim(cache *cache);
void cache_unpin(cache *cache, const cache_entry *entry);

/* ---- cache_failure.c ---- */

cache_failure *cache_failure_find(cache *cache, cache_part part, const char *key);
/* Counts a failure that says something about the thing itself. */
void cache_failure_count(cache *cache, const cache_request *request, const vu_error *error);
void cache_failure_clear(cache *cache, cache_failure *failure);
/* True when the thing must not be tried now; then `error` is filled. */
bool cache_failure_pauses(cache *cache, const cache_request *request, vu_error *error);

#endif
