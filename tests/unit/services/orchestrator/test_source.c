/* Who asks: a uid, or a door that root names. */
#include "source.h"

#include "request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void root_at_a_door_is_the_door_and_the_user(void **state)
{
	char source[VU_SOURCE_SIZE];
	(void)state;
	vu_source_write(source, sizeof source, 0, "sudo:pts/3", "anna");
	assert_string_equal(source, "/pam:sudo:pts/3:anna");
	assert_true(vu_source_is_door(source));
	vu_source_write(source, sizeof source, 0, "", "anna");
	assert_string_equal(source, "/uid/0");
	assert_false(vu_source_is_door(source));
}

static void nobody_else_can_name_a_door(void **state)
{
	char source[VU_SOURCE_SIZE];
	(void)state;
	vu_source_write(source, sizeof source, 1000, "sudo:pts/3", "anna");
	assert_string_equal(source, "/uid/1000");
	vu_source_write(source, sizeof source, (uid_t)-2, "", "anna");
	assert_string_equal(source, "/uid/4294967294");
	assert_false(vu_source_is_door(source));
	assert_false(vu_source_is_door(""));
}

static void the_longest_names_fit(void **state)
{
	char source[VU_SOURCE_SIZE];
	char door[VU_SOURCE_DOOR_MAX + 1];
	char user[65];
	(void)state;
	memset(door, 'd', sizeof door - 1);
	door[sizeof door - 1] = '\0';
	memset(user, 'u', sizeof user - 1);
	user[sizeof user - 1] = '\0';
	vu_source_write(source, sizeof source, 0, door, user);
	assert_int_equal(strlen(source), 5 + 64 + 1 + 64);
	assert_string_equal(source + strlen(source) - 3, "uuu");
}

static void what_is_no_door_is_refused(void **state)
{
	static const char *const BAD[] = {"a b", "sudo\n", "\xc3\xa9", "a\"b", "\x1b[2J"};
	char door[VU_SOURCE_DOOR_MAX + 2];
	vu_error error;
	(void)state;
	assert_int_equal(vu_request_check_door("", &error), VU_OK);
	assert_int_equal(vu_request_check_door("gdm-password::0", &error), VU_OK);
	assert_int_equal(vu_request_check_door("su_l:pts/3@x+y-z.w", &error), VU_OK);
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		assert_int_equal(vu_request_check_door(BAD[i], &error), VU_INVALID_ARGUMENT);
		assert_non_null(strstr(error.message, "the PAM service and the terminal"));
	}
	memset(door, 'd', sizeof door - 1);
	door[sizeof door - 1] = '\0';
	assert_int_equal(vu_request_check_door(door, &error), VU_INVALID_ARGUMENT);
	door[sizeof door - 2] = '\0';
	assert_int_equal(vu_request_check_door(door, &error), VU_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(root_at_a_door_is_the_door_and_the_user),
	    cmocka_unit_test(nobody_else_can_name_a_door),
	    cmocka_unit_test(the_longest_names_fit),
	    cmocka_unit_test(what_is_no_door_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
