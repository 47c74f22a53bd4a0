/*
 * Identify: which enrolled user is this, if any? The same listening and the
 * same settling as Authenticate, without a claim; nothing is counted against
 * anybody, and somebody who is locked out is not named.
 */
#include "handlers.h"
#include "judge.h"
#include "listen.h"
#include "orchestrator.h"
#include "request.h"
#include "settle.h"
#include "weigh.h"

#include "base/clock.h"
#include "base/log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CANDIDATES_MAX 5

typedef struct search {
	vu_orchestrator *orchestrator;
	const Vu__IdentifySessionRequest *request;
	vu_policy policy;
	vu_level level;
	vu_antispoof_level antispoof;
	uint32_t speech_timeout_ms;
	int64_t started_us;
	int64_t deadline_us;
	vu_attempt *attempt;
	vu_evidence evidence;
	Vu__IdentifyResponse *result;
	vu_error result_error;
} search;

static vu_status begin(vu_orchestrator *orchestrator, vu_rpc_call *call, const Vu__IdentifySessionRequest *request,
                       search *state, bool *run_out, vu_error *error)
{
	char fingerprint[VU_ATTEMPT_FINGERPRINT_SIZE];
	vu_attempt_order order = {.id = request->attempt_id, .fingerprint = fingerprint};
	vu_status status = vu_request_check_id("attempt_id", request->attempt_id, error);

	memset(state, 0, sizeof *state);
	state->orchestrator = orchestrator;
	state->request = request;
	state->policy = vu_orchestrator_policy(orchestrator);
	state->started_us = vu_clock_monotonic_us();
	state->speech_timeout_ms = vu_policy_speech_timeout_ms(&state->policy, request->timeout_ms);
	state->deadline_us = vu_request_deadline_us(call, &state->policy, state->speech_timeout_ms);
	if (status == VU_OK)
		status = vu_request_check_session(request->session_id, error);
	if (status == VU_OK)
		status = vu_policy_choose_levels(&state->policy, request->level, "", &state->level, &state->antispoof,
		                                 error);
	if (status != VU_OK)
		return status;
	order.microphone = !*request->session_id;
	snprintf(fingerprint, sizeof fingerprint, "identify/%s/%s", request->session_id, vu_level_name(state->level));
	return vu_attempts_enter(orchestrator->attempts, &order, state->deadline_us, &state->attempt, run_out, error);
}

static void ask_models(void *context, const Vu__ExtractResponse *features)
{
	search *state = context;
	char level[32];
	Vu__IdentifyRequest request = VU__IDENTIFY_REQUEST__INIT;
	vu_peer_plan plan = {
	    .deadline_us = state->deadline_us,
	    .wait_for_ready = true,
	    .waits_for_room = true,
	    .cancel = vu_attempt_cancel(state->attempt),
	};

	snprintf(level, sizeof level, "%s", vu_level_name(state->level));
	request.extractor = features->extractor;
	request.vector = features->vector;
	request.statistics = features->statistics;
	request.quality = features->quality;
	request.level = level;
	request.max_candidates = CANDIDATES_MAX;
	state->result = (Vu__IdentifyResponse *)vu_peer_call(&state->orchestrator->peers, VU_SERVICE_MODELS,
	                                                     &vu__models__descriptor, "Identify", &request.base,
	                                                     &plan, &state->result_error);
}

static const char *weigh(search *state, const vu_listen_order *order, const vu_listening *listening, vu_error *error)
{
	vu_evidence *evidence = &state->evidence;
	const char *trouble;

	if (vu_weigh_listening(state->orchestrator, order, listening, evidence, error) != VU_OK)
		return NULL;
	/* Nobody is claimed, so nobody can be missing, unless models says that there is nobody at all. */
	evidence->enrolled = state->result_error.status == VU_NOT_FOUND ? VU_CHECK_REFUSED : VU_CHECK_PASSED;
	if (state->result || state->result_error.status != VU_OK)
		evidence->speaker = vu_judge_identity(state->result);
	trouble = vu_weigh_trouble(listening, evidence);
	if (!*trouble && evidence->speaker == VU_CHECK_FAILED)
		trouble = state->result ? "The speaker check gave no usable score" : state->result_error.message;
	return trouble;
}

/* Whose phrases could it ask for? Nobody is to speak in vain. */
static const char *refuse_maximum(search *state)
{
	state->evidence.challenge = VU_CHECK_REFUSED;
	state->evidence.enrolled = VU_CHECK_PASSED;
	return "identify cannot put the spoken challenge of level maximum, as it does not know whose phrases to ask "
	       "for: run jarvis-voice-unlock test --user USER, or set security.anti_spoofing to high";
}

static void run(search *state, vu_listening *listening, vu_settlement *settlement,
                Vu__IdentifySessionResponse *response, vu_error *error)
{
	const char *trouble = "";
	const char *spoof;
	vu_listen_order order = {
	    .attempt_id = state->request->attempt_id,
	    .session_id = state->request->session_id,
	    .antispoof = state->antispoof,
	    .speech_timeout_ms = state->speech_timeout_ms,
	    .deadline_us = state->deadline_us,
	    .attempt = state->attempt,
	    .heard = ask_models,
	    .context = state,
	};

	if (state->antispoof == VU_ANTISPOOF_MAXIMUM) {
		spoof = refuse_maximum(state);
	} else {
		vu_listen(state->orchestrator, &order, listening);
		trouble = weigh(state, &order, listening, error);
		spoof = listening->antispoof ? listening->antispoof->reason : "";
	}
	if (!trouble)
		return;
	vu_case attempt = {
	    .attempt_id = state->request->attempt_id,
	    .user = state->evidence.speaker == VU_CHECK_PASSED ? state->result->user : "",
	    .source = "",
	    .identify = true,
	    .upload = *state->request->session_id,
	    .score = state->result ? (double)state->result->score : (double)NAN,
	    .threshold = state->result ? (double)state->result->threshold : (double)NAN,
	    .antispoof_score = listening->antispoof ? (double)listening->antispoof->score : (double)NAN,
	    .total_ms = (double)(vu_clock_monotonic_us() - state->started_us) / 1000,
	    .advice = listening->features && listening->features->quality ? listening->features->quality->advice : "",
	    .spoof = spoof,
	    .trouble = trouble,
	};
	vu_settle(state->orchestrator, &state->policy, &attempt, &state->evidence, settlement);
	response->verdict = settlement->verdict;
	response->reason = settlement->reason;
	/* Candidates would tell a refused voice whom it came close to. */
	if (settlement->verdict == VU__VERDICT__VERDICT_ACCEPT || settlement->verdict == VU__VERDICT__VERDICT_REJECT)
		response->result = state->result;
	response->quality = listening->features ? listening->features->quality : NULL;
	response->antispoof = listening->antispoof;
	vu_log_info("identification %.8s: %s", state->request->attempt_id, vu_verdict_name(settlement->verdict));
}

void vu_handle_identify(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_orchestrator *orchestrator = context;
	search state;
	vu_listening listening = {0};
	vu_settlement settlement;
	Vu__IdentifySessionResponse response = VU__IDENTIFY_SESSION_RESPONSE__INIT;
	vu_error error = {.status = VU_OK};
	bool must_run;

	if (begin(orchestrator, call, (const Vu__IdentifySessionRequest *)message, &state, &must_run, &error) !=
	    VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	if (!must_run) {
		vu_attempt_reply(state.attempt, &vu__identify_session_response__descriptor, call);
		vu_attempt_leave(orchestrator->attempts, state.attempt);
		return;
	}
	run(&state, &listening, &settlement, &response, &error);
	vu_attempt_finish(orchestrator->attempts, state.attempt, &response.base, &error);
	vu_attempt_reply(state.attempt, &vu__identify_session_response__descriptor, call);
	vu_listening_end(orchestrator, &listening);
	if (state.result)
		vu_peer_free(&state.result->base);
	vu_attempt_leave(orchestrator->attempts, state.attempt);
}
