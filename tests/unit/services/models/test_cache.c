/* The cache: counts bytes, evicts what is oldest and unused, loads once for many. */
#include "cache.h"

#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

typedef struct source {
	size_t bytes;
	unsigned delay_us;
	vu_status failure;
	atomic_int loads;
} source;

static atomic_int alive;

static vu_status load(void *context, void **object_out, size_t *bytes_out, vu_error *error)
{
	source *s = context;

	atomic_fetch_add(&s->loads, 1);
	if (s->delay_us)
		usleep(s->delay_us);
	if (s->failure != VU_OK)
		return vu_fail(error, s->failure, "unable to load: no luck");
	*object_out = malloc(1);
	*bytes_out = s->bytes;
	atomic_fetch_add(&alive, 1);
	return VU_OK;
}

static void destroy(void *object)
{
	free(object);
	atomic_fetch_sub(&alive, 1);
}

static vu_status get(cache *c, const char *key, source *from, cache_entry **entry, bool *hit, vu_error *error)
{
	cache_request request = {.part = CACHE_MODELS,
	                         .key = key,
	                         .load = load,
	                         .context = from,
	                         .destroy = destroy,
	                         .deadline_us = vu_clock_monotonic_us() + 20000000};
	return cache_acquire(c, &request, entry, hit, error);
}

static void touch(cache *c, const char *key, source *from, bool expect_hit)
{
	cache_entry *entry;
	bool hit;

	assert_int_equal(get(c, key, from, &entry, &hit, NULL), VU_OK);
	assert_int_equal(hit, expect_hit);
	assert_non_null(cache_object(entry));
	cache_release(c, entry);
}

static cache *make(size_t ceiling)
{
	cache *c;
	atomic_store(&alive, 0);
	assert_int_equal(cache_create(&(cache_options){.ceiling_bytes = ceiling, .clock = vu_clock_system()}, &c),
	                 VU_OK);
	return c;
}

static void finish(cache *c)
{
	cache_destroy(c);
	assert_int_equal(atomic_load(&alive), 0);
}

static void test_least_recently_used_goes_first(void **state)
{
	cache *c = make(300);
	source s = {.bytes = 100};
	cache_stats stats;

	(void)state;
	touch(c, "a", &s, false);
	touch(c, "b", &s, false);
	touch(c, "c", &s, false);
	touch(c, "a", &s, true);
	touch(c, "d", &s, false); /* b goes */
	touch(c, "a", &s, true);
	touch(c, "c", &s, true);
	touch(c, "b", &s, false);
	cache_get_stats(c, CACHE_MODELS, &stats);
	assert_int_equal(stats.bytes, 300);
	assert_int_equal(stats.items, 3);
	assert_int_equal(stats.hits, 3);
	assert_int_equal(stats.misses, 5);
	assert_int_equal(stats.loaded, 5);
	assert_int_equal(stats.unloaded, 2);
	cache_get_stats(c, CACHE_PCA, &stats);
	assert_int_equal(stats.bytes, 0);
	finish(c);
}

static void test_in_use_is_never_freed(void **state)
{
	cache *c = make(100);
	source s = {.bytes = 100};
	cache_entry *held[3];
	bool hit;

	(void)state;
	assert_int_equal(get(c, "a", &s, &held[0], &hit, NULL), VU_OK);
	assert_int_equal(get(c, "b", &s, &held[1], &hit, NULL), VU_OK);
	assert_int_equal(get(c, "c", &s, &held[2], &hit, NULL), VU_OK);
	assert_int_equal(atomic_load(&alive), 3);
	assert_int_equal(cache_shrink(c, 0), 0);
	for (int i = 0; i < 3; i++)
		cache_release(c, held[i]);
	assert_int_equal(atomic_load(&alive), 1);
	assert_int_equal(cache_shrink(c, 0), 100);
	assert_int_equal(atomic_load(&alive), 0);
	finish(c);
}

static void test_larger_than_the_ceiling_is_used_and_dropped(void **state)
{
	cache *c = make(100);
	source s = {.bytes = 1000};

	(void)state;
	touch(c, "a", &s, false);
	assert_int_equal(atomic_load(&alive), 0);
	touch(c, "a", &s, false);
	finish(c);
}

static void test_lower_ceiling_frees_at_once(void **state)
{
	cache *c = make(1000);
	source s = {.bytes = 100};
	char key[8];

	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(key, sizeof key, "%d", i);
		touch(c, key, &s, false);
	}
	cache_set_ceiling(c, 250);
	assert_int_equal(atomic_load(&alive), 2);
	touch(c, "9", &s, true);
	finish(c);
}

static void test_forgotten_while_in_use(void **state)
{
	cache *c = make(1000);
	source s = {.bytes = 100};
	cache_entry *old;
	bool hit;
	cache_stats stats;

	(void)state;
	assert_int_equal(get(c, "x/a", &s, &old, &hit, NULL), VU_OK);
	touch(c, "x/b", &s, false);
	touch(c, "y/a", &s, false);
	cache_forget(c, CACHE_MODELS, "x/", true);
	assert_int_equal(atomic_load(&alive), 2); /* b is gone, a is in use */
	touch(c, "x/a", &s, false);               /* a new one */
	touch(c, "y/a", &s, true);
	assert_int_equal(atomic_load(&alive), 3);
	cache_release(c, old);
	assert_int_equal(atomic_load(&alive), 2);
	cache_get_stats(c, CACHE_MODELS, &stats);
	assert_int_equal(stats.bytes, 200);
	finish(c);
}

static void test_failure_is_told_and_not_kept(void **state)
{
	cache *c = make(1000);
	source s = {.bytes = 100, .failure = VU_DATA_LOSS};
	cache_entry *entry;
	bool hit;
	vu_error error = {0};

	(void)state;
	assert_int_equal(get(c, "a", &s, &entry, &hit, &error), VU_DATA_LOSS);
	assert_string_equal(error.message, "unable to load: no luck");
	assert_int_equal(get(c, "a", &s, &entry, &hit, &error), VU_DATA_LOSS);
	assert_int_equal(atomic_load(&s.loads), 2);
	s.failure = VU_OK;
	touch(c, "a", &s, false);
	finish(c);
}

typedef struct caller {
	cache *c;
	source *from;
	vu_status expected;
} caller;

static void *call(void *argument)
{
	caller *who = argument;
	cache_entry *entry;
	bool hit;
	vu_error error;
	vu_status status = get(who->c, "shared", who->from, &entry, &hit, &error);

	if (status == VU_OK)
		cache_release(who->c, entry);
	return status == who->expected ? NULL : who;
}

static void run_callers(source *s, vu_status expected, int loads_max)
{
	cache *c = make(1000);
	caller who = {c, s, expected};
	pthread_t threads[8];
	void *failed;

	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call, &who), 0);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_true(atomic_load(&s->loads) <= loads_max);
	finish(c);
}

static void test_many_want_one_load(void **state)
{
	source good = {.bytes = 100, .delay_us = 300000};
	source bad = {.delay_us = 300000, .failure = VU_DATA_LOSS};

	(void)state;
	run_callers(&good, VU_OK, 1);
	/* Who comes after a failure tries again; who waited for it gets it. */
	run_callers(&bad, VU_DATA_LOSS, 8);
}

static void *load_slowly(void *argument)
{
	return call(argument);
}

static void test_waiting_has_an_end(void **state)
{
	cache *c = make(1000);
	source s = {.bytes = 100, .delay_us = 1000000};
	caller who = {c, &s, VU_OK};
	cache_request request = {
	    .part = CACHE_MODELS, .key = "shared", .load = load, .context = &s, .destroy = destroy};
	pthread_t thread;
	cache_entry *entry;
	bool hit;
	vu_error error = {0};
	void *failed;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, load_slowly, &who), 0);
	while (atomic_load(&s.loads) == 0)
		usleep(1000);
	request.deadline_us = vu_clock_monotonic_us() + 20000;
	assert_int_equal(cache_acquire(c, &request, &entry, &hit, &error), VU_DEADLINE_EXCEEDED);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	finish(c);
}

typedef struct stress {
	cache *c;
	source *from;
	unsigned seed;
} stress;

static void *wander(void *argument)
{
	stress *s = argument;
	char key[16];

	for (int i = 0; i < 3000; i++) {
		cache_entry *entry;
		bool hit;
		s->seed = s->seed * 1664525u + 1013904223u;
		snprintf(key, sizeof key, "%u", (s->seed >> 16) % 40);
		if (get(s->c, key, s->from, &entry, &hit, NULL) != VU_OK)
			return s;
		if (i % 7 == 0)
			cache_forget(s->c, CACHE_MODELS, key, false);
		if (i % 50 == 0)
			cache_shrink(s->c, 500);
		cache_release(s->c, entry);
	}
	return NULL;
}

static void test_many_threads(void **state)
{
	cache *c = make(1000);
	source s = {.bytes = 100};
	stress who[4];
	pthread_t threads[4];
	cache_stats stats;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		who[i] = (stress){c, &s, i + 1};
		assert_int_equal(pthread_create(&threads[i], NULL, wander, &who[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		void *failed;
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	cache_get_stats(c, CACHE_MODELS, &stats);
	assert_int_equal(stats.items, atomic_load(&alive));
	assert_int_equal(stats.bytes, 100 * stats.items);
	assert_true(stats.bytes <= 1000);
	assert_int_equal(stats.loaded - stats.unloaded, stats.items);
	finish(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_least_recently_used_goes_first),
	    cmocka_unit_test(test_in_use_is_never_freed),
	    cmocka_unit_test(test_larger_than_the_ceiling_is_used_and_dropped),
	    cmocka_unit_test(test_lower_ceiling_frees_at_once),
	    cmocka_unit_test(test_forgotten_while_in_use),
	    cmocka_unit_test(test_failure_is_told_and_not_kept),
	    cmocka_unit_test(test_many_want_one_load),
	    cmocka_unit_test(test_waiting_has_an_end),
	    cmocka_unit_test(test_many_threads),
	};
	return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
