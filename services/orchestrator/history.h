/*
 * Rows of past attempts. Functions that take a vu_store run within a
 * transaction of the ledger.
 */
#ifndef VU_ORCHESTRATOR_HISTORY_H
#define VU_ORCHESTRATOR_HISTORY_H

#include "base/status.h"
#include "store/store.h"
#include "voiceunlock/v1/orchestrator.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

#define VU_HISTORY_LIMIT_DEFAULT 20
#define VU_HISTORY_LIMIT_MAX     1000

typedef struct vu_history_entry {
	const char *attempt_id;
	int64_t time_us;
	const char *user;
	const char *verdict;
	const char *reason;
	double score; /* NaN: not computed; so for the next two */
	double threshold;
	double antispoof_score;
	double total_ms;
	const char *kind;   /* authenticate identify enroll remove */
	const char *source; /* microphone upload, or "" */
} vu_history_entry;

/* Adds an entry. ALREADY_EXISTS: the attempt is in the history. */
vu_status vu_history_add(vu_store *store, const vu_history_entry *entry, vu_error *error);

vu_status vu_history_contains(vu_store *store, const char *attempt_id, bool *contains_out, vu_error *error);

/* Deletes entries older than `oldest_us` (wall clock). */
vu_status vu_history_forget_before(vu_store *store, int64_t oldest_us, vu_error *error);

/*
 * The newest entries first, of `user` alone when it is not empty. The response
 * is initialized by the caller; free its content with vu_history_free.
 */
vu_status vu_history_list(vu_store *store, const char *user, uint32_t limit, Vu__HistoryResponse *response,
                          vu_error *error);
void vu_history_free(Vu__HistoryResponse *response);

#endif
