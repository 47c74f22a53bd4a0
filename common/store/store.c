/*
 * Opening, migrating and transactions.
 *
 * The file is created with mode 0600 before SQLite sees it, because SQLite
 * gives its WAL the mode of the database. Commits are synchronous (FULL): what
 * a lockout rests on must survive a pulled plug. A damaged file is found by
 * quick_check at opening, or later by SQLITE_CORRUPT from any query; both are
 * DATA_LOSS, and the caller decides whether to begin a new file.
 */
#include "store/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

vu_status vu_store_fail(sqlite3 *database, int code, const char *path, const char *action, vu_error *error)
{
	const char *reason = database ? sqlite3_errmsg(database) : sqlite3_errstr(code);

	switch (code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return vu_fail(error, VU_DATA_LOSS, "unable to %s %s: it is damaged (%s)", action, path, reason);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return vu_fail(error, VU_UNAVAILABLE,
		               "unable to %s %s: another program keeps it locked; close what has it open", action,
		               path);
	case SQLITE_FULL:
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to %s %s: the disk is full; free some space",
		               action, path);
	case SQLITE_NOMEM:
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to %s %s: out of memory", action, path);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to %s %s: %s; make the file and its folder writable for this user", action,
		               path, reason);
	default:
		return vu_fail(error, VU_INTERNAL, "unable to %s %s: %s", action, path, reason);
	}
}

/* Makes sure that `path` is our own regular file with mode 0600, creating it empty when it is missing. */
static vu_status prepare_file(const char *path, vu_error *error)
{
	struct stat info;
	vu_status status = VU_OK;
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);

	if (fd < 0) {
		if (errno == ELOOP)
			return vu_fail(error, VU_PERMISSION_DENIED,
			               "unable to open %s: it is a symbolic link; replace it by a file", path);
		return vu_fail_errno(error, errno, "unable to open %s", path);
	}
	if (fstat(fd, &info) != 0)
		status = vu_fail_errno(error, errno, "unable to examine %s", path);
	else if (!S_ISREG(info.st_mode))
		status = vu_fail(error, VU_PERMISSION_DENIED, "unable to open %s: it is not a regular file", path);
	else if (info.st_uid != geteuid())
		status = vu_fail(error, VU_PERMISSION_DENIED,
		                 "unable to open %s: it belongs to another user; chown it to yours", path);
	else if ((info.st_mode & 0177) != 0 && fchmod(fd, 0600) != 0)
		status = vu_fail_errno(error, errno, "unable to set the mode of %s to 0600", path);
	close(fd);
	return status;
}

/* The single number that a pragma answers. */
static vu_status read_pragma(vu_store *store, const char *sql, int64_t *value_out, vu_error *error)
{
	vu_statement *statement = NULL;
	bool row = false;
	vu_status status = vu_statement_prepare(store, sql, &statement, error);

	if (status == VU_OK)
		status = vu_statement_step(statement, &row, error);
	if (status == VU_OK)
		*value_out = row ? vu_statement_int(statement, 0) : 0;
	vu_statement_finish(statement);
	return status;
}

static vu_status check_integrity(vu_store *store, vu_error *error)
{
	vu_statement *statement = NULL;
	bool row = false;
	vu_status status = vu_statement_prepare(store, "PRAGMA quick_check(1)", &statement, error);

	if (status == VU_OK)
		status = vu_statement_step(statement, &row, error);
	if (status == VU_OK && (!row || strcmp(vu_statement_text(statement, 0), "ok") != 0))
		status = vu_fail(error, VU_DATA_LOSS, "unable to open %s: it is damaged (%s)", store->path,
		                 row ? vu_statement_text(statement, 0) : "no answer from quick_check");
	vu_statement_finish(statement);
	return status;
}

static vu_status migrate(vu_store *store, const vu_store_schema *schema, vu_error *error)
{
	char sql[64];
	int64_t version = 0;
	int64_t application = 0;
	vu_status status = vu_store_begin(store, error);

	if (status != VU_OK)
		return status;
	/* Read within the transaction: another process may be migrating the same file. */
	status = read_pragma(store, "PRAGMA user_version", &version, error);
	if (status == VU_OK)
		status = read_pragma(store, "PRAGMA application_id", &application, error);
	if (status == VU_OK && version > 0 && application != (int64_t)schema->application_id)
		status = vu_fail(error, VU_FAILED_PRECONDITION,
		                 "unable to open %s: it is another program's database; move it away", store->path);
	if (status == VU_OK && version > (int64_t)schema->migration_count)
		status = vu_fail(
		    error, VU_FAILED_PRECONDITION,
		    "unable to open %s: a newer version of voice-unlock wrote it (schema %lld, this program knows "
		    "%u); update voice-unlock",
		    store->path, (long long)version, schema->migration_count);
	for (unsigned next = (unsigned)version; status == VU_OK && next < schema->migration_count; next++) {
		status = vu_store_execute(store, schema->migrations[next], error);
		snprintf(sql, sizeof sql, "PRAGMA user_version = %u", next + 1);
		if (status == VU_OK)
			status = vu_store_execute(store, sql, error);
	}
	if (status == VU_OK && version == 0) {
		snprintf(sql, sizeof sql, "PRAGMA application_id = %u", schema->application_id);
		status = vu_store_execute(store, sql, error);
	}
	if (status != VU_OK) {
		vu_store_rollback(store);
		return status;
	}
	return vu_store_commit(store, error);
}

vu_status vu_store_open(const char *path, const vu_store_schema *schema, vu_store **store_out, vu_error *error)
{
	vu_store *store;
	vu_status status = prepare_file(path, error);
	int code;

	if (status != VU_OK)
		return status;
	store = calloc(1, sizeof *store);
	if (!store)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open %s: out of memory", path);
	pthread_mutex_init(&store->lock, NULL);
	store->path = strdup(path);
	if (!store->path) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open %s: out of memory", path);
		goto fail;
	}
	/* NOMUTEX: our own lock covers every use of the connection. */
	code = sqlite3_open_v2(path, &store->database,
	                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
	if (code != SQLITE_OK) {
		status = vu_store_fail(store->database, code, path, "open", error);
		goto fail;
	}
	sqlite3_extended_result_codes(store->database, 1);
	sqlite3_busy_timeout(store->database, VU_STORE_BUSY_MS);
	status = vu_store_execute(store,
	                          "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
	                          "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -512; PRAGMA secure_delete = ON;",
	                          error);
	if (status == VU_OK && schema->relaxed)
		status = vu_store_execute(store, "PRAGMA synchronous = NORMAL;", error);
	if (status == VU_OK)
		status = check_integrity(store, error);
	if (status == VU_OK)
		status = migrate(store, schema, error);
	if (status != VU_OK)
		goto fail;
	*store_out = store;
	return VU_OK;
fail:
	vu_store_close(store);
	return status;
}

/* Renames path<suffix> to path.damaged-<stamp><suffix>; a missing file is fine. */
static vu_status move_aside(const char *path, const char *stamp, const char *suffix, vu_error *error)
{
	char from[PATH_MAX];
	char to[PATH_MAX];

	if ((size_t)snprintf(from, sizeof from, "%s%s", path, suffix) >= sizeof from ||
	    (size_t)snprintf(to, sizeof to, "%s.damaged-%s%s", path, stamp, suffix) >= sizeof to)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to move %s aside: its path is too long", path);
	if (rename(from, to) != 0 && errno != ENOENT)
		return vu_fail_errno(error, errno, "unable to move %s aside to %s", from, to);
	return VU_OK;
}

vu_status vu_store_open_or_replace(const char *path, const vu_store_schema *schema, vu_store **store_out,
                                   bool *moved_out, vu_error *error)
{
	static const char *const SUFFIXES[] = {"", "-wal", "-shm"};
	vu_error reason = {0};
	char stamp[48];
	struct tm utc;
	int64_t now_us = vu_clock_wall_us();
	time_t now_s = (time_t)(now_us / 1000000);
	size_t used;
	vu_status status = vu_store_open(path, schema, store_out, &reason);

	if (moved_out)
		*moved_out = false;
	if (status != VU_DATA_LOSS) {
		if (status != VU_OK && error)
			*error = reason;
		return status;
	}
	gmtime_r(&now_s, &utc);
	used = strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &utc);
	snprintf(stamp + used, sizeof stamp - used, ".%06d", (int)(now_us % 1000000));
	for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++) {
		status = move_aside(path, stamp, SUFFIXES[i], error);
		if (status != VU_OK)
			return status;
	}
	vu_log_error(
	    "%s; moved it aside to %s.damaged-%s and began a new one: what it held is not taken into account "
	    "any more, examine it before deleting it",
	    reason.message, path, stamp);
	if (moved_out)
		*moved_out = true;
	return vu_store_open(path, schema, store_out, error);
}

void vu_store_close(vu_store *store)
{
	if (!store)
		return;
	sqlite3_close(store->database);
	pthread_mutex_destroy(&store->lock);
	free(store->path);
	free(store);
}

vu_status vu_store_execute(vu_store *store, const char *sql, vu_error *error)
{
	int code = sqlite3_exec(store->database, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? VU_OK : vu_store_fail(store->database, code, store->path, "change", error);
}

vu_status vu_store_begin(vu_store *store, vu_error *error)
{
	vu_status status;

	pthread_mutex_lock(&store->lock);
	/* IMMEDIATE: the write lock is taken now, or not at all; a later upgrade could fail half-way. */
	status = vu_store_execute(store, "BEGIN IMMEDIATE", error);
	if (status != VU_OK)
		pthread_mutex_unlock(&store->lock);
	return status;
}

vu_status vu_store_commit(vu_store *store, vu_error *error)
{
	vu_status status = vu_store_execute(store, "COMMIT", error);

	if (status != VU_OK && !sqlite3_get_autocommit(store->database))
		sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
	pthread_mutex_unlock(&store->lock);
	return status;
}

void vu_store_rollback(vu_store *store)
{
	/* After some errors SQLite has rolled back by itself. */
	if (!sqlite3_get_autocommit(store->database))
		sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
	pthread_mutex_unlock(&store->lock);
}
