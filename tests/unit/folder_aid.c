/* Private folders for tests. */
#include "folder_aid.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

void test_folder_create(char folder[TEST_PATH_MAX])
{
	snprintf(folder, TEST_PATH_MAX, "/tmp/vu-unit.XXXXXX");
	assert_non_null(mkdtemp(folder));
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
	(void)info;
	(void)kind;
	(void)place;
	return remove(path);
}

void test_folder_remove(const char *folder)
{
	assert_int_equal(nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void test_file_create(const char *folder, const char *name, const char *content, mode_t mode,
                      char path[TEST_PATH_MAX])
{
	char own_path[TEST_PATH_MAX];
	FILE *file;

	if (!path)
		path = own_path;
	snprintf(path, TEST_PATH_MAX, "%.200s/%.50s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, strlen(content), file), strlen(content));
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

char *test_file_content(const char *path)
{
	FILE *file = fopen(path, "r");
	long bytes;
	char *content;

	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	bytes = ftell(file);
	assert_true(bytes >= 0);
	rewind(file);
	content = malloc((size_t)bytes + 1);
	assert_non_null(content);
	assert_int_equal(fread(content, 1, (size_t)bytes, file), bytes);
	content[bytes] = '\0';
	fclose(file);
	return content;
}

size_t test_folder_entries(const char *folder)
{
	DIR *listing = opendir(folder);
	struct dirent *entry;
	size_t count = 0;

	assert_non_null(listing);
	while ((entry = readdir(listing)))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(listing);
	return count;
}
