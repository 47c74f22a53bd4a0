/* Private folders: made, closed, refused. */
#include "folders.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[64];

static int make_base(void **state)
{
	(void)state;
	snprintf(base, sizeof base, "/tmp/vu-folders-XXXXXX");
	return mkdtemp(base) ? 0 : -1;
}

static int remove_base(void **state)
{
	char path[128];
	(void)state;
	snprintf(path, sizeof path, "%s/a/b", base);
	rmdir(path);
	snprintf(path, sizeof path, "%s/a", base);
	if (rmdir(path) != 0)
		unlink(path);
	return rmdir(base);
}

static void within(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", base, name);
}

static unsigned mode_of(const char *path)
{
	struct stat info;
	assert_int_equal(stat(path, &info), 0);
	return info.st_mode & 0777;
}

static void makes_folder_and_parents(void **state)
{
	(void)state;
	char path[128];
	vu_error error = {0};
	within(path, sizeof path, "a/b");
	assert_int_equal(vu_folder_make_private(path, &error), VU_OK);
	assert_int_equal(mode_of(path), 0700);
	within(path, sizeof path, "a");
	assert_int_equal(mode_of(path), 0700);
}

static void closes_one_that_others_can_read(void **state)
{
	(void)state;
	char path[128];
	vu_error error = {0};
	within(path, sizeof path, "a");
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(vu_folder_make_private(path, &error), VU_OK);
	assert_int_equal(mode_of(path), 0700);
}

static void refuses_one_that_others_can_write_to(void **state)
{
	(void)state;
	static const mode_t MODES[] = {0777, 0770, 0702, 01777};
	char path[128];
	within(path, sizeof path, "a");
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < sizeof MODES / sizeof MODES[0]; i++) {
		vu_error error = {0};
		assert_int_equal(chmod(path, MODES[i]), 0);
		assert_int_equal(vu_folder_make_private(path, &error), VU_PERMISSION_DENIED);
		assert_non_null(strstr(error.message, "others can write to it"));
		assert_non_null(strstr(error.message, "chmod 700"));
	}
}

static void refuses_a_symbolic_link(void **state)
{
	(void)state;
	char path[128];
	vu_error error = {0};
	within(path, sizeof path, "a");
	assert_int_equal(symlink("/tmp", path), 0);
	assert_int_equal(vu_folder_make_private(path, &error), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "symbolic link"));
}

static void refuses_a_file(void **state)
{
	(void)state;
	char path[128];
	vu_error error = {0};
	FILE *file;
	within(path, sizeof path, "a");
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(vu_folder_make_private(path, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "it is not a folder"));
}

static void refuses_one_of_somebody_else(void **state)
{
	(void)state;
	char path[128];
	vu_error error = {0};
	if (geteuid() != 0)
		skip();
	within(path, sizeof path, "a");
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
	assert_int_equal(vu_folder_make_private(path, &error), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "belongs to another user"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(makes_folder_and_parents, make_base, remove_base),
	    cmocka_unit_test_setup_teardown(closes_one_that_others_can_read, make_base, remove_base),
	    cmocka_unit_test_setup_teardown(refuses_one_that_others_can_write_to, make_base, remove_base),
	    cmocka_unit_test_setup_teardown(refuses_a_symbolic_link, make_base, remove_base),
	    cmocka_unit_test_setup_teardown(refuses_a_file, make_base, remove_base),
	    cmocka_unit_test_setup_teardown(refuses_one_of_somebody_else, make_base, remove_base),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
