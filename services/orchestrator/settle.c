/*
 * Settling. The transaction is begun before the verdict is made and committed
 * after it was written down; when either fails the verdict is made again with
 * the record failed, which can only be a weaker one.
 */
#include "settle.h"

#include "answers.h"
#include "history.h"
#include "record.h"

#include "base/log.h"

#include <math.h>
#include <string.h>

#define DAY_US (24 * 3600 * 1000000LL)
/* Entries beyond their time are looked for so often. */
#define FORGET_EVERY_US (3600 * 1000000LL)

static vu_lockout_rule rule_of(vu_orchestrator *orchestrator, const vu_policy *policy)
{
	vu_lockout_rule rule = {
	    .max_attempts = policy->max_attempts,
	    .lockout_s = policy->lockout_s,
	    .boot_id = vu_ledger_boot_id(orchestrator->ledger),
	    .now_us = vu_ledger_monotonic_us(orchestrator->ledger),
	};
	return rule;
}

static vu_lockout_rule source_rule_of(vu_orchestrator *orchestrator, const vu_policy *policy)
{
	vu_lockout_rule rule = rule_of(orchestrator, policy);

	rule.max_attempts *= VU_LOCKOUT_SOURCE_TIMES;
	return rule;
}

/* A lockout that other computers know of as well. */
static void join_elsewhere(const vu_guesses *elsewhere, vu_lockout_state *state)
{
	uint64_t locked_for_s;

	if (!elsewhere)
		return;
	locked_for_s = elsewhere->counted ? elsewhere->now_locked_s : elsewhere->locked_for_s;
	if (locked_for_s > state->remaining_s) {
		state->locked = true;
		state->remaining_s = locked_for_s;
		state->failures_left = 0;
	}
	if (elsewhere->counted && elsewhere->failures_left < state->failures_left)
		state->failures_left = elsewhere->failures_left;
}

/* How things stand for user and source together: the longer lockout of the two. */
static vu_status read_lockouts(vu_orchestrator *orchestrator, const vu_policy *policy, vu_store *store,
                               const char *user, const char *source, vu_lockout_state *state, vu_error *error)
{
	vu_lockout_rule rule = rule_of(orchestrator, policy);
	vu_lockout_rule source_rule = source_rule_of(orchestrator, policy);
	vu_lockout_state of_source = {.locked = false};
	vu_status status = VU_OK;

	if (*user)
		status = vu_lockout_read(store, &rule, user, state, error);
	if (status == VU_OK && *source)
		status = vu_lockout_read(store, &source_rule, source, &of_source, error);
	if (status == VU_OK && of_source.locked && of_source.remaining_s > state->remaining_s)
		*state = of_source;
	return status;
}

static void decide(const vu_case *attempt, const vu_evidence *evidence, const char *trouble,
                   vu_settlement *settlement)
{
	settlement->verdict = vu_decide(evidence);
	settlement->may_unlock = settlement->verdict == VU__VERDICT__VERDICT_ACCEPT && !attempt->upload &&
	                         !attempt->isolated && !attempt->identify && attempt->levels_suffice;
	vu_reason_facts facts = {
	    .verdict = settlement->verdict,
	    .user = attempt->user,
	    .identify = attempt->identify,
	    .upload = attempt->upload,
	    .isolated = attempt->isolated,
	    .may_unlock = settlement->may_unlock,
	    .unheard = evidence->challenge == VU_CHECK_REFUSED,
	    .failures_left = settlement->lockout.failures_left,
	    .locked_for_s = settlement->lockout.remaining_s,
	    .advice = attempt->advice,
	    .spoof = attempt->spoof,
	    .trouble = trouble,
	};
	vu_reason_write(&facts, settlement->reason, sizeof settlement->reason);
}

/* What follows from the verdict for the user's count of failures. */
static vu_status apply(vu_orchestrator *orchestrator, const vu_policy *policy, const vu_case *attempt,
                       const vu_evidence *evidence, vu_store *store, vu_settlement *settlement, vu_error *error)
{
	vu_lockout_rule rule = rule_of(orchestrator, policy);
	vu_lockout_rule source_rule = source_rule_of(orchestrator, policy);
	vu_lockout_state of_source = {.locked = false};
	uint32_t failures = settlement->lockout.failures;
	vu_status status = VU_OK;

	/* Where nobody spoke nobody failed. */
	if (attempt->identify || !*attempt->user || evidence->challenge == VU_CHECK_REFUSED)
		return VU_OK;
	switch (settlement->verdict) {
	case VU__VERDICT__VERDICT_REJECT:
	case VU__VERDICT__VERDICT_SPOOF:
		if (*attempt->source)
			status = vu_lockout_count(store, &source_rule, attempt->source, &of_source, error);
		if (status == VU_OK)
			status = vu_lockout_count(store, &rule, attempt->user, &settlement->lockout, error);
		if (status == VU_OK && of_source.locked && of_source.remaining_s > settlement->lockout.remaining_s)
			settlement->lockout = of_source;
		return status;
	case VU__VERDICT__VERDICT_ACCEPT:
		/* A trial from a file or at a lower level must not wash failures away. */
		if (!settlement->may_unlock)
			return VU_OK;
		settlement->lockout.failures = 0;
		settlement->lockout.failures_left = policy->max_attempts;
		/*
		 * Only what this user cost the source: a voice of one's own must not pay for guesses at others. At a
		 * door all failures were this user's, whatever an accept elsewhere has forgotten since.
		 */
		if (vu_source_is_door(attempt->source))
			failures = UINT32_MAX;
		if (*attempt->source)
			status = vu_lockout_forgive(store, &source_rule, attempt->source, failures, error);
		return status == VU_OK ? vu_lockout_clear(store, attempt->user, error) : status;
	default:
		return VU_OK;
	}
}

/* Within a transaction, so that its lock covers forgotten_us as well. */
static vu_status forget_old(vu_orchestrator *orchestrator, const vu_policy *policy, vu_store *store, vu_error *error)
{
	int64_t now_us = vu_ledger_monotonic_us(orchestrator->ledger);
	int64_t kept_us = policy->retention_days * DAY_US;

	if (kept_us == 0 ||
	    (orchestrator->forgotten_us != 0 && now_us - orchestrator->forgotten_us < FORGET_EVERY_US))
		return VU_OK;
	orchestrator->forgotten_us = now_us;
	vu_record_forget(orchestrator, vu_ledger_wall_us(orchestrator->ledger) - kept_us);
	return vu_history_forget_before(store, vu_ledger_wall_us(orchestrator->ledger) - kept_us, error);
}

static vu_answer_key key_of(vu_orchestrator *orchestrator, const char *attempt_id, const char *fingerprint)
{
	return (vu_answer_key){
	    .attempt_id = attempt_id,
	    .fingerprint = fingerprint,
	    .boot_id = vu_ledger_boot_id(orchestrator->ledger),
	    .now_us = vu_ledger_monotonic_us(orchestrator->ledger),
	};
}

static vu_status store_attempt(vu_orchestrator *orchestrator, const vu_case *attempt, vu_store *store,
                               const vu_settlement *settlement, vu_error *error)
{
	vu_history_entry entry = {
	    .attempt_id = attempt->attempt_id,
	    .time_us = vu_ledger_wall_us(orchestrator->ledger),
	    .user = attempt->user,
	    .verdict = vu_verdict_name(settlement->verdict),
	    .reason = settlement->reason,
	    .score = attempt->score,
	    .threshold = attempt->threshold,
	    .antispoof_score = attempt->antispoof_score,
	    .total_ms = attempt->total_ms,
	    .kind = attempt->identify ? "identify" : "authenticate",
	    .source = attempt->upload ? "upload" : "microphone",
	};
	vu_answer_key key = key_of(orchestrator, attempt->attempt_id, attempt->fingerprint);
	vu_status status = vu_history_add(store, &entry, error);

	if (status == VU_OK && attempt->answer)
		status = vu_answer_keep(store, &key, attempt->answer(attempt->context, settlement), error);
	return status;
}

static void settle_isolated(const vu_case *attempt, vu_evidence *evidence, vu_settlement *settlement)
{
	evidence->lockout = VU_CHECK_EXEMPT;
	evidence->record = VU_CHECK_EXEMPT;
	decide(attempt, evidence, attempt->trouble, settlement);
}

/* Everything between begin and commit. */
static vu_status settle_within(vu_orchestrator *orchestrator, const vu_policy *policy, const vu_case *attempt,
                               vu_store *store, vu_evidence *evidence, vu_settlement *settlement, bool *recorded_out,
                               vu_error *error)
{
	vu_status status =
	    read_lockouts(orchestrator, policy, store, attempt->user, attempt->source, &settlement->lockout, error);

	if (status != VU_OK)
		return status;
	/* What this very attempt has brought about elsewhere is for the words below, not for its verdict. */
	if (attempt->elsewhere && !attempt->elsewhere->counted)
		join_elsewhere(attempt->elsewhere, &settlement->lockout);
	evidence->lockout = settlement->lockout.locked ? VU_CHECK_REFUSED : VU_CHECK_PASSED;
	/* Nobody is let in whose failures elsewhere nobody knows. */
	if (evidence->lockout == VU_CHECK_PASSED && attempt->elsewhere && !attempt->elsewhere->known)
		evidence->lockout = VU_CHECK_FAILED;
	evidence->record = VU_CHECK_PASSED;
	decide(attempt, evidence, attempt->trouble, settlement);
	status = apply(orchestrator, policy, attempt, evidence, store, settlement, error);
	if (status != VU_OK)
		return status;
	if (attempt->elsewhere && attempt->elsewhere->counted)
		join_elsewhere(attempt->elsewhere, &settlement->lockout);
	/* Again for the words: they tell what is left after counting. The verdict stays. */
	decide(attempt, evidence, attempt->trouble, settlement);
	status = store_attempt(orchestrator, attempt, store, settlement, error);
	if (status == VU_OK)
		status = vu_record_verdict(orchestrator, policy, attempt, settlement, error);
	*recorded_out = status == VU_OK;
	/* A verdict that is no lockout and leaves one has brought it about. */
	if (status == VU_OK && settlement->lockout.locked && settlement->verdict != VU__VERDICT__VERDICT_LOCKED &&
	    vu_record_note(orchestrator, attempt->attempt_id, attempt->user, "lockout", settlement->reason) != VU_OK)
		status = vu_fail(error, VU_UNAVAILABLE, "unable to audit a lockout");
	return status == VU_OK ? forget_old(orchestrator, policy, store, error) : status;
}

void vu_settle(vu_orchestrator *orchestrator, const vu_policy *policy, const vu_case *attempt, vu_evidence *evidence,
               vu_settlement *settlement)
{
	vu_store *store = NULL;
	vu_error error = {.status = VU_OK};
	bool recorded = false;
	vu_status status;

	memset(settlement, 0, sizeof *settlement);
	if (attempt->isolated) {
		settle_isolated(attempt, evidence, settlement);
		return;
	}
	status = vu_ledger_begin(orchestrator->ledger, &store, &error);
	if (status == VU_OK) {
		status = settle_within(orchestrator, policy, attempt, store, evidence, settlement, &recorded, &error);
		if (status == VU_OK)
			status = vu_ledger_commit(orchestrator->ledger, &error);
		else
			vu_ledger_rollback(orchestrator->ledger, status);
	}
	if (status == VU_OK)
		return;
	vu_log_error("%s; the attempt counts as unavailable", error.message);
	if (recorded)
		vu_record_undone(orchestrator, policy, attempt->attempt_id, error.message);
	if (evidence->lockout != VU_CHECK_REFUSED)
		evidence->lockout = VU_CHECK_FAILED;
	evidence->record = VU_CHECK_FAILED;
	decide(attempt, evidence, error.message, settlement);
}

vu_status vu_settle_look(vu_orchestrator *orchestrator, const vu_policy *policy, const char *attempt_id,
                         const char *user, const char *source, const char *fingerprint,
                         const ProtobufCMessageDescriptor *descriptor, vu_evidence *evidence, vu_lockout_state *state,
                         ProtobufCMessage **answer_out, vu_error *trouble)
{
	vu_answer_key key = key_of(orchestrator, attempt_id, fingerprint);
	vu_store *store = NULL;
	bool used = false;
	vu_status status = vu_ledger_begin(orchestrator->ledger, &store, trouble);

	memset(state, 0, sizeof *state);
	*answer_out = NULL;
	if (status == VU_OK) {
		status = vu_history_contains(store, attempt_id, &used, trouble);
		if (status == VU_OK && used)
			status = vu_answer_recall(store, &key, descriptor, answer_out, trouble);
		if (status == VU_OK)
			status = read_lockouts(orchestrator, policy, store, user, source, state, trouble);
		if (status == VU_OK)
			status = vu_ledger_commit(orchestrator->ledger, trouble);
		else
			vu_ledger_rollback(orchestrator->ledger, status);
	}
	if (status == VU_OK && !used)
		status = vu_record_intent(orchestrator, policy, attempt_id, user, trouble);
	if (status != VU_OK) {
		vu_log_error("%s; the attempt counts as unavailable", trouble->message);
		if (*answer_out)
			protobuf_c_message_free_unpacked(*answer_out, NULL);
		*answer_out = NULL;
		evidence->lockout = VU_CHECK_FAILED;
		return VU_OK;
	}
	trouble->status = VU_OK;
	evidence->lockout = state->locked ? VU_CHECK_REFUSED : VU_CHECK_PASSED;
	if (used && !*answer_out)
		return vu_fail(trouble, VU_ABORTED,
		               "attempt %s is over and its answer was lost; try again with a new one", attempt_id);
	return VU_OK;
}

void vu_settle_note(vu_orchestrator *orchestrator, const char *event_id, const char *user, const char *kind,
                    const char *outcome, const char *reason)
{
	vu_store *store = NULL;
	vu_error error;
	vu_history_entry entry = {
	    .attempt_id = event_id,
	    .time_us = vu_ledger_wall_us(orchestrator->ledger),
	    .user = user,
	    .verdict = outcome,
	    .reason = reason,
	    .score = (double)NAN,
	    .threshold = (double)NAN,
	    .antispoof_score = (double)NAN,
	    .total_ms = (double)NAN,
	    .kind = kind,
	    .source = "",
	};
	vu_status status = vu_ledger_begin(orchestrator->ledger, &store, &error);

	(void)vu_record_note(orchestrator, event_id, user, kind, reason);
	if (status == VU_OK) {
		status = vu_history_add(store, &entry, &error);
		if (status == VU_OK)
			status = vu_ledger_commit(orchestrator->ledger, &error);
		else
			vu_ledger_rollback(orchestrator->ledger, status);
	}
	/* A repeated request finds its event stored. */
	if (status != VU_OK && status != VU_ALREADY_EXISTS)
		vu_log_error("unable to note %s in the history: %s", kind, error.message);
}

vu_status vu_settle_unlock(vu_orchestrator *orchestrator, const vu_policy *policy, const char *event_id,
                           const char *user, bool *was_locked_out, vu_error *error)
{
	vu_lockout_rule rule = rule_of(orchestrator, policy);
	vu_lockout_state state = {.locked = false};
	vu_store *store = NULL;
	vu_history_entry entry = {
	    .attempt_id = event_id,
	    .time_us = vu_ledger_wall_us(orchestrator->ledger),
	    .user = user,
	    .verdict = "unlocked",
	    .reason = "The lockout and the count of failures were cleared by the administrator.",
	    .score = (double)NAN,
	    .threshold = (double)NAN,
	    .antispoof_score = (double)NAN,
	    .total_ms = (double)NAN,
	    .kind = "unlock",
	    .source = "",
	};
	vu_status status = vu_ledger_begin(orchestrator->ledger, &store, error);

	if (status != VU_OK)
		return status;
	status = vu_lockout_read(store, &rule, user, &state, error);
	if (status == VU_OK)
		status = vu_lockout_clear(store, user, error);
	if (status == VU_OK)
		status = vu_lockout_clear_sources(store, error);
	if (status == VU_OK)
		status = vu_history_add(store, &entry, error);
	if (status == VU_OK)
		status = vu_record_note(orchestrator, event_id, user, "unlock", entry.reason);
	if (status == VU_OK)
		status = vu_ledger_commit(orchestrator->ledger, error);
	else
		vu_ledger_rollback(orchestrator->ledger, status);
	*was_locked_out = state.locked;
	/* A repeated request finds it done. */
	return status == VU_ALREADY_EXISTS ? VU_OK : status;
}
