/*
 * Enrolment: a conversation with the orchestrator under one identifier. What
 * is not committed leaves nothing behind: closing tells the service to forget,
 * and the service forgets by itself when the client dies.
 */
#include "internal.h"

#include "base/user_name.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMESPACE_MAX 64

struct voiceunlock_enrollment {
	voiceunlock_client *client;
	char id[VU_ID_HEX_SIZE];
	voiceunlock_enroll_options options;
	char name_space[NAMESPACE_MAX + 1];
	uint32_t samples_wanted;
	uint32_t samples_max;
	char **phrases;
	char *asked; /* with the next samples; NULL: not known */
	size_t phrase_count;
	bool committed;
};

static vu_status begin(voiceunlock_client *client, const char *user, const voiceunlock_enroll_options *options,
                       voiceunlock_enrollment **enrollment_out, vu_error *error)
{
	Vu__BeginEnrollmentRequest request = VU__BEGIN_ENROLLMENT_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	const Vu__BeginEnrollmentResponse *answer;
	char user_copy[VU_USER_NAME_MAX + 1];
	bool out_of_memory = false;
	voiceunlock_enrollment *enrollment = NULL;
	vu_client_call_options call = {.timeout_us = VU_CLIENT_LOOKUP_US, .idempotent = true};
	vu_status status = vu_user_name_check(user, error);

	if (status != VU_OK)
		return status;
	if (options && options->size != sizeof *options)
		return vu_fail(
		    error, VU_INVALID_ARGUMENT,
		    "unable to begin: options.size is %zu, not %zu; set it to sizeof and build against this "
		    "header",
		    options->size, sizeof *options);
	if (options && options->name_space && strlen(options->name_space) > NAMESPACE_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT, "the name of the namespace is longer than %d bytes",
		               NAMESPACE_MAX);
	enrollment = calloc(1, sizeof *enrollment);
	if (!enrollment)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to begin: out of memory");
	enrollment->client = client;
	if (options)
		enrollment->options = *options;
	if (options && options->name_space)
		strcpy(enrollment->name_space, options->name_space);
	enrollment->options.name_space = NULL;
	vu_id_generate_hex(enrollment->id);
	strcpy(user_copy, user);
	request.enrollment_id = enrollment->id;
	request.user = user_copy;
	request.replace = enrollment->options.replace;
	request.namespace_ = enrollment->name_space;
	request.isolated = enrollment->options.isolated;
	call.cancel = enrollment->options.cancel;
	status = vu_client_call(client, VU_SERVICE_ORCHESTRATOR, &vu__orchestrator__descriptor, "BeginEnrollment",
	                        &request.base, &response, &call, error);
	if (status != VU_OK) {
		/* Whether it began is not known: make sure that it did not. */
		enrollment->committed = status != VU_CANCELLED && status != VU_DEADLINE_EXCEEDED;
		voiceunlock_enrollment_close(enrollment);
		return status;
	}
	answer = (const Vu__BeginEnrollmentResponse *)response;
	enrollment->samples_wanted = answer->samples_wanted;
	enrollment->samples_max = answer->samples_max;
	enrollment->phrases = vu_client_array(answer->n_phrases, sizeof *enrollment->phrases, &out_of_memory);
	for (size_t i = 0; enrollment->phrases && i < answer->n_phrases; i++)
		enrollment->phrases[enrollment->phrase_count++] = vu_client_copy(answer->phrases[i], &out_of_memory);
	protobuf_c_message_free_unpacked(response, NULL);
	if (out_of_memory) {
		voiceunlock_enrollment_close(enrollment);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to begin: out of memory");
	}
	*enrollment_out = enrollment;
	return VU_OK;
}

voiceunlock_code voiceunlock_enrollment_begin(voiceunlock_client *client, const char *user,
                                              const voiceunlock_enroll_options *options,
                                              voiceunlock_enrollment **enrollment_out, voiceunlock_error *error)
{
	vu_error inner = {.status = VU_OK};

	return vu_client_return(begin(client, user, options, enrollment_out, &inner), &inner, error);
}

uint32_t voiceunlock_enrollment_samples_wanted(const voiceunlock_enrollment *enrollment)
{
	return enrollment->samples_wanted;
}

uint32_t voiceunlock_enrollment_samples_max(const voiceunlock_enrollment *enrollment)
{
	return enrollment->samples_max;
}

const char *voiceunlock_enrollment_phrase(const voiceunlock_enrollment *enrollment, uint32_t index)
{
	return enrollment->phrase_count > 0 ? enrollment->phrases[index % enrollment->phrase_count] : NULL;
}

voiceunlock_code voiceunlock_enrollment_ask(voiceunlock_enrollment *enrollment, const char *phrase,
                                            voiceunlock_error *error)
{
	vu_error inner = {.status = VU_OK};
	bool out_of_memory = false;
	char *copy = phrase ? vu_client_copy(phrase, &out_of_memory) : NULL;

	if (out_of_memory) {
		vu_fail(&inner, VU_RESOURCE_EXHAUSTED, "unable to keep the phrase: out of memory");
		return vu_client_return(inner.status, &inner, error);
	}
	free(enrollment->asked);
	enrollment->asked = copy;
	return vu_client_return(VU_OK, &inner, error);
}

/* Calls a method that takes and returns nothing of interest; failures are nobody's concern any more. */
static void tell(voiceunlock_client *client, const char *method, const ProtobufCMessage *request)
{
	ProtobufCMessage *response = NULL;
	vu_client_call_options options = {.timeout_us = VU_CLIENT_FAREWELL_US, .idempotent = true};

	if (vu_client_call(client, VU_SERVICE_ORCHESTRATOR, &vu__orchestrator__descriptor, method, request, &response,
	                   &options, NULL) == VU_OK)
		protobuf_c_message_free_unpacked(response, NULL);
}

/* *bad_audio_out: the audio is at fault, the enrolment goes on. */
static vu_status add(voiceunlock_enrollment *enrollment, const voiceunlock_audio *audio,
                     voiceunlock_sample *sample_out, bool *bad_audio_out, vu_error *error)
{
	Vu__AddSampleRequest request = VU__ADD_SAMPLE_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	const Vu__AddSampleResponse *answer;
	voiceunlock_client *client = enrollment->client;
	const voiceunlock_enroll_options *options = &enrollment->options;
	char session_id[VU_ID_HEX_SIZE] = "";
	char sample_id[VU_ID_HEX_SIZE];
	bool owns_session = false;
	bool microphone = !audio || audio->kind == VOICEUNLOCK_AUDIO_MICROPHONE;
	vu_client_call_options call = {
	    .timeout_us = VU_CLIENT_WORK_US, .idempotent = true, .cancel = options->cancel};
	vu_client_watch watch = {.attempt_id = sample_id, .progress = options->progress, .context = options->context};
	vu_status status = VU_OK;

	*bad_audio_out = false;
	/* The same time to begin as for an attempt, and what training may take in the end. */
	if (microphone)
		call.timeout_us += vu_client_microphone_us(client, vu_client_timeout_s(client));
	vu_id_generate_hex(sample_id);
	if (!microphone && audio->kind == VOICEUNLOCK_AUDIO_SESSION) {
		if (!vu_id_is_hex(audio->session_id))
			return vu_fail(error, VU_INVALID_ARGUMENT, "unable to use the session: its name is not one");
		memcpy(session_id, audio->session_id, sizeof session_id);
	} else if (!microphone) {
		vu_client_upload_options upload = {
		    .progress = options->progress, .context = options->context, .cancel = options->cancel};
		vu_id_generate_hex(session_id);
		status = vu_client_upload(client, audio, &upload, session_id, bad_audio_out, error);
		if (status != VU_OK)
			return status;
		owns_session = true;
	}
	request.enrollment_id = enrollment->id;
	request.sample_id = sample_id;
	request.session_id = session_id;
	if (enrollment->asked)
		request.phrase = enrollment->asked;
	status = vu_client_call_watched(client, "AddSample", &request.base, &response, &call, &watch, error);
	if (status == VU_OK) {
		answer = (const Vu__AddSampleResponse *)response;
		memset(sample_out, 0, sizeof *sample_out);
		sample_out->accepted = answer->accepted;
		vu_client_convert_quality(answer->quality, &sample_out->quality);
		sample_out->agreement =
		    answer->samples > (answer->accepted ? 1u : 0u) ? (double)answer->agreement : NAN;
		snprintf(sample_out->advice, sizeof sample_out->advice, "%s", answer->advice);
		sample_out->samples = answer->samples;
		sample_out->enough = answer->enough;
		protobuf_c_message_free_unpacked(response, NULL);
	} else if (status == VU_CANCELLED) {
		Vu__CancelAttemptRequest cancel = VU__CANCEL_ATTEMPT_REQUEST__INIT;
		cancel.attempt_id = sample_id;
		tell(client, "CancelAttempt", &cancel.base);
	}
	if (owns_session)
		vu_client_close_session(client, session_id);
	return status;
}

voiceunlock_code voiceunlock_enrollment_add(voiceunlock_enrollment *enrollment, const voiceunlock_audio *audio,
                                            voiceunlock_sample *sample_out, voiceunlock_error *error)
{
	vu_error inner = {.status = VU_OK};
	bool bad_audio;
	vu_status status = add(enrollment, audio, sample_out, &bad_audio, &inner);

	if (status != VU_OK && bad_audio) {
		memset(sample_out, 0, sizeof *sample_out);
		sample_out->agreement = NAN;
		snprintf(sample_out->advice, sizeof sample_out->advice, "%s", inner.message);
		vu_client_convert_quality(NULL, &sample_out->quality);
		status = VU_OK;
	}
	return vu_client_return(status, &inner, error);
}

static vu_status commit(voiceunlock_enrollment *enrollment, voiceunlock_enrolled **enrolled_out, vu_error *error)
{
	Vu__EnrollmentRequest request = VU__ENROLLMENT_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	const Vu__EnrollResponse *answer;
	vu_client_call_options call = {
	    .timeout_us = VU_CLIENT_WORK_US, .idempotent = true, .cancel = enrollment->options.cancel};
	voiceunlock_enrolled *enrolled;
	bool out_of_memory = false;
	vu_status status;

	request.enrollment_id = enrollment->id;
	status = vu_client_call(enrollment->client, VU_SERVICE_ORCHESTRATOR, &vu__orchestrator__descriptor,
	                        "CommitEnrollment", &request.base, &response, &call, error);
	if (status != VU_OK)
		return status;
	enrollment->committed = true;
	answer = (const Vu__EnrollResponse *)response;
	enrolled = calloc(1, sizeof *enrolled);
	if (enrolled) {
		enrolled->template_bytes = answer->template_bytes;
		enrolled->samples = answer->samples;
		enrolled->train_ms = (double)answer->train_us / 1000.0;
		enrolled->path = vu_client_copy(answer->path, &out_of_memory);
		enrolled->warnings = vu_client_array(answer->n_warnings, sizeof *enrolled->warnings, &out_of_memory);
		for (size_t i = 0; enrolled->warnings && i < answer->n_warnings; i++)
			enrolled->warnings[enrolled->warning_count++] =
			    vu_client_copy(answer->warnings[i], &out_of_memory);
	}
	protobuf_c_message_free_unpacked(response, NULL);
	if (!enrolled || out_of_memory) {
		voiceunlock_enrolled_free(enrolled);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED,
		               "the user is enrolled, but the answer could not be kept: out of memory");
	}
	*enrolled_out = enrolled;
	return VU_OK;
}

voiceunlock_code voiceunlock_enrollment_commit(voiceunlock_enrollment *enrollment,
                                               voiceunlock_enrolled **enrolled_out, voiceunlock_error *error)
{
	vu_error inner = {.status = VU_OK};

	return vu_client_return(commit(enrollment, enrolled_out, &inner), &inner, error);
}

void voiceunlock_enrolled_free(voiceunlock_enrolled *enrolled)
{
	if (!enrolled)
		return;
	for (size_t i = 0; i < enrolled->warning_count; i++)
		free(enrolled->warnings[i]);
	free(enrolled->warnings);
	free(enrolled->path);
	free(enrolled);
}

void voiceunlock_enrollment_close(voiceunlock_enrollment *enrollment)
{
	if (!enrollment)
		return;
	if (!enrollment->committed) {
		Vu__EnrollmentRequest request = VU__ENROLLMENT_REQUEST__INIT;
		request.enrollment_id = enrollment->id;
		tell(enrollment->client, "CancelEnrollment", &request.base);
	}
	for (size_t i = 0; i < enrollment->phrase_count; i++)
		free(enrollment->phrases[i]);
	free(enrollment->phrases);
	free(enrollment->asked);
	free(enrollment);
}

voiceunlock_code voiceunlock_enroll(voiceunlock_client *client, const char *user, const voiceunlock_audio *audios,
                                    size_t audio_count, const voiceunlock_enroll_options *options,
                                    voiceunlock_sample *judged, voiceunlock_enrolled **enrolled_out,
                                    voiceunlock_error *error)
{
	voiceunlock_enrollment *enrollment = NULL;
	voiceunlock_code code = voiceunlock_enrollment_begin(client, user, options, &enrollment, error);

	for (size_t i = 0; code == VOICEUNLOCK_OK && i < audio_count; i++) {
		voiceunlock_sample sample;
		code = voiceunlock_enrollment_add(enrollment, &audios[i], &sample, error);
		if (code == VOICEUNLOCK_OK && judged)
			judged[i] = sample;
	}
	if (code == VOICEUNLOCK_OK)
		code = voiceunlock_enrollment_commit(enrollment, enrolled_out, error);
	voiceunlock_enrollment_close(enrollment);
	return code;
}
