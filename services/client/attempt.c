/*
 * Authentication and identification.
 *
 * Whatever goes wrong on the way to the verdict ends in a verdict that admits
 * nobody, or in a code; never in an accept.
 */
#include "internal.h"

#include "base/user_name.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MAX_S 3600.0
/* One byte more than the orchestrator takes, so that what is too long is refused and not cut. */
#define VU_CLIENT_DOOR_SIZE 66

/* What authenticate and identify have in common. */
typedef struct asking {
	voiceunlock_client *client;
	const voiceunlock_attempt_options *options; /* never NULL */
	char attempt_id[VU_ID_HEX_SIZE];
	char session_id[VU_ID_HEX_SIZE]; /* "" = microphone */
	bool owns_session;
	double timeout_s;
	vu_error audio_error; /* status != OK: why there is no audio to judge */
} asking;

static const voiceunlock_attempt_options NO_OPTIONS = {.size = sizeof NO_OPTIONS};

static vu_status check_options(const voiceunlock_attempt_options *options, vu_error *error)
{
	vu_level level;
	vu_antispoof_level antispoof_level;
	vu_status status = VU_OK;

	if (options->size != sizeof *options)
		return vu_fail(
		    error, VU_INVALID_ARGUMENT,
		    "unable to begin: options.size is %zu, not %zu; set it to sizeof and build against this "
		    "header",
		    options->size, sizeof *options);
	if (!isfinite(options->timeout_s) || options->timeout_s < 0 || options->timeout_s > TIMEOUT_MAX_S)
		return vu_fail(error, VU_INVALID_ARGUMENT, "the timeout is not between 0 and %.0f seconds",
		               TIMEOUT_MAX_S);
	if (options->level)
		status = vu_level_parse(options->level, &level, error);
	if (status == VU_OK && options->anti_spoofing)
		status = vu_antispoof_level_parse(options->anti_spoofing, &antispoof_level, error);
	return status;
}

/* Time for the orchestrator to answer in. */
static int64_t deadline_us(const asking *ask)
{
	if (ask->session_id[0] == '\0')
		return vu_client_microphone_us(ask->client, ask->timeout_s);
	return (int64_t)(ask->timeout_s * 1e6);
}

/* Checks the options and brings the audio to capture. A failure that is the audio's own goes to ask->audio_error. */
static vu_status begin_asking(voiceunlock_client *client, const voiceunlock_audio *audio,
                              const voiceunlock_attempt_options *options, asking *ask, vu_error *error)
{
	bool bad_audio = false;
	vu_status status;

	memset(ask, 0, sizeof *ask);
	ask->client = client;
	ask->options = options ? options : &NO_OPTIONS;
	status = check_options(ask->options, error);
	if (status != VU_OK)
		return status;
	ask->timeout_s = ask->options->timeout_s;
	if (ask->timeout_s <= 0)
		ask->timeout_s = vu_client_timeout_s(client);
	vu_id_generate_hex(ask->attempt_id);
	if (!audio || audio->kind == VOICEUNLOCK_AUDIO_MICROPHONE)
		return VU_OK;
	if (audio->kind == VOICEUNLOCK_AUDIO_SESSION) {
		if (!vu_id_is_hex(audio->session_id))
			return vu_fail(error, VU_INVALID_ARGUMENT, "unable to use the session: its name is not one");
		memcpy(ask->session_id, audio->session_id, VU_ID_HEX_SIZE);
		return VU_OK;
	}
	vu_id_generate_hex(ask->session_id);
	vu_client_upload_options upload = {
	    .progress = ask->options->progress, .context = ask->options->context, .cancel = ask->options->cancel};
	status = vu_client_upload(client, audio, &upload, ask->session_id, &bad_audio, error);
	if (status != VU_OK && bad_audio) {
		/* The attempt is made all the same, over nothing: lockout and enrolment come before bad audio. */
		ask->audio_error = *error;
		vu_id_generate_hex(ask->session_id);
		status = vu_client_upload_nothing(client, ask->session_id, ask->options->cancel, error);
	}
	ask->owns_session = status == VU_OK;
	return status;
}

static void end_asking(asking *ask, vu_status status)
{
	if (status == VU_CANCELLED) {
		Vu__CancelAttemptRequest request = VU__CANCEL_ATTEMPT_REQUEST__INIT;
		ProtobufCMessage *response = NULL;
		vu_client_call_options options = {.timeout_us = VU_CLIENT_FAREWELL_US, .idempotent = true};

		request.attempt_id = ask->attempt_id;
		if (vu_client_call(ask->client, VU_SERVICE_ORCHESTRATOR, &vu__orchestrator__descriptor,
		                   "CancelAttempt", &request.base, &response, &options, NULL) == VU_OK)
			protobuf_c_message_free_unpacked(response, NULL);
	}
	if (ask->owns_session)
		vu_client_close_session(ask->client, ask->session_id);
}

/* True for failures that mean "no answer in time", which is a verdict of its own. */
static bool is_unavailable(vu_status status)
{
	return status == VU_UNAVAILABLE || status == VU_DEADLINE_EXCEEDED || status == VU_ABORTED ||
	       status == VU_RESOURCE_EXHAUSTED;
}

static vu_status authenticate(voiceunlock_client *client, const char *user, const voiceunlock_audio *audio,
                              const voiceunlock_attempt_options *options, voiceunlock_attempt **attempt_out,
                              vu_error *error)
{
	Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	char user_copy[VU_USER_NAME_MAX + 1];
	char level[32] = "", anti_spoofing[32] = "";
	char door[VU_CLIENT_DOOR_SIZE] = "";
	asking ask;
	vu_status status = vu_user_name_check(user, error);

	if (status != VU_OK)
		return status;
	strcpy(user_copy, user);
	status = begin_asking(client, audio, options, &ask, error);
	if (status == VU_OK) {
		vu_client_watch watch = {
		    .attempt_id = ask.attempt_id, .progress = ask.options->progress, .context = ask.options->context};
		vu_client_call_options call = {
		    .timeout_us = deadline_us(&ask), .idempotent = true, .cancel = ask.options->cancel};
		if (ask.options->level)
			strncat(level, ask.options->level, sizeof level - 1);
		if (ask.options->anti_spoofing)
			strncat(anti_spoofing, ask.options->anti_spoofing, sizeof anti_spoofing - 1);
		request.attempt_id = ask.attempt_id;
		request.user = user_copy;
		request.session_id = ask.session_id;
		request.level = level;
		request.anti_spoofing = anti_spoofing;
		request.timeout_ms = (uint32_t)(ask.timeout_s * 1000.0);
		request.enrolled_first = ask.options->enrolled_first;
		if (ask.options->door)
			strncat(door, ask.options->door, sizeof door - 1);
		request.door = door;
		status =
		    vu_client_call_watched(client, "Authenticate", &request.base, &response, &call, &watch, error);
	}
	if (status == VU_OK) {
		status = vu_client_convert_attempt((const Vu__AuthenticateResponse *)response, attempt_out, error);
		protobuf_c_message_free_unpacked(response, NULL);
		if (status == VU_OK && ask.audio_error.status != VU_OK) {
			voiceunlock_attempt *attempt = *attempt_out;
			if (attempt->verdict == VOICEUNLOCK_NO_SPEECH || attempt->verdict == VOICEUNLOCK_ACCEPT) {
				char *reason = strdup(ask.audio_error.message);
				attempt->verdict = VOICEUNLOCK_NO_SPEECH;
				attempt->may_unlock = false;
				if (reason) {
					free(attempt->reason);
					attempt->reason = reason;
				}
			}
		}
	} else if (is_unavailable(status)) {
		status = vu_client_make_attempt(ask.attempt_id, user, VOICEUNLOCK_VERDICT_UNAVAILABLE, error->message,
		                                attempt_out, error);
	}
	end_asking(&ask, status);
	return status;
}

voiceunlock_code voiceunlock_authenticate(voiceunlock_client *client, const char *user,
                                          const voiceunlock_audio *audio, const voiceunlock_attempt_options *options,
                                          voiceunlock_attempt **attempt_out, voiceunlock_error *error)
{
	vu_error inner = {.status = VU_OK};

	return vu_client_return(authenticate(client, user, audio, options, attempt_out, &inner), &inner, error);
}

static vu_status convert_identification(const Vu__IdentifySessionResponse *from, voiceunlock_identification **to,
                                        vu_error *error)
{
	bool out_of_memory = false;
	voiceunlock_identification *result = calloc(1, sizeof *result);
	const Vu__IdentifyResponse *inner = from->result;

	if (!result)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep the answer: out of memory");
	result->verdict = (unsigned)from->verdict <= VOICEUNLOCK_LOCKED ? (voiceunlock_verdict)from->verdict
	                                                                : VOICEUNLOCK_VERDICT_UNKNOWN;
	result->reason = vu_client_copy(from->reason, &out_of_memory);
	result->score = result->threshold = result->margin = NAN;
	vu_client_convert_quality(from->quality, &result->quality);
	vu_client_convert_antispoof(from->antispoof, &result->antispoof, &out_of_memory);
	if (inner) {
		if (inner->n_candidates > 0 || inner->user[0] != '\0') {
			result->score = (double)inner->score;
			result->threshold = (double)inner->threshold;
		}
		if (inner->n_candidates > 1)
			result->margin = (double)inner->margin;
		if (result->verdict == VOICEUNLOCK_ACCEPT && inner->user[0] != '\0')
			result->user = vu_client_copy(inner->user, &out_of_memory);
		result->candidates = vu_client_array(inner->n_candidates, sizeof *result->candidates, &out_of_memory);
		for (size_t i = 0; result->candidates && i < inner->n_candidates; i++) {
			voiceunlock_candidate *candidate = &result->candidates[result->candidate_count++];
			candidate->user = vu_client_copy(inner->candidates[i]->user, &out_of_memory);
			candidate->score = (double)inner->candidates[i]->score;
		}
	}
	/* An accept that names nobody is none. */
	if (result->verdict == VOICEUNLOCK_ACCEPT && !result->user)
		result->verdict = VOICEUNLOCK_VERDICT_UNKNOWN;
	if (out_of_memory) {
		voiceunlock_identification_free(result);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep the answer: out of memory");
	}
	*to = result;
	return VU_OK;
}

/* A result that the client itself decided: nobody was identified. */
static vu_status make_identification(voiceunlock_verdict verdict, const char *reason, voiceunlock_identification **to,
                                     vu_error *error)
{
	Vu__IdentifySessionResponse empty = VU__IDENTIFY_SESSION_RESPONSE__INIT;
	char copy[VU_ERROR_MESSAGE_MAX] = "";

	strncat(copy, reason, sizeof copy - 1);
	empty.verdict = (Vu__Verdict)verdict;
	empty.reason = copy;
	return convert_identification(&empty, to, error);
}

static vu_status identify(voiceunlock_client *client, const voiceunlock_audio *audio,
                          const voiceunlock_attempt_options *options, voiceunlock_identification **result_out,
                          vu_error *error)
{
	Vu__IdentifySessionRequest request = VU__IDENTIFY_SESSION_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	char level[32] = "";
	asking ask;
	vu_status status = begin_asking(client, audio, options, &ask, error);

	/* Nobody's speech identifies nobody; there is no user whose lockout could come first. */
	if (status == VU_OK && ask.audio_error.status != VU_OK) {
		status = make_identification(VOICEUNLOCK_NO_SPEECH, ask.audio_error.message, result_out, error);
		end_asking(&ask, status);
		return status;
	}
	if (status == VU_OK) {
		vu_client_watch watch = {
		    .attempt_id = ask.attempt_id, .progress = ask.options->progress, .context = ask.options->context};
		vu_client_call_options call = {
		    .timeout_us = deadline_us(&ask), .idempotent = true, .cancel = ask.options->cancel};
		if (ask.options->level)
			strncat(level, ask.options->level, sizeof level - 1);
		request.attempt_id = ask.attempt_id;
		request.session_id = ask.session_id;
		request.level = level;
		request.timeout_ms = (uint32_t)(ask.timeout_s * 1000.0);
		status = vu_client_call_watched(client, "Identify", &request.base, &response, &call, &watch, error);
	}
	if (status == VU_OK) {
		status = convert_identification((const Vu__IdentifySessionResponse *)response, result_out, error);
		protobuf_c_message_free_unpacked(response, NULL);
	} else if (is_unavailable(status)) {
		vu_error cause = *error;
		status = make_identification(VOICEUNLOCK_VERDICT_UNAVAILABLE, cause.message, result_out, error);
	}
	end_asking(&ask, status);
	return status;
}

voiceunlock_code voiceunlock_identify(voiceunlock_client *client, const voiceunlock_audio *audio,
                                      const voiceunlock_attempt_options *options,
                                      voiceunlock_identification **result_out, voiceunlock_error *error)
{
	vu_error inner = {.status = VU_OK};

	return vu_client_return(identify(client, audio, options, result_out, &inner), &inner, error);
}

void voiceunlock_identification_free(voiceunlock_identification *result)
{
	if (!result)
		return;
	for (size_t i = 0; i < result->candidate_count; i++)
		free(result->candidates[i].user);
	free(result->candidates);
	vu_client_clear_antispoof(&result->antispoof);
	free(result->reason);
	free(result->user);
	free(result);
}
