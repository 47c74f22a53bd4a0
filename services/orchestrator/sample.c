/*
 * AddSample: one utterance for an enrolment, judged at once.
 *
 * Features and anti-spoofing listen as in an authentication; antispoof only
 * remembers it, so that a recording of the enrolment is known as one later. A
 * sample is good when its quality is; otherwise the answer says what to do
 * better. One that does not sound like the ones before it is kept with advice,
 * and where somebody else seems to have spoken one more is asked for. Trouble
 * with a service is a status, and the sample may be said again.
 */
#include "handlers.h"
#include "judge.h"
#include "listen.h"
#include "orchestrator.h"
#include "request.h"
#include "weigh.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Probability of being the same person below which a sample is doubtful. */
#define AGREEMENT_DOUBTFUL 0.01F

/* Not const: a message has no place for a text that must not change. */
static char OTHER_VOICE_ADVICE[] =
    "This does not sound like your other samples: speak in your usual voice, alone and "
    "close to the microphone.";
static char DOUBTFUL_ADVICE[] =
    "This does not sound like your other samples: say one more in your usual voice, alone and "
    "close to the microphone; this one is left out then.";
static char NO_SPEECH_ADVICE[] = "No speech was heard: say it again, close to the microphone.";

typedef struct sample_state {
	vu_orchestrator *orchestrator;
	const Vu__AddSampleRequest *request;
	vu_policy policy;
	int64_t deadline_us;
	vu_attempt *attempt;
	vu_enrollment *enrollment; /* taken */
	bool asked;
	Vu__AgreementResponse *agreement;
	vu_error agreement_error;
} sample_state;

static void answer(const vu_enrollment *enrollment, Vu__AddSampleResponse *response)
{
	response->samples = enrollment->sample_count;
	response->enough = vu_enrollment_has_enough(enrollment);
}

static void describe(const Vu__ExtractResponse *features, Vu__EnrollSample *sample)
{
	sample->vector = features->vector;
	sample->crops = features->crops;
	sample->n_crops = features->n_crops;
	sample->statistics = features->statistics;
	sample->quality = features->quality;
}

/* On the features thread: does it sound like the samples before? */
static void ask_agreement(void *context, const Vu__ExtractResponse *features)
{
	sample_state *state = context;
	vu_enrollment *enrollment = state->enrollment;
	Vu__EnrollSample sample = VU__ENROLL_SAMPLE__INIT;
	Vu__AgreementRequest request = VU__AGREEMENT_REQUEST__INIT;
	vu_peer_plan plan = {
	    .deadline_us = state->deadline_us,
	    .wait_for_ready = true,
	    .cancel = vu_attempt_cancel(state->attempt),
	};

	if (enrollment->terms.isolated || enrollment->sample_count == 0 ||
	    strcmp(enrollment->extractor, features->extractor) != 0 ||
	    vu_judge_quality(features, false) != VU_CHECK_PASSED)
		return;
	describe(features, &sample);
	request.extractor = enrollment->extractor;
	request.previous = enrollment->samples;
	request.n_previous = enrollment->sample_count;
	request.sample = &sample;
	state->asked = true;
	state->agreement = (Vu__AgreementResponse *)vu_peer_call(&state->orchestrator->peers, VU_SERVICE_MODELS,
	                                                         &vu__models__descriptor, "Agreement", &request.base,
	                                                         &plan, &state->agreement_error);
}

/* Moves what describes the voice from the answer of features into a sample of the enrolment. */
static vu_status keep(sample_state *state, Vu__ExtractResponse *features, bool doubtful, vu_error *error)
{
	vu_enrollment *enrollment = state->enrollment;
	Vu__EnrollSample *sample = malloc(sizeof *sample);

	if (!sample)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep the sample: out of memory");
	vu__enroll_sample__init(sample);
	describe(features, sample);
	sample->phrase = strdup(state->request->phrase);
	if (!sample->phrase) {
		free(sample);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep the sample: out of memory");
	}
	if (!vu_enrollment_add(enrollment, state->request->sample_id, sample, doubtful)) {
		free(sample->phrase);
		free(sample);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED,
		               "unable to keep the sample: the enrolment is full; finish it with the samples it has");
	}
	snprintf(enrollment->extractor, sizeof enrollment->extractor, "%s", features->extractor);
	/* Owned by the enrolment now; the answer to the caller points to the same quality until it is sent. */
	features->vector = NULL;
	features->crops = NULL;
	features->n_crops = 0;
	features->statistics.data = NULL;
	features->statistics.len = 0;
	features->quality = NULL;
	return VU_OK;
}

/* Everything that is an error of the call and no judgement of the sample. */
static vu_status check_services(const sample_state *state, const vu_listen_order *order,
                                const vu_listening *listening, vu_error *error)
{
	vu_evidence evidence = {0};
	vu_status status = vu_weigh_listening(state->orchestrator, order, listening, &evidence, error);

	if (status != VU_OK)
		return status;
	if (listening->session_error.status != VU_OK)
		*error = listening->session_error;
	else if (!listening->features)
		*error = listening->features_error;
	else if (evidence.quality == VU_CHECK_FAILED)
		vu_fail(error, VU_INTERNAL, "unable to judge the sample: features gave no usable answer; try again");
	else if (!listening->antispoof && listening->antispoof_error.status != VU_OK)
		vu_fail(error, listening->antispoof_error.status, "unable to remember the sample against replay: %s",
		        listening->antispoof_error.message);
	else if (listening->antispoof && listening->antispoof->verdict == VU__SPOOF_VERDICT__SPOOF_UNAVAILABLE)
		vu_fail(error, VU_UNAVAILABLE, "unable to remember the sample against replay: %s; try again",
		        listening->antispoof->reason);
	else if (state->asked && !state->agreement)
		*error = state->agreement_error;
	else if (*state->enrollment->extractor && *listening->features->extractor &&
	         strcmp(state->enrollment->extractor, listening->features->extractor) != 0)
		vu_fail(error, VU_FAILED_PRECONDITION,
		        "features was updated in the middle of the enrolment; cancel it and begin again");
	else
		return VU_OK;
	return error->status;
}

static vu_status judge(sample_state *state, vu_listening *listening, Vu__AddSampleResponse *response, vu_error *error)
{
	Vu__ExtractResponse *features = listening->features;
	bool good = vu_judge_quality(features, state->enrollment->terms.isolated) == VU_CHECK_PASSED;
	bool doubtful = false;

	response->quality = features->quality;
	response->agreement = state->agreement ? state->agreement->agreement : 1;
	response->advice = features->quality ? features->quality->advice : response->advice;
	if (good && state->agreement && !state->agreement->agrees) {
		/* One in some fifty samples of the same person falls here, and some even among the doubtful: no
		 * reason to turn anybody away, nor to hold every later sample against an odd first one. */
		doubtful = state->agreement->agreement < AGREEMENT_DOUBTFUL;
		response->advice = doubtful ? DOUBTFUL_ADVICE : OTHER_VOICE_ADVICE;
	}
	if (!good) {
		if (!response->advice || !*response->advice)
			response->advice = NO_SPEECH_ADVICE;
		return VU_OK;
	}
	response->accepted = true;
	return keep(state, features, doubtful, error);
}

static void run(sample_state *state, vu_listening *listening, Vu__AddSampleResponse *response, vu_error *error)
{
	vu_enrollment *enrollment = state->enrollment;
	vu_listen_order order = {
	    .attempt_id = state->request->sample_id,
	    .session_id = state->request->session_id,
	    .antispoof = enrollment->terms.isolated ? VU_ANTISPOOF_OFF : state->policy.anti_spoofing,
	    .crops = true,
	    .isolated = enrollment->terms.isolated,
	    .enrollment = true,
	    .speech_timeout_ms = state->policy.speech_timeout_ms,
	    .deadline_us = state->deadline_us,
	    .attempt = state->attempt,
	    .heard = ask_agreement,
	    .context = state,
	};

	if (enrollment->result) {
		vu_fail(error, VU_FAILED_PRECONDITION, "the enrolment is finished; begin a new one to add samples");
		return;
	}
	if (vu_enrollment_has_sample(enrollment, state->request->sample_id)) {
		response->accepted = true; /* a repetition, later than attempts are kept */
		answer(enrollment, response);
		return;
	}
	if (enrollment->sample_count >= enrollment->terms.max_samples ||
	    enrollment->sample_count >= VU_ENROLLMENT_SAMPLES_MAX) {
		vu_fail(error, VU_FAILED_PRECONDITION, "%u good samples are the most allowed; finish the enrolment",
		        enrollment->sample_count);
		return;
	}
	if (enrollment->try_count >= VU_ENROLLMENT_TRIES_MAX) {
		vu_fail(error, VU_RESOURCE_EXHAUSTED,
		        "%u tries are the most allowed; cancel the enrolment and begin again", enrollment->try_count);
		return;
	}
	snprintf(enrollment->tries[enrollment->try_count++], VU_ID_HEX_SIZE, "%s", state->request->sample_id);
	vu_enrollments_set_recording(state->orchestrator->enrollments, enrollment, state->request->sample_id);
	vu_listen(state->orchestrator, &order, listening);
	if (check_services(state, &order, listening, error) != VU_OK ||
	    judge(state, listening, response, error) != VU_OK)
		return;
	answer(enrollment, response);
	vu_log_info("enrolment %.8s: sample %.8s %s", enrollment->terms.id, state->request->sample_id,
	            response->accepted ? "is good" : "is not good enough");
}

static vu_status begin(vu_orchestrator *orchestrator, vu_rpc_call *call, const Vu__AddSampleRequest *request,
                       sample_state *state, bool *run_out, vu_error *error)
{
	char fingerprint[VU_ATTEMPT_FINGERPRINT_SIZE];
	vu_attempt_order order = {.id = request->sample_id, .fingerprint = fingerprint};
	vu_status status = vu_request_check_id("sample_id", request->sample_id, error);

	memset(state, 0, sizeof *state);
	state->orchestrator = orchestrator;
	state->request = request;
	state->policy = vu_orchestrator_policy(orchestrator);
	state->deadline_us = vu_request_deadline_us(call, &state->policy, state->policy.speech_timeout_ms);
	if (status == VU_OK)
		status = vu_request_check_id("enrollment_id", request->enrollment_id, error);
	if (status == VU_OK)
		status = vu_request_check_session(request->session_id, error);
	if (status != VU_OK)
		return status;
	order.microphone = !*request->session_id;
	snprintf(fingerprint, sizeof fingerprint, "sample/%s/%s", request->enrollment_id, request->session_id);
	return vu_attempts_enter(orchestrator->attempts, &order, state->deadline_us, &state->attempt, run_out, error);
}

void vu_handle_add_sample(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_orchestrator *orchestrator = context;
	const Vu__AddSampleRequest *request = (const Vu__AddSampleRequest *)message;
	sample_state state;
	vu_listening listening = {0};
	Vu__AddSampleResponse response = VU__ADD_SAMPLE_RESPONSE__INIT;
	vu_error error = {.status = VU_OK};
	bool must_run;

	if (begin(orchestrator, call, request, &state, &must_run, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	if (!must_run) {
		vu_attempt_reply(state.attempt, &vu__add_sample_response__descriptor, call);
		vu_attempt_leave(orchestrator->attempts, state.attempt);
		return;
	}
	if (vu_enrollments_take(orchestrator->enrollments, request->enrollment_id, state.deadline_us,
	                        &state.enrollment, &error) == VU_OK)
		run(&state, &listening, &response, &error);
	vu_attempt_finish(orchestrator->attempts, state.attempt, &response.base, &error);
	if (state.enrollment)
		vu_enrollments_put_back(orchestrator->enrollments, state.enrollment);
	vu_attempt_reply(state.attempt, &vu__add_sample_response__descriptor, call);
	vu_listening_end(orchestrator, &listening);
	if (state.agreement)
		vu_peer_free(&state.agreement->base);
	vu_attempt_leave(orchestrator->attempts, state.attempt);
}
