/*
 * The replay memory in a store of its own. Each meeting is one transaction; a
 * failed one leaves nothing behind and is reported, and the caller then
 * refuses the attempt as unavailable.
 */
#include "replay_memory.h"

#include "replay_votes.h"

#include "base/file.h"
#include "base/log.h"
#include "store/store.h"

#include <limits.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct vu_replay_memory {
	vu_store *store;
	vu_clock clock;
	uint8_t key[crypto_shorthash_KEYBYTES];
	char path[PATH_MAX];
};

/* Landmarks stand twice: by hash to be found, and packed in their attempt's row to be removed with it. */
static const char *const MIGRATIONS[] = {
    "CREATE TABLE attempts(row INTEGER PRIMARY KEY, attempt_id TEXT NOT NULL UNIQUE, time_us INTEGER NOT NULL,"
    " landmarks INTEGER NOT NULL, entries BLOB NOT NULL);"
    "CREATE INDEX attempts_by_time ON attempts(time_us);"
    "CREATE TABLE landmarks(hash INTEGER NOT NULL, attempt INTEGER NOT NULL, frame INTEGER NOT NULL,"
    " PRIMARY KEY(hash, attempt, frame)) WITHOUT ROWID;",
};
static const vu_store_schema SCHEMA = {0x56555250 /* "VURP" */, MIGRATIONS, 1, .relaxed = true};

/* One stored landmark. */
typedef struct entry {
	int64_t hash;
	int64_t frame;
} entry;

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
		status =
		    vu_fail(error, VU_DATA_LOSS,
		            "unable to use %s: it has %zu bytes instead of %d; remove it together with replay.db, "
		            "past attempts are then forgotten",
		            path, bytes, crypto_shorthash_KEYBYTES);
	free(data);
	return status;
}

vu_status vu_replay_memory_open(const char *folder, vu_clock clock, vu_replay_memory **memory_out, vu_error *error)
{
	vu_replay_memory *m = calloc(1, sizeof *m);
	vu_status status;

	if (!m)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open the replay memory: out of memory");
	m->clock = clock;
	if ((size_t)snprintf(m->path, sizeof m->path, "%s/replay.db", folder) >= sizeof m->path)
		status =
		    vu_fail(error, VU_INVALID_ARGUMENT, "unable to open the replay memory: the path is too long");
	else if (sodium_init() < 0)
		status = vu_fail(error, VU_INTERNAL, "unable to initialize libsodium");
	else
		status = load_key(folder, m->key, error);
	if (status == VU_OK)
		status = vu_store_open_or_replace(m->path, &SCHEMA, &m->store, NULL, error);
	if (status != VU_OK) {
		vu_replay_memory_close(m);
		return status;
	}
	*memory_out = m;
	return VU_OK;
}

void vu_replay_memory_close(vu_replay_memory *m)
{
	if (!m)
		return;
	vu_store_close(m->store);
	sodium_memzero(m->key, sizeof m->key);
	free(m);
}

/* 63 bits of a keyed hash: the database's integers are signed. */
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
static vu_status find_row(vu_replay_memory *m, const char *attempt_id, int64_t *row_out, vu_error *error)
{
	vu_statement *select = NULL;
	bool row = false;
	vu_status status =
	    vu_statement_prepare(m->store, "SELECT row FROM attempts WHERE attempt_id=?1", &select, error);

	*row_out = 0;
	if (status == VU_OK) {
		vu_statement_bind_text(select, 1, attempt_id);
		status = vu_statement_step(select, &row, error);
	}
	if (status == VU_OK && row)
		*row_out = vu_statement_int(select, 0);
	vu_statement_finish(select);
	return status;
}

/* Runs one landmark statement (hash, attempt, frame) for each entry. */
static vu_status for_each_entry(vu_replay_memory *m, const char *sql, const uint8_t *entries, size_t count,
                                int64_t row, vu_error *error)
{
	vu_statement *statement = NULL;
	vu_status status = vu_statement_prepare(m->store, sql, &statement, error);

	for (size_t i = 0; i < count && status == VU_OK; i++) {
		entry e;
		bool unused;
		memcpy(&e, entries + i * sizeof e, sizeof e);
		vu_statement_reset(statement);
		vu_statement_bind_int(statement, 1, e.hash);
		vu_statement_bind_int(statement, 2, row);
		vu_statement_bind_int(statement, 3, e.frame);
		status = vu_statement_step(statement, &unused, error);
	}
	vu_statement_finish(statement);
	return status;
}

static vu_status remove_row(vu_replay_memory *m, int64_t row, vu_error *error)
{
	vu_statement *statement = NULL;
	bool found = false;
	vu_status status =
	    vu_statement_prepare(m->store, "SELECT entries FROM attempts WHERE row=?1", &statement, error);

	if (status == VU_OK) {
		vu_statement_bind_int(statement, 1, row);
		status = vu_statement_step(statement, &found, error);
	}
	if (status == VU_OK && found) {
		size_t bytes = 0;
		const uint8_t *entries = vu_statement_blob(statement, 0, &bytes);
		status = for_each_entry(m, "DELETE FROM landmarks WHERE hash=?1 AND attempt=?2 AND frame=?3", entries,
		                        bytes / sizeof(entry), row, error);
	}
	vu_statement_finish(statement);
	statement = NULL;
	if (status == VU_OK)
		status = vu_statement_prepare(m->store, "DELETE FROM attempts WHERE row=?1", &statement, error);
	if (status == VU_OK) {
		vu_statement_bind_int(statement, 1, row);
		status = vu_statement_step(statement, &found, error);
	}
	vu_statement_finish(statement);
	return status;
}

/* Lets go of what is too old or too much. */
static vu_status expire(vu_replay_memory *m, vu_error *error)
{
	int64_t now_us = m->clock.wall_us(m->clock.context);
	vu_status status = VU_OK;
	bool found = true;

	while (status == VU_OK && found) {
		vu_statement *oldest = NULL;
		int64_t row = 0;
		status = vu_statement_prepare(m->store,
		                              "SELECT row FROM attempts WHERE time_us<?1"
		                              " OR (SELECT count(*) FROM attempts)>?2 ORDER BY time_us LIMIT 1",
		                              &oldest, error);
		if (status == VU_OK) {
			vu_statement_bind_int(oldest, 1, now_us - (int64_t)VU_REPLAY_AGE_DAYS_MAX * 86400 * 1000000);
			vu_statement_bind_int(oldest, 2, VU_REPLAY_ATTEMPTS_MAX);
			status = vu_statement_step(oldest, &found, error);
		}
		if (status == VU_OK && found)
			row = vu_statement_int(oldest, 0);
		vu_statement_finish(oldest);
		if (status == VU_OK && found)
			status = remove_row(m, row, error);
	}
	return status;
}

/* When the best candidate was, and how many landmarks it has. */
static vu_status describe_candidate(vu_replay_memory *m, int64_t row, vu_replay_match *match, vu_error *error)
{
	vu_statement *select = NULL;
	bool found = false;
	vu_status status =
	    vu_statement_prepare(m->store, "SELECT time_us, landmarks FROM attempts WHERE row=?1", &select, error);

	if (status == VU_OK) {
		vu_statement_bind_int(select, 1, row);
		status = vu_statement_step(select, &found, error);
	}
	if (status == VU_OK && found) {
		match->time_us = vu_statement_int(select, 0);
		match->candidates = (uint32_t)vu_statement_int(select, 1);
	}
	vu_statement_finish(select);
	return status;
}

static vu_status look_up(vu_replay_memory *m, const entry *entries, size_t count, int64_t own_row,
                         vu_replay_match *match, vu_error *error)
{
	vu_replay_votes *votes = NULL;
	vu_statement *find = NULL;
	int64_t candidate = 0;
	vu_status status = vu_replay_votes_create(&votes);

	if (status != VU_OK)
		return vu_fail(error, status, "unable to search the replay memory: out of memory");
	status = vu_statement_prepare(m->store, "SELECT attempt, frame FROM landmarks WHERE hash=?1 AND attempt<>?2",
	                              &find, error);
	for (size_t i = 0; i < count && status == VU_OK; i++) {
		bool found = true;
		vu_statement_reset(find);
		vu_statement_bind_int(find, 1, entries[i].hash);
		vu_statement_bind_int(find, 2, own_row);
		while ((status = vu_statement_step(find, &found, error)) == VU_OK && found) {
			int32_t offset = (int32_t)(vu_statement_int(find, 1) - entries[i].frame);
			status = vu_replay_votes_add(votes, vu_statement_int(find, 0), offset, (uint32_t)i);
			if (status != VU_OK) {
				vu_fail(error, status, "unable to search the replay memory: too many matches");
				break;
			}
		}
	}
	vu_statement_finish(find);
	if (status == VU_OK)
		match->aligned = vu_replay_votes_best(votes, &candidate);
	if (status == VU_OK && candidate != 0)
		status = describe_candidate(m, candidate, match, error);
	vu_replay_votes_destroy(votes);
	return status;
}

static vu_status remember(vu_replay_memory *m, const char *attempt_id, const entry *entries, size_t count,
                          int64_t own_row, vu_error *error)
{
	vu_statement *insert = NULL;
	bool unused;
	int64_t row = 0;
	vu_status status = own_row ? remove_row(m, own_row, error) : VU_OK;

	if (status == VU_OK)
		status = vu_statement_prepare(
		    m->store, "INSERT INTO attempts(attempt_id, time_us, landmarks, entries) VALUES(?1,?2,?3,?4)",
		    &insert, error);
	if (status == VU_OK) {
		vu_statement_bind_text(insert, 1, attempt_id);
		vu_statement_bind_int(insert, 2, m->clock.wall_us(m->clock.context));
		vu_statement_bind_int(insert, 3, (int64_t)count);
		vu_statement_bind_blob(insert, 4, entries, count * sizeof *entries);
		status = vu_statement_step(insert, &unused, error);
	}
	vu_statement_finish(insert);
	if (status == VU_OK)
		status = find_row(m, attempt_id, &row, error);
	if (status == VU_OK)
		status = for_each_entry(m, "INSERT OR IGNORE INTO landmarks(hash, attempt, frame) VALUES(?1,?2,?3)",
		                        (const uint8_t *)entries, count, row, error);
	return status;
}

vu_status vu_replay_memory_meet(vu_replay_memory *m, const char *attempt_id, const vu_landmark *landmarks,
                                size_t count, vu_replay_match *match, vu_error *error)
{
	entry *entries = calloc(count ? count : 1, sizeof *entries);
	vu_status status;
	int64_t own_row = 0;

	memset(match, 0, sizeof *match);
	match->landmarks = (uint32_t)count;
	if (!entries)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to search the replay memory: out of memory");
	for (size_t i = 0; i < count; i++)
		entries[i] = (entry){keyed_hash(m, landmarks[i].pair), landmarks[i].frame};
	status = vu_store_begin(m->store, error);
	if (status == VU_OK) {
		status = find_row(m, attempt_id, &own_row, error);
		if (status == VU_OK)
			status = look_up(m, entries, count, own_row, match, error);
		if (status == VU_OK)
			status = remember(m, attempt_id, entries, count, own_row, error);
		if (status == VU_OK)
			status = expire(m, error);
		if (status == VU_OK)
			status = vu_store_commit(m->store, error);
		else
			vu_store_rollback(m->store);
	}
	free(entries);
	if (match->landmarks > 0 && match->candidates > 0) {
		uint32_t fewer = match->landmarks < match->candidates ? match->landmarks : match->candidates;
		match->share = (double)match->aligned / (double)fewer;
	}
	return status;
}

vu_status vu_replay_memory_forget(vu_replay_memory *m, const char *attempt_id, vu_error *error)
{
	int64_t row = 0;
	vu_status status = vu_store_begin(m->store, error);

	if (status != VU_OK)
		return status;
	status = find_row(m, attempt_id, &row, error);
	if (status == VU_OK && row != 0)
		status = remove_row(m, row, error);
	if (status == VU_OK)
		return vu_store_commit(m->store, error);
	vu_store_rollback(m->store);
	return status;
}

vu_status vu_replay_memory_stats(vu_replay_memory *m, vu_replay_stats *out, vu_error *error)
{
	vu_statement *count = NULL;
	bool found = false;
	struct stat info;
	vu_status status;

	memset(out, 0, sizeof *out);
	status = vu_store_begin(m->store, error);
	if (status != VU_OK)
		return status;
	status = vu_statement_prepare(m->store, "SELECT count(*), coalesce(sum(landmarks),0) FROM attempts", &count,
	                              error);
	if (status == VU_OK)
		status = vu_statement_step(count, &found, error);
	if (status == VU_OK && found) {
		out->attempts = (uint64_t)vu_statement_int(count, 0);
		out->landmarks = (uint64_t)vu_statement_int(count, 1);
	}
	vu_statement_finish(count);
	vu_store_rollback(m->store);
	if (stat(m->path, &info) == 0)
		out->bytes = (uint64_t)info.st_size;
	return status;
}
