/*
 * Opening and closing the database of attempts and lockouts. Between begin and
 * commit or rollback the ledger's lock is held, so the store may be replaced
 * safely in between.
 */
#include "ledger.h"

#include "base/file.h"
#include "base/log.h"
#include "platform/platform.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* "VUhi" */
#define LEDGER_APPLICATION_ID 0x56556869u

static const char *const MIGRATIONS[] = {
    "CREATE TABLE attempt ("
    " id INTEGER PRIMARY KEY,"
    " attempt_id TEXT NOT NULL UNIQUE,"
    " time_us INTEGER NOT NULL,"
    " user TEXT NOT NULL,"
    " verdict TEXT NOT NULL,"
    " reason TEXT NOT NULL,"
    " score REAL, threshold REAL, antispoof_score REAL, total_ms REAL,"
    " kind TEXT NOT NULL,"
    " source TEXT NOT NULL);"
    "CREATE INDEX attempt_by_user ON attempt (user, id);"
    "CREATE INDEX attempt_by_time ON attempt (time_us);"
    "CREATE TABLE lockout ("
    " user TEXT PRIMARY KEY,"
    " failures INTEGER NOT NULL,"
    " boot_id TEXT NOT NULL,"           /* the run of the machine that until_us counts in */
    " until_us INTEGER NOT NULL,"       /* monotonic; 0 = not locked */
    " remaining_us INTEGER NOT NULL);", /* what was left when this row was last written */
    "ALTER TABLE lockout ADD COLUMN rounds INTEGER NOT NULL DEFAULT 0;",
    "CREATE TABLE answer ("
    " attempt_id TEXT PRIMARY KEY,"
    " fingerprint TEXT NOT NULL,"
    " boot_id TEXT NOT NULL,"
    " time_us INTEGER NOT NULL," /* monotonic */
    " answer BLOB NOT NULL);",
};
static const vu_store_schema SCHEMA = {
    .application_id = LEDGER_APPLICATION_ID,
    .migrations = MIGRATIONS,
    .migration_count = sizeof MIGRATIONS / sizeof *MIGRATIONS,
};

struct vu_ledger {
	char *home;
	char boot_id[VU_BOOT_ID_SIZE];
	vu_clock clock;
	uv_mutex_t lock;
	vu_store *store; /* NULL until first used, and after damage showed */
};

vu_status vu_ledger_create(const char *home, vu_clock clock, vu_ledger **ledger_out, vu_error *error)
{
	vu_error boot_error;
	vu_ledger *ledger = calloc(1, sizeof *ledger);

	if (!ledger)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to create the ledger: out of memory");
	ledger->home = strdup(home);
	ledger->clock = clock;
	if (!ledger->home || uv_mutex_init(&ledger->lock) != 0) {
		free(ledger->home);
		free(ledger);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to create the ledger: out of memory");
	}
	/* Without it lockouts still hold: their time then starts again whenever it looks too long. */
	if (vu_platform_boot_id(ledger->boot_id, &boot_error) != VU_OK) {
		vu_log_warn("%s; lockouts are timed without it", boot_error.message);
		snprintf(ledger->boot_id, sizeof ledger->boot_id, "unknown");
	}
	*ledger_out = ledger;
	return VU_OK;
}

void vu_ledger_destroy(vu_ledger *ledger)
{
	if (!ledger)
		return;
	vu_store_close(ledger->store);
	uv_mutex_destroy(&ledger->lock);
	free(ledger->home);
	free(ledger);
}

static vu_status open_store(vu_ledger *ledger, vu_error *error)
{
	char path[PATH_MAX];
	vu_status status = vu_file_make_folder(ledger->home, error);

	if (status != VU_OK)
		return status;
	if ((size_t)snprintf(path, sizeof path, "%s/history.db", ledger->home) >= sizeof path)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to open the history: the path of %s is too long",
		               ledger->home);
	return vu_store_open_or_replace(path, &SCHEMA, &ledger->store, NULL, error);
}

vu_status vu_ledger_begin(vu_ledger *ledger, vu_store **store_out, vu_error *error)
{
	vu_status status = VU_OK;

	uv_mutex_lock(&ledger->lock);
	if (!ledger->store)
		status = open_store(ledger, error);
	if (status == VU_OK)
		status = vu_store_begin(ledger->store, error);
	if (status != VU_OK) {
		if (status == VU_DATA_LOSS) {
			vu_store_close(ledger->store);
			ledger->store = NULL;
		}
		uv_mutex_unlock(&ledger->lock);
		return status;
	}
	*store_out = ledger->store;
	return VU_OK;
}

static void end(vu_ledger *ledger, vu_status status)
{
	if (status == VU_DATA_LOSS) {
		vu_store_close(ledger->store);
		ledger->store = NULL;
	}
	uv_mutex_unlock(&ledger->lock);
}

vu_status vu_ledger_commit(vu_ledger *ledger, vu_error *error)
{
	vu_status status = vu_store_commit(ledger->store, error);
	end(ledger, status);
	return status;
}

void vu_ledger_rollback(vu_ledger *ledger, vu_status reason)
{
	vu_store_rollback(ledger->store);
	end(ledger, reason);
}

const char *vu_ledger_boot_id(const vu_ledger *ledger)
{
	return ledger->boot_id;
}

int64_t vu_ledger_monotonic_us(const vu_ledger *ledger)
{
	return ledger->clock.monotonic_us(ledger->clock.context);
}

int64_t vu_ledger_wall_us(const vu_ledger *ledger)
{
	return ledger->clock.wall_us(ledger->clock.context);
}
