/* Rows of habits. A visit is one transaction; a scan reads in the order of users, each with the slots of the window.
 */
#include "habit_store.h"

#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ours among SQLite files: "VUpr". */
#define APPLICATION_ID 0x56557072u
#define SAME_VISIT_US  (2 * INT64_C(1000000))

static const char *const MIGRATIONS[] = {
    "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first_day INTEGER NOT NULL,"
    " last_day INTEGER NOT NULL, last_minute INTEGER NOT NULL, last_us INTEGER NOT NULL, visits REAL NOT NULL,"
    " returns REAL NOT NULL) STRICT;"
    "CREATE TABLE slot (quarter INTEGER NOT NULL, person INTEGER NOT NULL, base INTEGER NOT NULL,"
    " days0 INTEGER NOT NULL, days1 INTEGER NOT NULL, PRIMARY KEY (quarter, person)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX slot_of_person ON slot (person);",
};

struct habit_store {
	vu_store *store;
};

vu_status habit_store_open(const char *path, habit_store **store_out, vu_error *error)
{
	static const vu_store_schema SCHEMA = {
	    .application_id = APPLICATION_ID,
	    .migrations = MIGRATIONS,
	    .migration_count = sizeof MIGRATIONS / sizeof *MIGRATIONS,
	    .relaxed = true,
	};
	habit_store *s = calloc(1, sizeof *s);
	vu_status status;

	if (!s)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open %s: out of memory", path);
	status = vu_store_open_or_replace(path, &SCHEMA, &s->store, NULL, error);
	if (status != VU_OK) {
		free(s);
		return status;
	}
	*store_out = s;
	return VU_OK;
}

void habit_store_close(habit_store *s)
{
	if (!s)
		return;
	vu_store_close(s->store);
	free(s);
}

/* Ends a transaction as its outcome says. */
static vu_status end(habit_store *s, vu_status status, vu_error *error)
{
	if (status == VU_OK)
		return vu_store_commit(s->store, error);
	vu_store_rollback(s->store);
	return status;
}

static void read_habit(vu_statement *row, int column, habit *h)
{
	h->first_day = (int32_t)vu_statement_int(row, column);
	h->last.day = (int32_t)vu_statement_int(row, column + 1);
	h->last.minute = (int32_t)vu_statement_int(row, column + 2);
	h->visits = vu_statement_double(row, column + 3);
	h->returns = vu_statement_double(row, column + 4);
}

/* *id_out is 0 for somebody who never came. */
static vu_status read_person(habit_store *s, const char *user, habit *h, int64_t *id_out, int64_t *last_us_out,
                             vu_error *error)
{
	vu_statement *row = NULL;
	bool found;
	vu_status status =
	    vu_statement_prepare(s->store,
	                         "SELECT id, last_us, first_day, last_day, last_minute, visits, returns FROM person "
	                         "WHERE name = ?",
	                         &row, error);

	*id_out = 0;
	*last_us_out = 0;
	if (status != VU_OK)
		return status;
	vu_statement_bind_text(row, 1, user);
	status = vu_statement_step(row, &found, error);
	if (status == VU_OK && found) {
		*id_out = vu_statement_int(row, 0);
		*last_us_out = vu_statement_int(row, 1);
		read_habit(row, 2, h);
	}
	vu_statement_finish(row);
	return status;
}

static vu_status write_person(habit_store *s, const char *user, const habit *h, int64_t wall_us, int64_t *id_out,
                              vu_error *error)
{
	vu_statement *row = NULL;
	bool found;
	vu_status status = vu_statement_prepare(
	    s->store,
	    "INSERT INTO person (name, first_day, last_day, last_minute, last_us, visits, returns) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (name) DO UPDATE SET first_day = ?2, last_day = ?3, "
	    "last_minute = ?4, last_us = ?5, visits = ?6, returns = ?7 RETURNING id",
	    &row, error);

	if (status != VU_OK)
		return status;
	vu_statement_bind_text(row, 1, user);
	vu_statement_bind_int(row, 2, h->first_day);
	vu_statement_bind_int(row, 3, h->last.day);
	vu_statement_bind_int(row, 4, h->last.minute);
	vu_statement_bind_int(row, 5, wall_us);
	vu_statement_bind_double(row, 6, h->visits);
	vu_statement_bind_double(row, 7, h->returns);
	status = vu_statement_step(row, &found, error);
	if (status == VU_OK && found) {
		*id_out = vu_statement_int(row, 0);
		status = vu_statement_step(row, &found, error);
	}
	vu_statement_finish(row);
	return status;
}

static vu_status read_slot(habit_store *s, int64_t id, int quarter, habit_slot *slot, vu_error *error)
{
	vu_statement *row = NULL;
	bool found;
	vu_status status = vu_statement_prepare(
	    s->store, "SELECT base, days0, days1 FROM slot WHERE quarter = ? AND person = ?", &row, error);

	if (status != VU_OK)
		return status;
	vu_statement_bind_int(row, 1, quarter);
	vu_statement_bind_int(row, 2, id);
	status = vu_statement_step(row, &found, error);
	if (status == VU_OK && found)
		*slot = (habit_slot){
		    .base = (int32_t)vu_statement_int(row, 0),
		    .days = {(uint64_t)vu_statement_int(row, 1), (uint64_t)vu_statement_int(row, 2)},
		};
	vu_statement_finish(row);
	return status;
}

static vu_status write_slot(habit_store *s, int64_t id, int quarter, const habit_slot *slot, vu_error *error)
{
	vu_statement *row = NULL;
	bool found;
	vu_status status = vu_statement_prepare(
	    s->store, "INSERT OR REPLACE INTO slot (quarter, person, base, days0, days1) VALUES (?, ?, ?, ?, ?)",
	    &row, error);

	if (status != VU_OK)
		return status;
	vu_statement_bind_int(row, 1, quarter);
	vu_statement_bind_int(row, 2, id);
	vu_statement_bind_int(row, 3, slot->base);
	vu_statement_bind_int(row, 4, (int64_t)slot->days[0]);
	vu_statement_bind_int(row, 5, (int64_t)slot->days[1]);
	status = vu_statement_step(row, &found, error);
	vu_statement_finish(row);
	return status;
}

/* One statement about one person, without a result. */
static vu_status change(habit_store *s, const char *sql, int64_t id, int64_t number, vu_error *error)
{
	vu_statement *row = NULL;
	bool found;
	vu_status status = vu_statement_prepare(s->store, sql, &row, error);

	if (status != VU_OK)
		return status;
	vu_statement_bind_int(row, 1, id);
	vu_statement_bind_int(row, 2, number);
	status = vu_statement_step(row, &found, error);
	vu_statement_finish(row);
	return status;
}

static vu_status visit(habit_store *s, const char *user, habit_moment at, int64_t wall_us, vu_error *error)
{
	habit h = {0};
	int quarter = at.minute / (1440 / HABIT_QUARTERS);
	int64_t id;
	int64_t last_us;
	vu_status status = read_person(s, user, &h, &id, &last_us, error);

	if (status != VU_OK || (id != 0 && wall_us >= last_us && wall_us - last_us < SAME_VISIT_US))
		return status;
	if (id != 0)
		status = read_slot(s, id, quarter, &h.slots[quarter], error);
	if (status != VU_OK)
		return status;
	habit_visit(&h, at);
	status = write_person(s, user, &h, wall_us, &id, error);
	if (status == VU_OK)
		status = write_slot(s, id, quarter, &h.slots[quarter], error);
	if (status == VU_OK)
		status = change(s, "DELETE FROM slot WHERE person = ? AND base < ?", id, at.day - HABIT_DAYS, error);
	return status;
}

vu_status habit_store_visit(habit_store *s, const char *user, habit_moment at, int64_t wall_us, vu_error *error)
{
	vu_status status = vu_store_begin(s->store, error);

	return status == VU_OK ? end(s, visit(s, user, at, wall_us, error), error) : status;
}

static vu_status forget(habit_store *s, const char *user, vu_error *error)
{
	habit h = {0};
	int64_t id;
	int64_t last_us;
	vu_status status = read_person(s, user, &h, &id, &last_us, error);

	if (status != VU_OK || id == 0)
		return status;
	status = change(s, "DELETE FROM slot WHERE person = ? AND ? = 0", id, 0, error);
	return status == VU_OK ? change(s, "DELETE FROM person WHERE id = ? AND ? = 0", id, 0, error) : status;
}

vu_status habit_store_forget(habit_store *s, const char *user, vu_error *error)
{
	vu_status status = vu_store_begin(s->store, error);

	return status == VU_OK ? end(s, forget(s, user, error), error) : status;
}

/* The quarters that habit_predict looks at, as a list for SQL. */
static void list_quarters(int quarter, char sql[128])
{
	size_t used = 0;

	for (int q = quarter - HABIT_BEFORE_QUARTERS; q <= quarter + HABIT_HORIZON_QUARTERS; q++)
		used += (size_t)snprintf(sql + used, 128 - used, "%s%d", used ? "," : "",
		                         (q + HABIT_QUARTERS) % HABIT_QUARTERS);
}

static vu_status scan(habit_store *s, habit_moment now, bool (*each)(void *context, const char *user, const habit *h),
                      void *context, vu_error *error)
{
	char quarters[128];
	char sql[512];
	char user[256] = "";
	habit *h = calloc(1, sizeof *h);
	vu_statement *row = NULL;
	int64_t current = 0;
	bool found;
	bool go_on = true;
	vu_status status;

	if (!h)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to foretell visits: out of memory");
	list_quarters(now.minute / (1440 / HABIT_QUARTERS), quarters);
	snprintf(sql, sizeof sql,
	         "SELECT s.person, s.quarter, s.base, s.days0, s.days1, p.name, p.first_day, p.last_day, "
	         "p.last_minute, p.visits, p.returns FROM slot s JOIN person p ON p.id = s.person "
	         "WHERE s.quarter IN (%s) ORDER BY s.person",
	         quarters);
	status = vu_statement_prepare(s->store, sql, &row, error);
	while (status == VU_OK && go_on && (status = vu_statement_step(row, &found, error)) == VU_OK && found) {
		int64_t person = vu_statement_int(row, 0);
		int64_t quarter = vu_statement_int(row, 1);
		if (person != current) {
			if (current != 0)
				go_on = each(context, user, h);
			memset(h, 0, sizeof *h);
			current = person;
			snprintf(user, sizeof user, "%s", vu_statement_text(row, 5));
			read_habit(row, 6, h);
		}
		if (quarter >= 0 && quarter < HABIT_QUARTERS)
			h->slots[quarter] = (habit_slot){
			    .base = (int32_t)vu_statement_int(row, 2),
			    .days = {(uint64_t)vu_statement_int(row, 3), (uint64_t)vu_statement_int(row, 4)},
			};
	}
	if (status == VU_OK && go_on && current != 0)
		each(context, user, h);
	vu_statement_finish(row);
	free(h);
	return status;
}

vu_status habit_store_scan(habit_store *s, habit_moment now,
                           bool (*each)(void *context, const char *user, const habit *h), void *context,
                           vu_error *error)
{
	vu_status status = vu_store_begin(s->store, error);

	return status == VU_OK ? end(s, scan(s, now, each, context, error), error) : status;
}
