/*
 * Prepared statements. A binding that fails (out of memory, too long) is
 * remembered and reported by the next step, so that callers check once.
 */
#include "store/internal.h"

#include <math.h>
#include <stdlib.h>

struct vu_statement {
	vu_store *store;
	sqlite3_stmt *handle;
	int bind_code;
};

vu_status vu_statement_prepare(vu_store *store, const char *sql, vu_statement **statement_out, vu_error *error)
{
	vu_statement *statement = calloc(1, sizeof *statement);
	int code;

	if (!statement)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to prepare a query: out of memory");
	statement->store = store;
	code = sqlite3_prepare_v2(store->database, sql, -1, &statement->handle, NULL);
	if (code != SQLITE_OK) {
		free(statement);
		return vu_store_fail(store->database, code, store->path, "query", error);
	}
	*statement_out = statement;
	return VU_OK;
}

static void note_binding(vu_statement *statement, int code)
{
	if (code != SQLITE_OK && statement->bind_code == SQLITE_OK)
		statement->bind_code = code;
}

void vu_statement_bind_text(vu_statement *statement, int position, const char *text)
{
	note_binding(statement, sqlite3_bind_text(statement->handle, position, text, -1, SQLITE_TRANSIENT));
}

void vu_statement_bind_int(vu_statement *statement, int position, int64_t value)
{
	note_binding(statement, sqlite3_bind_int64(statement->handle, position, value));
}

void vu_statement_bind_double(vu_statement *statement, int position, double value)
{
	/* SQLite itself turns NaN into NULL; said here because readers rely on it. */
	if (isnan(value))
		note_binding(statement, sqlite3_bind_null(statement->handle, position));
	else
		note_binding(statement, sqlite3_bind_double(statement->handle, position, value));
}

void vu_statement_bind_blob(vu_statement *statement, int position, const void *data, size_t bytes)
{
	note_binding(statement, sqlite3_bind_blob64(statement->handle, position, data, bytes, SQLITE_TRANSIENT));
}

void vu_statement_reset(vu_statement *statement)
{
	/* A failed step was reported when it happened. */
	sqlite3_reset(statement->handle);
}

vu_status vu_statement_step(vu_statement *statement, bool *row_out, vu_error *error)
{
	vu_store *store = statement->store;
	int code;

	if (row_out)
		*row_out = false;
	if (statement->bind_code != SQLITE_OK)
		return vu_store_fail(store->database, statement->bind_code, store->path, "query", error);
	code = sqlite3_step(statement->handle);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return vu_store_fail(store->database, code, store->path, "query", error);
	if (row_out)
		*row_out = code == SQLITE_ROW;
	return VU_OK;
}

const char *vu_statement_text(vu_statement *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement->handle, column);
	return text ? (const char *)text : "";
}

int64_t vu_statement_int(vu_statement *statement, int column)
{
	return sqlite3_column_int64(statement->handle, column);
}

const void *vu_statement_blob(vu_statement *statement, int column, size_t *bytes_out)
{
	const void *data = sqlite3_column_blob(statement->handle, column);
	*bytes_out = (size_t)sqlite3_column_bytes(statement->handle, column);
	return data;
}

double vu_statement_double(vu_statement *statement, int column)
{
	if (sqlite3_column_type(statement->handle, column) == SQLITE_NULL)
		return (double)NAN;
	return sqlite3_column_double(statement->handle, column);
}

void vu_statement_finish(vu_statement *statement)
{
	if (!statement)
		return;
	sqlite3_finalize(statement->handle);
	free(statement);
}
