#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

static void names_are_those_of_grpc(void **state)
{
	(void)state;
	assert_string_equal(vu_status_name(VU_OK), "OK");
	assert_string_equal(vu_status_name(VU_DEADLINE_EXCEEDED), "DEADLINE_EXCEEDED");
	assert_string_equal(vu_status_name(VU_UNAUTHENTICATED), "UNAUTHENTICATED");
	assert_string_equal(vu_status_name((vu_status)17), "UNKNOWN");
	assert_string_equal(vu_status_name((vu_status)-1), "UNKNOWN");
	assert_int_equal(VU_UNAVAILABLE, 14);
	assert_int_equal(VU_UNAUTHENTICATED, 16);
}

static void a_failure_carries_its_words(void **state)
{
	vu_error error;

	(void)state;
	assert_int_equal(vu_fail(&error, VU_NOT_FOUND, "unable to open %s", "x"), VU_NOT_FOUND);
	assert_int_equal(error.status, VU_NOT_FOUND);
	assert_string_equal(error.message, "unable to open x");
	assert_int_equal(vu_fail(NULL, VU_ABORTED, "nobody listens"), VU_ABORTED);
	assert_int_equal(vu_fail_errno(&error, EACCES, "unable to open %s", "x"), VU_PERMISSION_DENIED);
	assert_string_equal(error.message, "unable to open x: Permission denied");
	assert_int_equal(vu_fail_errno(NULL, ENOENT, "nobody listens"), VU_NOT_FOUND);
}

static void long_messages_are_cut(void **state)
{
	char text[2 * VU_ERROR_MESSAGE_MAX];
	vu_error error;

	(void)state;
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	vu_fail(&error, VU_INTERNAL, "%s", text);
	assert_int_equal(strlen(error.message), VU_ERROR_MESSAGE_MAX - 1);
	vu_fail_errno(&error, EIO, "%s", text);
	assert_int_equal(error.status, VU_DATA_LOSS);
	assert_int_equal(strlen(error.message), VU_ERROR_MESSAGE_MAX - 1);
}

static void errno_maps_to_status(void **state)
{
	static const struct {
		int number;
		vu_status status;
	} expected[] = {
	    {0, VU_OK},
	    {ENOENT, VU_NOT_FOUND},
	    {EEXIST, VU_ALREADY_EXISTS},
	    {EPERM, VU_PERMISSION_DENIED},
	    {ENOSPC, VU_RESOURCE_EXHAUSTED},
	    {EINVAL, VU_INVALID_ARGUMENT},
	    {ETIMEDOUT, VU_DEADLINE_EXCEEDED},
	    {ECONNREFUSED, VU_UNAVAILABLE},
	    {EIO, VU_DATA_LOSS},
	    {ENOTTY, VU_INTERNAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
		assert_int_equal(vu_status_from_errno(expected[i].number), expected[i].status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_those_of_grpc),
	    cmocka_unit_test(a_failure_carries_its_words),
	    cmocka_unit_test(long_messages_are_cut),
	    cmocka_unit_test(errno_maps_to_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
