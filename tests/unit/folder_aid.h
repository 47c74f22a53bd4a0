/* A private folder for one test, gone afterwards. Every function fails the test rather than return an error. */
#ifndef VU_TESTS_FOLDER_AID_H
#define VU_TESTS_FOLDER_AID_H

#include <stddef.h>
#include <sys/types.h>

#define TEST_PATH_MAX 256

/* Makes an empty folder of mode 0700 and writes its path into `folder`. */
void test_folder_create(char folder[TEST_PATH_MAX]);

/* Removes it with all that is in it. */
void test_folder_remove(const char *folder);

/* folder/name with this content and exactly this mode; the path goes into `path` (may be NULL). */
void test_file_create(const char *folder, const char *name, const char *content, mode_t mode,
                      char path[TEST_PATH_MAX]);

/* The whole file as text; the caller frees. */
char *test_file_content(const char *path);

/* Entries of a folder, without "." and "..". */
size_t test_folder_entries(const char *folder);

#endif
