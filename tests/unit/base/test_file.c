#include "base/file.h"

#include "../folder_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[TEST_PATH_MAX];

static int set_up(void **state)
{
	(void)state;
	test_folder_create(folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_folder_remove(folder);
	return 0;
}

static void path_of(const char *name, char path[TEST_PATH_MAX])
{
	snprintf(path, TEST_PATH_MAX, "%.200s/%.50s", folder, name);
}

/* The message is `before`, the path, `after`. */
static void assert_refused(const char *path, vu_status status, const char *before, const char *after)
{
	vu_error error;
	uint64_t bytes;
	int fd = -1;
	char expected[TEST_PATH_MAX + 200];

	snprintf(expected, sizeof expected, "%s%s%s", before, path, after);
	assert_int_equal(vu_file_open_safely(path, 100, &fd, &bytes, &error), status);
	assert_string_equal(error.message, expected);
	assert_int_equal(fd, -1);
}

static void opens_what_is_safe(void **state)
{
	char path[TEST_PATH_MAX];
	uint64_t bytes = 0;
	int fd = -1;
	vu_error error;

	(void)state;
	test_file_create(folder, "good", "12345", 0644, path);
	assert_int_equal(vu_file_open_safely(path, 5, &fd, &bytes, &error), VU_OK);
	assert_int_equal(bytes, 5);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void refuses_what_is_not(void **state)
{
	char path[TEST_PATH_MAX];
	char link[TEST_PATH_MAX];

	(void)state;
	path_of("missing", path);
	assert_refused(path, VU_NOT_FOUND, "unable to open ", ": No such file or directory");
	test_file_create(folder, "group", "x", 0620, path);
	assert_refused(path, VU_PERMISSION_DENIED, "unable to trust ", ": others can write it; run chmod go-w on it");
	test_file_create(folder, "world", "x", 0602, path);
	assert_refused(path, VU_PERMISSION_DENIED, "unable to trust ", ": others can write it; run chmod go-w on it");
	test_file_create(folder, "good", "x", 0600, path);
	path_of("link", link);
	assert_int_equal(symlink(path, link), 0);
	assert_refused(link, VU_PERMISSION_DENIED, "unable to open ", ": it is a symbolic link");
	assert_refused(folder, VU_INVALID_ARGUMENT, "unable to read ", ": it is not a regular file");
	path_of("pipe", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(path, VU_INVALID_ARGUMENT, "unable to read ", ": it is not a regular file");
}

static void refuses_what_is_too_large(void **state)
{
	char path[TEST_PATH_MAX];
	char content[102];

	(void)state;
	memset(content, 'a', 101);
	content[101] = '\0';
	test_file_create(folder, "large", content, 0600, path);
	assert_refused(path, VU_OUT_OF_RANGE, "unable to read ", ": it has 101 bytes, more than the 100 allowed");
}

/* Only root can give files away. */
static void refuses_another_users_file(void **state)
{
	char path[TEST_PATH_MAX];

	(void)state;
	if (geteuid() != 0)
		skip();
	test_file_create(folder, "foreign", "x", 0600, path);
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_refused(path, VU_PERMISSION_DENIED, "unable to trust ",
	               ": it belongs to another user; chown it to yours");
}

static void reads_whole_files_with_an_end(void **state)
{
	char path[TEST_PATH_MAX];
	char *data = NULL;
	size_t bytes = 0;
	vu_error error;

	(void)state;
	test_file_create(folder, "text", "a\nb", 0600, path);
	assert_int_equal(vu_file_read(path, 100, &data, &bytes, &error), VU_OK);
	assert_int_equal(bytes, 3);
	assert_string_equal(data, "a\nb");
	free(data);
	test_file_create(folder, "empty", "", 0600, path);
	assert_int_equal(vu_file_read(path, 100, &data, &bytes, &error), VU_OK);
	assert_int_equal(bytes, 0);
	assert_string_equal(data, "");
	free(data);
}

static void a_write_replaces_all_or_nothing(void **state)
{
	char path[TEST_PATH_MAX];
	char below[TEST_PATH_MAX];
	struct stat info;
	char *content;
	vu_error error;

	(void)state;
	test_file_create(folder, "file", "the old one, which is longer", 0644, path);
	assert_int_equal(vu_file_write_atomically(path, "new", 3, &error), VU_OK);
	content = test_file_content(path);
	assert_string_equal(content, "new");
	free(content);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(test_folder_entries(folder), 1); /* no temporary file is left */

	snprintf(below, sizeof below, "%.200s/missing/file", folder);
	assert_int_equal(vu_file_write_atomically(below, "new", 3, &error), VU_NOT_FOUND);
	/* A folder in the way: the rename fails after all was written. */
	path_of("folder", path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_not_equal(vu_file_write_atomically(path, "new", 3, &error), VU_OK);
	assert_int_equal(test_folder_entries(folder), 2);
}

static void makes_folders_with_their_parents(void **state)
{
	char path[TEST_PATH_MAX];
	char file[TEST_PATH_MAX];
	struct stat info;
	vu_error error;

	(void)state;
	path_of("a/b/c", path);
	assert_int_equal(vu_file_make_folder(path, &error), VU_OK);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0700);
	assert_int_equal(vu_file_make_folder(path, &error), VU_OK);
	test_file_create(folder, "file", "", 0600, file);
	assert_int_equal(vu_file_make_folder(file, &error), VU_FAILED_PRECONDITION);
	assert_int_equal(vu_file_make_folder("", &error), VU_INVALID_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(opens_what_is_safe, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(refuses_what_is_not, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(refuses_what_is_too_large, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(refuses_another_users_file, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(reads_whole_files_with_an_end, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_write_replaces_all_or_nothing, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(makes_folders_with_their_parents, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
