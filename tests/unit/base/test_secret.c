/* Secret memory: usable, aligned, counted, and gone when freed. */
#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void test_zeroed_aligned_and_counted(void **state)
{
	static const unsigned char zero[70000];
	vu_secret_stats before, during, after;
	unsigned char *data;

	(void)state;
	vu_secret_get_stats(&before);
	data = vu_secret_alloc(sizeof zero);
	assert_non_null(data);
	assert_int_equal((uintptr_t)data % 64, 0);
	assert_memory_equal(data, zero, sizeof zero);
	memset(data, 0xAA, sizeof zero);
	vu_secret_get_stats(&during);
	assert_true(during.locked_bytes + during.unlocked_bytes >=
	            before.locked_bytes + before.unlocked_bytes + sizeof zero);
	vu_secret_free(data, sizeof zero);
	vu_secret_get_stats(&after);
	assert_int_equal(after.locked_bytes, before.locked_bytes);
	assert_int_equal(after.unlocked_bytes, before.unlocked_bytes);
	vu_secret_free(NULL, 10);
}

static void test_what_was_freed_is_used_again_wiped(void **state)
{
	static const unsigned char zero[40000];
	vu_secret_stats with, without;
	unsigned char *first;
	unsigned char *second;

	(void)state;
	vu_secret_trim();
	first = vu_secret_alloc(sizeof zero);
	assert_non_null(first);
	memset(first, 0xAA, sizeof zero);
	vu_secret_free(first, sizeof zero);
	vu_secret_get_stats(&with);
	assert_true(with.spare_bytes >= sizeof zero && with.spare_bytes <= VU_SECRET_SPARE_MAX);
	second = vu_secret_alloc(sizeof zero - 5000);
	assert_ptr_equal(second, first);
	assert_memory_equal(second, zero, sizeof zero);
	vu_secret_free(second, sizeof zero - 5000);
	/* Far too much for this one. */
	second = vu_secret_alloc(100);
	assert_ptr_not_equal(second, first);
	vu_secret_free(second, 100);
	vu_secret_trim();
	vu_secret_get_stats(&without);
	assert_int_equal(without.spare_bytes, 0);
}

static void test_little_is_kept(void **state)
{
	void *all[32];
	vu_secret_stats stats;

	(void)state;
	for (size_t i = 0; i < 32; i++)
		assert_non_null(all[i] = vu_secret_alloc(60000));
	for (size_t i = 0; i < 32; i++)
		vu_secret_free(all[i], 60000);
	vu_secret_get_stats(&stats);
	assert_true(stats.spare_bytes > 0 && stats.spare_bytes <= VU_SECRET_SPARE_MAX);
	vu_secret_trim();
}

static void test_bulk_is_counted_only_while_it_is_small(void **state)
{
	const size_t large = VU_SECRET_BULK_LOCKED_MAX + 1;
	vu_secret_stats before, during, after;
	unsigned char *small_data, *large_data;

	(void)state;
	vu_secret_get_stats(&before);
	small_data = vu_secret_alloc_bulk(100);
	large_data = vu_secret_alloc_bulk(large);
	assert_non_null(small_data);
	assert_non_null(large_data);
	assert_int_equal((uintptr_t)large_data % 64, 0);
	assert_int_equal(large_data[0] | large_data[large - 1], 0);
	large_data[large - 1] = 1;
	vu_secret_get_stats(&during);
	assert_true(during.locked_bytes + during.unlocked_bytes <
	            before.locked_bytes + before.unlocked_bytes + large);
	assert_true(during.locked_bytes + during.unlocked_bytes > before.locked_bytes + before.unlocked_bytes);
	vu_secret_free(small_data, 100);
	vu_secret_free(large_data, large);
	vu_secret_get_stats(&after);
	assert_int_equal(after.locked_bytes, before.locked_bytes);
	assert_int_equal(after.unlocked_bytes, before.unlocked_bytes);
	assert_null(vu_secret_alloc_bulk(SIZE_MAX - 10));
	vu_secret_trim();
}

static void test_too_much_is_refused(void **state)
{
	(void)state;
	assert_null(vu_secret_alloc(SIZE_MAX));
	assert_null(vu_secret_alloc(SIZE_MAX - 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_zeroed_aligned_and_counted),
	    cmocka_unit_test(test_what_was_freed_is_used_again_wiped),
	    cmocka_unit_test(test_little_is_kept),
	    cmocka_unit_test(test_bulk_is_counted_only_while_it_is_small),
	    cmocka_unit_test(test_too_much_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
