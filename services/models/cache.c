/*
 * The cache: a hash table for finding, a list for the order of use, one lock.
 * An entry that was forgotten while in use, or whose load failed, has left the
 * table and lives until its last user lets go.
 */
#include "cache.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUCKETS 1024

typedef enum entry_state { LOADING, LOADED, FAILED } entry_state;

struct cache_entry {
	char *key;
	cache_part part;
	entry_state state;
	bool listed; /* in table and list */
	unsigned users;
	void *object;
	size_t bytes;
	cache_destructor destroy;
	vu_error error;
	cache_entry *next_in_bucket;
	cache_entry *newer;
	cache_entry *older;
};

struct cache {
	pthread_mutex_t lock;
	pthread_cond_t loaded;
	size_t ceiling;
	size_t bytes; /* of all entries, unlisted ones in use included */
	cache_entry *buckets[BUCKETS];
	cache_entry *newest;
	cache_entry *oldest;
	cache_stats stats[CACHE_PARTS];
};

const char *cache_part_name(cache_part part)
{
	static const char *const names[CACHE_PARTS] = {"models", "scalers", "pca"};
	return names[part];
}

vu_status cache_create(size_t ceiling_bytes, cache **cache_out)
{
	cache *c = calloc(1, sizeof *c);

	if (!c)
		return VU_RESOURCE_EXHAUSTED;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->loaded, NULL);
	c->ceiling = ceiling_bytes;
	*cache_out = c;
	return VU_OK;
}

static size_t bucket_of(cache_part part, const char *key)
{
	uint64_t hash = 1469598103934665603u + part; /* FNV-1a */
	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 1099511628211u;
	return (size_t)(hash ^ (hash >> 32)) % BUCKETS;
}

static void list_unlink(cache *c, cache_entry *entry)
{
	*(entry->newer ? &entry->newer->older : &c->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &c->oldest) = entry->newer;
	entry->newer = entry->older = NULL;
}

static void list_push(cache *c, cache_entry *entry)
{
	entry->newer = NULL;
	entry->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = entry;
	c->newest = entry;
}

/* Takes the entry out of table and list; it is still there for those who use it. */
static void unlist(cache *c, cache_entry *entry)
{
	cache_entry **link = &c->buckets[bucket_of(entry->part, entry->key)];

	while (*link != entry)
		link = &(*link)->next_in_bucket;
	*link = entry->next_in_bucket;
	list_unlink(c, entry);
	entry->listed = false;
}

/* Ends an entry that nobody uses and that is not listed. */
static void end_entry(cache *c, cache_entry *entry)
{
	if (entry->state == LOADED) {
		c->bytes -= entry->bytes;
		c->stats[entry->part].bytes -= entry->bytes;
		c->stats[entry->part].items--;
		c->stats[entry->part].unloaded++;
		entry->destroy(entry->object);
	}
	free(entry->key);
	free(entry);
}

static size_t shrink(cache *c, size_t bytes)
{
	size_t before = c->bytes;

	for (cache_entry *entry = c->oldest; entry && c->bytes > bytes;) {
		cache_entry *newer = entry->newer;
		if (entry->users == 0 && entry->state == LOADED) {
			unlist(c, entry);
			end_entry(c, entry);
		}
		entry = newer;
	}
	return before - c->bytes;
}

void cache_destroy(cache *c)
{
	if (!c)
		return;
	shrink(c, 0);
	pthread_cond_destroy(&c->loaded);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void cache_set_ceiling(cache *c, size_t ceiling_bytes)
{
	pthread_mutex_lock(&c->lock);
	c->ceiling = ceiling_bytes;
	shrink(c, ceiling_bytes);
	pthread_mutex_unlock(&c->lock);
}

static cache_entry *find(cache *c, cache_part part, const char *key)
{
	cache_entry *entry = c->buckets[bucket_of(part, key)];

	while (entry && (entry->part != part || strcmp(entry->key, key) != 0))
		entry = entry->next_in_bucket;
	return entry;
}

static cache_entry *add(cache *c, const cache_request *request)
{
	size_t bucket = bucket_of(request->part, request->key);
	cache_entry *entry = calloc(1, sizeof *entry);

	if (entry)
		entry->key = strdup(request->key);
	if (!entry || !entry->key) {
		free(entry);
		return NULL;
	}
	entry->part = request->part;
	entry->destroy = request->destroy;
	entry->listed = true;
	entry->next_in_bucket = c->buckets[bucket];
	c->buckets[bucket] = entry;
	list_push(c, entry);
	return entry;
}

/* Lets go of a use; the lock is held. */
static void let_go(cache *c, cache_entry *entry)
{
	if (--entry->users == 0 && !entry->listed)
		end_entry(c, entry);
	shrink(c, c->ceiling);
}

/* Waits until the entry is not being loaded any more. False when the deadline passed. */
static bool wait_for_load(cache *c, const cache_entry *entry, int64_t deadline_us)
{
	while (entry->state == LOADING) {
		int64_t left = deadline_us - vu_clock_monotonic_us();
		struct timespec until;
		if (left <= 0)
			return false;
		/* The wall clock may jump: short waits, and the deadline itself is monotonic. */
		if (left > 100000)
			left = 100000;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += (long)left * 1000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&c->loaded, &c->lock, &until);
	}
	return true;
}

/* Loads into the new entry; the lock is held on entry and return, not while loading. */
static void load(cache *c, const cache_request *request, cache_entry *entry)
{
	void *object = NULL;
	size_t bytes = 0;
	vu_error error = {VU_OK, ""};
	int64_t start = vu_clock_monotonic_us();
	vu_status status;

	pthread_mutex_unlock(&c->lock);
	status = request->load(request->context, &object, &bytes, &error);
	pthread_mutex_lock(&c->lock);
	if (status == VU_OK) {
		cache_stats *stats = &c->stats[entry->part];
		entry->object = object;
		entry->bytes = bytes;
		entry->state = LOADED;
		c->bytes += bytes;
		stats->bytes += bytes;
		stats->items++;
		stats->loaded++;
		stats->load_us += (uint64_t)(vu_clock_monotonic_us() - start);
	} else {
		error.status = status;
		entry->error = error;
		entry->state = FAILED;
		if (entry->listed)
			unlist(c, entry);
	}
	pthread_cond_broadcast(&c->loaded);
}

vu_status cache_acquire(cache *c, const cache_request *request, cache_entry **entry_out, bool *hit_out,
                        vu_error *error)
{
	cache_entry *entry;
	vu_status status = VU_OK;

	pthread_mutex_lock(&c->lock);
	entry = find(c, request->part, request->key);
	*hit_out = entry && entry->state == LOADED;
	c->stats[request->part].hits += *hit_out;
	c->stats[request->part].misses += !*hit_out;
	if (!entry) {
		entry = add(c, request);
		if (!entry) {
			pthread_mutex_unlock(&c->lock);
			return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load %s: out of memory",
			               request->key);
		}
		entry->users++;
		load(c, request, entry);
	} else {
		entry->users++;
		list_unlink(c, entry);
		list_push(c, entry);
		if (!wait_for_load(c, entry, request->deadline_us))
			status = vu_fail(error, VU_DEADLINE_EXCEEDED,
			                 "unable to load %s: another load of it takes too long", request->key);
	}
	if (status == VU_OK && entry->state == FAILED) {
		status = entry->error.status;
		if (error)
			*error = entry->error;
	}
	if (status == VU_OK) {
		/* Room for what is new; itself it is in use and stays. */
		shrink(c, c->ceiling);
		*entry_out = entry;
	} else {
		let_go(c, entry);
	}
	pthread_mutex_unlock(&c->lock);
	return status;
}

void cache_release(cache *c, cache_entry *entry)
{
	if (!entry)
		return;
	pthread_mutex_lock(&c->lock);
	let_go(c, entry);
	pthread_mutex_unlock(&c->lock);
}

void *cache_object(const cache_entry *entry)
{
	return entry->object;
}

void cache_forget(cache *c, cache_part part, const char *key, bool prefix)
{
	size_t length = strlen(key);

	pthread_mutex_lock(&c->lock);
	for (cache_entry *entry = c->oldest; entry;) {
		cache_entry *newer = entry->newer;
		if (entry->part == part &&
		    (prefix ? strncmp(entry->key, key, length) : strcmp(entry->key, key)) == 0) {
			unlist(c, entry);
			if (entry->users == 0)
				end_entry(c, entry);
		}
		entry = newer;
	}
	pthread_mutex_unlock(&c->lock);
}

size_t cache_shrink(cache *c, size_t bytes)
{
	size_t freed;

	pthread_mutex_lock(&c->lock);
	freed = shrink(c, bytes);
	pthread_mutex_unlock(&c->lock);
	return freed;
}

void cache_get_stats(cache *c, cache_part part, cache_stats *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->stats[part];
	pthread_mutex_unlock(&c->lock);
}
