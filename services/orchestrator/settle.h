/*
 * The end of an attempt: one transaction in which the lockout is looked at
 * again, the verdict is made, a failure is counted and the attempt is stored.
 * So attempts that run at once cannot together pass the allowed number, and
 * what cannot be stored is never an accept.
 */
#ifndef VU_ORCHESTRATOR_SETTLE_H
#define VU_ORCHESTRATOR_SETTLE_H

#include "decision.h"
#include "guesses.h"
#include "orchestrator.h"
#include "reason.h"
#include "source.h"

#include "store/lockout.h"

#include <stdbool.h>

typedef struct vu_settlement {
	Vu__Verdict verdict;
	bool may_unlock;
	char reason[VU_REASON_SIZE];
	vu_lockout_state lockout;
} vu_settlement;

typedef struct vu_case {
	const char *attempt_id;
	const char *user;   /* "" when identification found nobody */
	const char *source; /* who asks, or "" where that does not count: see store/lockout.h */
	const char *door;   /* as root named it, for the audit log; NULL or "": none */
	bool identify;      /* nothing is counted or cleared: nobody claimed to be anyone */
	bool isolated;      /* neither stored nor counted, and no lockout */
	bool upload;
	bool levels_suffice;
	/* What is known of failures at other computers (guesses.h); NULL: none authenticate with these templates. */
	const vu_guesses *elsewhere;
	double score; /* NaN: not computed; so for the next two */
	double threshold;
	double antispoof_score;
	double total_ms;
	const char *advice;
	const char *spoof;
	const char *trouble;
	const char *fingerprint; /* what was asked */
	/* The answer that this verdict makes, which is kept; the caller's. NULL: none is kept. */
	const ProtobufCMessage *(*answer)(void *context, const vu_settlement *settlement);
	void *context;
} vu_case;

/* Fills in evidence->lockout and evidence->record and settles. Never fails: what cannot be done is in the verdict. */
void vu_settle(vu_orchestrator *orchestrator, const vu_policy *policy, const vu_case *attempt, vu_evidence *evidence,
               vu_settlement *settlement);

/*
 * The look before anybody has to speak: fills in evidence->lockout and *state.
 * When the attempt is in the history already, decided by a process that died
 * before it could answer, *answer_out is that answer, a message of `descriptor`
 * that the caller frees; ABORTED when it is not kept any more: the id is used
 * up. When the ledger cannot be read the check is failed and `trouble` says why.
 */
vu_status vu_settle_look(vu_orchestrator *orchestrator, const vu_policy *policy, const char *attempt_id,
                         const char *user, const char *source, const char *fingerprint,
                         const ProtobufCMessageDescriptor *descriptor, vu_evidence *evidence, vu_lockout_state *state,
                         ProtobufCMessage **answer_out, vu_error *trouble);

/* Stores an event that is no attempt (enroll, remove); a failure is only logged. */
void vu_settle_note(vu_orchestrator *orchestrator, const char *event_id, const char *user, const char *kind,
                    const char *outcome, const char *reason);

/*
 * Forgets a user's failures and lockout and notes it in the history, both or
 * neither. *was_locked_out: whether there was a lockout.
 */
vu_status vu_settle_unlock(vu_orchestrator *orchestrator, const vu_policy *policy, const char *event_id,
                           const char *user, bool *was_locked_out, vu_error *error);

#endif
