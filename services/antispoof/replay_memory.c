/*
 * The replay memory: imprints in a store of their own, sealed; an index over
 * their landmarks in memory. Each meeting is one transaction; a failed one
 * leaves nothing behind and is reported, and the caller then refuses the
 * attempt as unavailable.
 */
#include "replay_memory.h"

#include "landmarks.h"
#include "replay_index.h"
#include "replay_record.h"
#include "replay_search.h"

#include "base/file.h"
#include "base/log.h"
#include "store/store.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* Attempts let go of in one meeting at most; what is left goes in the next. */
#define EXPIRED_MAX 32

struct vu_replay_memory {
	vu_store *store;
	vu_clock clock;
	vu_replay_limits limits;
	pthread_mutex_t lock; /* one meeting at a time; guards all below */
	vu_replay_index *index;
	uint64_t attempts;
	uint64_t bytes;
	uint8_t key[VU_REPLAY_KEY_BYTES];
	char path[PATH_MAX];
};

/* Version 1 kept hashed landmarks; an imprint cannot be made of them. */
static const char *const MIGRATIONS[] = {
    "CREATE TABLE attempts(row INTEGER PRIMARY KEY);CREATE TABLE landmarks(hash INTEGER PRIMARY KEY);",
    "DROP TABLE attempts; DROP TABLE landmarks;"
    "CREATE TABLE attempts(row INTEGER PRIMARY KEY, attempt_id TEXT NOT NULL UNIQUE, time_us INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL, peaks BLOB NOT NULL, cells BLOB NOT NULL);"
    "CREATE INDEX attempts_by_time ON attempts(time_us);",
};
static const vu_store_schema SCHEMA = {0x56555250 /* "VURP" */, MIGRATIONS, 2, .relaxed = true};

/* The key that imprints are sealed with, from a file made at first use and never written twice. */
static vu_status load_key(const char *folder, uint8_t *key, vu_error *error)
{
	uint8_t seed[VU_REPLAY_SEED_BYTES];
	char path[PATH_MAX];
	char *data = NULL;
	size_t bytes = 0;
	vu_status status;

	snprintf(path, sizeof path, "%s/replay.key", folder);
	status = vu_file_read(path, 64, &data, &bytes, error);
	if (status == VU_NOT_FOUND) {
		randombytes_buf(seed, sizeof seed);
		status = vu_file_write_atomically(path, seed, sizeof seed, error);
	} else if (status == VU_OK && bytes == sizeof seed) {
		memcpy(seed, data, sizeof seed);
	} else if (status == VU_OK) {
		status =
		    vu_fail(error, VU_DATA_LOSS,
		            "unable to use %s: it has %zu bytes instead of %zu; remove it together with replay.db, "
		            "past attempts are then forgotten",
		            path, bytes, sizeof seed);
	}
	if (status == VU_OK)
		crypto_generichash(key, VU_REPLAY_KEY_BYTES, seed, sizeof seed, NULL, 0);
	sodium_memzero(seed, sizeof seed);
	free(data);
	return status;
}

/* Makes the index and the totals of what the store holds; what cannot be opened any more is let go of. */
static vu_status load_index(vu_replay_memory *m, vu_error *error)
{
	vu_imprint_peak *peaks = malloc(VU_IMPRINT_PEAKS_MAX * sizeof *peaks);
	vu_landmark *landmarks = malloc(VU_LANDMARKS_MAX * sizeof *landmarks);
	vu_statement *select = NULL;
	uint64_t unreadable = 0;
	bool found = true;
	vu_status status = VU_RESOURCE_EXHAUSTED;

	if (!peaks || !landmarks || vu_replay_index_create(&m->index) != VU_OK) {
		vu_fail(error, status, "unable to open the replay memory: out of memory");
		goto out;
	}
	status = vu_store_begin(m->store, error);
	if (status != VU_OK)
		goto out;
	status = vu_statement_prepare(m->store, "SELECT row, bytes, peaks FROM attempts", &select, error);
	while (status == VU_OK && (status = vu_statement_step(select, &found, error)) == VU_OK && found) {
		size_t bytes = 0;
		size_t count = 0;
		const uint8_t *data = vu_statement_blob(select, 2, &bytes);

		m->attempts++;
		m->bytes += (uint64_t)vu_statement_int(select, 1);
		if (vu_replay_open_peaks(data, bytes, m->key, peaks, &count) != VU_OK) {
			unreadable++;
			continue;
		}
		status = vu_replay_index_add(m->index, vu_statement_int(select, 0), landmarks,
		                             vu_landmarks_make(peaks, count, 1, landmarks));
		if (status != VU_OK)
			vu_fail(error, status, "unable to open the replay memory: out of memory");
	}
	vu_statement_finish(select);
	vu_store_rollback(m->store);
	if (unreadable > 0)
		vu_log_error("unable to open %" PRIu64 " of %" PRIu64
		             " attempts in %s: they were sealed with another "
		             "replay.key; recordings of them will not be known again",
		             unreadable, m->attempts, m->path);
out:
	free(landmarks);
	free(peaks);
	return status;
}

vu_status vu_replay_memory_open(const char *folder, vu_clock clock, const vu_replay_limits *limits,
                                vu_replay_memory **memory_out, vu_error *error)
{
	static const vu_replay_limits usual = {VU_REPLAY_ATTEMPTS_MAX, VU_REPLAY_BYTES_MAX, VU_REPLAY_AGE_DAYS_MAX};
	vu_replay_memory *m = calloc(1, sizeof *m);
	vu_status status;

	if (!m)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open the replay memory: out of memory");
	pthread_mutex_init(&m->lock, NULL);
	m->clock = clock;
	m->limits = limits ? *limits : usual;
	if ((size_t)snprintf(m->path, sizeof m->path, "%s/replay.db", folder) >= sizeof m->path)
		status =
		    vu_fail(error, VU_INVALID_ARGUMENT, "unable to open the replay memory: the path is too long");
	else if (sodium_init() < 0)
		status = vu_fail(error, VU_INTERNAL, "unable to initialize libsodium");
	else
		status = load_key(folder, m->key, error);
	if (status == VU_OK)
		status = vu_store_open_or_replace(m->path, &SCHEMA, &m->store, NULL, error);
	if (status == VU_OK)
		status = load_index(m, error);
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
	vu_replay_index_destroy(m->index);
	pthread_mutex_destroy(&m->lock);
	sodium_memzero(m->key, sizeof m->key);
	free(m);
}

/* One attempt that a transaction removes or adds; applied to the index after it. */
typedef struct change {
	int64_t row;
	uint64_t bytes;
} change;

typedef struct changes {
	change removed[EXPIRED_MAX + 1];
	size_t removed_count;
	change added; /* row 0: none */
} changes;

/* The attempt's row and bytes; row 0 when there is none. */
static vu_status find_attempt(vu_replay_memory *m, const char *attempt_id, change *out, vu_error *error)
{
	vu_statement *select = NULL;
	bool row = false;
	vu_status status =
	    vu_statement_prepare(m->store, "SELECT row, bytes FROM attempts WHERE attempt_id=?1", &select, error);

	*out = (change){0, 0};
	if (status == VU_OK) {
		vu_statement_bind_text(select, 1, attempt_id);
		status = vu_statement_step(select, &row, error);
	}
	if (status == VU_OK && row)
		*out = (change){vu_statement_int(select, 0), (uint64_t)vu_statement_int(select, 1)};
	vu_statement_finish(select);
	return status;
}

static vu_status remove_attempt(vu_replay_memory *m, change which, changes *changed, vu_error *error)
{
	vu_statement *statement = NULL;
	bool unused;
	vu_status status = vu_statement_prepare(m->store, "DELETE FROM attempts WHERE row=?1", &statement, error);

	if (status == VU_OK) {
		vu_statement_bind_int(statement, 1, which.row);
		status = vu_statement_step(statement, &unused, error);
	}
	vu_statement_finish(statement);
	if (status == VU_OK)
		changed->removed[changed->removed_count++] = which;
	return status;
}

/* Makes room for `bytes` more: lets go of what is too old or too much. */
static vu_status expire(vu_replay_memory *m, uint64_t bytes, changes *changed, vu_error *error)
{
	int64_t oldest_us = m->clock.wall_us(m->clock.context) - (int64_t)m->limits.age_days_max * 86400 * 1000000;
	uint64_t attempts = m->attempts + 1;
	uint64_t all_bytes = m->bytes + bytes;
	bool found = true;
	vu_status status = VU_OK;

	for (size_t i = 0; i < changed->removed_count; i++) {
		attempts--;
		all_bytes -= changed->removed[i].bytes;
	}
	while (status == VU_OK && found && changed->removed_count < EXPIRED_MAX) {
		vu_statement *select = NULL;
		change oldest = {0, 0};
		bool too_old = false;

		status = vu_statement_prepare(
		    m->store, "SELECT row, bytes, time_us FROM attempts ORDER BY time_us LIMIT 1", &select, error);
		if (status == VU_OK)
			status = vu_statement_step(select, &found, error);
		if (status == VU_OK && found) {
			oldest = (change){vu_statement_int(select, 0), (uint64_t)vu_statement_int(select, 1)};
			too_old = vu_statement_int(select, 2) < oldest_us;
		}
		vu_statement_finish(select);
		found = found && (too_old || attempts > m->limits.attempts_max || all_bytes > m->limits.bytes_max);
		if (status == VU_OK && found) {
			attempts--;
			all_bytes -= oldest.bytes;
			status = remove_attempt(m, oldest, changed, error);
		}
	}
	return status;
}

static vu_status remember(vu_replay_memory *m, const char *attempt_id, const vu_imprint *imprint, changes *changed,
                          vu_error *error)
{
	vu_replay_part peaks = {NULL, 0};
	vu_replay_part cells = {NULL, 0};
	vu_statement *insert = NULL;
	bool unused;
	vu_status status = vu_replay_seal_peaks(imprint, m->key, &peaks);

	if (status == VU_OK)
		status = vu_replay_seal_cells(imprint, m->key, &cells);
	if (status != VU_OK)
		vu_fail(error, status, "unable to remember the attempt: out of memory");
	if (status == VU_OK)
		status = expire(m, peaks.bytes + cells.bytes, changed, error);
	if (status == VU_OK)
		status = vu_statement_prepare(
		    m->store, "INSERT INTO attempts(attempt_id, time_us, bytes, peaks, cells) VALUES(?1,?2,?3,?4,?5)",
		    &insert, error);
	if (status == VU_OK) {
		vu_statement_bind_text(insert, 1, attempt_id);
		vu_statement_bind_int(insert, 2, m->clock.wall_us(m->clock.context));
		vu_statement_bind_int(insert, 3, (int64_t)(peaks.bytes + cells.bytes));
		vu_statement_bind_blob(insert, 4, peaks.data, peaks.bytes);
		vu_statement_bind_blob(insert, 5, cells.data, cells.bytes);
		status = vu_statement_step(insert, &unused, error);
	}
	vu_statement_finish(insert);
	if (status == VU_OK)
		status = find_attempt(m, attempt_id, &changed->added, error);
	free(cells.data);
	free(peaks.data);
	return status;
}

/* After a transaction: the index and the totals follow. What could not be indexed stays unknown until a restart. */
static void apply(vu_replay_memory *m, const changes *changed, const vu_imprint *imprint)
{
	for (size_t i = 0; i < changed->removed_count; i++) {
		vu_replay_index_remove(m->index, changed->removed[i].row);
		m->attempts--;
		m->bytes -= changed->removed[i].bytes;
	}
	if (changed->added.row != 0) {
		vu_landmark *landmarks = malloc(VU_LANDMARKS_MAX * sizeof *landmarks);
		m->attempts++;
		m->bytes += changed->added.bytes;
		if (!landmarks || vu_replay_index_add(
		                      m->index, changed->added.row, landmarks,
		                      vu_landmarks_make(imprint->peaks, imprint->peak_count, 1, landmarks)) != VU_OK)
			vu_log_error("unable to index an attempt: out of memory; a recording of it will not be known "
			             "before the next start");
		free(landmarks);
	}
}

/* CPU time of this thread: what else the machine does is no part of a lookup. */
static int64_t thread_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static vu_status meet_locked(vu_replay_memory *m, const char *attempt_id, vu_imprint *const *imprints,
                             vu_replay_match *match, vu_error *error)
{
	changes changed = {.removed_count = 0};
	change own = {0, 0};
	const vu_replay_past past = {m->store, m->index, m->key, m->path};
	int64_t began_us;
	vu_status status = vu_store_begin(m->store, error);

	if (status != VU_OK)
		return status;
	status = find_attempt(m, attempt_id, &own, error);
	began_us = thread_us();
	if (status == VU_OK)
		status = vu_replay_search(&past, imprints, own.row, match, error);
	match->lookup_us = thread_us() - began_us;
	if (status == VU_OK && own.row != 0)
		status = remove_attempt(m, own, &changed, error);
	if (status == VU_OK)
		status = remember(m, attempt_id, imprints[0], &changed, error);
	if (status != VU_OK) {
		vu_store_rollback(m->store);
		return status;
	}
	status = vu_store_commit(m->store, error);
	if (status == VU_OK)
		apply(m, &changed, imprints[0]);
	return status;
}

vu_status vu_replay_memory_meet(vu_replay_memory *m, const char *attempt_id, const vu_imprinter *imprinter,
                                vu_replay_match *match, vu_error *error)
{
	vu_imprint *imprints[VU_REPLAY_PITCHES] = {NULL};
	vu_status status = VU_OK;

	memset(match, 0, sizeof *match);
	for (size_t i = 0; i < VU_REPLAY_PITCHES && status == VU_OK; i++)
		status = vu_imprinter_make(imprinter, vu_replay_pitches[i], &imprints[i]);
	if (status != VU_OK)
		vu_fail(error, status, "unable to search the replay memory: out of memory");
	if (status == VU_OK) {
		match->peaks = (uint32_t)imprints[0]->peak_count;
		if (match->peaks >= VU_REPLAY_PEAKS_MIN) {
			pthread_mutex_lock(&m->lock);
			status = meet_locked(m, attempt_id, imprints, match, error);
			pthread_mutex_unlock(&m->lock);
		}
	}
	for (size_t i = 0; i < VU_REPLAY_PITCHES; i++)
		vu_imprint_destroy(imprints[i]);
	return status;
}

vu_status vu_replay_memory_remember(vu_replay_memory *m, const char *attempt_id, const vu_imprint *imprint,
                                    vu_error *error)
{
	changes changed = {.removed_count = 0};
	vu_status status;

	pthread_mutex_lock(&m->lock);
	status = vu_store_begin(m->store, error);
	if (status == VU_OK) {
		status = remember(m, attempt_id, imprint, &changed, error);
		if (status == VU_OK)
			status = vu_store_commit(m->store, error);
		else
			vu_store_rollback(m->store);
	}
	if (status == VU_OK)
		apply(m, &changed, imprint);
	pthread_mutex_unlock(&m->lock);
	return status;
}

vu_status vu_replay_memory_forget(vu_replay_memory *m, const char *attempt_id, vu_error *error)
{
	changes changed = {.removed_count = 0};
	change own = {0, 0};
	vu_status status;

	pthread_mutex_lock(&m->lock);
	status = vu_store_begin(m->store, error);
	if (status == VU_OK) {
		status = find_attempt(m, attempt_id, &own, error);
		if (status == VU_OK && own.row != 0)
			status = remove_attempt(m, own, &changed, error);
		if (status == VU_OK)
			status = vu_store_commit(m->store, error);
		else
			vu_store_rollback(m->store);
	}
	if (status == VU_OK)
		apply(m, &changed, NULL);
	pthread_mutex_unlock(&m->lock);
	return status;
}

vu_status vu_replay_memory_stats(vu_replay_memory *m, vu_replay_stats *out, vu_error *error)
{
	struct stat info;

	(void)error;
	memset(out, 0, sizeof *out);
	pthread_mutex_lock(&m->lock);
	out->attempts = m->attempts;
	out->index_bytes = vu_replay_index_bytes(m->index);
	pthread_mutex_unlock(&m->lock);
	if (stat(m->path, &info) == 0)
		out->bytes = (uint64_t)info.st_size;
	return VU_OK;
}
