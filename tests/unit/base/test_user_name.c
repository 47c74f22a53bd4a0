#include "base/user_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void accepts_names_of_people(void **state)
{
	static const char *const names[] = {"a",         "derek",     "Anna-Lena", "o'brien", "jürgen", "李雷",
	                                    "user.name", "two words", "_x",        "1234",    "x@y"};
	vu_error error;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_int_equal(vu_user_name_check(names[i], &error), VU_OK);
}

static void refuses_each_bad_name_in_its_own_words(void **state)
{
	static const struct {
		const char *name;
		const char *message;
	} bad[] = {
	    {NULL, "the user name is empty: give a name of 1 to 64 bytes"},
	    {"", "the user name is empty: give a name of 1 to 64 bytes"},
	    {"a/b", "the user name contains '/': use letters and digits"},
	    {"a\\b", "the user name contains '\\': use letters and digits"},
	    {"..", "the user name begins with '.': begin with a letter or digit"},
	    {"-rf", "the user name begins with '-': begin with a letter or digit"},
	    {" a", "the user name begins with ' ': begin with a letter or digit"},
	    {"a ", "the user name ends with a space"},
	    {"a\nb", "the user name contains a control character: use letters and digits"},
	    {"a\x7f", "the user name contains a control character: use letters and digits"},
	    {"a\xc2\x85", "the user name contains a control character: use letters and digits"},
	    {"\xe2\x80\xaeigor", "the user name contains an invisible character: use letters and digits"},
	    {"a\xe2\x80\x8b", "the user name contains an invisible character: use letters and digits"},
	    {"\xef\xbb\xbf"
	     "a",
	     "the user name contains an invisible character: use letters and digits"},
	    {"\xf3\xa0\x81\x81", "the user name contains an invisible character: use letters and digits"},
	    {"a\xff", "the user name is not valid UTF-8"},
	    {"\xc0\xaf", "the user name is not valid UTF-8"},
	};
	vu_error error;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(vu_user_name_check(bad[i].name, &error), VU_INVALID_ARGUMENT);
		assert_string_equal(error.message, bad[i].message);
	}
}

static void length_ends_at_64_bytes(void **state)
{
	char name[301];
	vu_error error;

	(void)state;
	memset(name, 'a', sizeof name);
	name[VU_USER_NAME_MAX] = '\0';
	assert_int_equal(vu_user_name_check(name, &error), VU_OK);
	name[VU_USER_NAME_MAX] = 'a';
	name[300] = '\0';
	assert_int_equal(vu_user_name_check(name, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message, "the user name is 300 bytes long: give a name of at most 64 bytes");
}

static void utf8_is_checked_to_the_letter(void **state)
{
	(void)state;
	assert_true(vu_utf8_is_valid(""));
	assert_true(vu_utf8_is_valid("\xf4\x8f\xbf\xbf"));
	assert_false(vu_utf8_is_valid("\xf4\x90\x80\x80")); /* past U+10FFFF */
	assert_false(vu_utf8_is_valid("\xed\xa0\x80"));     /* surrogate */
	assert_false(vu_utf8_is_valid("\xe0\x80\x80"));     /* overlong */
	assert_false(vu_utf8_is_valid("\xe2\x82"));         /* cut */
	assert_false(vu_utf8_is_valid("\x80"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accepts_names_of_people),
	    cmocka_unit_test(refuses_each_bad_name_in_its_own_words),
	    cmocka_unit_test(length_ends_at_64_bytes),
	    cmocka_unit_test(utf8_is_checked_to_the_letter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
