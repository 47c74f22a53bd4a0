/*
 * Two threads wait for features and antispoof; this one does whatever the
 * caller has to do meanwhile. A service that dies is waited for (the channel
 * repeats UNAVAILABLE inside the deadline); ABORTED means that the service lost
 * its place, and the whole call is repeated unless the session itself failed.
 * Antispoof always gets the same attempt id, so a repeated call never meets its
 * own fingerprints.
 */
#include "listen.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREAD_STACK_BYTES     (256 * 1024)
#define ABORTED_PAUSE_MS_FIRST 25
#define ABORTED_PAUSE_MS_MAX   400
#define SHORT_CALL_US          2000000

typedef struct shared_call {
	vu_orchestrator *orchestrator;
	const vu_listen_order *order;
	vu_listening *listening;
	vu_cancel *cancel; /* of the whole listening; may be NULL */
	vu_cancel *meanwhile_cancel;
} shared_call;

static vu_peer_plan plan_of(const shared_call *shared)
{
	vu_peer_plan plan = {
	    .deadline_us = shared->order->deadline_us,
	    .wait_for_ready = true,
	    .cancel = shared->cancel,
	};
	return plan;
}

/* How the session stands, or NULL with `error` filled. */
static Vu__SessionInfo *ask_session(vu_orchestrator *orchestrator, const char *session_id, const vu_peer_plan *plan,
                                    vu_error *error)
{
	char id[VU_ID_HEX_SIZE];
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;

	snprintf(id, sizeof id, "%s", session_id);
	request.session_id = id;
	return (Vu__SessionInfo *)vu_peer_call(&orchestrator->peers, VU_SERVICE_CAPTURE, &vu__capture__descriptor,
	                                       "GetSession", &request.base, plan, error);
}

/* When the session itself failed, that is the reason: `error` becomes it. */
static bool session_failed(const shared_call *shared, vu_error *error)
{
	vu_error ask_error;
	vu_peer_plan plan = plan_of(shared);
	Vu__SessionInfo *info = ask_session(shared->orchestrator, shared->listening->session_id, &plan, &ask_error);
	bool failed = info && info->state == VU__SESSION_STATE__SESSION_FAILED;

	if (failed) {
		vu_status status = info->failure_status > 0 && info->failure_status < VU_STATUS_COUNT
		                       ? (vu_status)info->failure_status
		                       : VU_ABORTED;
		vu_fail(error, status, "%s",
		        *info->failure ? info->failure : "the recording was cut off: please say it again");
	}
	vu_peer_free(info ? &info->base : NULL);
	return failed;
}

static ProtobufCMessage *call_to_the_end(const shared_call *shared, vu_service_id id,
                                         const ProtobufCServiceDescriptor *service, const char *method,
                                         const ProtobufCMessage *request, bool *broke_off_out, vu_error *error)
{
	unsigned pause_ms = ABORTED_PAUSE_MS_FIRST;
	vu_peer_plan plan = plan_of(shared);

	*broke_off_out = false;
	for (;;) {
		ProtobufCMessage *response =
		    vu_peer_call(&shared->orchestrator->peers, id, service, method, request, &plan, error);
		if (response) {
			error->status = VU_OK;
			return response;
		}
		if (error->status == VU_CANCELLED)
			return NULL;
		*broke_off_out = session_failed(shared, error);
		if (*broke_off_out || error->status != VU_ABORTED)
			return NULL;
		if (vu_clock_monotonic_us() + pause_ms * 1000LL >= shared->order->deadline_us)
			return NULL;
		uv_sleep(pause_ms);
		pause_ms = pause_ms * 2 < ABORTED_PAUSE_MS_MAX ? pause_ms * 2 : ABORTED_PAUSE_MS_MAX;
	}
}

static void extract(void *argument)
{
	shared_call *shared = argument;
	vu_listening *listening = shared->listening;
	Vu__ExtractRequest request = VU__EXTRACT_REQUEST__INIT;
	bool broke_off;

	request.session_id = listening->session_id;
	request.crops = shared->order->crops;
	request.frames = shared->order->challenged;
	listening->features =
	    (Vu__ExtractResponse *)call_to_the_end(shared, VU_SERVICE_FEATURES, &vu__features__descriptor, "Extract",
	                                           &request.base, &broke_off, &listening->features_error);
	if (broke_off)
		listening->session_error = listening->features_error;
	/* Without speech it is still of interest who was meant. */
	if (!listening->features || !listening->features->vector)
		return;
	if (shared->meanwhile_cancel)
		vu_cancel_trigger(shared->meanwhile_cancel);
	if (shared->order->heard)
		shared->order->heard(shared->order->context, listening->features);
}

static void assess(void *argument)
{
	shared_call *shared = argument;
	char attempt_id[VU_ID_HEX_SIZE];
	char level[32];
	Vu__AssessRequest request = VU__ASSESS_REQUEST__INIT;
	bool broke_off;

	snprintf(attempt_id, sizeof attempt_id, "%s", shared->order->attempt_id);
	snprintf(level, sizeof level, "%s", vu_antispoof_level_name(shared->order->antispoof));
	request.session_id = shared->listening->session_id;
	request.attempt_id = attempt_id;
	request.level = level;
	request.isolated = shared->order->isolated;
	request.enrollment = shared->order->enrollment;
	request.challenged = shared->order->challenged;
	shared->listening->antispoof =
	    (Vu__AssessResponse *)call_to_the_end(shared, VU_SERVICE_ANTISPOOF, &vu__antispoof__descriptor, "Assess",
	                                          &request.base, &broke_off, &shared->listening->antispoof_error);
}

/* The id is chosen here, so that a repeated call opens once. */
static void open_microphone(const shared_call *shared)
{
	vu_listening *listening = shared->listening;
	Vu__OpenSessionRequest request = VU__OPEN_SESSION_REQUEST__INIT;
	vu_peer_plan plan = plan_of(shared);
	ProtobufCMessage *response;

	request.session_id = listening->session_id;
	request.source = VU__AUDIO_SOURCE__AUDIO_SOURCE_MICROPHONE;
	request.timeout_ms = shared->order->speech_timeout_ms;
	request.silence_ms = shared->order->silence_ms;
	response = vu_peer_call(&shared->orchestrator->peers, VU_SERVICE_CAPTURE, &vu__capture__descriptor,
	                        "OpenSession", &request.base, &plan, &listening->session_error);
	if (response)
		listening->session_error.status = VU_OK;
	vu_peer_free(response);
}

/* A session that nobody uploaded to must fail here, not as a silent file. */
static void check_upload(const shared_call *shared)
{
	vu_listening *listening = shared->listening;
	vu_peer_plan plan = plan_of(shared);
	Vu__SessionInfo *info =
	    ask_session(shared->orchestrator, listening->session_id, &plan, &listening->session_error);

	if (!info)
		return;
	listening->session_error.status = VU_OK;
	if (info->source != VU__AUDIO_SOURCE__AUDIO_SOURCE_UPLOAD)
		vu_fail(&listening->session_error, VU_INVALID_ARGUMENT,
		        "unable to use session %s: it is not uploaded audio; leave session_id empty to use the "
		        "microphone",
		        listening->session_id);
	vu_peer_free(&info->base);
}

static bool start_thread(uv_thread_t *thread, void (*work)(void *), shared_call *shared, vu_error *error)
{
	uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = THREAD_STACK_BYTES};

	if (uv_thread_create_ex(thread, &options, work, shared) == 0)
		return true;
	vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start a thread: the system has none left");
	return false;
}

void vu_listen(vu_orchestrator *orchestrator, const vu_listen_order *order, vu_listening *listening)
{
	shared_call shared = {.orchestrator = orchestrator, .order = order, .listening = listening};
	uv_thread_t features_thread;
	uv_thread_t antispoof_thread;
	bool has_features_thread = false;
	bool has_antispoof_thread = false;

	memset(listening, 0, sizeof *listening);
	listening->started_us = vu_clock_monotonic_us();
	listening->microphone = !*order->session_id;
	if (listening->microphone)
		vu_id_generate_hex(listening->session_id);
	else
		snprintf(listening->session_id, sizeof listening->session_id, "%s", order->session_id);
	if (order->attempt)
		shared.cancel = vu_attempt_cancel(order->attempt);
	if (listening->microphone)
		open_microphone(&shared);
	else
		check_upload(&shared);
	if (listening->session_error.status != VU_OK)
		return;
	if (order->attempt)
		vu_attempt_set_session(orchestrator->attempts, order->attempt, listening->session_id);
	if (order->meanwhile && vu_cancel_create(&shared.meanwhile_cancel) != VU_OK) {
		vu_fail(&listening->session_error, VU_RESOURCE_EXHAUSTED, "unable to listen: out of memory");
		return;
	}
	has_features_thread = start_thread(&features_thread, extract, &shared, &listening->features_error);
	/* Enrolment is remembered at every level: it may be raised later. */
	if (order->antispoof != VU_ANTISPOOF_OFF || (order->enrollment && !order->isolated))
		has_antispoof_thread = start_thread(&antispoof_thread, assess, &shared, &listening->antispoof_error);
	if (order->meanwhile && !order->meanwhile(order->context, shared.meanwhile_cancel) && listening->microphone) {
		listening->stopped = true;
		if (shared.cancel)
			vu_cancel_trigger(shared.cancel);
	}
	if (has_features_thread)
		uv_thread_join(&features_thread);
	/* Without features there is nothing to decide on: the other need not listen to the end. */
	if (!listening->features && has_antispoof_thread && shared.cancel)
		vu_cancel_trigger(shared.cancel);
	if (has_antispoof_thread)
		uv_thread_join(&antispoof_thread);
	if (shared.meanwhile_cancel)
		vu_cancel_destroy(shared.meanwhile_cancel);
}

double vu_listening_capture_ms(vu_orchestrator *orchestrator, const vu_listening *listening, int64_t deadline_us)
{
	vu_error error;
	vu_peer_plan plan = {.deadline_us = deadline_us};
	Vu__SessionInfo *info = ask_session(orchestrator, listening->session_id, &plan, &error);
	double ms = 0;

	if (info && info->ended_us > info->first_sample_us && info->first_sample_us > 0)
		ms = (double)(info->ended_us - info->first_sample_us) / 1000;
	vu_peer_free(info ? &info->base : NULL);
	return ms;
}

/* What describes a voice does not stay in freed memory. */
static void wipe(void *data, size_t bytes)
{
	volatile unsigned char *byte = data;
	while (bytes-- > 0)
		*byte++ = 0;
}

static void wipe_vector(Vu__SpeakerVector *vector)
{
	if (vector)
		wipe(vector->values, vector->n_values * sizeof *vector->values);
}

void vu_listening_end(vu_orchestrator *orchestrator, vu_listening *listening)
{
	if (listening->microphone) {
		vu_error error;
		Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
		vu_peer_plan plan = {.deadline_us = vu_clock_monotonic_us() + SHORT_CALL_US, .wait_for_ready = true};
		request.session_id = listening->session_id;
		vu_peer_free(vu_peer_call(&orchestrator->peers, VU_SERVICE_CAPTURE, &vu__capture__descriptor,
		                          "CloseSession", &request.base, &plan, &error));
	}
	if (listening->features) {
		wipe_vector(listening->features->vector);
		for (size_t i = 0; i < listening->features->n_crops; i++)
			wipe_vector(listening->features->crops[i]);
		wipe(listening->features->statistics.data, listening->features->statistics.len);
		vu_peer_free(&listening->features->base);
	}
	if (listening->antispoof)
		vu_peer_free(&listening->antispoof->base);
	listening->features = NULL;
	listening->antispoof = NULL;
}
