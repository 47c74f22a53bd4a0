/* Events as lines. What cannot be written is for the caller to act on. */
#include "record.h"

#include "base/log.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

vu_status vu_record_open(vu_orchestrator *orchestrator, const char *home, const char *key_path, vu_error *error)
{
	char folder[PATH_MAX];

	if ((size_t)snprintf(folder, sizeof folder, "%s/audit", home) >= sizeof folder)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to keep the audit log in %s: the path is too long",
		               home);
	return vu_audit_create(folder, key_path, &orchestrator->audit, error);
}

static vu_audit_event event_of(vu_orchestrator *orchestrator, const vu_policy *policy, const char *event,
                               const char *id, const char *user)
{
	return (vu_audit_event){
	    .event = event,
	    .time_us = vu_ledger_wall_us(orchestrator->ledger),
	    .attempt_id = id,
	    .user = user,
	    .anonymize = policy->anonymize,
	    .score = (double)NAN,
	    .threshold = (double)NAN,
	    .antispoof_score = (double)NAN,
	};
}

static bool is_kept(const vu_orchestrator *orchestrator, const vu_policy *policy)
{
	return orchestrator->audit && policy->audit;
}

vu_status vu_record_intent(vu_orchestrator *orchestrator, const vu_policy *policy, const char *attempt_id,
                           const char *user, vu_error *error)
{
	vu_audit_event event = event_of(orchestrator, policy, "intent", attempt_id, user);

	return is_kept(orchestrator, policy) ? vu_audit_append(orchestrator->audit, &event, error) : VU_OK;
}

vu_status vu_record_verdict(vu_orchestrator *orchestrator, const vu_policy *policy, const vu_case *attempt,
                            const vu_settlement *settlement, vu_error *error)
{
	vu_audit_event event = event_of(orchestrator, policy, attempt->identify ? "identify" : "attempt",
	                                attempt->attempt_id, attempt->user);

	event.verdict = vu_verdict_name(settlement->verdict);
	event.reason = settlement->reason;
	event.source = attempt->upload ? "upload" : "microphone";
	event.door = attempt->door && *attempt->door ? attempt->door : NULL;
	event.score = attempt->score;
	event.threshold = attempt->threshold;
	event.antispoof_score = attempt->antispoof_score;
	event.locked_for_s = settlement->lockout.remaining_s;
	return is_kept(orchestrator, policy) ? vu_audit_append(orchestrator->audit, &event, error) : VU_OK;
}

void vu_record_undone(vu_orchestrator *orchestrator, const vu_policy *policy, const char *attempt_id,
                      const char *reason)
{
	vu_audit_event event = event_of(orchestrator, policy, "undone", attempt_id, "");
	vu_error error;

	event.reason = reason;
	if (is_kept(orchestrator, policy) && vu_audit_append(orchestrator->audit, &event, &error) != VU_OK)
		vu_log_error("%s", error.message);
}

vu_status vu_record_note(vu_orchestrator *orchestrator, const char *event_id, const char *user, const char *event,
                         const char *reason)
{
	vu_policy policy = vu_orchestrator_policy(orchestrator);
	vu_audit_event line = event_of(orchestrator, &policy, event, event_id, user);
	vu_error error;
	vu_status status = VU_OK;

	line.reason = reason;
	if (is_kept(orchestrator, &policy))
		status = vu_audit_append(orchestrator->audit, &line, &error);
	if (status != VU_OK)
		vu_log_error("%s", error.message);
	return status;
}

void vu_record_forget(vu_orchestrator *orchestrator, int64_t oldest_us)
{
	vu_error error;

	if (orchestrator->audit && vu_audit_forget_before(orchestrator->audit, oldest_us, &error) != VU_OK)
		vu_log_warn("%s", error.message);
}
