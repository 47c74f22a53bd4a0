#include "base/allocator_bound.h"

#include "base/allocator.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define THREADS  8
#define BLOCKS   200
#define MEGABYTE ((size_t)1 << 20)

#ifndef VU_SANITIZER

/* Threads allocate and free at random, from bytes to megabytes; all is free at the end. */
static void *churn(void *argument)
{
	unsigned seed = *(const unsigned *)argument;
	void *blocks[BLOCKS] = {NULL};

	for (unsigned step = 0; step < 20000; step++) {
		unsigned at = (unsigned)rand_r(&seed) % BLOCKS;
		size_t bytes = (size_t)1 << ((unsigned)rand_r(&seed) % 18);
		if (rand_r(&seed) % 500 == 0)
			bytes = 12 * MEGABYTE;
		free(blocks[at]);
		blocks[at] = malloc(bytes);
		if (!blocks[at])
			return argument;
		memset(blocks[at], 1, 1);
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	return NULL;
}

/* Takes megabytes as fast as it can until there is no more; returns how many, and keeps them in a list. */
static void *gulp(void *argument)
{
	void **list = argument;
	size_t taken = 0;
	void **block;

	while ((block = malloc(MEGABYTE)) != NULL) {
		*block = *list;
		*list = (void *)block;
		taken++;
	}
	return (void *)taken;
}

static void drop(void *list)
{
	while (list) {
		void *next = *(void **)list;
		free(list);
		list = next;
	}
}

static void what_is_held_is_counted(void **state)
{
	uint64_t before = vu_allocator_mapped_bytes();
	void *held = malloc(40 * MEGABYTE);

	(void)state;
	assert_non_null(held);
	assert_true(before > 0);
	assert_true(vu_allocator_mapped_bytes() >= before + 40 * MEGABYTE);
	assert_true(vu_allocator_mapped_bytes() <= before + 42 * MEGABYTE);
	free(held);
	vu_allocator_purge();
	assert_true(vu_allocator_mapped_bytes() <= before + MEGABYTE);
}

static void after_a_storm_of_allocations_the_count_is_as_before(void **state)
{
	pthread_t threads[THREADS];
	unsigned seeds[THREADS];
	uint64_t before;
	uint64_t after;

	(void)state;
	vu_allocator_purge();
	before = vu_allocator_mapped_bytes();
	for (unsigned i = 0; i < THREADS; i++) {
		seeds[i] = i + 1;
		assert_int_equal(pthread_create(&threads[i], NULL, churn, &seeds[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		void *failed;
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	vu_allocator_purge();
	after = vu_allocator_mapped_bytes();
	if (after > before + 2 * MEGABYTE)
		fail_msg("%llu bytes before, %llu after", (unsigned long long)before, (unsigned long long)after);
}

static void *free_all(void *argument)
{
	void **blocks = argument;

	for (unsigned i = 0; i < BLOCKS; i += 2)
		free(blocks[i]);
	return NULL;
}

/* The first that a thread asks of the allocator may be to take something back, beside what is free already. */
static void a_thread_may_begin_with_free(void **state)
{
	static void *blocks[BLOCKS];

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		pthread_t thread;

		for (unsigned i = 0; i < BLOCKS; i++)
			assert_non_null(blocks[i] = malloc(32768));
		for (unsigned i = 1; i < BLOCKS; i += 2)
			free(blocks[i]);
		assert_int_equal(pthread_create(&thread, NULL, free_all, blocks), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
}

/* All at once, so that each has asked before the others' bytes are in use. */
static void nobody_gets_past_the_bound(void **state)
{
	pthread_t threads[THREADS];
	void *lists[THREADS] = {NULL};
	uint64_t refusals = vu_allocator_refusals();
	uint64_t before;
	size_t taken = 0;
	void *again;

	(void)state;
	vu_allocator_purge();
	before = vu_allocator_mapped_bytes();
	vu_allocator_bound(before + 100 * MEGABYTE);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, gulp, &lists[i]), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *megabytes;
		assert_int_equal(pthread_join(threads[i], &megabytes), 0);
		taken += (size_t)megabytes;
	}
	assert_true(vu_allocator_mapped_bytes() <= before + 100 * MEGABYTE);
	assert_true(vu_allocator_refusals() >= refusals + THREADS);
	assert_true(taken <= 100);
	/* Each thread's first small blocks and the bound's last megabyte apart, all of it is to be had. */
	assert_true(taken >= 80);
	for (unsigned i = 0; i < THREADS; i++)
		drop(lists[i]);
	vu_allocator_purge();
	again = malloc(60 * MEGABYTE);
	assert_non_null(again);
	free(again);
	vu_allocator_bound(0);
	again = malloc(200 * MEGABYTE);
	assert_non_null(again);
	free(again);
}

static int count(void **state)
{
	vu_error error;

	(void)state;
	if (vu_allocator_count(&error) == VU_OK)
		return 0;
	fprintf(stderr, "%s\n", error.message);
	return -1;
}

#else

static void another_allocator_is_not_counted(void **state)
{
	vu_error error;

	(void)state;
	assert_int_equal(vu_allocator_count(&error), VU_UNIMPLEMENTED);
	assert_int_equal(vu_allocator_mapped_bytes(), 0);
	vu_allocator_bound(1);
	assert_int_equal(vu_allocator_refusals(), 0);
}

#endif

int main(void)
{
#ifndef VU_SANITIZER
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_held_is_counted),
	    cmocka_unit_test(after_a_storm_of_allocations_the_count_is_as_before),
	    cmocka_unit_test(a_thread_may_begin_with_free),
	    cmocka_unit_test(nobody_gets_past_the_bound),
	};
	return cmocka_run_group_tests(tests, count, NULL);
#else
	const struct CMUnitTest tests[] = {cmocka_unit_test(another_allocator_is_not_counted)};
	return cmocka_run_group_tests(tests, NULL, NULL);
#endif
}
