/*
 * One SQLite database file, opened with checks and used under one lock.
 *
 * A store is a file (mode 0600, its own WAL beside it) with a list of
 * migrations; PRAGMA user_version counts those that were applied. Everything
 * happens between vu_store_begin and vu_store_commit or vu_store_rollback: that
 * is one transaction, and the lock of the store, so any number of threads may
 * use one store. Statements belong to the transaction that prepared them.
 *
 * Errors: DATA_LOSS the file is damaged or no database; PERMISSION_DENIED it
 * belongs to somebody else or cannot be written; RESOURCE_EXHAUSTED the disk is
 * full; UNAVAILABLE another process keeps it locked; FAILED_PRECONDITION a
 * newer version of the program wrote it, or it is another program's database.
 */
#ifndef VU_STORE_STORE_H
#define VU_STORE_STORE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vu_store vu_store;
typedef struct vu_statement vu_statement;

/* How long a transaction waits for another process's lock. */
#define VU_STORE_BUSY_MS 2000

typedef struct vu_store_schema {
	uint32_t application_id;       /* PRAGMA application_id: tells our files from other programs' */
	const char *const *migrations; /* SQL scripts; the first makes version 1 of an empty file */
	unsigned migration_count;
	bool relaxed; /* a loss of power may undo the last commits (a killed process never does): no fsync each */
} vu_store_schema;

/*
 * Opens or creates `path` and brings its schema up to date. The folder must
 * exist. Close with vu_store_close.
 */
vu_status vu_store_open(const char *path, const vu_store_schema *schema, vu_store **store_out, vu_error *error);

/*
 * The same; but a damaged file is renamed to <path>.damaged-<time> (its WAL
 * too), which is logged, and a new one is begun. *moved_out says whether that
 * happened (may be NULL).
 */
vu_status vu_store_open_or_replace(const char *path, const vu_store_schema *schema, vu_store **store_out,
                                   bool *moved_out, vu_error *error);

/* NULL is allowed. No transaction may be open. */
void vu_store_close(vu_store *store);

/* Takes the lock and begins a transaction that may write. On failure neither is held. */
vu_status vu_store_begin(vu_store *store, vu_error *error);
/* Ends it durably: after OK it survives a loss of power. On failure nothing of it happened. Releases the lock either
 * way. */
vu_status vu_store_commit(vu_store *store, vu_error *error);
/* Undoes it and releases the lock. */
void vu_store_rollback(vu_store *store);

/* ---- within a transaction ---- */

/* Runs SQL without results. */
vu_status vu_store_execute(vu_store *store, const char *sql, vu_error *error);

/* `sql` is one statement; free with vu_statement_finish before the transaction ends. */
vu_status vu_statement_prepare(vu_store *store, const char *sql, vu_statement **statement_out, vu_error *error);
/* Positions count from 1. Text is copied; NULL binds NULL. A NaN binds NULL. */
void vu_statement_bind_text(vu_statement *statement, int position, const char *text);
void vu_statement_bind_int(vu_statement *statement, int position, int64_t value);
void vu_statement_bind_double(vu_statement *statement, int position, double value);
/* Copied. */
void vu_statement_bind_blob(vu_statement *statement, int position, const void *data, size_t bytes);
/* Makes the statement ready to be bound and run again. */
void vu_statement_reset(vu_statement *statement);
/* *row_out: true when there is a row to read, false when done. Reports what binding could not do, too. */
vu_status vu_statement_step(vu_statement *statement, bool *row_out, vu_error *error);
/* Columns count from 0. Text lives until the next step and is "" for NULL; a double is NaN for NULL. */
const char *vu_statement_text(vu_statement *statement, int column);
int64_t vu_statement_int(vu_statement *statement, int column);
/* Lives until the next step; NULL for an empty one. */
const void *vu_statement_blob(vu_statement *statement, int column, size_t *bytes_out);
double vu_statement_double(vu_statement *statement, int column);
/* NULL is allowed. */
void vu_statement_finish(vu_statement *statement);

#endif
