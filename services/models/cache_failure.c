/*
 * What failed to load. Three failures in a row and a thing is left alone for a
 * quarter of an hour, and whoever asks gets the reason at once; unless what it
 * is loaded from has changed. Only so many are remembered: the oldest goes.
 */
#include "cache_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cache_failure *cache_failure_find(cache *c, cache_part part, const char *key)
{
	for (size_t i = 0; c->failures_known > 0 && i < CACHE_FAILURES_KEPT; i++)
		if (c->failures[i].key && c->failures[i].part == part && strcmp(c->failures[i].key, key) == 0)
			return &c->failures[i];
	return NULL;
}

void cache_failure_clear(cache *c, cache_failure *failure)
{
	c->failures_known -= failure->key != NULL;
	free(failure->key);
	memset(failure, 0, sizeof *failure);
}

/* Somebody who is not there, a shortage, or a caller who left says nothing about the thing. */
static bool counts(vu_status status)
{
	return status != VU_NOT_FOUND && status != VU_RESOURCE_EXHAUSTED && status != VU_CANCELLED;
}

static cache_failure *make_room(cache *c)
{
	cache_failure *oldest = &c->failures[0];

	for (size_t i = 0; i < CACHE_FAILURES_KEPT; i++) {
		if (!c->failures[i].key)
			return &c->failures[i];
		if (c->failures[i].last_us < oldest->last_us)
			oldest = &c->failures[i];
	}
	cache_failure_clear(c, oldest);
	return oldest;
}

void cache_failure_count(cache *c, const cache_request *request, const vu_error *error)
{
	cache_failure *failure;
	int64_t now_us = cache_now_us(c);

	if (!counts(error->status))
		return;
	failure = cache_failure_find(c, request->part, request->key);
	if (!failure) {
		failure = make_room(c);
		failure->key = strdup(request->key);
		if (!failure->key)
			return;
		failure->part = request->part;
		c->failures_known++;
	}
	failure->count++;
	failure->last_us = now_us;
	failure->error = *error;
	failure->stamp = request->stamp ? request->stamp(request->context) : 0;
	failure->retry_us = failure->count >= CACHE_FAILURES_MAX ? now_us + CACHE_PAUSE_US : 0;
}

bool cache_failure_pauses(cache *c, const cache_request *request, vu_error *error)
{
	cache_failure *failure = cache_failure_find(c, request->part, request->key);
	int64_t left_us = failure && failure->retry_us != 0 ? failure->retry_us - cache_now_us(c) : 0;

	if (left_us <= 0)
		return false;
	if (request->stamp && request->stamp(request->context) != failure->stamp) {
		cache_failure_clear(c, failure);
		return false;
	}
	vu_fail(error, failure->error.status, "%s (it failed %u times and is tried again in %lld min)",
	        failure->error.message, failure->count, (long long)(left_us + 59999999) / 60000000);
	return true;
}
