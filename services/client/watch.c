/*
 * Watching an attempt while its call is under way: phases from the
 * orchestrator, levels from capture. Watching is for the eye alone: when it
 * fails, the call goes on unwatched.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One picture each 50 ms. */
#define WATCH_WAIT_MS    50
#define WATCH_TIMEOUT_US 500000
#define CHALLENGE_SIZE   256

typedef struct watched_call {
	voiceunlock_client *client;
	const char *method;
	const ProtobufCMessage *request;
	ProtobufCMessage *response;
	const vu_client_call_options *options;
	vu_error error;
	vu_status status;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool done; /* guarded by mutex */
} watched_call;

static void *make_call(void *context)
{
	watched_call *call = context;
	vu_status status = vu_client_call(call->client, VU_SERVICE_ORCHESTRATOR, &vu__orchestrator__descriptor,
	                                  call->method, call->request, &call->response, call->options, &call->error);

	pthread_mutex_lock(&call->mutex);
	call->status = status;
	call->done = true;
	pthread_cond_signal(&call->wake);
	pthread_mutex_unlock(&call->mutex);
	return NULL;
}

/* Waits up to `milliseconds`; true once the call has returned. */
static bool wait_done(watched_call *call, unsigned milliseconds)
{
	struct timespec until;
	bool done;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)milliseconds * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&call->mutex);
	while (!call->done && milliseconds > 0) {
		if (pthread_cond_timedwait(&call->wake, &call->mutex, &until) != 0)
			break;
	}
	done = call->done;
	pthread_mutex_unlock(&call->mutex);
	return done;
}

/* Fills phase and session; returns false when the orchestrator does not know the attempt (yet). */
static bool ask_phase(voiceunlock_client *client, const char *attempt_id, voiceunlock_phase known,
                      voiceunlock_progress *progress, char session_id[VU_ID_HEX_SIZE],
                      char challenge[VOICEUNLOCK_CHALLENGE_MAX][CHALLENGE_SIZE])
{
	Vu__WatchAttemptRequest request = VU__WATCH_ATTEMPT_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	const Vu__WatchAttemptResponse *answer;
	char id[VU_ID_HEX_SIZE];
	vu_client_call_options options = {.timeout_us = WATCH_TIMEOUT_US, .idempotent = true};

	memcpy(id, attempt_id, sizeof id);
	request.attempt_id = id;
	request.known = (Vu__AttemptPhase)known;
	request.wait_ms = WATCH_WAIT_MS;
	if (vu_client_call(client, VU_SERVICE_ORCHESTRATOR, &vu__orchestrator__descriptor, "WatchAttempt",
	                   &request.base, &response, &options, NULL) != VU_OK)
		return false;
	answer = (const Vu__WatchAttemptResponse *)response;
	if (answer->phase > VU__ATTEMPT_PHASE__PHASE_UNKNOWN && answer->phase <= VU__ATTEMPT_PHASE__PHASE_DONE)
		progress->phase = (voiceunlock_phase)answer->phase;
	if (vu_id_is_hex(answer->session_id))
		memcpy(session_id, answer->session_id, VU_ID_HEX_SIZE);
	progress->challenge_count = 0;
	for (size_t i = 0; i < answer->n_challenge && i < VOICEUNLOCK_CHALLENGE_MAX; i++) {
		snprintf(challenge[i], CHALLENGE_SIZE, "%s", answer->challenge[i]);
		progress->challenge[progress->challenge_count++] = challenge[i];
	}
	protobuf_c_message_free_unpacked(response, NULL);
	return true;
}

static void ask_level(voiceunlock_client *client, char *session_id, voiceunlock_progress *progress)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	const Vu__SessionInfo *info;
	vu_client_call_options options = {.timeout_us = WATCH_TIMEOUT_US, .idempotent = true};

	request.session_id = session_id;
	if (vu_client_call(client, VU_SERVICE_CAPTURE, &vu__capture__descriptor, "GetSession", &request.base,
	                   &response, &options, NULL) != VU_OK)
		return;
	info = (const Vu__SessionInfo *)response;
	progress->level_dbfs = info->level_dbfs;
	progress->peak_dbfs = info->peak_dbfs;
	progress->speech_ms = info->speech_ms;
	protobuf_c_message_free_unpacked(response, NULL);
}

static void watch_until_done(watched_call *call, const vu_client_watch *watch)
{
	voiceunlock_progress progress = {
	    .phase = VOICEUNLOCK_PHASE_OPENING, .level_dbfs = -120.0f, .peak_dbfs = -120.0f};
	char session_id[VU_ID_HEX_SIZE] = "";
	char challenge[VOICEUNLOCK_CHALLENGE_MAX][CHALLENGE_SIZE];
	voiceunlock_phase known = VOICEUNLOCK_PHASE_UPLOADING;

	while (!wait_done(call, 0)) {
		if (!ask_phase(call->client, watch->attempt_id, known, &progress, session_id, challenge)) {
			wait_done(call, WATCH_WAIT_MS);
			continue;
		}
		known = progress.phase;
		if (session_id[0] != '\0' &&
		    (progress.phase == VOICEUNLOCK_PHASE_LISTENING || progress.phase == VOICEUNLOCK_PHASE_SPEECH))
			ask_level(call->client, session_id, &progress);
		watch->progress(watch->context, &progress);
		if (progress.phase >= VOICEUNLOCK_PHASE_DONE)
			wait_done(call, WATCH_WAIT_MS);
	}
}

vu_status vu_client_call_watched(voiceunlock_client *client, const char *method, const ProtobufCMessage *request,
                                 ProtobufCMessage **response_out, const vu_client_call_options *options,
                                 const vu_client_watch *watch, vu_error *error)
{
	watched_call call = {.client = client, .method = method, .request = request, .options = options};
	pthread_t thread;

	if (!watch->progress)
		return vu_client_call(client, VU_SERVICE_ORCHESTRATOR, &vu__orchestrator__descriptor, method, request,
		                      response_out, options, error);
	pthread_mutex_init(&call.mutex, NULL);
	pthread_cond_init(&call.wake, NULL);
	if (pthread_create(&thread, NULL, make_call, &call) == 0) {
		watch_until_done(&call, watch);
		pthread_join(thread, NULL);
	} else {
		make_call(&call);
	}
	pthread_cond_destroy(&call.wake);
	pthread_mutex_destroy(&call.mutex);
	if (call.status == VU_OK)
		*response_out = call.response;
	else if (error)
		*error = call.error;
	return call.status;
}
