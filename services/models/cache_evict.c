/*
 * What goes, and in which order.
 *
 * Worth going = time since the last use × (1 − probability of use) × a factor
 * of size that grows with pressure. For things of one size of which nothing is
 * known that is least recently used first. Only the longest unused of each
 * part are compared, so eviction costs the same however much there is.
 *
 * What is evicted to make room leaves by the unload buffer, where it still
 * counts and can be fetched back; the buffer's oldest is freed when it is full.
 */
#include "cache_internal.h"

#include <stdlib.h>

/* Of each part's longest unused, so many are compared. */
#define CANDIDATES 16
/* At full pressure a thing of this size goes as if twice as long unused as one of none. */
#define SIZE_UNIT 65536.0
/* Pressure begins at this share of the ceiling. */
#define PRESSURE_BEGINS 0.8

/* 0 at 80 % of the ceiling, 1 when it is reached. */
static double pressure_of(const cache *c)
{
	double used = c->options.ceiling_bytes ? (double)c->bytes / (double)c->options.ceiling_bytes : 1;
	double pressure = (used - PRESSURE_BEGINS) / (1 - PRESSURE_BEGINS);

	return pressure < 0 ? 0 : pressure > 1 ? 1 : pressure;
}

static double expectation(const cache_entry *entry, int64_t now_us)
{
	return entry->expected_until_us > now_us ? entry->expected : 0;
}

static double worth_going(const cache *c, const cache_entry *entry, int64_t now_us)
{
	double idle_us = (double)(now_us - entry->used_us) + 1;

	return idle_us * (1 - expectation(entry, now_us)) * (1 + pressure_of(c) * (double)entry->bytes / SIZE_UNIT);
}

static bool is_pinned(const cache *c, const cache_entry *entry, int64_t now_us)
{
	for (size_t i = 0; i < CACHE_PINS_MAX; i++)
		if (c->pins[i].entry == entry)
			return c->pins[i].until_us > now_us;
	return false;
}

void cache_unpin(cache *c, const cache_entry *entry)
{
	for (size_t i = 0; i < CACHE_PINS_MAX; i++)
		if (c->pins[i].entry == entry)
			c->pins[i].entry = NULL;
}

static bool may_go(const cache *c, const cache_entry *entry, int64_t now_us)
{
	return entry->users == 0 && entry->state == LOADED && !is_pinned(c, entry, now_us);
}

/* The one most worth going among those unused for at least so long and that `keeps` (may be NULL) is false of. */
static cache_entry *find_victim_except(cache *c, int64_t min_idle_us, cache_keeper keeps, void *context)
{
	int64_t now_us = cache_now_us(c);
	cache_entry *victim = NULL;
	double most = -1;

	for (int part = 0; part < CACHE_PARTS; part++) {
		unsigned seen = 0;
		for (cache_entry *entry = c->parts[part].oldest; entry && seen < CANDIDATES; entry = entry->newer) {
			double worth;
			if (now_us - entry->used_us < min_idle_us)
				break;
			if (!may_go(c, entry, now_us) ||
			    (keeps && keeps(context, entry->part, entry->key, now_us - entry->used_us)))
				continue;
			seen++;
			worth = worth_going(c, entry, now_us);
			if (worth > most) {
				most = worth;
				victim = entry;
			}
		}
	}
	return victim;
}

static cache_entry *find_victim(cache *c, int64_t min_idle_us)
{
	return find_victim_except(c, min_idle_us, NULL, NULL);
}

/* The one that came last, of the part that holds the most: what passes through when all else is too young. */
static cache_entry *find_newcomer(cache *c)
{
	int64_t now_us = cache_now_us(c);
	entry_list *largest = &c->parts[0];

	for (int part = 1; part < CACHE_PARTS; part++)
		if (c->parts[part].bytes > largest->bytes)
			largest = &c->parts[part];
	for (cache_entry *entry = largest->newest; entry; entry = entry->older)
		if (may_go(c, entry, now_us))
			return entry;
	return find_victim(c, 0);
}

static void free_entry(cache *c, cache_entry *entry)
{
	cache_unlist(c, entry);
	cache_end_entry(c, entry);
}

static void evict(cache *c, cache_entry *entry)
{
	cache_unpin(c, entry);
	cache_list_unlink(c, entry);
	cache_list_push(c, entry, true);
}

/* The oldest in the buffer that nobody has fetched back into use. */
static bool free_leaving(cache *c)
{
	if (!c->leaving.oldest)
		return false;
	free_entry(c, c->leaving.oldest);
	return true;
}

void cache_trim(cache *c)
{
	size_t ceiling = c->options.ceiling_bytes;
	size_t buffer = c->options.leaving_share ? ceiling / c->options.leaving_share : 0;

	/* What the buffer may hold is kept free by the rest. */
	while (c->bytes + c->reserved - c->leaving.bytes > ceiling - buffer) {
		cache_entry *victim = find_victim(c, c->options.min_age_us);
		if (!victim)
			victim = find_newcomer(c);
		if (!victim)
			break;
		evict(c, victim);
	}
	while (c->leaving.bytes > buffer || c->bytes + c->reserved > ceiling) {
		if (!free_leaving(c))
			break;
	}
}

size_t cache_shrink(cache *c, size_t bytes)
{
	return cache_shrink_except(c, bytes, NULL, NULL);
}

size_t cache_shrink_except(cache *c, size_t bytes, cache_keeper keeps, void *context)
{
	size_t before;
	size_t after;

	pthread_mutex_lock(&c->lock);
	before = c->bytes;
	while (free_leaving(c))
		;
	while (c->bytes > bytes) {
		cache_entry *victim = find_victim_except(c, 0, keeps, context);
		if (!victim)
			break;
		free_entry(c, victim);
	}
	after = c->bytes;
	pthread_mutex_unlock(&c->lock);
	return before - after;
}

size_t cache_shrink_idle(cache *c, int64_t idle_us, size_t bytes)
{
	size_t before;
	size_t after;
	int64_t now_us;

	pthread_mutex_lock(&c->lock);
	now_us = cache_now_us(c);
	before = c->bytes;
	while (free_leaving(c))
		;
	for (int part = 0; part < CACHE_PARTS; part++) {
		for (cache_entry *entry = c->parts[part].oldest; entry && c->bytes > bytes;) {
			cache_entry *newer = entry->newer;
			if (now_us - entry->used_us <= idle_us)
				break;
			if (may_go(c, entry, now_us) && expectation(entry, now_us) < CACHE_LIKELY)
				free_entry(c, entry);
			entry = newer;
		}
	}
	after = c->bytes;
	pthread_mutex_unlock(&c->lock);
	return before - after;
}
