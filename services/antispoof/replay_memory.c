/*
 * The replay memory in SQLite (write-ahead log, so that a killed process loses
 * at most the attempt it was writing). The statements are prepared once; a
 * failed statement rolls the transaction back and is reported, and the caller
 * then refuses the attempt as unavailable.
 */
#include "replay_memory.h"

#include "replay_votes.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 2000

struct vu_replay_memory {
	pthread_mutex_t lock;
	sqlite3 *db;
	vu_clock clock;
	uint8_t key[crypto_shorthash_KEYBYTES];
	char path[PATH_MAX];
	sqlite3_stmt *find;
	sqlite3_stmt *attempt_by_name;
	sqlite3_stmt *attempt_by_row;
	sqlite3_stmt *add_attempt;
	sqlite3_stmt *add_landmark;
	sqlite3_stmt *remove_attempt;
	sqlite3_stmt *remove_landmark;
	sqlite3_stmt *oldest;
	sqlite3_stmt *count;
};

static const char SCHEMA[] =
    "CREATE TABLE IF NOT EXISTS attempts(row INTEGER PRIMARY KEY, attempt_id TEXT NOT NULL UNIQUE,"
    " time_us INTEGER NOT NULL, landmarks INTEGER NOT NULL, entries BLOB NOT NULL);"
    "CREATE INDEX IF NOT EXISTS attempts_by_time ON attempts(time_us);"
    "CREATE TABLE IF NOT EXISTS landmarks(hash INTEGER NOT NULL, attempt INTEGER NOT NULL, frame INTEGER NOT NULL,"
    " PRIMARY KEY(hash, attempt, frame)) WITHOUT ROWID;"
    "PRAGMA user_version=1;";

static vu_status fail_sqlite(const vu_replay_memory *m, vu_error *error, const char *what)
{
	int code = m->db ? sqlite3_errcode(m->db) : SQLITE_NOMEM;
	vu_status status = VU_INTERNAL;

	if (code == SQLITE_FULL || code == SQLITE_NOMEM)
		status = VU_RESOURCE_EXHAUSTED;
	else if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY || code == SQLITE_PERM)
		status = VU_PERMISSION_DENIED;
	else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		status = VU_DATA_LOSS;
	else if (code == SQLITE_BUSY || code == SQLITE_IOERR)
		status = VU_UNAVAILABLE;
	return vu_fail(error, status, "unable to %s the replay memory %s: %s", what, m->path,
	               m->db ? sqlite3_errmsg(m->db) : "out of memory");
}

/* The key that landmarks are hashed with; made at first use, never written twice. */
static vu_status load_key(const char *folder, uint8_t *key, vu_error *error)
{
	char path[PATH_MAX];
	char *data = NULL;
	size_t bytes = 0;
	vu_status status;

	snprintf(path, sizeof path, "%s/replay.key", folder);
	status = vu_file_read(path, 64, &data, &bytes, error);
	if (status == VU_NOT_FOUND) {
		randombytes_buf(key, crypto_shorthash_KEYBYTES);
		return vu_file_write_atomically(path, key, crypto_shorthash_KEYBYTES, error);
	}
	if (status != VU_OK)
		return status;
	if (bytes == crypto_shorthash_KEYBYTES)
		memcpy(key, data, bytes);
	else
		status = vu_fail(error, VU_DATA_LOSS,
		                 "unable to use %s: it has %zu bytes instead of %d; remove it together with replay.db, "
		                 "past attempts are then forgotten",
		                 path, bytes, crypto_shorthash_KEYBYTES);
	free(data);
	return status;
}

static int prepare(vu_replay_memory *m, sqlite3_stmt **statement, const char *sql)
{
	return sqlite3_prepare_v3(m->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
}

static void close_database(vu_replay_memory *m)
{
	sqlite3_stmt **statements[] = {&m->find,           &m->attempt_by_name,  &m->attempt_by_row,
	                               &m->add_attempt,    &m->add_landmark,     &m->remove_attempt,
	                               &m->remove_landmark, &m->oldest,         &m->count};
	for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
		sqlite3_finalize(*statements[i]);
		*statements[i] = NULL;
	}
	sqlite3_close(m->db);
	m->db = NULL;
}

static int open_database(vu_replay_memory *m)
{
	int code = sqlite3_open_v2(m->path, &m->db,
	                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL);
	if (code != SQLITE_OK)
		return code;
	sqlite3_busy_timeout(m->db, BUSY_TIMEOUT_MS);
	code = sqlite3_exec(m->db,
	                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-512;"
	                    "PRAGMA secure_delete=ON;",
	                    NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(m->db, SCHEMA, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = prepare(m, &m->find, "SELECT attempt, frame FROM landmarks WHERE hash=?1 AND attempt<>?2");
	if (code == SQLITE_OK)
		code = prepare(m, &m->attempt_by_name, "SELECT row FROM attempts WHERE attempt_id=?1");
	if (code == SQLITE_OK)
		code = prepare(m, &m->attempt_by_row, "SELECT time_us, landmarks, entries FROM attempts WHERE row=?1");
	if (code == SQLITE_OK)
		code = prepare(m, &m->add_attempt, "INSERT INTO attempts(attempt_id, time_us, landmarks, entries) VALUES(?1,?2,?3,?4)");
	if (code == SQLITE_OK)
		code = prepare(m, &m->add_landmark, "INSERT OR IGNORE INTO landmarks(hash, attempt, frame) VALUES(?1,?2,?3)");
	if (code == SQLITE_OK)
		code = prepare(m, &m->remove_attempt, "DELETE FROM attempts WHERE row=?1");
	if (code == SQLITE_OK)
		code = prepare(m, &m->remove_landmark, "DELETE FROM landmarks WHERE hash=?1 AND attempt=?2 AND frame=?3");
	if (code == SQLITE_OK)
		code = prepare(m, &m->oldest, "SELECT row FROM attempts WHERE time_us<?1 OR (SELECT count(*) FROM attempts)>?2"
		                              " ORDER BY time_us LIMIT 1");
	if (code == SQLITE_OK)
		code = prepare(m, &m->count, "SELECT count(*), coalesce(sum(landmarks),0) FROM attempts");
	return code;
}

/* What is stored of one landmark, also packed into its attempt's row so that it can be found for removal. */
typedef struct entry {
	int64_t hash;
	int64_t frame;
} entry;

vu_status vu_replay_memory_open(const char *folder, vu_clock clock, vu_replay_memory **memory_out, vu_error *error)
{
	vu_replay_memory *m = calloc(1, sizeof *m);
	vu_status status;
	struct stat info;
	mode_t old_mask;
	int code;

	if (!m)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open the replay memory: out of memory");
	m->clock = clock;
	pthread_mutex_init(&m->lock, NULL);
	if ((size_t)snprintf(m->path, sizeof m->path, "%s/replay.db", folder) >= sizeof m->path) {
		status = vu_fail(error, VU_INVALID_ARGUMENT, "unable to open the replay memory: the path is too long");
		goto fail;
	}
	if (sodium_init() < 0) {
		status = vu_fail(error, VU_INTERNAL, "unable to initialize libsodium");
		goto fail;
	}
	status = load_key(folder, m->key, error);
	if (status != VU_OK)
		goto fail;
	if (lstat(m->path, &info) == 0 && (!S_ISREG(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077))) {
		status = vu_fail(error, VU_PERMISSION_DENIED,
		                 "unable to trust %s: it is not a private file of this user; chown it and chmod 600 it", m->path);
		goto fail;
	}
	old_mask = umask(077);
	code = open_database(m);
	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
		char aside[PATH_MAX + 32];
		close_database(m);
		snprintf(aside, sizeof aside, "%s.damaged-%lld", m->path, (long long)(clock.wall_us(clock.context) / 1000000));
		if (rename(m->path, aside) == 0) {
			vu_log_error("the replay memory was damaged; moved it to %s and began a new one", aside);
			code = open_database(m);
		}
	}
	umask(old_mask);
	if (code != SQLITE_OK) {
		status = fail_sqlite(m, error, "open");
		goto fail;
	}
	*memory_out = m;
	return VU_OK;
fail:
	vu_replay_memory_close(m);
	return status;
}

void vu_replay_memory_close(vu_replay_memory *m)
{
	if (!m)
		return;
	close_database(m);
	pthread_mutex_destroy(&m->lock);
	sodium_memzero(m->key, sizeof m->key);
	free(m);
}

/* 63 bits of a keyed hash: SQLite's integers are signed. */
static int64_t keyed_hash(const vu_replay_memory *m, uint32_t pair)
{
	uint8_t hash[crypto_shorthash_BYTES];
	int64_t value;
	uint8_t input[4] = {(uint8_t)pair, (uint8_t)(pair >> 8), (uint8_t)(pair >> 16), (uint8_t)(pair >> 24)};

	crypto_shorthash(hash, input, sizeof input, m->key);
	memcpy(&value, hash, sizeof value);
	return value & INT64_MAX;
}

/* Row of an attempt, or 0. */
static int64_t row_of(vu_replay_memory *m, const char *attempt_id)
{
	int64_t row = 0;
	sqlite3_bind_text(m->attempt_by_name, 1, attempt_id, -1, SQLITE_STATIC);
	if (sqlite3_step(m->attempt_by_name) == SQLITE_ROW)
		row = sqlite3_column_int64(m->attempt_by_name, 0);
	sqlite3_reset(m->attempt_by_name);
	return row;
}

static int run(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);
	sqlite3_reset(statement);
	return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

static int remove_row(vu_replay_memory *m, int64_t row)
{
	int code = SQLITE_OK;

	sqlite3_bind_int64(m->attempt_by_row, 1, row);
	if (sqlite3_step(m->attempt_by_row) == SQLITE_ROW) {
		const uint8_t *blob = sqlite3_column_blob(m->attempt_by_row, 2);
		size_t count = (size_t)sqlite3_column_bytes(m->attempt_by_row, 2) / sizeof(entry);
		for (size_t i = 0; blob && i < count && code == SQLITE_OK; i++) {
			entry e;
			memcpy(&e, blob + i * sizeof e, sizeof e);
			sqlite3_bind_int64(m->remove_landmark, 1, e.hash);
			sqlite3_bind_int64(m->remove_landmark, 2, row);
			sqlite3_bind_int64(m->remove_landmark, 3, e.frame);
			code = run(m->remove_landmark);
		}
	}
	sqlite3_reset(m->attempt_by_row);
	if (code == SQLITE_OK) {
		sqlite3_bind_int64(m->remove_attempt, 1, row);
		code = run(m->remove_attempt);
	}
	return code;
}

/* Lets go of what is too old or too much. */
static int expire(vu_replay_memory *m)
{
	int64_t horizon_us = m->clock.wall_us(m->clock.context) - (int64_t)VU_REPLAY_AGE_DAYS_MAX * 86400 * 1000000;
	for (;;) {
		int64_t row = 0;
		int code;
		sqlite3_bind_int64(m->oldest, 1, horizon_us);
		sqlite3_bind_int64(m->oldest, 2, VU_REPLAY_ATTEMPTS_MAX);
		if (sqlite3_step(m->oldest) == SQLITE_ROW)
			row = sqlite3_column_int64(m->oldest, 0);
		sqlite3_reset(m->oldest);
		if (row == 0)
			return SQLITE_OK;
		code = remove_row(m, row);
		if (code != SQLITE_OK)
			return code;
	}
}

static int look_up(vu_replay_memory *m, const entry *entries, size_t count, int64_t own_row, vu_replay_match *match)
{
	vu_replay_votes *votes = NULL;
	int code = vu_replay_votes_create(&votes) == VU_OK ? SQLITE_OK : SQLITE_NOMEM;
	int64_t attempt = 0;

	for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
		sqlite3_bind_int64(m->find, 1, entries[i].hash);
		sqlite3_bind_int64(m->find, 2, own_row);
		while ((code = sqlite3_step(m->find)) == SQLITE_ROW) {
			int32_t offset = (int32_t)(sqlite3_column_int64(m->find, 1) - entries[i].frame);
			if (vu_replay_votes_add(votes, sqlite3_column_int64(m->find, 0), offset, (uint32_t)i) != VU_OK)
				break;
		}
		code = code == SQLITE_DONE ? SQLITE_OK : code == SQLITE_ROW ? SQLITE_NOMEM : code;
		sqlite3_reset(m->find);
	}
	if (code == SQLITE_OK)
		match->aligned = vu_replay_votes_best(votes, &attempt);
	if (code == SQLITE_OK && attempt != 0) {
		sqlite3_bind_int64(m->attempt_by_row, 1, attempt);
		if (sqlite3_step(m->attempt_by_row) == SQLITE_ROW) {
			match->time_us = sqlite3_column_int64(m->attempt_by_row, 0);
			match->candidates = (uint32_t)sqlite3_column_int64(m->attempt_by_row, 1);
		}
		sqlite3_reset(m->attempt_by_row);
	}
	vu_replay_votes_destroy(votes);
	return code;
}

static int remember(vu_replay_memory *m, const char *attempt_id, const entry *entries, size_t count, int64_t own_row)
{
	int code = own_row ? remove_row(m, own_row) : SQLITE_OK;
	int64_t row;

	if (code != SQLITE_OK)
		return code;
	sqlite3_bind_text(m->add_attempt, 1, attempt_id, -1, SQLITE_STATIC);
	sqlite3_bind_int64(m->add_attempt, 2, m->clock.wall_us(m->clock.context));
	sqlite3_bind_int64(m->add_attempt, 3, (int64_t)count);
	sqlite3_bind_blob64(m->add_attempt, 4, entries, count * sizeof *entries, SQLITE_STATIC);
	code = run(m->add_attempt);
	row = sqlite3_last_insert_rowid(m->db);
	for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
		sqlite3_bind_int64(m->add_landmark, 1, entries[i].hash);
		sqlite3_bind_int64(m->add_landmark, 2, row);
		sqlite3_bind_int64(m->add_landmark, 3, entries[i].frame);
		code = run(m->add_landmark);
	}
	return code;
}

vu_status vu_replay_memory_meet(vu_replay_memory *m, const char *attempt_id, const vu_landmark *landmarks,
                                size_t count, vu_replay_match *match, vu_error *error)
{
	entry *entries = calloc(count ? count : 1, sizeof *entries);
	vu_status status = VU_OK;
	int64_t own_row;
	int code;

	memset(match, 0, sizeof *match);
	match->landmarks = (uint32_t)count;
	if (!entries)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to search the replay memory: out of memory");
	for (size_t i = 0; i < count; i++)
		entries[i] = (entry){keyed_hash(m, landmarks[i].pair), landmarks[i].frame};
	pthread_mutex_lock(&m->lock);
	code = sqlite3_exec(m->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (code == SQLITE_OK) {
		own_row = row_of(m, attempt_id);
		code = look_up(m, entries, count, own_row, match);
		if (code == SQLITE_OK)
			code = remember(m, attempt_id, entries, count, own_row);
		if (code == SQLITE_OK)
			code = expire(m);
		if (code == SQLITE_OK)
			code = sqlite3_exec(m->db, "COMMIT", NULL, NULL, NULL);
		if (code != SQLITE_OK) {
			status = fail_sqlite(m, error, "search");
			sqlite3_exec(m->db, "ROLLBACK", NULL, NULL, NULL);
		}
	} else {
		status = fail_sqlite(m, error, "lock");
	}
	pthread_mutex_unlock(&m->lock);
	free(entries);
	if (match->landmarks > 0 && match->candidates > 0) {
		uint32_t fewer = match->landmarks < match->candidates ? match->landmarks : match->candidates;
		match->share = (double)match->aligned / (double)fewer;
	}
	return status;
}

vu_status vu_replay_memory_forget(vu_replay_memory *m, const char *attempt_id, vu_error *error)
{
	vu_status status = VU_OK;
	int64_t row;

	pthread_mutex_lock(&m->lock);
	row = row_of(m, attempt_id);
	if (row != 0) {
		int code = sqlite3_exec(m->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
		if (code == SQLITE_OK)
			code = remove_row(m, row);
		if (code == SQLITE_OK)
			code = sqlite3_exec(m->db, "COMMIT", NULL, NULL, NULL);
		if (code != SQLITE_OK) {
			status = fail_sqlite(m, error, "change");
			sqlite3_exec(m->db, "ROLLBACK", NULL, NULL, NULL);
		}
	}
	pthread_mutex_unlock(&m->lock);
	return status;
}

vu_status vu_replay_memory_stats(vu_replay_memory *m, vu_replay_stats *out, vu_error *error)
{
	vu_status status = VU_OK;
	struct stat info;

	memset(out, 0, sizeof *out);
	pthread_mutex_lock(&m->lock);
	if (sqlite3_step(m->count) == SQLITE_ROW) {
		out->attempts = (uint64_t)sqlite3_column_int64(m->count, 0);
		out->landmarks = (uint64_t)sqlite3_column_int64(m->count, 1);
	} else {
		status = fail_sqlite(m, error, "read");
	}
	sqlite3_reset(m->count);
	pthread_mutex_unlock(&m->lock);
	if (stat(m->path, &info) == 0)
		out->bytes = (uint64_t)info.st_size;
	return status;
}
