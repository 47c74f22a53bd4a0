/* What is known of and told to a cache beside loading: pins, expectations, refusal, figures, states. */
#include "cache_internal.h"

#include <string.h>

const char *cache_part_name(cache_part part)
{
	static const char *const names[CACHE_PARTS] = {"models", "scalers", "pca"};
	return names[part];
}

void cache_refuse_loads(cache *c, int64_t until_us)
{
	pthread_mutex_lock(&c->lock);
	c->refuse_until_us = until_us;
	pthread_mutex_unlock(&c->lock);
}

bool cache_is_refusing(cache *c)
{
	bool refusing;

	pthread_mutex_lock(&c->lock);
	refusing = c->refuse_until_us > cache_now_us(c);
	pthread_mutex_unlock(&c->lock);
	return refusing;
}

bool cache_pin(cache *c, cache_part part, const char *key, int64_t until_us)
{
	cache_pinned *slot = NULL;
	size_t bytes = 0;
	cache_entry *entry;
	int64_t now_us;
	bool pinned = false;

	pthread_mutex_lock(&c->lock);
	now_us = cache_now_us(c);
	entry = cache_find(c, part, key);
	for (size_t i = 0; i < CACHE_PINS_MAX; i++) {
		cache_pinned *pin = &c->pins[i];
		if (pin->entry && pin->until_us <= now_us)
			pin->entry = NULL;
		if (pin->entry == entry && entry)
			pin->entry = NULL;
		if (pin->entry)
			bytes += pin->entry->bytes;
		else if (!slot)
			slot = pin;
	}
	if (slot && entry && entry->state == LOADED && !entry->leaving &&
	    bytes + entry->bytes <= c->options.ceiling_bytes / CACHE_PIN_SHARE) {
		*slot = (cache_pinned){entry, until_us};
		pinned = true;
	}
	pthread_mutex_unlock(&c->lock);
	return pinned;
}

bool cache_expect(cache *c, cache_part part, const char *key, double probability, int64_t until_us)
{
	cache_entry *entry;
	bool there;

	pthread_mutex_lock(&c->lock);
	entry = cache_find(c, part, key);
	there = entry && entry->state == LOADED;
	if (there) {
		entry->expected = probability;
		entry->expected_until_us = until_us;
	}
	pthread_mutex_unlock(&c->lock);
	return there;
}

void cache_get_stats(cache *c, cache_part part, cache_stats *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->stats[part];
	pthread_mutex_unlock(&c->lock);
}

size_t cache_bytes(cache *c)
{
	size_t bytes;

	pthread_mutex_lock(&c->lock);
	bytes = c->bytes;
	pthread_mutex_unlock(&c->lock);
	return bytes;
}

void cache_describe(cache *c, cache_part part, const char *key, cache_report *out)
{
	cache_entry *entry;
	cache_failure *failure;
	int64_t now_us;

	memset(out, 0, sizeof *out);
	pthread_mutex_lock(&c->lock);
	now_us = cache_now_us(c);
	entry = cache_find(c, part, key);
	failure = cache_failure_find(c, part, key);
	if (failure) {
		out->state = CACHE_LOADING_FAILED;
		out->failures = failure->count;
		out->paused_us = failure->retry_us > now_us ? failure->retry_us - now_us : 0;
		out->error = failure->error;
	}
	if (entry) {
		out->state = entry->state == LOADED ? CACHE_LOADED : CACHE_LOADING;
		out->bytes = entry->bytes;
	}
	pthread_mutex_unlock(&c->lock);
}

void cache_visit(cache *c, cache_part part, bool (*each)(void *context, const char *key, void *object), void *context)
{
	pthread_mutex_lock(&c->lock);
	for (cache_entry *entry = c->parts[part].newest; entry; entry = entry->older)
		if (entry->state == LOADED && !each(context, entry->key, entry->object))
			break;
	pthread_mutex_unlock(&c->lock);
}
