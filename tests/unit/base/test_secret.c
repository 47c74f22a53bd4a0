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
	    cmocka_unit_test(test_too_much_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
