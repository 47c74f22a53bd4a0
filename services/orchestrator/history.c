/* The table of attempts. */
#include "history.h"

#include <stdlib.h>
#include <string.h>

vu_status vu_history_contains(vu_store *store, const char *attempt_id, bool *contains_out, vu_error *error)
{
	vu_statement *statement = NULL;
	vu_status status =
	    vu_statement_prepare(store, "SELECT 1 FROM attempt WHERE attempt_id = ?", &statement, error);

	if (status == VU_OK) {
		vu_statement_bind_text(statement, 1, attempt_id);
		status = vu_statement_step(statement, contains_out, error);
	}
	vu_statement_finish(statement);
	return status;
}

vu_status vu_history_add(vu_store *store, const vu_history_entry *entry, vu_error *error)
{
	vu_statement *statement = NULL;
	bool contained = false;
	vu_status status = vu_history_contains(store, entry->attempt_id, &contained, error);

	if (status != VU_OK)
		return status;
	if (contained)
		return vu_fail(error, VU_ALREADY_EXISTS,
		               "unable to store attempt %s: it is in the history already; begin a new one",
		               entry->attempt_id);
	status =
	    vu_statement_prepare(store,
	                         "INSERT INTO attempt (attempt_id, time_us, user, verdict, reason, score, threshold, "
	                         "antispoof_score, total_ms, kind, source) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	                         &statement, error);
	if (status == VU_OK) {
		vu_statement_bind_text(statement, 1, entry->attempt_id);
		vu_statement_bind_int(statement, 2, entry->time_us);
		vu_statement_bind_text(statement, 3, entry->user);
		vu_statement_bind_text(statement, 4, entry->verdict);
		vu_statement_bind_text(statement, 5, entry->reason);
		vu_statement_bind_double(statement, 6, entry->score);
		vu_statement_bind_double(statement, 7, entry->threshold);
		vu_statement_bind_double(statement, 8, entry->antispoof_score);
		vu_statement_bind_double(statement, 9, entry->total_ms);
		vu_statement_bind_text(statement, 10, entry->kind);
		vu_statement_bind_text(statement, 11, entry->source);
		status = vu_statement_step(statement, NULL, error);
	}
	vu_statement_finish(statement);
	return status;
}

vu_status vu_history_forget_before(vu_store *store, int64_t oldest_us, vu_error *error)
{
	vu_statement *statement = NULL;
	vu_status status = vu_statement_prepare(store, "DELETE FROM attempt WHERE time_us < ?", &statement, error);

	if (status == VU_OK) {
		vu_statement_bind_int(statement, 1, oldest_us);
		status = vu_statement_step(statement, NULL, error);
	}
	vu_statement_finish(statement);
	return status;
}

static char *copy_text(vu_statement *statement, int column)
{
	return strdup(vu_statement_text(statement, column));
}

static Vu__Attempt *read_row(vu_statement *statement)
{
	Vu__Attempt *attempt = malloc(sizeof *attempt);

	if (!attempt)
		return NULL;
	vu__attempt__init(attempt);
	attempt->attempt_id = copy_text(statement, 0);
	attempt->time_us = (uint64_t)vu_statement_int(statement, 1);
	attempt->user = copy_text(statement, 2);
	attempt->verdict = copy_text(statement, 3);
	attempt->reason = copy_text(statement, 4);
	attempt->score = vu_statement_double(statement, 5);
	attempt->threshold = vu_statement_double(statement, 6);
	attempt->antispoof_score = vu_statement_double(statement, 7);
	attempt->total_ms = vu_statement_double(statement, 8);
	attempt->kind = copy_text(statement, 9);
	attempt->source = copy_text(statement, 10);
	if (!attempt->attempt_id || !attempt->user || !attempt->verdict || !attempt->reason || !attempt->kind ||
	    !attempt->source) {
		vu__attempt__free_unpacked(attempt, NULL);
		return NULL;
	}
	return attempt;
}

vu_status vu_history_list(vu_store *store, const char *user, uint32_t limit, Vu__HistoryResponse *response,
                          vu_error *error)
{
	vu_statement *statement = NULL;
	bool row = false;
	vu_status status;

	if (limit == 0)
		limit = VU_HISTORY_LIMIT_DEFAULT;
	if (limit > VU_HISTORY_LIMIT_MAX)
		limit = VU_HISTORY_LIMIT_MAX;
	response->attempts = calloc(limit, sizeof *response->attempts);
	if (!response->attempts)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read the history: out of memory");
	status = vu_statement_prepare(
	    store,
	    user && *user ? "SELECT attempt_id, time_us, user, verdict, reason, score, threshold, "
	                    "antispoof_score, total_ms, kind, source FROM attempt WHERE user = ?2 "
	                    "ORDER BY id DESC LIMIT ?1"
	                  : "SELECT attempt_id, time_us, user, verdict, reason, score, threshold, "
	                    "antispoof_score, total_ms, kind, source FROM attempt ORDER BY id DESC LIMIT ?1",
	    &statement, error);
	if (status != VU_OK)
		goto out;
	vu_statement_bind_int(statement, 1, limit);
	if (user && *user)
		vu_statement_bind_text(statement, 2, user);
	while (response->n_attempts < limit) {
		status = vu_statement_step(statement, &row, error);
		if (status != VU_OK || !row)
			break;
		response->attempts[response->n_attempts] = read_row(statement);
		if (!response->attempts[response->n_attempts]) {
			status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read the history: out of memory");
			break;
		}
		response->n_attempts++;
	}
out:
	vu_statement_finish(statement);
	if (status != VU_OK)
		vu_history_free(response);
	return status;
}

void vu_history_free(Vu__HistoryResponse *response)
{
	for (size_t i = 0; i < response->n_attempts; i++)
		vu__attempt__free_unpacked(response->attempts[i], NULL);
	free(response->attempts);
	response->attempts = NULL;
	response->n_attempts = 0;
}
