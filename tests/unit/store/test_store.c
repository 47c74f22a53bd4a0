/* common/store: opening with checks, migrations, transactions, damage. */
#include "store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const FIRST[] = {"CREATE TABLE item (name TEXT PRIMARY KEY, value REAL, count INTEGER);"};
static const char *const BOTH[] = {"CREATE TABLE item (name TEXT PRIMARY KEY, value REAL, count INTEGER);",
                                   "ALTER TABLE item ADD COLUMN note TEXT NOT NULL DEFAULT 'old';"};
static const char *const BROKEN[] = {"CREATE TABLE item (name TEXT PRIMARY KEY, value REAL, count INTEGER);",
                                     "CREATE TABLE other (a); CREATE TABLE item (b);"};
static const vu_store_schema SCHEMA_1 = {0x76750001, FIRST, 1, false};
static const vu_store_schema SCHEMA_2 = {0x76750001, BOTH, 2, false};
static const vu_store_schema SCHEMA_BROKEN = {0x76750001, BROKEN, 2, false};
static const vu_store_schema SCHEMA_FOREIGN = {0x11223344, FIRST, 1, false};

typedef struct fixture {
	char folder[64];
	char path[128];
} fixture;

static int make_folder(void **state)
{
	fixture *f = calloc(1, sizeof *f);
	snprintf(f->folder, sizeof f->folder, "/tmp/vu-store-XXXXXX");
	if (!f || !mkdtemp(f->folder))
		return -1;
	snprintf(f->path, sizeof f->path, "%s/test.db", f->folder);
	*state = f;
	return 0;
}

static int remove_folder(void **state)
{
	fixture *f = *state;
	DIR *folder = opendir(f->folder);
	struct dirent *entry;
	char path[512];

	while (folder && (entry = readdir(folder)) != NULL) {
		snprintf(path, sizeof path, "%s/%s", f->folder, entry->d_name);
		unlink(path);
	}
	if (folder)
		closedir(folder);
	rmdir(f->folder);
	free(f);
	return 0;
}

static void insert(vu_store *store, const char *name, double value, int64_t count)
{
	vu_statement *statement;
	vu_error error;
	assert_int_equal(
	    vu_statement_prepare(store, "INSERT INTO item (name, value, count) VALUES (?, ?, ?)", &statement, &error),
	    VU_OK);
	vu_statement_bind_text(statement, 1, name);
	vu_statement_bind_double(statement, 2, value);
	vu_statement_bind_int(statement, 3, count);
	assert_int_equal(vu_statement_step(statement, NULL, &error), VU_OK);
	vu_statement_finish(statement);
}

static int64_t count_items(vu_store *store)
{
	vu_statement *statement;
	vu_error error;
	bool row;
	int64_t count;
	assert_int_equal(vu_store_begin(store, &error), VU_OK);
	assert_int_equal(vu_statement_prepare(store, "SELECT count(*) FROM item", &statement, &error), VU_OK);
	assert_int_equal(vu_statement_step(statement, &row, &error), VU_OK);
	assert_true(row);
	count = vu_statement_int(statement, 0);
	vu_statement_finish(statement);
	vu_store_rollback(store);
	return count;
}

static void test_values_come_back(void **state)
{
	fixture *f = *state;
	vu_store *store;
	vu_statement *statement;
	vu_error error;
	struct stat info;
	bool row;
	char path[192];

	assert_int_equal(vu_store_open(f->path, &SCHEMA_1, &store, &error), VU_OK);
	assert_int_equal(vu_store_begin(store, &error), VU_OK);
	insert(store, "pi", 3.5, INT64_MAX);
	insert(store, "none", (double)NAN, -1);
	assert_int_equal(vu_store_commit(store, &error), VU_OK);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s%s", f->path, i ? "-wal" : "");
		assert_int_equal(stat(path, &info), 0);
		assert_int_equal(info.st_mode & 0777, 0600);
	}
	vu_store_close(store);

	assert_int_equal(vu_store_open(f->path, &SCHEMA_1, &store, &error), VU_OK);
	assert_int_equal(vu_store_begin(store, &error), VU_OK);
	assert_int_equal(vu_statement_prepare(store, "SELECT name, value, count FROM item ORDER BY count DESC",
	                                      &statement, &error),
	                 VU_OK);
	assert_int_equal(vu_statement_step(statement, &row, &error), VU_OK);
	assert_true(row);
	assert_string_equal(vu_statement_text(statement, 0), "pi");
	assert_true(vu_statement_double(statement, 1) == 3.5);
	assert_true(vu_statement_int(statement, 2) == INT64_MAX);
	assert_int_equal(vu_statement_step(statement, &row, &error), VU_OK);
	assert_true(row);
	assert_true(isnan(vu_statement_double(statement, 1)));
	assert_int_equal(vu_statement_step(statement, &row, &error), VU_OK);
	assert_false(row);
	vu_statement_finish(statement);
	vu_store_rollback(store);
	vu_store_close(store);
}

static void test_rollback_leaves_nothing(void **state)
{
	fixture *f = *state;
	vu_store *store;
	vu_error error;
	assert_int_equal(vu_store_open(f->path, &SCHEMA_1, &store, &error), VU_OK);
	assert_int_equal(vu_store_begin(store, &error), VU_OK);
	insert(store, "gone", 1, 1);
	vu_store_rollback(store);
	assert_int_equal(count_items(store), 0);
	vu_store_close(store);
}

static void test_migration_keeps_rows(void **state)
{
	fixture *f = *state;
	vu_store *store;
	vu_statement *statement;
	vu_error error;
	bool row;
	assert_int_equal(vu_store_open(f->path, &SCHEMA_1, &store, &error), VU_OK);
	assert_int_equal(vu_store_begin(store, &error), VU_OK);
	insert(store, "kept", 1, 1);
	assert_int_equal(vu_store_commit(store, &error), VU_OK);
	vu_store_close(store);
	assert_int_equal(vu_store_open(f->path, &SCHEMA_2, &store, &error), VU_OK);
	assert_int_equal(vu_store_begin(store, &error), VU_OK);
	assert_int_equal(vu_statement_prepare(store, "SELECT name, note FROM item", &statement, &error), VU_OK);
	assert_int_equal(vu_statement_step(statement, &row, &error), VU_OK);
	assert_true(row);
	assert_string_equal(vu_statement_text(statement, 0), "kept");
	assert_string_equal(vu_statement_text(statement, 1), "old");
	vu_statement_finish(statement);
	vu_store_rollback(store);
	vu_store_close(store);
}

static void test_failed_migration_changes_nothing(void **state)
{
	fixture *f = *state;
	vu_store *store = NULL;
	vu_error error;
	assert_int_equal(vu_store_open(f->path, &SCHEMA_1, &store, &error), VU_OK);
	vu_store_close(store);
	assert_int_equal(vu_store_open(f->path, &SCHEMA_BROKEN, &store, &error), VU_INTERNAL);
	assert_non_null(strstr(error.message, "already exists"));
	/* The half-done second step is gone: the right second step still applies. */
	assert_int_equal(vu_store_open(f->path, &SCHEMA_2, &store, &error), VU_OK);
	vu_store_close(store);
}

static void test_newer_and_foreign_files_are_refused_untouched(void **state)
{
	fixture *f = *state;
	vu_store *store = NULL;
	vu_error error;
	bool moved = true;
	assert_int_equal(vu_store_open(f->path, &SCHEMA_2, &store, &error), VU_OK);
	vu_store_close(store);
	assert_int_equal(vu_store_open_or_replace(f->path, &SCHEMA_1, &store, &moved, &error),
	                 VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "update voice-unlock"));
	assert_false(moved);
	assert_int_equal(vu_store_open_or_replace(f->path, &SCHEMA_FOREIGN, &store, &moved, &error),
	                 VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "another program's database"));
	assert_int_equal(vu_store_open(f->path, &SCHEMA_2, &store, &error), VU_OK);
	vu_store_close(store);
}

static void write_garbage(const char *path, long offset, size_t bytes)
{
	FILE *file = fopen(path, offset ? "r+" : "w");
	assert_non_null(file);
	assert_int_equal(fseek(file, offset, SEEK_SET), 0);
	for (size_t i = 0; i < bytes; i++)
		fputc((int)(i * 7 + 13) & 0xff, file);
	fclose(file);
}

static void test_damaged_file_is_moved_aside(void **state)
{
	fixture *f = *state;
	vu_store *store = NULL;
	vu_error error;
	bool moved = false;
	int kept = 0;
	DIR *folder;
	struct dirent *entry;

	write_garbage(f->path, 0, 8192);
	assert_int_equal(vu_store_open(f->path, &SCHEMA_1, &store, &error), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "damaged"));
	assert_int_equal(vu_store_open_or_replace(f->path, &SCHEMA_1, &store, &moved, &error), VU_OK);
	assert_true(moved);
	assert_int_equal(count_items(store), 0);
	vu_store_close(store);
	folder = opendir(f->folder);
	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL)
		kept += strstr(entry->d_name, "test.db.damaged-") != NULL;
	closedir(folder);
	assert_true(kept >= 1);
}

static void test_damage_inside_is_found_at_opening(void **state)
{
	fixture *f = *state;
	vu_store *store = NULL;
	vu_error error;
	char name[32];
	assert_int_equal(vu_store_open(f->path, &SCHEMA_1, &store, &error), VU_OK);
	assert_int_equal(vu_store_begin(store, &error), VU_OK);
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof name, "a rather long item name %d", i);
		insert(store, name, i, i);
	}
	assert_int_equal(vu_store_commit(store, &error), VU_OK);
	vu_store_close(store);
	write_garbage(f->path, 4096, 12000);
	assert_int_equal(vu_store_open(f->path, &SCHEMA_1, &store, &error), VU_DATA_LOSS);
}

static void test_unsafe_files_are_refused(void **state)
{
	fixture *f = *state;
	vu_store *store = NULL;
	vu_error error;
	char target[192];
	struct stat info;

	snprintf(target, sizeof target, "%s/target", f->folder);
	assert_int_equal(symlink(target, f->path), 0);
	assert_int_equal(vu_store_open(f->path, &SCHEMA_1, &store, &error), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "symbolic link"));
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_int_equal(vu_store_open(f->path, &SCHEMA_1, &store, &error), VU_PERMISSION_DENIED);
	assert_int_equal(unlink(f->path), 0);
	/* A file that others could read is closed to them. */
	assert_int_equal(close(open(f->path, O_CREAT | O_WRONLY, 0644)), 0);
	assert_int_equal(vu_store_open(f->path, &SCHEMA_1, &store, &error), VU_OK);
	assert_int_equal(stat(f->path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	vu_store_close(store);
	assert_int_equal(vu_store_open("/nonexistent-folder/x.db", &SCHEMA_1, &store, &error), VU_NOT_FOUND);
}

static void test_lock_of_another_program_is_unavailable(void **state)
{
	fixture *f = *state;
	vu_store *store = NULL;
	sqlite3 *other = NULL;
	vu_error error;
	assert_int_equal(vu_store_open(f->path, &SCHEMA_1, &store, &error), VU_OK);
	assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(vu_store_begin(store, &error), VU_UNAVAILABLE);
	assert_non_null(strstr(error.message, "keeps it locked"));
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	assert_int_equal(vu_store_begin(store, &error), VU_OK);
	vu_store_rollback(store);
	vu_store_close(store);
}

static void *insert_many(void *argument)
{
	vu_store *store = argument;
	vu_error error;
	char name[64];
	for (int i = 0; i < 25; i++) {
		snprintf(name, sizeof name, "%p-%d", (void *)&name, i);
		if (vu_store_begin(store, &error) != VU_OK)
			return argument;
		insert(store, name, i, i);
		if (vu_store_commit(store, &error) != VU_OK)
			return argument;
	}
	return NULL;
}

static void test_threads_take_turns(void **state)
{
	fixture *f = *state;
	vu_store *store = NULL;
	vu_error error;
	pthread_t threads[4];
	void *result;
	assert_int_equal(vu_store_open(f->path, &SCHEMA_1, &store, &error), VU_OK);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, insert_many, store), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
	assert_int_equal(count_items(store), 100);
	vu_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_values_come_back, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_rollback_leaves_nothing, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_migration_keeps_rows, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_failed_migration_changes_nothing, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_newer_and_foreign_files_are_refused_untouched, make_folder,
	                                    remove_folder),
	    cmocka_unit_test_setup_teardown(test_damaged_file_is_moved_aside, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_damage_inside_is_found_at_opening, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_unsafe_files_are_refused, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_lock_of_another_program_is_unavailable, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_threads_take_turns, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
