/*
 * A byte-counted cache of loaded things, least recently used out first, in
 * several named parts under one ceiling.
 *
 * What is in use is never freed; what is wanted by many at once is loaded once
 * and the others wait. Knows nothing of models: loaders and destructors are
 * given. Any thread.
 */
#ifndef VU_MODELS_CACHE_H
#define VU_MODELS_CACHE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum cache_part { CACHE_MODELS, CACHE_SCALERS, CACHE_PCA, CACHE_PARTS } cache_part;

typedef struct cache cache;
typedef struct cache_entry cache_entry;

/* Makes the object for a key. On OK the cache owns it and `destroy` ends it. */
typedef vu_status (*cache_loader)(void *context, void **object_out, size_t *bytes_out, vu_error *error);
typedef void (*cache_destructor)(void *object);

vu_status cache_create(size_t ceiling_bytes, cache **cache_out);
/* Nothing may be in use any more. */
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
} cache_request;

/*
 * The object of a key, loaded when it is not there. *hit_out tells which. Give
 * the entry back with cache_release. Errors are the loader's; those who waited
 * get the same; DEADLINE_EXCEEDED when waiting took too long.
 */
vu_status cache_acquire(cache *cache, const cache_request *request, cache_entry **entry_out, bool *hit_out,
                        vu_error *error);
void cache_release(cache *cache, cache_entry *entry);
void *cache_object(const cache_entry *entry);

/* Forgets keys: exactly `key`, or with `prefix` all that begin with it. Users keep what they have until released. */
void cache_forget(cache *cache, cache_part part, const char *key, bool prefix);

/* Frees what is not in use, least recently used first, until at most `bytes` remain; returns the bytes freed. */
size_t cache_shrink(cache *cache, size_t bytes);

typedef struct cache_stats {
	uint64_t bytes;
	uint64_t items;
	uint64_t hits;
	uint64_t misses;
	uint64_t loaded;
	uint64_t unloaded;
	uint64_t load_us; /* sum over loads that succeeded */
} cache_stats;

void cache_get_stats(cache *cache, cache_part part, cache_stats *out);
const char *cache_part_name(cache_part part);

#endif
