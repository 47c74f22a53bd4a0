/*
 * Authenticate: does this voice belong to the user it claims to be?
 *
 * Look at the lockout, listen, have the features scored, settle. Every way
 * through ends in vu_settle, which alone makes the verdict; errors of the call
 * itself (a bad request, a microphone in use or forbidden, cancelling) are
 * statuses instead and count for nothing.
 */
#include "challenge.h"
#include "follow.h"
#include "handlers.h"
#include "judge.h"
#include "listen.h"
#include "orchestrator.h"
#include "request.h"
#include "settle.h"
#include "users.h"
#include "voice_claim.h"
#include "weigh.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/user_name.h"
#include "platform/platform.h"

#include <stdio.h>
#include <string.h>

/* For telling models of a visit, when the answer is out. */
#define OBSERVE_US (2 * INT64_C(1000000))

static vu_status read_claim(vu_orchestrator *orchestrator, vu_rpc_call *call, const Vu__AuthenticateRequest *request,
                            vu_voice_claim *claim, vu_error *error)
{
	vu_status status = vu_request_check_id("attempt_id", request->attempt_id, error);

	memset(claim, 0, sizeof *claim);
	claim->orchestrator = orchestrator;
	claim->request = request;
	claim->policy = vu_orchestrator_policy(orchestrator);
	claim->isolated = request->isolated || *request->namespace_;
	claim->upload = *request->session_id;
	claim->started_us = vu_clock_monotonic_us();
	claim->speech_timeout_ms = vu_policy_speech_timeout_ms(&claim->policy, request->timeout_ms);
	claim->deadline_us = vu_request_deadline_us(call, &claim->policy, claim->speech_timeout_ms);
	if (status == VU_OK)
		status = vu_user_name_check(request->user, error);
	if (status == VU_OK)
		status = vu_request_check_namespace(request->namespace_, error);
	if (status == VU_OK)
		status = vu_request_check_session(request->session_id, error);
	if (status == VU_OK)
		status = vu_request_check_door(request->door, error);
	if (status == VU_OK && !claim->upload)
		vu_source_write(claim->source, sizeof claim->source, vu_rpc_peer_uid(call), request->door,
		                request->user);
	if (status == VU_OK)
		status = vu_policy_choose_levels(&claim->policy, request->level, request->anti_spoofing,
		                                 &claim->level, &claim->antispoof, error);
	return status;
}

/*
 * Other users of the machine suite (screen lockers; everybody else comes as
 * root) may ask for themselves, at the microphone, with all that counts.
 */
static vu_status check_other_user(const vu_rpc_call *call, const vu_voice_claim *claim, vu_error *error)
{
	char name[VU_USER_NAME_MAX + 1];
	const Vu__AuthenticateRequest *request = claim->request;

	if (!vu_rpc_is_other_user(call))
		return VU_OK;
	if (vu_platform_user_name(vu_rpc_peer_uid(call), name, sizeof name) != VU_OK ||
	    strcmp(name, request->user) != 0)
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to ask for another user: this suite answers you for yourself only");
	if (claim->upload || claim->isolated)
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to judge a recording for another user's process: speak to the microphone");
	return VU_OK;
}

static vu_status enter(vu_voice_claim *claim, bool *run_out, vu_error *error)
{
	const Vu__AuthenticateRequest *request = claim->request;
	vu_attempt_order order = {
	    .id = request->attempt_id,
	    .fingerprint = claim->fingerprint,
	    .microphone = !claim->upload,
	};

	/* '/' is in none of the parts. */
	snprintf(claim->fingerprint, sizeof claim->fingerprint, "authenticate/%s/%s/%s/%s/%s/%d", request->namespace_,
	         request->user, request->session_id, vu_level_name(claim->level),
	         vu_antispoof_level_name(claim->antispoof), claim->isolated);
	return vu_attempts_enter(claim->orchestrator->attempts, &order, claim->deadline_us, &claim->attempt, run_out,
	                         error);
}

/* While the person speaks: is there such a user, and let models get the template ready. */
static bool prepare_models(void *context, vu_cancel *cancel)
{
	vu_voice_claim *claim = context;
	vu_user_query query = {
	    .name_space = claim->request->namespace_,
	    .user = claim->request->user,
	    .deadline_us = claim->deadline_us,
	    .cancel = cancel,
	    .guesses = &claim->guesses,
	};

	claim->known = vu_users_check(claim->orchestrator, &query, &claim->known_error);
	/* Nobody is to speak in vain. */
	if (vu_claim_shares_guesses(claim) && claim->guesses.locked_for_s > 0)
		return false;
	if (claim->known == VU_CHECK_PASSED)
		vu_users_preload(claim->orchestrator, &query);
	return claim->known != VU_CHECK_REFUSED;
}

static vu_challenge_claim challenge_claim(const vu_voice_claim *claim)
{
	return (vu_challenge_claim){
	    .name_space = claim->request->namespace_,
	    .user = claim->request->user,
	    .playing = claim->playing && claim->antispoof != VU_ANTISPOOF_MAXIMUM,
	    .deadline_us = claim->deadline_us,
	    .cancel = vu_attempt_cancel(claim->attempt),
	};
}

/*
 * A recording was made before anybody knew the challenge, so there is none for
 * it; nor for the trials of an evaluation. Without one antispoof refuses.
 */
static void put_challenge(vu_voice_claim *claim, vu_listen_order *order)
{
	vu_challenge_claim who = challenge_claim(claim);

	if (!claim->needs_challenge || claim->upload || claim->isolated)
		return;
	vu_challenge_put(claim->orchestrator, &who, claim->attempt, &claim->challenge);
	order->challenged = claim->challenge.put;
	if (claim->challenge.put)
		order->silence_ms = VU_CHALLENGE_SILENCE_MS;
	if (claim->challenge.put && order->speech_timeout_ms > VU_CHALLENGE_BEGIN_MS)
		order->speech_timeout_ms = VU_CHALLENGE_BEGIN_MS;
}

static void score(void *context, const Vu__ExtractResponse *features)
{
	vu_voice_claim *claim = context;
	vu_challenge_claim who = challenge_claim(claim);
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__ScoreRequest request = VU__SCORE_REQUEST__INIT;
	char level[32];
	vu_peer_plan plan = {
	    .deadline_us = claim->deadline_us,
	    .wait_for_ready = true,
	    .waits_for_room = true,
	    .cancel = vu_attempt_cancel(claim->attempt),
	};

	snprintf(level, sizeof level, "%s", vu_level_name(claim->level));
	key.namespace_ = claim->request->namespace_;
	key.user = claim->request->user;
	request.key = &key;
	request.extractor = features->extractor;
	request.vector = features->vector;
	request.statistics = features->statistics;
	request.quality = features->quality;
	request.level = level;
	claim->score =
	    (Vu__ScoreResponse *)vu_peer_call(&claim->orchestrator->peers, VU_SERVICE_MODELS, &vu__models__descriptor,
	                                      "Score", &request.base, &plan, &claim->score_error);
	vu_challenge_check(claim->orchestrator, &who, features, &claim->challenge);
}

/* Whether there is such a user, by what the listening brought; asked again when nothing was learned. */
static vu_check judge_enrolled(vu_voice_claim *claim)
{
	if (claim->score && (!vu_claim_shares_guesses(claim) || claim->guesses.known))
		return VU_CHECK_PASSED;
	if (claim->score_error.status == VU_NOT_FOUND)
		return VU_CHECK_REFUSED;
	if (claim->known == VU_CHECK_NOT_RUN ||
	    (claim->known == VU_CHECK_FAILED && claim->known_error.status == VU_CANCELLED)) {
		vu_user_query query = {
		    .name_space = claim->request->namespace_,
		    .user = claim->request->user,
		    .deadline_us = claim->deadline_us,
		    .guesses = &claim->guesses,
		};
		claim->known = vu_users_check(claim->orchestrator, &query, &claim->known_error);
	}
	return claim->known;
}

/* Marks the checks. An error is one of the call, not of the voice: then there is no verdict. */
static vu_status weigh(vu_voice_claim *claim, const vu_listen_order *order, const vu_listening *listening,
                       vu_error *error)
{
	vu_status status = vu_weigh_listening(claim->orchestrator, order, listening, &claim->evidence, error);

	if (status != VU_OK)
		return status;
	if (order->challenged && listening->antispoof)
		claim->evidence.antispoof =
		    vu_challenge_join(&claim->challenge, listening->antispoof, claim->evidence.antispoof);
	/* Antispoof refuses by itself what was not asked for; a pass without a challenge is none all the same. */
	else if (claim->needs_challenge && claim->evidence.antispoof == VU_CHECK_PASSED)
		claim->evidence.antispoof =
		    claim->challenge.error.status == VU_OK ? VU_CHECK_REFUSED : VU_CHECK_FAILED;
	claim->evidence.enrolled = judge_enrolled(claim);
	if (claim->score || claim->score_error.status != VU_OK)
		claim->evidence.speaker = vu_judge_score(claim->score);
	return VU_OK;
}

/* The first thing that went wrong, in the order in which it matters to a person. */
static const char *find_trouble(const vu_voice_claim *claim, const vu_listening *listening)
{
	const char *trouble = vu_weigh_trouble(listening, &claim->evidence);
	vu_status challenge = claim->challenge.error.status;

	/* Without a user there is nothing to ask for; of one whose template has expired there is something to say. */
	if (claim->evidence.enrolled == VU_CHECK_REFUSED)
		return claim->known == VU_CHECK_REFUSED ? claim->known_error.message : "";
	if (listening->features && !claim->challenge.checked && challenge != VU_OK && challenge != VU_NOT_FOUND)
		return claim->challenge.error.message;
	if (*trouble)
		return trouble;
	if (claim->evidence.enrolled == VU_CHECK_FAILED)
		return claim->known_error.message;
	if (claim->evidence.speaker == VU_CHECK_FAILED)
		return claim->score ? "The speaker check gave no usable score" : claim->score_error.message;
	return "";
}

/*
 * Runs the attempt up to the verdict; `error` instead when there is none. When
 * the verdict stands since a process before this one, *earlier_out is its
 * answer, to be freed, and the response is left alone.
 */
static void run(vu_voice_claim *claim, vu_listening *listening, vu_settlement *settlement,
                Vu__AuthenticateResponse *response, ProtobufCMessage **earlier_out, vu_error *error)
{
	vu_error trouble = {.status = VU_OK};
	vu_lockout_state state;
	vu_listen_order order = {
	    .attempt_id = claim->request->attempt_id,
	    .session_id = claim->request->session_id,
	    .antispoof = claim->antispoof,
	    .isolated = claim->isolated,
	    .speech_timeout_ms = claim->speech_timeout_ms,
	    .deadline_us = claim->deadline_us,
	    .attempt = claim->attempt,
	    .meanwhile = prepare_models,
	    .heard = score,
	    .context = claim,
	};

	if (!claim->isolated) {
		if (vu_settle_look(claim->orchestrator, &claim->policy, claim->request->attempt_id,
		                   claim->request->user, claim->source, claim->fingerprint,
		                   &vu__authenticate_response__descriptor, &claim->evidence, &state, earlier_out,
		                   &trouble) != VU_OK) {
			*error = trouble;
			return;
		}
		if (*earlier_out)
			return;
		/* Nobody has to speak for an answer that stands already. */
		if (claim->evidence.lockout != VU_CHECK_PASSED) {
			vu_claim_settle(claim, listening, trouble.message, settlement, response);
			return;
		}
	}
	if (claim->request->enrolled_first && !prepare_models(claim, NULL)) {
		claim->evidence.enrolled = claim->known;
		vu_claim_settle(claim, listening, claim->known_error.message, settlement, response);
		return;
	}
	claim->playing = !claim->upload && !claim->isolated && claim->antispoof >= VU_ANTISPOOF_HIGH &&
	                 claim->orchestrator->plays_sound && claim->orchestrator->plays_sound();
	claim->needs_challenge = claim->antispoof == VU_ANTISPOOF_MAXIMUM || claim->playing;
	put_challenge(claim, &order);
	/* Nobody is to speak in vain. */
	if (claim->challenge.error.status == VU_FAILED_PRECONDITION) {
		claim->evidence.challenge = VU_CHECK_REFUSED;
		claim->evidence.enrolled = judge_enrolled(claim);
		vu_claim_settle(claim, listening, claim->known_error.message, settlement, response);
		return;
	}
	vu_listen(claim->orchestrator, &order, listening);
	if (weigh(claim, &order, listening, error) != VU_OK)
		return;
	vu_claim_settle(claim, listening, find_trouble(claim, listening), settlement, response);
	if (listening->features)
		response->timing->capture_ms =
		    vu_listening_capture_ms(claim->orchestrator, listening, claim->deadline_us);
}

/* Tells models that a real person came, for its prediction. What fails here costs speed some day, no more. */
static void tell_of_visit(vu_orchestrator *orchestrator, char *user)
{
	Vu__ObserveRequest request = VU__OBSERVE_REQUEST__INIT;
	vu_peer_plan plan = {.deadline_us = vu_clock_monotonic_us() + OBSERVE_US};
	vu_error error = {.status = VU_OK};
	ProtobufCMessage *response;

	request.user = user;
	response = vu_peer_call(&orchestrator->peers, VU_SERVICE_MODELS, &vu__models__descriptor, "Observe",
	                        &request.base, &plan, &error);
	if (!response)
		vu_log_debug("unable to tell of a visit: %s", error.message);
	vu_peer_free(response);
}

/* What is not forgotten there counts against the next failures: stricter, never weaker. */
static void forget_elsewhere(vu_orchestrator *orchestrator, const char *user)
{
	bool was_locked_out;
	vu_error error;

	if (vu_guesses_forget(orchestrator, user, false, &was_locked_out, &error) != VU_OK)
		vu_log_warn("%s; failures at other computers still count", error.message);
}

void vu_handle_authenticate(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_orchestrator *orchestrator = context;
	vu_voice_claim claim;
	vu_listening listening = {0};
	vu_settlement settlement;
	Vu__AuthenticateResponse response = VU__AUTHENTICATE_RESPONSE__INIT;
	Vu__Timing timing = VU__TIMING__INIT;
	vu_error error = {.status = VU_OK};
	char user[VU_USER_NAME_MAX + 1];
	ProtobufCMessage *earlier = NULL;
	const Vu__AuthenticateResponse *answered;
	bool must_run;
	bool came;

	if (read_claim(orchestrator, call, (const Vu__AuthenticateRequest *)message, &claim, &error) != VU_OK ||
	    check_other_user(call, &claim, &error) != VU_OK || enter(&claim, &must_run, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	if (!must_run) {
		vu_attempt_reply(claim.attempt, &vu__authenticate_response__descriptor, call);
		vu_attempt_leave(orchestrator->attempts, claim.attempt);
		return;
	}
	response.timing = &timing;
	settlement.verdict = VU__VERDICT__VERDICT_UNKNOWN;
	settlement.may_unlock = false;
	snprintf(user, sizeof user, "%s", claim.request->user);
	run(&claim, &listening, &settlement, &response, &earlier, &error);
	answered = earlier ? (const Vu__AuthenticateResponse *)(const void *)earlier : &response;
	/* Uploads and trials teach nothing: they do not say when somebody is there. */
	came = error.status == VU_OK && answered->verdict == VU__VERDICT__VERDICT_ACCEPT && !claim.upload &&
	       !claim.isolated;
	vu_attempt_finish(orchestrator->attempts, claim.attempt, &answered->base, &error);
	if (earlier)
		protobuf_c_message_free_unpacked(earlier, NULL);
	/* From the stored result, so that the first answer and its repetitions cannot differ. */
	vu_attempt_reply(claim.attempt, &vu__authenticate_response__descriptor, call);
	/* The answer is out; what remains is for later ones. `claim.request` is gone from here. */
	vu_follow_voice(orchestrator, &claim.policy, user, listening.features, claim.score,
	                vu_claim_assessment(&claim, &listening), &settlement);
	vu_listening_end(orchestrator, &listening);
	if (claim.score)
		vu_peer_free(&claim.score->base);
	vu_attempt_leave(orchestrator->attempts, claim.attempt);
	if (came)
		tell_of_visit(orchestrator, user);
	if (settlement.may_unlock && vu_claim_shares_guesses(&claim))
		forget_elsewhere(orchestrator, user);
}
