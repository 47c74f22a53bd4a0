/* Names as file names, and the files themselves. */
#include "template_store.h"

#include "base/clock.h"
#include "base/file.h"
#include "name_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64];
static template_store store;

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vu-store-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(template_store_init(&store, folder, NULL), VU_OK);
	return 0;
}

static int teardown(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static void test_names_there_and_back(void **state)
{
	static const char *const names[] = {"anna", "Anna",  "ANNA", "a.b-c_d", "zoë",
	                                    "李雷", "100 %", "a%41", "x:y*?"};
	char code[NAME_CODE_SIZE];
	char back[VU_USER_NAME_MAX + 1];
	char longest[VU_USER_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		name_code_encode(names[i], code);
		assert_null(strchr(code, '/'));
		assert_true(code[0] != '.');
		for (const char *c = code; *c; c++)
			assert_false(*c >= 'A' && *c <= 'Z');
		assert_true(name_code_decode(code, strlen(code), back));
		assert_string_equal(back, names[i]);
	}
	memset(longest, 'X', VU_USER_NAME_MAX);
	longest[VU_USER_NAME_MAX] = '\0';
	name_code_encode(longest, code);
	assert_int_equal(strlen(code), 3 * VU_USER_NAME_MAX);
	assert_true(name_code_decode(code, strlen(code), back));
	assert_string_equal(back, longest);
}

static void test_codes_that_are_none(void **state)
{
	static const char *const codes[] = {"",     "Anna", "%61", "%4",     "%zz", "%2f",
	                                    "a%00", "..",   ".a",  "%C3%AB", "a b", "%0a"};
	char name[VU_USER_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		assert_false(name_code_decode(codes[i], strlen(codes[i]), name));
}

static bool count_users(void *context, const char *user)
{
	(void)user;
	++*(int *)context;
	return true;
}

static int users_in(const char *namespace)
{
	int count = 0;
	assert_int_equal(template_store_list(&store, namespace, count_users, &count, NULL), VU_OK);
	return count;
}

static void test_namespaces_are_apart(void **state)
{
	static const uint8_t id[VU_ID_BYTES] = {1};
	char path[PATH_MAX];
	struct stat info;
	uint64_t bytes;

	(void)state;
	assert_int_equal(users_in(""), 0);
	assert_int_equal(template_store_write(&store, "", "anna", "real", 4, NULL), VU_OK);
	assert_int_equal(template_store_write(&store, "", "Anna", "other", 5, NULL), VU_OK);
	assert_int_equal(template_store_write(&store, "users", "anna", "test", 4, NULL), VU_OK);
	assert_int_equal(users_in(""), 2);
	assert_int_equal(users_in("users"), 1);
	assert_int_equal(template_store_path(&store, "", "anna", path, NULL), VU_OK);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(info.st_size, 4);
	assert_int_equal(template_store_remove_namespace(&store, "users", NULL), VU_OK);
	assert_int_equal(template_store_remove_namespace(&store, "users", NULL), VU_OK);
	assert_int_equal(template_store_remove_namespace(&store, "", NULL), VU_INVALID_ARGUMENT);
	assert_int_equal(users_in("users"), 0);
	assert_int_equal(users_in(""), 2);
	assert_int_equal(template_store_remove(&store, "", "Anna", id, &bytes, NULL), VU_OK);
	assert_int_equal(bytes, 5);
	assert_true(template_store_exists(&store, "", "anna"));
	assert_int_equal(template_store_remove(&store, "", "anna", id, &bytes, NULL), VU_OK);
}

static void test_last_use(void **state)
{
	static const uint8_t id[VU_ID_BYTES] = {2};
	uint64_t bytes;

	(void)state;
	assert_int_equal(template_store_write(&store, "", "bert", "x", 1, NULL), VU_OK);
	assert_int_equal(template_store_last_used_us(&store, "", "bert"), 0);
	template_store_touch(&store, "", "bert");
	assert_true(template_store_last_used_us(&store, "", "bert") > 1500000000000000);
	assert_int_equal(template_store_remove(&store, "", "bert", id, &bytes, NULL), VU_OK);
	assert_int_equal(template_store_last_used_us(&store, "", "bert"), 0);
}

static void test_removal_is_known_again(void **state)
{
	uint8_t id[VU_ID_BYTES] = {3};
	uint8_t other[VU_ID_BYTES] = {4};
	uint64_t bytes;

	(void)state;
	assert_int_equal(template_store_remove(&store, "", "carl", id, &bytes, NULL), VU_NOT_FOUND);
	assert_int_equal(template_store_write(&store, "", "carl", "xyz", 3, NULL), VU_OK);
	assert_int_equal(template_store_remove(&store, "", "carl", id, &bytes, NULL), VU_OK);
	assert_int_equal(bytes, 3);
	assert_int_equal(template_store_remove(&store, "", "carl", id, &bytes, NULL), VU_OK);
	assert_int_equal(bytes, 0);
	assert_int_equal(template_store_remove(&store, "", "carl", other, &bytes, NULL), VU_NOT_FOUND);
	/* The list has an end: after so many others it is forgotten. */
	for (uint8_t i = 0; i < 70; i++) {
		other[1] = (uint8_t)(i + 1);
		assert_int_equal(template_store_write(&store, "", "carl", "xyz", 3, NULL), VU_OK);
		assert_int_equal(template_store_remove(&store, "", "carl", other, &bytes, NULL), VU_OK);
	}
	assert_int_equal(template_store_remove(&store, "", "carl", other, &bytes, NULL), VU_OK);
	assert_int_equal(template_store_remove(&store, "", "carl", id, &bytes, NULL), VU_NOT_FOUND);
}

static void test_what_is_not_ours_is_not_listed(void **state)
{
	char path[PATH_MAX + 32];

	(void)state;
	assert_int_equal(template_store_write(&store, "n", "dora", "x", 1, NULL), VU_OK);
	snprintf(path, sizeof path, "%s/namespace-n/Dora.vut", store.folder);
	assert_int_equal(vu_file_write_atomically(path, "x", 1, NULL), VU_OK);
	snprintf(path, sizeof path, "%s/namespace-n/dora.vut.AbCdEf", store.folder);
	assert_int_equal(vu_file_write_atomically(path, "x", 1, NULL), VU_OK);
	assert_int_equal(users_in("n"), 1);
	assert_int_equal(template_store_remove_namespace(&store, "n", NULL), VU_OK);
}

static void test_abandoned_namespaces_are_swept(void **state)
{
	int64_t now_us = vu_clock_wall_us();

	(void)state;
	assert_int_equal(template_store_write(&store, "cut off", "emil", "x", 1, NULL), VU_OK);
	assert_int_equal(template_store_write(&store, "", "emil", "x", 1, NULL), VU_OK);
	assert_int_equal(template_store_sweep(&store, now_us), 0);
	assert_int_equal(template_store_sweep(&store, now_us + (TEMPLATE_NAMESPACE_AGE_S - 60) * 1000000LL), 0);
	assert_true(template_store_exists(&store, "cut off", "emil"));
	assert_int_equal(template_store_sweep(&store, now_us + (TEMPLATE_NAMESPACE_AGE_S + 60) * 1000000LL), 1);
	assert_false(template_store_exists(&store, "cut off", "emil"));
	assert_true(template_store_exists(&store, "", "emil"));
}

static void test_home_that_is_too_long(void **state)
{
	template_store other;
	char home[PATH_MAX];

	(void)state;
	memset(home, 'a', sizeof home - 1);
	home[sizeof home - 1] = '\0';
	assert_int_equal(template_store_init(&other, home, NULL), VU_OUT_OF_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names_there_and_back),
	    cmocka_unit_test(test_codes_that_are_none),
	    cmocka_unit_test(test_namespaces_are_apart),
	    cmocka_unit_test(test_last_use),
	    cmocka_unit_test(test_removal_is_known_again),
	    cmocka_unit_test(test_what_is_not_ours_is_not_listed),
	    cmocka_unit_test(test_abandoned_namespaces_are_swept),
	    cmocka_unit_test(test_home_that_is_too_long),
	};
	return cmocka_run_group_tests_name("template_store", tests, setup, teardown);
}
