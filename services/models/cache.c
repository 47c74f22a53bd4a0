/*
 * The cache: a hash table for finding, a list for the order of use of each
 * part, one lock. An entry that was forgotten while in use, or whose load
 * failed, has left the table and lives until its last user lets go. What is in
 * use is never in the unload buffer.
 */
#include "cache_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t cache_now_us(const cache *c)
{
	return c->options.clock.monotonic_us(c->options.clock.context);
}

vu_status cache_create(const cache_options *options, cache **cache_out)
{
	cache *c = calloc(1, sizeof *c);

	if (!c)
		return VU_RESOURCE_EXHAUSTED;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->loaded, NULL);
	c->options = *options;
	*cache_out = c;
	return VU_OK;
}

static size_t bucket_of(cache_part part, const char *key)
{
	uint64_t hash = 1469598103934665603u + part; /* FNV-1a */
	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 1099511628211u;
	return (size_t)(hash ^ (hash >> 32)) % CACHE_BUCKETS;
}

static entry_list *list_of(cache *c, const cache_entry *entry)
{
	return entry->leaving ? &c->leaving : &c->parts[entry->part];
}

void cache_list_unlink(cache *c, cache_entry *entry)
{
	entry_list *list = list_of(c, entry);

	*(entry->newer ? &entry->newer->older : &list->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &list->oldest) = entry->newer;
	entry->newer = entry->older = NULL;
	list->bytes -= entry->bytes;
	if (entry->leaving)
		c->stats[entry->part].leaving_bytes -= entry->bytes;
}

void cache_list_push(cache *c, cache_entry *entry, bool leaving)
{
	entry_list *list;

	entry->leaving = leaving;
	list = list_of(c, entry);
	entry->newer = NULL;
	entry->older = list->newest;
	*(list->newest ? &list->newest->newer : &list->oldest) = entry;
	list->newest = entry;
	list->bytes += entry->bytes;
	if (leaving)
		c->stats[entry->part].leaving_bytes += entry->bytes;
}

void cache_unlist(cache *c, cache_entry *entry)
{
	cache_entry **link = &c->buckets[bucket_of(entry->part, entry->key)];

	while (*link != entry)
		link = &(*link)->next_in_bucket;
	*link = entry->next_in_bucket;
	cache_unpin(c, entry);
	cache_list_unlink(c, entry);
	entry->listed = false;
}

void cache_end_entry(cache *c, cache_entry *entry)
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

static void free_list(cache *c, entry_list *list)
{
	while (list->oldest) {
		cache_entry *entry = list->oldest;
		cache_unlist(c, entry);
		cache_end_entry(c, entry);
	}
}

void cache_destroy(cache *c)
{
	if (!c)
		return;
	for (int part = 0; part < CACHE_PARTS; part++)
		free_list(c, &c->parts[part]);
	free_list(c, &c->leaving);
	for (size_t i = 0; i < CACHE_FAILURES_KEPT; i++)
		cache_failure_clear(c, &c->failures[i]);
	pthread_cond_destroy(&c->loaded);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void cache_set_ceiling(cache *c, size_t ceiling_bytes)
{
	pthread_mutex_lock(&c->lock);
	c->options.ceiling_bytes = ceiling_bytes;
	cache_trim(c);
	pthread_mutex_unlock(&c->lock);
}

cache_entry *cache_find(cache *c, cache_part part, const char *key)
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
	entry->used_us = cache_now_us(c);
	entry->next_in_bucket = c->buckets[bucket];
	c->buckets[bucket] = entry;
	cache_list_push(c, entry, false);
	return entry;
}

/* Lets go of a use; the lock is held. */
static void let_go(cache *c, cache_entry *entry)
{
	if (--entry->users == 0 && !entry->listed)
		cache_end_entry(c, entry);
	cache_trim(c);
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

static void take_loaded(cache *c, const cache_request *request, cache_entry *entry, void *object, size_t bytes,
                        int64_t load_us)
{
	cache_stats *stats = &c->stats[entry->part];
	cache_failure *failure = cache_failure_find(c, request->part, request->key);

	entry->object = object;
	entry->bytes = bytes;
	entry->state = LOADED;
	entry->ahead = request->ahead;
	if (entry->listed)
		list_of(c, entry)->bytes += bytes;
	c->bytes += bytes;
	stats->bytes += bytes;
	stats->items++;
	stats->loaded++;
	stats->ahead += request->ahead;
	stats->load_us += (uint64_t)load_us;
	if (failure)
		cache_failure_clear(c, failure);
}

static void take_failed(cache *c, const cache_request *request, cache_entry *entry, const vu_error *error)
{
	entry->error = *error;
	entry->state = FAILED;
	c->stats[entry->part].failures++;
	cache_failure_count(c, request, error);
	if (entry->listed)
		cache_unlist(c, entry);
}

/* Loads into the new entry; the lock is held on entry and return, not while loading. */
static void load(cache *c, const cache_request *request, cache_entry *entry)
{
	void *object = NULL;
	size_t bytes = 0;
	size_t predicted;
	vu_error error = {VU_OK, ""};
	int64_t start = vu_clock_monotonic_us();
	int64_t load_us;

	pthread_mutex_unlock(&c->lock);
	predicted = request->predict ? request->predict(request->context) : 0;
	if (predicted > 0) {
		pthread_mutex_lock(&c->lock);
		c->reserved += predicted;
		cache_trim(c);
		pthread_mutex_unlock(&c->lock);
	}
	error.status = request->load(request->context, &object, &bytes, &error);
	load_us = vu_clock_monotonic_us() - start;
	pthread_mutex_lock(&c->lock);
	c->reserved -= predicted;
	if (error.status == VU_OK)
		take_loaded(c, request, entry, object, bytes, load_us);
	else
		take_failed(c, request, entry, &error);
	pthread_cond_broadcast(&c->loaded);
}

/* Begins a load for a key that is not there; the lock is held. */
static vu_status begin_load(cache *c, const cache_request *request, cache_entry **entry_out, vu_error *error)
{
	vu_error paused = {VU_OK, ""};
	cache_entry *entry;

	if (cache_failure_pauses(c, request, &paused)) {
		if (error)
			*error = paused;
		return paused.status;
	}
	if (c->refuse_until_us > cache_now_us(c))
		return vu_fail(error, VU_RESOURCE_EXHAUSTED,
		               "unable to load %s: the model-server is short of memory; try again in a moment, or "
		               "raise performance.max_memory_mb",
		               request->key);
	entry = add(c, request);
	if (!entry)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load %s: out of memory", request->key);
	entry->users++;
	load(c, request, entry);
	*entry_out = entry;
	return VU_OK;
}

/* Uses an entry that is there, fetched back when it was leaving; the lock is held. */
static void use(cache *c, const cache_request *request, cache_entry *entry)
{
	entry->users++;
	cache_list_unlink(c, entry);
	cache_list_push(c, entry, false);
	entry->used_us = cache_now_us(c);
	if (!request->ahead && entry->ahead) {
		entry->ahead = false;
		c->stats[entry->part].ahead_used++;
	}
}

static void count_access(cache *c, const cache_request *request, bool hit)
{
	if (request->ahead)
		return;
	c->stats[request->part].hits += hit;
	c->stats[request->part].misses += !hit;
}

vu_status cache_acquire(cache *c, const cache_request *request, cache_entry **entry_out, bool *hit_out,
                        vu_error *error)
{
	cache_entry *entry;
	vu_status status = VU_OK;

	pthread_mutex_lock(&c->lock);
	entry = cache_find(c, request->part, request->key);
	*hit_out = entry && entry->state == LOADED;
	count_access(c, request, *hit_out);
	if (!entry) {
		status = begin_load(c, request, &entry, error);
		if (status != VU_OK) {
			pthread_mutex_unlock(&c->lock);
			return status;
		}
	} else {
		use(c, request, entry);
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
		cache_trim(c);
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

static bool matches(const char *candidate, const char *key, bool prefix)
{
	return (prefix ? strncmp(candidate, key, strlen(key)) : strcmp(candidate, key)) == 0;
}

static void forget_in(cache *c, entry_list *list, cache_part part, const char *key, bool prefix)
{
	for (cache_entry *entry = list->oldest; entry;) {
		cache_entry *newer = entry->newer;
		if (entry->part == part && matches(entry->key, key, prefix)) {
			cache_unlist(c, entry);
			if (entry->users == 0)
				cache_end_entry(c, entry);
		}
		entry = newer;
	}
}

void cache_forget(cache *c, cache_part part, const char *key, bool prefix)
{
	pthread_mutex_lock(&c->lock);
	if (prefix) {
		forget_in(c, &c->parts[part], part, key, prefix);
		forget_in(c, &c->leaving, part, key, prefix);
	} else {
		cache_entry *entry = cache_find(c, part, key);
		if (entry) {
			cache_unlist(c, entry);
			if (entry->users == 0)
				cache_end_entry(c, entry);
		}
	}
	for (size_t i = 0; i < CACHE_FAILURES_KEPT; i++) {
		cache_failure *failure = &c->failures[i];
		if (failure->key && failure->part == part && matches(failure->key, key, prefix))
			cache_failure_clear(c, failure);
	}
	pthread_mutex_unlock(&c->lock);
}
