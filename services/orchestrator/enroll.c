/*
 * BeginEnrollment, CommitEnrollment, CancelEnrollment. The samples come in
 * through sample.c. A commit carries a request id made of the enrolment's, so
 * that models enrols once however often it is asked.
 */
#include "handlers.h"
#include "orchestrator.h"
#include "request.h"
#include "settle.h"
#include "users.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/user_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORGET_US 1000000

static vu_status read_terms(const Vu__BeginEnrollmentRequest *request, const vu_policy *policy,
                            vu_enrollment_terms *terms, vu_error *error)
{
	vu_status status = vu_request_check_id("enrollment_id", request->enrollment_id, error);

	if (status == VU_OK)
		status = vu_user_name_check(request->user, error);
	if (status == VU_OK)
		status = vu_request_check_namespace(request->namespace_, error);
	if (status != VU_OK)
		return status;
	memset(terms, 0, sizeof *terms);
	snprintf(terms->id, sizeof terms->id, "%s", request->enrollment_id);
	snprintf(terms->user, sizeof terms->user, "%s", request->user);
	snprintf(terms->name_space, sizeof terms->name_space, "%s", request->namespace_);
	terms->replace = request->replace;
	terms->isolated = request->isolated || *request->namespace_;
	/* A trial list has as many lines per user as it has. */
	terms->min_samples = terms->isolated ? 1 : policy->min_samples;
	terms->max_samples = terms->isolated ? VU_ENROLLMENT_SAMPLES_MAX : policy->max_samples;
	return VU_OK;
}

static vu_status refuse_duplicate(vu_orchestrator *orchestrator, vu_rpc_call *call, const vu_enrollment_terms *terms,
                                  vu_error *error)
{
	vu_user_query query = {
	    .name_space = terms->name_space,
	    .user = terms->user,
	    .deadline_us = vu_rpc_deadline_us(call),
	};

	/* A repeated request must not stumble over what its first try began. */
	if (terms->replace || vu_enrollments_has(orchestrator->enrollments, terms))
		return VU_OK;
	switch (vu_users_check(orchestrator, &query, error)) {
	case VU_CHECK_PASSED:
		return vu_fail(error, VU_ALREADY_EXISTS, "%s is enrolled already; add --replace to enrol again",
		               terms->user);
	case VU_CHECK_REFUSED:
		return VU_OK;
	default:
		return error->status;
	}
}

void vu_handle_begin_enrollment(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_orchestrator *orchestrator = context;
	vu_policy policy = vu_orchestrator_policy(orchestrator);
	vu_enrollment_terms terms;
	Vu__BeginEnrollmentResponse response = VU__BEGIN_ENROLLMENT_RESPONSE__INIT;
	vu_error error;
	char **phrases;
	size_t count = 0;

	if (read_terms((const Vu__BeginEnrollmentRequest *)message, &policy, &terms, &error) != VU_OK ||
	    refuse_duplicate(orchestrator, call, &terms, &error) != VU_OK ||
	    vu_enrollments_begin(orchestrator->enrollments, &terms, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	phrases = vu_orchestrator_phrases(orchestrator, &count);
	response.samples_wanted = terms.min_samples;
	response.samples_max = terms.max_samples;
	response.phrases = phrases;
	response.n_phrases = phrases ? count : 0;
	vu_rpc_reply(call, &response.base);
	for (size_t i = 0; phrases && i < count; i++)
		free(phrases[i]);
	free(phrases);
}

/* 32 hex digits back to the 16 bytes that they are; the caller has checked them. */
static void id_from_hex(const char *hex, uint8_t id[VU_ID_BYTES])
{
	for (size_t i = 0; i < VU_ID_BYTES; i++) {
		unsigned value = 0;
		sscanf(hex + 2 * i, "%2x", &value);
		id[i] = (uint8_t)value;
	}
}

static vu_status commit(vu_orchestrator *orchestrator, vu_rpc_call *call, vu_enrollment *enrollment, vu_error *error)
{
	uint8_t request_id[VU_ID_BYTES];
	Vu__EnrollSample *samples[VU_ENROLLMENT_SAMPLES_MAX];
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__EnrollRequest request = VU__ENROLL_REQUEST__INIT;
	vu_peer_plan plan = {
	    .deadline_us = vu_rpc_deadline_us(call),
	    .wait_for_ready = true,
	    .request_id = request_id,
	};

	if (enrollment->result)
		return VU_OK;
	if (enrollment->sample_count < enrollment->terms.min_samples)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "%u good samples are not enough to enrol %s: record %u more", enrollment->sample_count,
		               enrollment->terms.user, enrollment->terms.min_samples - enrollment->sample_count);
	id_from_hex(enrollment->terms.id, request_id);
	key.namespace_ = enrollment->terms.name_space;
	key.user = enrollment->terms.user;
	request.key = &key;
	request.extractor = enrollment->extractor;
	request.samples = samples;
	request.n_samples = vu_enrollment_choose(enrollment, samples);
	request.replace = enrollment->terms.replace;
	enrollment->result = (Vu__EnrollResponse *)vu_peer_call(
	    &orchestrator->peers, VU_SERVICE_MODELS, &vu__models__descriptor, "Enroll", &request.base, &plan, error);
	if (!enrollment->result)
		return error->status;
	vu_enrollment_clear(enrollment);
	if (!enrollment->terms.isolated)
		vu_settle_note(
		    orchestrator, enrollment->terms.id, enrollment->terms.user, "enroll", "enrolled",
		    "The user was enrolled. Purpose: to tell this person from others by voice, on this machine; "
		    "the consent to it was given by enrolling after it was stated.");
	atomic_fetch_add(&orchestrator->tally.enrollments, 1);
	vu_log_info("enrolment %.8s: enrolled", enrollment->terms.id);
	return VU_OK;
}

void vu_handle_commit_enrollment(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_orchestrator *orchestrator = context;
	const Vu__EnrollmentRequest *request = (const Vu__EnrollmentRequest *)message;
	vu_enrollment *enrollment;
	vu_error error;

	if (vu_request_check_id("enrollment_id", request->enrollment_id, &error) != VU_OK ||
	    vu_enrollments_take(orchestrator->enrollments, request->enrollment_id, vu_rpc_deadline_us(call),
	                        &enrollment, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	if (commit(orchestrator, call, enrollment, &error) == VU_OK)
		vu_rpc_reply(call, &enrollment->result->base);
	else
		vu_rpc_fail_error(call, &error);
	/* The result stays for a repeated request, until the enrolment's time is over. */
	vu_enrollments_put_back(orchestrator->enrollments, enrollment);
}

/* What was said for an enrolment that came to nothing need not be remembered. */
static void forget_tries(vu_orchestrator *orchestrator, const vu_enrollment *enrollment)
{
	char id[VU_ID_HEX_SIZE];
	Vu__ForgetRequest request = VU__FORGET_REQUEST__INIT;
	vu_peer_plan plan = {.deadline_us = vu_clock_monotonic_us() + FORGET_US};
	vu_error error;

	request.attempt_id = id;
	for (unsigned i = 0; i < enrollment->try_count; i++) {
		memcpy(id, enrollment->tries[i], sizeof id);
		ProtobufCMessage *response =
		    vu_peer_call(&orchestrator->peers, VU_SERVICE_ANTISPOOF, &vu__antispoof__descriptor, "Forget",
		                 &request.base, &plan, &error);
		if (!response && error.status != VU_NOT_FOUND) {
			vu_log_warn("unable to forget the samples of a cancelled enrolment: %s", error.message);
			return;
		}
		vu_peer_free(response);
	}
}

void vu_handle_cancel_enrollment(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_orchestrator *orchestrator = context;
	const Vu__EnrollmentRequest *request = (const Vu__EnrollmentRequest *)message;
	Vu__Empty response = VU__EMPTY__INIT;
	vu_enrollment *enrollment;
	char recording[VU_ID_HEX_SIZE];
	vu_error error;

	if (vu_request_check_id("enrollment_id", request->enrollment_id, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	vu_enrollments_recording(orchestrator->enrollments, request->enrollment_id, recording);
	if (*recording)
		(void)vu_attempts_cancel(orchestrator->attempts, recording, NULL);
	switch (vu_enrollments_take(orchestrator->enrollments, request->enrollment_id, vu_rpc_deadline_us(call),
	                            &enrollment, &error)) {
	case VU_OK:
		if (!enrollment->result && !enrollment->terms.isolated)
			forget_tries(orchestrator, enrollment);
		vu_enrollments_drop(orchestrator->enrollments, enrollment);
		break;
	case VU_NOT_FOUND: /* cancelled before: a repeated request */
		break;
	default:
		vu_rpc_fail_error(call, &error);
		return;
	}
	vu_rpc_reply(call, &response.base);
}
