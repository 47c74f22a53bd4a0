/*
 * A byte-counted cache of loaded things in several named parts under one
 * ceiling, each part with its own order of use.
 *
 * What is in use is never freed; what is wanted by many at once is loaded once
 * and the others wait. What goes first is decided by how long it has not been
 * used, whether it is expected to be, and its size (cache_evict.c). What is
 * evicted passes through an unload buffer, a share of the ceiling, from which
 * it can still be fetched back. A thing that failed to load three times in a
 * row is not tried again for a while. Knows nothing of models: loaders,
 * destructors and the clock are given. Any thread.
 */
#ifndef VU_MODELS_CACHE_H
#define VU_MODELS_CACHE_H

#include "base/clock.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum cache_part { CACHE_MODELS, CACHE_SCALERS, CACHE_PCA, CACHE_PARTS } cache_part;

/* Failures in a row before a pause, and how long that is. */
#define CACHE_FAILURES_MAX 3
#define CACHE_PAUSE_US     (15 * 60 * INT64_C(1000000))
/* Things pinned at once, and the share of the ceiling they may take together. */
#define CACHE_PINS_MAX  32
#define CACHE_PIN_SHARE 4
/* How likely a thing must be for cleanup to pass it over. */
#define CACHE_LIKELY 0.5

typedef struct cache cache;
typedef struct cache_entry cache_entry;

typedef struct cache_options {
	size_t ceiling_bytes;   /* over all that is held, the unload buffer included */
	unsigned leaving_share; /* the unload buffer is at most 1/n of the ceiling; 0: there is none */
	/*
	 * What was used so lately is not evicted for something new, so a burst of
	 * strangers passes through without emptying the cache.
	 */
	int64_t min_age_us;
	vu_clock clock;
} cache_options;

/* Makes the object for a key. On OK the cache owns it and `destroy` ends it. */
typedef vu_status (*cache_loader)(void *context, void **object_out, size_t *bytes_out, vu_error *error);
typedef void (*cache_destructor)(void *object);

vu_status cache_create(const cache_options *options, cache **cache_out);
/* Nothing may be in use any more. NULL is allowed. */
void cache_destroy(cache *cache);

/* Frees what is too much at once, as far as it is not in use. */
void cache_set_ceiling(cache *cache, size_t ceiling_bytes);

typedef struct cache_request {
	cache_part part;
	const char *key;
	cache_loader load; /* called without any lock of the cache */
	void *context;
	cache_destructor destroy;
	int64_t deadline_us; /* on vu_clock_monotonic_us, for waiting for another's load */
	/* Bytes it is likely to take, rather too many; room is made before loading. NULL: unknown. */
	size_t (*predict)(void *context);
	/* Changes when what is loaded from changes, which ends a pause at once. NULL: it never does. */
	uint64_t (*stamp)(void *context);
	bool ahead; /* nobody asked for it yet: counts neither as hit nor as miss */
} cache_request;

/*
 * The object of a key, loaded when it is not there. *hit_out tells which. Give
 * the entry back with cache_release. Errors are the loader's; those who waited,
 * and those who come while it is paused, get the same. DEADLINE_EXCEEDED when
 * waiting took too long; RESOURCE_EXHAUSTED while loads are refused.
 */
vu_status cache_acquire(cache *cache, const cache_request *request, cache_entry **entry_out, bool *hit_out,
                        vu_error *error);
void cache_release(cache *cache, cache_entry *entry);
void *cache_object(const cache_entry *entry);

/* Forgets keys and their failures: exactly `key`, or with `prefix` all that begin with it. Users keep what they have
 * until released. */
void cache_forget(cache *cache, cache_part part, const char *key, bool prefix);

/* New loads get RESOURCE_EXHAUSTED until then (monotonic); what is loaded goes on. 0 ends it. */
void cache_refuse_loads(cache *cache, int64_t until_us);
bool cache_is_refusing(cache *cache);

/*
 * Keeps what is loaded under this key from being evicted until then
 * (monotonic). False when it is not loaded or too much is pinned already.
 */
bool cache_pin(cache *cache, cache_part part, const char *key, int64_t until_us);

/* How likely it is (0 to 1) that this is used before `until_us`. False when it is not loaded. */
bool cache_expect(cache *cache, cache_part part, const char *key, double probability, int64_t until_us);

/* Frees the unload buffer and what is not in use, least worth keeping first, until at most `bytes` remain; returns
 * the bytes freed. */
size_t cache_shrink(cache *cache, size_t bytes);

/* Whether to pass over something that was not used for so long. Under the cache's lock: it must not call the cache.
 */
typedef bool (*cache_keeper)(void *context, cache_part part, const char *key, int64_t idle_us);
/* As cache_shrink, but what `keeps` says true of stays. */
size_t cache_shrink_except(cache *cache, size_t bytes, cache_keeper keeps, void *context);

/*
 * Frees the unload buffer and what was not used for longer than `idle_us` and
 * is not likely to be, longest unused first, until at most `bytes` remain.
 */
size_t cache_shrink_idle(cache *cache, int64_t idle_us, size_t bytes);

typedef struct cache_stats {
	uint64_t bytes;
	uint64_t items;
	uint64_t leaving_bytes; /* of bytes */
	uint64_t hits;
	uint64_t misses;
	uint64_t loaded;
	uint64_t unloaded;
	uint64_t failures;
	uint64_t load_us;    /* sum over loads that succeeded */
	uint64_t ahead;      /* of loaded: before anybody asked */
	uint64_t ahead_used; /* of ahead: asked for later */
} cache_stats;

void cache_get_stats(cache *cache, cache_part part, cache_stats *out);
/* Of all parts. */
size_t cache_bytes(cache *cache);
const char *cache_part_name(cache_part part);

typedef enum cache_state { CACHE_NOT_LOADED, CACHE_LOADING, CACHE_LOADED, CACHE_LOADING_FAILED } cache_state;

typedef struct cache_report {
	cache_state state;
	size_t bytes;
	unsigned failures; /* in a row */
	int64_t paused_us; /* until it is tried again */
	vu_error error;    /* of the last failure */
} cache_report;

void cache_describe(cache *cache, cache_part part, const char *key, cache_report *out);

/* Calls `each` for what is loaded in a part, last used first, until it returns false. Under the lock: be short. */
void cache_visit(cache *cache, cache_part part, bool (*each)(void *context, const char *key, void *object),
                 void *context);

#endif
