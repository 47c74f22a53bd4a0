/* From the evidence to the verdict and the response; counts the attempt. */
#include "voice_claim.h"

#include "policy.h"
#include "tally.h"

#include "base/clock.h"
#include "base/log.h"

#include <math.h>

bool vu_claim_shares_guesses(const vu_voice_claim *claim)
{
	return claim->policy.shares_models && !claim->isolated;
}

static void fill_timing(const vu_voice_claim *claim, const vu_listening *listening, int64_t verdict_us,
                        Vu__Timing *timing)
{
	timing->total_ms = (double)(verdict_us - claim->started_us) / 1000;
	if (listening->features) {
		/* An upload may have ended long before it was asked about. */
		int64_t ended_us = (int64_t)listening->features->ended_us;
		int64_t from_us = ended_us > claim->started_us ? ended_us : claim->started_us;
		timing->features_ms = (double)listening->features->compute_us / 1000;
		timing->decision_ms = verdict_us > from_us ? (double)(verdict_us - from_us) / 1000 : 0;
	}
	if (listening->antispoof)
		timing->antispoof_ms = (double)listening->antispoof->compute_us / 1000;
	if (claim->score)
		timing->score_ms = (double)(claim->score->load_us + claim->score->score_us) / 1000;
}

const Vu__AssessResponse *vu_claim_assessment(const vu_voice_claim *claim, const vu_listening *listening)
{
	return listening->antispoof && claim->challenge.put ? &claim->challenge.assessment : listening->antispoof;
}

/* Why it is refused; that no challenge could be put is said with its reason. */
static const char *spoof_reason(const vu_voice_claim *claim, const Vu__AssessResponse *assessment)
{
	if (claim->evidence.challenge == VU_CHECK_REFUSED)
		return claim->challenge.error.message;
	return assessment ? assessment->reason : "";
}

static void fill_scores(const vu_voice_claim *claim, const vu_listening *listening,
                        Vu__AuthenticateResponse *response)
{
	response->score = response->threshold = response->svm = response->second = response->fused = (double)NAN;
	if (claim->score) {
		response->score = response->fused = (double)claim->score->fused;
		response->threshold = (double)claim->score->threshold;
		response->svm = (double)claim->score->svm;
		response->second = (double)claim->score->second;
	}
	response->antispoof = (Vu__AssessResponse *)(uintptr_t)vu_claim_assessment(claim, listening);
	response->quality = listening->features ? listening->features->quality : NULL;
}

static void count(vu_orchestrator *orchestrator, const vu_settlement *settlement, const Vu__Timing *timing)
{
	vu_tally *tally = &orchestrator->tally;

	if ((unsigned)settlement->verdict < VU_TALLY_VERDICTS)
		atomic_fetch_add(&tally->verdicts[settlement->verdict], 1);
	atomic_fetch_add(&tally->attempts, 1);
	atomic_fetch_add(&tally->total_us, (uint64_t)(timing->total_ms * 1000));
	atomic_fetch_add(&tally->decision_us, (uint64_t)(timing->decision_ms * 1000));
	if (timing->features_ms > 0) {
		atomic_fetch_add(&tally->features_us, (uint64_t)(timing->features_ms * 1000));
		atomic_fetch_add(&tally->antispoof_us, (uint64_t)(timing->antispoof_ms * 1000));
		atomic_fetch_add(&tally->score_us, (uint64_t)(timing->score_ms * 1000));
		atomic_fetch_add(&tally->spoken, 1);
	}
}

typedef struct answer_parts {
	const vu_voice_claim *claim;
	const vu_listening *listening;
	Vu__AuthenticateResponse *response;
} answer_parts;

/* Completes the response, of which all but this is there already. */
static const ProtobufCMessage *answer(void *context, const vu_settlement *settlement)
{
	answer_parts *parts = context;
	Vu__AuthenticateResponse *response = parts->response;

	fill_timing(parts->claim, parts->listening, vu_clock_monotonic_us(), response->timing);
	response->attempt_id = parts->claim->request->attempt_id;
	response->user = parts->claim->request->user;
	response->verdict = settlement->verdict;
	response->reason = (char *)(uintptr_t)settlement->reason;
	response->may_unlock = settlement->may_unlock;
	response->failures_left = settlement->lockout.failures_left;
	response->locked_for_s = settlement->lockout.remaining_s;
	return &response->base;
}

/* A failure is counted where the templates are before it is answered, so that it is not forgotten here. */
static void count_elsewhere(vu_voice_claim *claim)
{
	vu_evidence evidence = claim->evidence;
	Vu__Verdict verdict;

	if (!vu_claim_shares_guesses(claim) || claim->guesses.locked_for_s > 0 ||
	    evidence.challenge == VU_CHECK_REFUSED)
		return;
	/* As things stand but for what vu_settle looks at. */
	evidence.lockout = evidence.lockout == VU_CHECK_NOT_RUN ? VU_CHECK_PASSED : evidence.lockout;
	evidence.record = VU_CHECK_PASSED;
	verdict = vu_decide(&evidence);
	if (verdict == VU__VERDICT__VERDICT_REJECT || verdict == VU__VERDICT__VERDICT_SPOOF)
		vu_guesses_count(claim->orchestrator, claim->request->user, &claim->guesses);
}

void vu_claim_settle(vu_voice_claim *claim, const vu_listening *listening, const char *trouble,
                     vu_settlement *settlement, Vu__AuthenticateResponse *response)
{
	const Vu__AssessResponse *assessment = vu_claim_assessment(claim, listening);
	answer_parts parts = {claim, listening, response};

	fill_scores(claim, listening, response);
	vu_case attempt = {
	    .attempt_id = claim->request->attempt_id,
	    .user = claim->request->user,
	    .source = claim->source,
	    .door = vu_source_is_door(claim->source) ? claim->request->door : NULL,
	    .isolated = claim->isolated,
	    .upload = claim->upload,
	    .elsewhere = vu_claim_shares_guesses(claim) ? &claim->guesses : NULL,
	    .levels_suffice = vu_policy_levels_suffice(&claim->policy, claim->level, claim->antispoof),
	    .score = response->score,
	    .threshold = response->threshold,
	    .antispoof_score = assessment ? (double)assessment->score : (double)NAN,
	    .total_ms = (double)(vu_clock_monotonic_us() - claim->started_us) / 1000,
	    .advice = response->quality ? response->quality->advice : "",
	    .spoof = spoof_reason(claim, assessment),
	    .trouble = trouble,
	    .fingerprint = claim->fingerprint,
	    .answer = answer,
	    .context = &parts,
	};

	count_elsewhere(claim);
	vu_settle(claim->orchestrator, &claim->policy, &attempt, &claim->evidence, settlement);
	/* Again: what could not be stored has become another verdict. */
	answer(&parts, settlement);
	count(claim->orchestrator, settlement, response->timing);
	vu_log_info("attempt %.8s: %s after %.0f ms", claim->request->attempt_id,
	            vu_verdict_name(settlement->verdict), response->timing->total_ms);
}
