/* Failures and lockouts, one row a user; no row means no failures. */
#include "store/lockout.h"

#include <stdio.h>
#include <string.h>

typedef struct lockout_row {
	bool exists;
	uint32_t failures;
	bool same_boot;
	int64_t until_us;
	int64_t remaining_us;
	uint32_t rounds; /* lockouts since the last accept */
} lockout_row;

static vu_status read_row(vu_store *store, const vu_lockout_rule *rule, const char *user, lockout_row *row,
                          vu_error *error)
{
	vu_statement *statement = NULL;
	vu_status status = vu_statement_prepare(
	    store, "SELECT failures, boot_id, until_us, remaining_us, rounds FROM lockout WHERE user = ?", &statement,
	    error);

	memset(row, 0, sizeof *row);
	if (status == VU_OK) {
		vu_statement_bind_text(statement, 1, user);
		status = vu_statement_step(statement, &row->exists, error);
	}
	if (status == VU_OK && row->exists) {
		row->failures = (uint32_t)vu_statement_int(statement, 0);
		row->same_boot = strcmp(vu_statement_text(statement, 1), rule->boot_id) == 0;
		row->until_us = vu_statement_int(statement, 2);
		row->remaining_us = vu_statement_int(statement, 3);
		row->rounds = (uint32_t)vu_statement_int(statement, 4);
	}
	vu_statement_finish(statement);
	return status;
}

static vu_status write_row(vu_store *store, const vu_lockout_rule *rule, const char *user, uint32_t failures,
                           int64_t remaining_us, uint32_t rounds, vu_error *error)
{
	vu_statement *statement = NULL;
	vu_status status = vu_statement_prepare(
	    store,
	    "INSERT INTO lockout (user, failures, boot_id, until_us, remaining_us, rounds) VALUES (?, ?, ?, ?, ?, ?) "
	    "ON CONFLICT (user) DO UPDATE SET failures = excluded.failures, boot_id = excluded.boot_id, "
	    "until_us = excluded.until_us, remaining_us = excluded.remaining_us, rounds = excluded.rounds",
	    &statement, error);

	if (status == VU_OK) {
		vu_statement_bind_text(statement, 1, user);
		vu_statement_bind_int(statement, 2, failures);
		vu_statement_bind_text(statement, 3, rule->boot_id);
		vu_statement_bind_int(statement, 4, remaining_us > 0 ? rule->now_us + remaining_us : 0);
		vu_statement_bind_int(statement, 5, remaining_us);
		vu_statement_bind_int(statement, 6, rounds);
		status = vu_statement_step(statement, NULL, error);
	}
	vu_statement_finish(statement);
	return status;
}

vu_status vu_lockout_clear(vu_store *store, const char *user, vu_error *error)
{
	vu_statement *statement = NULL;
	vu_status status = vu_statement_prepare(store, "DELETE FROM lockout WHERE user = ?", &statement, error);

	if (status == VU_OK) {
		vu_statement_bind_text(statement, 1, user);
		status = vu_statement_step(statement, NULL, error);
	}
	vu_statement_finish(statement);
	return status;
}

/* How things stand by `row`; 0 in *remaining_us_out when it is not, or no longer, a lockout. */
static void judge(const lockout_row *row, const vu_lockout_rule *rule, int64_t *remaining_us_out,
                  vu_lockout_state *state)
{
	int64_t remaining_us = 0;

	if (row->exists && row->until_us > 0) {
		/* Never more than was left when it was written: without a boot id a reboot could look like that. */
		remaining_us = row->same_boot ? row->until_us - rule->now_us : row->remaining_us;
		if (remaining_us > row->remaining_us)
			remaining_us = row->remaining_us;
		if (remaining_us < 0)
			remaining_us = 0;
	}
	memset(state, 0, sizeof *state);
	if (remaining_us > 0) {
		state->locked = true;
		state->remaining_s = (uint64_t)((remaining_us + 999999) / 1000000);
		state->failures = row->failures;
	} else {
		/* A lockout that is over took its failures with it. */
		state->failures = row->exists && row->until_us == 0 ? row->failures : 0;
		state->failures_left =
		    state->failures < rule->max_attempts ? rule->max_attempts - state->failures : 1;
	}
	*remaining_us_out = remaining_us;
}

vu_status vu_lockout_read(vu_store *store, const vu_lockout_rule *rule, const char *user, vu_lockout_state *state_out,
                          vu_error *error)
{
	lockout_row row;
	int64_t remaining_us;
	vu_status status = read_row(store, rule, user, &row, error);

	if (status != VU_OK)
		return status;
	judge(&row, rule, &remaining_us, state_out);
	if (state_out->locked) /* keeps what is left, for the time after a reboot */
		return write_row(store, rule, user, row.failures, remaining_us, row.rounds, error);
	/* What remains of a lockout that is over is how many there were. */
	if (row.exists && row.until_us != 0)
		return write_row(store, rule, user, 0, 0, row.rounds, error);
	return VU_OK;
}

/* Twice as long each time, a day at most (or as configured, if that is longer). */
static int64_t duration_s(const vu_lockout_rule *rule, uint32_t rounds)
{
	int64_t most = rule->lockout_s > VU_LOCKOUT_MAX_S ? rule->lockout_s : VU_LOCKOUT_MAX_S;
	int64_t seconds = rule->lockout_s;

	for (uint32_t i = 0; i < rounds && seconds > 0 && seconds < most; i++)
		seconds *= 2;
	return seconds < most ? seconds : most;
}

vu_status vu_lockout_count(vu_store *store, const vu_lockout_rule *rule, const char *user,
                           vu_lockout_state *state_out, vu_error *error)
{
	int64_t remaining_us = 0;
	lockout_row row;
	vu_status status = vu_lockout_read(store, rule, user, state_out, error);

	if (status == VU_OK)
		status = read_row(store, rule, user, &row, error);
	if (status != VU_OK || state_out->locked)
		return status;
	state_out->failures++;
	if (state_out->failures >= rule->max_attempts) {
		state_out->remaining_s = (uint64_t)duration_s(rule, row.rounds);
		remaining_us = (int64_t)state_out->remaining_s * 1000000;
		state_out->locked = remaining_us > 0;
		row.rounds++;
		state_out->failures_left = 0;
	} else {
		state_out->failures_left = rule->max_attempts - state_out->failures;
	}
	return write_row(store, rule, user, state_out->failures, remaining_us, row.rounds, error);
}

vu_status vu_lockout_forgive(vu_store *store, const vu_lockout_rule *rule, const char *source, uint32_t failures,
                             vu_error *error)
{
	vu_lockout_state state;
	lockout_row row;
	vu_status status = vu_lockout_read(store, rule, source, &state, error);

	if (status != VU_OK || state.locked || state.failures == 0 || failures == 0)
		return status;
	status = read_row(store, rule, source, &row, error);
	if (status != VU_OK)
		return status;
	return write_row(store, rule, source, state.failures > failures ? state.failures - failures : 0, 0,
	                 row.rounds, error);
}

vu_status vu_lockout_clear_sources(vu_store *store, vu_error *error)
{
	return vu_store_execute(store, "DELETE FROM lockout WHERE user LIKE '/%'", error);
}

vu_status vu_lockout_list(vu_store *store, const vu_lockout_rule *rule, vu_lockout_user *users, size_t capacity,
                          size_t *count_out, vu_error *error)
{
	vu_statement *statement = NULL;
	bool more = false;
	int64_t remaining_us;
	vu_status status = vu_statement_prepare(
	    store,
	    "SELECT user, failures, boot_id, until_us, remaining_us FROM lockout WHERE until_us > 0 ORDER BY user",
	    &statement, error);

	*count_out = 0;
	while (status == VU_OK && *count_out < capacity) {
		lockout_row row = {.exists = true};
		vu_lockout_user *entry = &users[*count_out];
		status = vu_statement_step(statement, &more, error);
		if (status != VU_OK || !more)
			break;
		row.failures = (uint32_t)vu_statement_int(statement, 1);
		row.same_boot = strcmp(vu_statement_text(statement, 2), rule->boot_id) == 0;
		row.until_us = vu_statement_int(statement, 3);
		row.remaining_us = vu_statement_int(statement, 4);
		judge(&row, rule, &remaining_us, &entry->state);
		if (!entry->state.locked)
			continue;
		snprintf(entry->user, sizeof entry->user, "%s", vu_statement_text(statement, 0));
		(*count_out)++;
	}
	vu_statement_finish(statement);
	return status;
}
