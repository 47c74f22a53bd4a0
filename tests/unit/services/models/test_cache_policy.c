/*
 * What the cache keeps and what it does not: order of going, minimum age,
 * unload buffer, pins, failures, refusal; and a reference model that does the
 * same the slow way, held against it over random operations. Time is given.
 */
#include "cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SECOND INT64_C(1000000)

static int64_t now_us = 1000 * SECOND;
static int alive;

static int64_t tell_time(void *context)
{
	(void)context;
	return now_us;
}

typedef struct source {
	size_t bytes;
	size_t predicted;
	vu_status failure;
	uint64_t stamp;
	int loads;
} source;

static vu_status load(void *context, void **object_out, size_t *bytes_out, vu_error *error)
{
	source *s = context;

	s->loads++;
	if (s->failure != VU_OK)
		return vu_fail(error, s->failure, "unable to load: no luck");
	*object_out = malloc(1);
	*bytes_out = s->bytes;
	alive++;
	return VU_OK;
}

static size_t predict(void *context)
{
	return ((source *)context)->predicted;
}

static uint64_t stamp(void *context)
{
	return ((source *)context)->stamp;
}

static void destroy(void *object)
{
	free(object);
	alive--;
}

static cache *make(size_t ceiling, unsigned leaving_share, int64_t min_age_us)
{
	cache_options options = {ceiling, leaving_share, min_age_us, {tell_time, tell_time, NULL}};
	cache *c;

	alive = 0;
	assert_int_equal(cache_create(&options, &c), VU_OK);
	return c;
}

static void finish(cache *c)
{
	cache_destroy(c);
	assert_int_equal(alive, 0);
}

static cache_request request_of(cache_part part, const char *key, source *from)
{
	return (cache_request){
	    .part = part,
	    .key = key,
	    .load = load,
	    .context = from,
	    .destroy = destroy,
	    .deadline_us = INT64_MAX,
	    .predict = predict,
	    .stamp = stamp,
	};
}

static vu_status get(cache *c, const char *key, source *from, vu_error *error)
{
	cache_request request = request_of(CACHE_MODELS, key, from);
	cache_entry *entry;
	bool hit;
	vu_status status = cache_acquire(c, &request, &entry, &hit, error);

	if (status == VU_OK)
		cache_release(c, entry);
	return status;
}

static bool is_loaded(cache *c, const char *key)
{
	cache_report report;
	cache_describe(c, CACHE_MODELS, key, &report);
	return report.state == CACHE_LOADED;
}

static void load_all(cache *c, source *from, const char *keys)
{
	char key[2] = "";

	for (; *keys; keys++) {
		key[0] = *keys;
		now_us += SECOND;
		assert_int_equal(get(c, key, from, NULL), VU_OK);
	}
}

static void assert_loaded(cache *c, const char *keys)
{
	char there[27] = "";
	size_t count = 0;

	for (char letter = 'a'; letter <= 'z'; letter++)
		if (is_loaded(c, (char[]){letter, 0}))
			there[count++] = letter;
	assert_string_equal(there, keys);
}

static void test_the_likely_stay(void **state)
{
	cache *c = make(300, 0, 0);
	source s = {.bytes = 100};

	(void)state;
	load_all(c, &s, "abc");
	assert_true(cache_expect(c, CACHE_MODELS, "a", 0.9, now_us + 100 * SECOND));
	assert_false(cache_expect(c, CACHE_MODELS, "x", 0.9, now_us + 100 * SECOND));
	load_all(c, &s, "d");
	assert_loaded(c, "acd");
	/* An expectation that has passed is worth nothing. */
	now_us += 100 * SECOND;
	load_all(c, &s, "e");
	assert_loaded(c, "cde");
	finish(c);
}

static void test_the_large_go_first(void **state)
{
	cache *c = make(400000, 0, 0);
	source small = {.bytes = 10000};
	source large = {.bytes = 200000};

	(void)state;
	load_all(c, &small, "a");
	load_all(c, &large, "b");
	load_all(c, &small, "cdef");
	load_all(c, &large, "g");
	assert_loaded(c, "acdefg");
	finish(c);
}

static void test_a_burst_passes_through(void **state)
{
	cache *c = make(300, 0, 30 * SECOND);
	source s = {.bytes = 100};

	(void)state;
	load_all(c, &s, "abc");
	/* Strangers, all within the minimum age: one place is theirs, in turn. */
	load_all(c, &s, "defgh");
	assert_loaded(c, "abh");
	now_us += 60 * SECOND;
	load_all(c, &s, "cd");
	assert_loaded(c, "cdh");
	finish(c);
}

static void test_what_leaves_can_be_fetched_back(void **state)
{
	/* A quarter is the buffer: three stay, one is leaving. */
	cache *c = make(400, 4, 0);
	source s = {.bytes = 100};
	cache_stats stats;

	(void)state;
	load_all(c, &s, "abcd");
	cache_get_stats(c, CACHE_MODELS, &stats);
	assert_int_equal(stats.bytes, 400);
	assert_int_equal(stats.leaving_bytes, 100);
	load_all(c, &s, "a");
	assert_int_equal(s.loads, 4);
	cache_get_stats(c, CACHE_MODELS, &stats);
	assert_int_equal(stats.hits, 1);
	assert_int_equal(stats.leaving_bytes, 100); /* b in its place */
	load_all(c, &s, "e");
	assert_loaded(c, "acde"); /* b is gone, c is leaving */
	assert_int_equal(alive, 4);
	assert_int_equal(cache_shrink(c, 300), 100);
	assert_loaded(c, "ade");
	finish(c);
}

static void test_pins(void **state)
{
	cache *c = make(800, 0, 0);
	source s = {.bytes = 100};

	(void)state;
	load_all(c, &s, "abc");
	assert_false(cache_pin(c, CACHE_MODELS, "x", now_us + 10 * SECOND));
	assert_true(cache_pin(c, CACHE_MODELS, "a", now_us + 10 * SECOND));
	assert_true(cache_pin(c, CACHE_MODELS, "a", now_us + 20 * SECOND)); /* longer, not twice */
	assert_true(cache_pin(c, CACHE_MODELS, "b", now_us + 20 * SECOND));
	/* No more than a quarter of the ceiling. */
	assert_false(cache_pin(c, CACHE_MODELS, "c", now_us + 10 * SECOND));
	now_us += 15 * SECOND;
	assert_int_equal(cache_shrink(c, 0), 100);
	assert_loaded(c, "ab");
	cache_forget(c, CACHE_MODELS, "b", false);
	assert_loaded(c, "a");
	now_us += 10 * SECOND;
	assert_int_equal(cache_shrink(c, 0), 100);
	finish(c);
}

static bool keeps_b_and_the_young(void *context, cache_part part, const char *key, int64_t idle_us)
{
	assert_int_equal(part, CACHE_MODELS);
	return strcmp(key, context) == 0 || idle_us < 5 * SECOND;
}

static void test_what_is_to_be_kept_is_passed_over(void **state)
{
	cache *c = make(800, 0, 0);
	source s = {.bytes = 100};
	char b[] = "b";

	(void)state;
	load_all(c, &s, "abc");
	now_us += 10 * SECOND;
	load_all(c, &s, "de");
	assert_int_equal(cache_shrink_except(c, 400, keeps_b_and_the_young, b), 100);
	assert_loaded(c, "bcde");
	assert_int_equal(cache_shrink_except(c, 0, keeps_b_and_the_young, b), 100);
	assert_loaded(c, "bde");
	now_us += 5 * SECOND;
	assert_int_equal(cache_shrink_except(c, 0, keeps_b_and_the_young, b), 200);
	assert_loaded(c, "b");
	finish(c);
}

static void test_room_is_made_before_loading(void **state)
{
	cache *c = make(300, 0, 0);
	source s = {.bytes = 100, .predicted = 100};
	source liar = {.bytes = 100, .predicted = 1000000};
	source glutton = {.bytes = 1000, .predicted = 1};
	cache_stats stats;

	(void)state;
	load_all(c, &s, "abc");
	load_all(c, &s, "d");
	assert_loaded(c, "bcd");
	/* Too much foretold empties what it must and leaves nothing reserved. */
	load_all(c, &liar, "e");
	assert_loaded(c, "e");
	load_all(c, &s, "fg");
	assert_loaded(c, "efg");
	/* Too little foretold: more than the ceiling does not stay. */
	load_all(c, &glutton, "h");
	cache_get_stats(c, CACHE_MODELS, &stats);
	assert_true(stats.bytes <= 300);
	assert_false(is_loaded(c, "h"));
	finish(c);
}

static void test_three_failures_and_a_pause(void **state)
{
	cache *c = make(1000, 0, 0);
	source s = {.bytes = 100, .failure = VU_DATA_LOSS, .stamp = 1};
	cache_report report;
	vu_error error = {VU_OK, ""};

	(void)state;
	for (int i = 0; i < CACHE_FAILURES_MAX; i++) {
		assert_int_equal(get(c, "a", &s, &error), VU_DATA_LOSS);
		assert_string_equal(error.message, "unable to load: no luck");
	}
	assert_int_equal(s.loads, 3);
	now_us += 60 * SECOND;
	assert_int_equal(get(c, "a", &s, &error), VU_DATA_LOSS);
	assert_string_equal(error.message,
	                    "unable to load: no luck (it failed 3 times and is tried again in 14 min)");
	assert_int_equal(s.loads, 3);
	cache_describe(c, CACHE_MODELS, "a", &report);
	assert_int_equal(report.state, CACHE_LOADING_FAILED);
	assert_int_equal(report.failures, 3);
	assert_int_equal(report.paused_us, 14 * 60 * SECOND);
	assert_string_equal(report.error.message, "unable to load: no luck");
	/* Others are not held back. */
	s.failure = VU_OK;
	assert_int_equal(get(c, "b", &s, &error), VU_OK);
	now_us += CACHE_PAUSE_US;
	assert_int_equal(get(c, "a", &s, &error), VU_OK);
	cache_describe(c, CACHE_MODELS, "a", &report);
	assert_int_equal(report.state, CACHE_LOADED);
	assert_int_equal(report.failures, 0);
	cache_describe(c, CACHE_MODELS, "nobody", &report);
	assert_int_equal(report.state, CACHE_NOT_LOADED);
	finish(c);
}

static void pause_it(cache *c, source *s)
{
	vu_error error = {VU_OK, ""};

	s->failure = VU_DATA_LOSS;
	for (int i = 0; i < CACHE_FAILURES_MAX; i++)
		get(c, "a", s, &error);
	s->failure = VU_OK;
	assert_int_equal(get(c, "a", s, &error), VU_DATA_LOSS);
}

static void test_what_ends_a_pause(void **state)
{
	cache *c = make(1000, 0, 0);
	source s = {.bytes = 100, .stamp = 1};
	vu_error error = {VU_OK, ""};

	(void)state;
	pause_it(c, &s);
	s.stamp = 2;
	assert_int_equal(get(c, "a", &s, &error), VU_OK);
	cache_forget(c, CACHE_MODELS, "a", false);
	pause_it(c, &s);
	cache_forget(c, CACHE_MODELS, "a", false);
	assert_int_equal(get(c, "a", &s, &error), VU_OK);
	cache_forget(c, CACHE_MODELS, "", true);
	/* Somebody who is not there may come at any time. */
	s.failure = VU_NOT_FOUND;
	for (int i = 0; i < 10; i++)
		assert_int_equal(get(c, "a", &s, &error), VU_NOT_FOUND);
	s.failure = VU_OK;
	assert_int_equal(get(c, "a", &s, &error), VU_OK);
	finish(c);
}

static void test_failures_are_not_hoarded(void **state)
{
	cache *c = make(1000, 0, 0);
	source s = {.bytes = 100, .failure = VU_DATA_LOSS};
	vu_error error = {VU_OK, ""};
	cache_report report;
	char key[16];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "%d", i);
		now_us += 1;
		assert_int_equal(get(c, key, &s, &error), VU_DATA_LOSS);
	}
	cache_describe(c, CACHE_MODELS, "0", &report);
	assert_int_equal(report.failures, 0);
	cache_describe(c, CACHE_MODELS, "999", &report);
	assert_int_equal(report.failures, 1);
	finish(c);
}

static void test_refusal(void **state)
{
	cache *c = make(1000, 0, 0);
	source s = {.bytes = 100};
	vu_error error = {VU_OK, ""};

	(void)state;
	load_all(c, &s, "a");
	cache_refuse_loads(c, now_us + 2 * SECOND);
	assert_true(cache_is_refusing(c));
	for (int i = 0; i < 5; i++)
		assert_int_equal(get(c, "b", &s, &error), VU_RESOURCE_EXHAUSTED);
	assert_string_equal(error.message, "unable to load b: the model-server is short of memory; try again in a "
	                                   "moment, or raise performance.max_memory_mb");
	assert_int_equal(get(c, "a", &s, &error), VU_OK);
	now_us += 3 * SECOND;
	assert_false(cache_is_refusing(c));
	assert_int_equal(get(c, "b", &s, &error), VU_OK);
	cache_refuse_loads(c, now_us + 2 * SECOND);
	cache_refuse_loads(c, 0);
	assert_int_equal(get(c, "c", &s, &error), VU_OK);
	finish(c);
}

static void test_cleanup_of_the_idle(void **state)
{
	cache *c = make(1000, 0, 0);
	source s = {.bytes = 100};

	(void)state;
	load_all(c, &s, "abcd"); /* a second apart */
	cache_expect(c, CACHE_MODELS, "a", 0.9, now_us + 1000 * SECOND);
	cache_expect(c, CACHE_MODELS, "b", 0.1, now_us + 1000 * SECOND);
	now_us += 58 * SECOND;
	assert_int_equal(cache_shrink_idle(c, 60 * SECOND, 0), 0);
	now_us += 1;
	assert_int_equal(cache_shrink_idle(c, 60 * SECOND, 400), 0);
	assert_int_equal(cache_shrink_idle(c, 60 * SECOND, 0), 100);
	assert_loaded(c, "acd");
	finish(c);
}

static void test_loaded_ahead(void **state)
{
	cache *c = make(1000, 0, 0);
	source s = {.bytes = 100};
	cache_request request = request_of(CACHE_MODELS, "a", &s);
	cache_entry *entry;
	cache_stats stats;
	bool hit;

	(void)state;
	request.ahead = true;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(cache_acquire(c, &request, &entry, &hit, NULL), VU_OK);
		cache_release(c, entry);
	}
	cache_get_stats(c, CACHE_MODELS, &stats);
	assert_int_equal(stats.hits + stats.misses, 0);
	assert_int_equal(stats.ahead, 1);
	assert_int_equal(stats.ahead_used, 0);
	load_all(c, &s, "aa");
	cache_get_stats(c, CACHE_MODELS, &stats);
	assert_int_equal(stats.hits, 2);
	assert_int_equal(stats.ahead_used, 1);
	finish(c);
}

typedef struct visit_count {
	char seen[8];
	size_t count;
} visit_count;

static bool note(void *context, const char *key, void *object)
{
	visit_count *v = context;
	assert_non_null(object);
	v->seen[v->count++] = key[0];
	return v->count < 3;
}

static void test_visit_last_used_first(void **state)
{
	cache *c = make(1000, 0, 0);
	source s = {.bytes = 100};
	visit_count v = {"", 0};

	(void)state;
	load_all(c, &s, "abcda");
	cache_visit(c, CACHE_MODELS, note, &v);
	assert_string_equal(v.seen, "adc");
	finish(c);
}

/* ---- against a reference ---- */

#define KEYS 40

typedef struct reference_item {
	bool there;
	unsigned users;
	size_t bytes;
	int64_t used_us;
	bool forgotten_in_use;
} reference_item;

typedef struct reference {
	reference_item items[CACHE_PARTS][KEYS];
	size_t ceiling;
	size_t stray; /* bytes in use that were forgotten */
	uint64_t hits;
	uint64_t misses;
} reference;

static size_t reference_bytes(const reference *r)
{
	size_t bytes = r->stray;
	for (int part = 0; part < CACHE_PARTS; part++)
		for (int key = 0; key < KEYS; key++)
			bytes += r->items[part][key].there ? r->items[part][key].bytes : 0;
	return bytes;
}

/* Everything has one size here, so that the oldest unused goes, whichever part it is in. */
static void reference_shrink(reference *r, size_t limit)
{
	while (reference_bytes(r) > limit) {
		reference_item *oldest = NULL;
		for (int part = 0; part < CACHE_PARTS; part++)
			for (int key = 0; key < KEYS; key++) {
				reference_item *item = &r->items[part][key];
				if (item->there && item->users == 0 && (!oldest || item->used_us < oldest->used_us))
					oldest = item;
			}
		if (!oldest)
			return;
		oldest->there = false;
	}
}

typedef struct held {
	cache_entry *entry;
	int part;
	int key;
	bool stray;
} held;

#define HELD_MAX 12

typedef struct run {
	cache *c;
	reference r;
	held held[HELD_MAX];
	source s;
	uint32_t seed;
} run;

static unsigned draw(run *x, unsigned below)
{
	x->seed = x->seed * 1664525u + 1013904223u;
	return (x->seed >> 8) % below;
}

static void key_text(int key, char text[16])
{
	snprintf(text, 16, "%c%d", 'a' + key % 4, key);
}

static void take(run *x, held *slot)
{
	char text[16];
	reference_item *item;
	cache_request request;
	bool hit;

	slot->part = (int)draw(x, CACHE_PARTS);
	slot->key = (int)draw(x, KEYS);
	slot->stray = false;
	key_text(slot->key, text);
	request = request_of((cache_part)slot->part, text, &x->s);
	item = &x->r.items[slot->part][slot->key];
	now_us += SECOND;
	assert_int_equal(cache_acquire(x->c, &request, &slot->entry, &hit, NULL), VU_OK);
	assert_int_equal(hit, item->there);
	x->r.hits += item->there;
	x->r.misses += !item->there;
	item->there = true;
	item->bytes = x->s.bytes;
	item->used_us = now_us;
	item->users++;
	reference_shrink(&x->r, x->r.ceiling);
}

static void give(run *x, held *slot)
{
	cache_release(x->c, slot->entry);
	slot->entry = NULL;
	if (slot->stray) {
		bool shared = false;
		for (int i = 0; i < HELD_MAX; i++)
			shared |= x->held[i].entry && x->held[i].stray && x->held[i].part == slot->part &&
			          x->held[i].key == slot->key;
		/* One stray object may be held several times. */
		if (!shared)
			x->r.stray -= x->s.bytes;
	} else {
		x->r.items[slot->part][slot->key].users--;
	}
	reference_shrink(&x->r, x->r.ceiling);
}

static void forget(run *x)
{
	int part = (int)draw(x, CACHE_PARTS);
	int key = (int)draw(x, KEYS);
	bool prefix = draw(x, 4) == 0;
	char text[16];

	/* A second generation of strays of one key would need more book-keeping than it is worth. */
	for (int i = 0; i < HELD_MAX; i++)
		if (x->held[i].entry && x->held[i].stray)
			return;
	key_text(key, text);
	if (prefix)
		text[1] = '\0';
	cache_forget(x->c, (cache_part)part, text, prefix);
	for (int k = 0; k < KEYS; k++) {
		reference_item *item = &x->r.items[part][k];
		if (!item->there || (prefix ? k % 4 != key % 4 : k != key))
			continue;
		item->there = false;
		if (item->users == 0)
			continue;
		item->users = 0;
		x->r.stray += item->bytes;
		for (int i = 0; i < HELD_MAX; i++)
			if (x->held[i].entry && x->held[i].part == part && x->held[i].key == k)
				x->held[i].stray = true;
	}
}

static void compare(run *x)
{
	uint64_t bytes = 0;
	uint64_t hits = 0;
	uint64_t misses = 0;

	for (int part = 0; part < CACHE_PARTS; part++) {
		cache_stats stats;
		cache_get_stats(x->c, (cache_part)part, &stats);
		bytes += stats.bytes;
		hits += stats.hits;
		misses += stats.misses;
		assert_int_equal(stats.loaded - stats.unloaded, stats.items);
		for (int key = 0; key < KEYS; key++) {
			cache_report report;
			char text[16];
			key_text(key, text);
			cache_describe(x->c, (cache_part)part, text, &report);
			assert_int_equal(report.state == CACHE_LOADED, x->r.items[part][key].there);
		}
	}
	assert_int_equal(bytes, reference_bytes(&x->r));
	assert_int_equal(bytes, cache_bytes(x->c));
	assert_int_equal(hits, x->r.hits);
	assert_int_equal(misses, x->r.misses);
	assert_int_equal(alive * (int)x->s.bytes, bytes);
}

static void run_against_reference(uint32_t seed)
{
	run x = {.r = {.ceiling = 1000}, .s = {.bytes = 100}, .seed = seed};

	x.c = make(1000, 0, 0);
	for (int step = 0; step < 3000; step++) {
		held *slot = &x.held[draw(&x, HELD_MAX)];
		unsigned what = draw(&x, 100);
		if (what < 5) {
			forget(&x);
		} else if (what < 7) {
			size_t limit = draw(&x, 11) * 100;
			cache_shrink(x.c, limit);
			reference_shrink(&x.r, limit);
		} else if (what < 9) {
			x.r.ceiling = (4 + draw(&x, 10)) * 100;
			cache_set_ceiling(x.c, x.r.ceiling);
			reference_shrink(&x.r, x.r.ceiling);
		} else if (slot->entry) {
			give(&x, slot);
		} else {
			take(&x, slot);
		}
		compare(&x);
	}
	for (int i = 0; i < HELD_MAX; i++)
		if (x.held[i].entry)
			cache_release(x.c, x.held[i].entry);
	finish(x.c);
}

static void test_against_a_reference(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 8; seed++)
		run_against_reference(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_likely_stay),
	    cmocka_unit_test(test_the_large_go_first),
	    cmocka_unit_test(test_a_burst_passes_through),
	    cmocka_unit_test(test_what_leaves_can_be_fetched_back),
	    cmocka_unit_test(test_pins),
	    cmocka_unit_test(test_what_is_to_be_kept_is_passed_over),
	    cmocka_unit_test(test_room_is_made_before_loading),
	    cmocka_unit_test(test_three_failures_and_a_pause),
	    cmocka_unit_test(test_what_ends_a_pause),
	    cmocka_unit_test(test_failures_are_not_hoarded),
	    cmocka_unit_test(test_refusal),
	    cmocka_unit_test(test_cleanup_of_the_idle),
	    cmocka_unit_test(test_loaded_ahead),
	    cmocka_unit_test(test_visit_last_used_first),
	    cmocka_unit_test(test_against_a_reference),
	};
	return cmocka_run_group_tests_name("cache_policy", tests, NULL, NULL);
}
