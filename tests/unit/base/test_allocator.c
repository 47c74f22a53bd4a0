#include "base/allocator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define BLOCKS      512
#define BLOCK_BYTES 65536

static void the_check_passes_in_our_own_builds(void **state)
{
	vu_error error;

	(void)state;
	assert_int_equal(vu_allocator_check(&error), VU_OK);
#ifdef VU_SANITIZER
	assert_string_equal(vu_allocator_name(), "system");
#else
	assert_int_equal(strncmp(vu_allocator_name(), "jemalloc 5", 10), 0);
#endif
}

#ifndef VU_SANITIZER
static void what_is_freed_goes_back_to_the_system(void **state)
{
	static void *blocks[BLOCKS];
	uint64_t allocated_full;
	uint64_t resident_full;
	uint64_t allocated_after;
	uint64_t resident_after;

	(void)state;
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(BLOCK_BYTES);
		assert_non_null(blocks[i]);
		memset(blocks[i], i, BLOCK_BYTES);
	}
	vu_allocator_stats(&allocated_full, &resident_full);
	assert_true(allocated_full >= (uint64_t)BLOCKS * BLOCK_BYTES);
	assert_true(resident_full >= (uint64_t)BLOCKS * BLOCK_BYTES);
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	vu_allocator_purge();
	vu_allocator_stats(&allocated_after, &resident_after);
	assert_true(allocated_after <= allocated_full - (uint64_t)BLOCKS * BLOCK_BYTES * 9 / 10);
	assert_true(resident_after <= resident_full - (uint64_t)BLOCKS * BLOCK_BYTES * 9 / 10);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_check_passes_in_our_own_builds),
#ifndef VU_SANITIZER
	    cmocka_unit_test(what_is_freed_goes_back_to_the_system),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
