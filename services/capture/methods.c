/*
 * The RPC methods: each checks its request, finds the session, lets the part
 * that knows do the work, and answers. Locks are released before answering
 * where the answer does not need them.
 */
#include "service.h"

#include "answers.h"
#include "base/clock.h"
#include "upload.h"

#include "voiceunlock/v1/capture.pb-c.h"

#include <string.h>

/* Keeps the timekeeper looking after readers that have gone. */
#define WATCH_US 100000

static bool check_id(vu_rpc_call *call, const char *id)
{
	if (vu_id_is_hex(id))
		return true;
	vu_rpc_fail(call, VU_INVALID_ARGUMENT,
	            "unable to use '%.40s' as a session id: it must be 32 lower-case hex digits", id);
	return false;
}

/* ---- opening ---- */

/* Longest silence that may be asked for. */
#define SILENCE_MS_MAX 3000U

static vu_status check_open(const capture_service *service, const Vu__OpenSessionRequest *request,
                            session_parameters *parameters, vu_error *error)
{
	const vu_config *config = vu_runtime_config(service->runtime);

	memset(parameters, 0, sizeof *parameters);
	memcpy(parameters->id, request->session_id, VU_ID_HEX_SIZE);
	parameters->limits.silence_s = config->audio.vad_silence_s;
	parameters->limits.max_duration_s = config->audio.max_duration_s;
	switch (request->source) {
	case VU__AUDIO_SOURCE__AUDIO_SOURCE_MICROPHONE:
		parameters->source = VU_RING_MICROPHONE;
		if (request->silence_ms > SILENCE_MS_MAX)
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "unable to wait %u ms for more speech: at most %u are allowed",
			               request->silence_ms, SILENCE_MS_MAX);
		if (request->silence_ms / 1000.0 > parameters->limits.silence_s)
			parameters->limits.silence_s = request->silence_ms / 1000.0;
		parameters->timeout_ms =
		    request->timeout_ms ? request->timeout_ms : (uint32_t)(config->authentication.timeout_s * 1000);
		if (request->timeout_ms > SESSION_TIMEOUT_MS_MAX)
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "unable to wait %u ms for speech: at most %u are allowed", request->timeout_ms,
			               SESSION_TIMEOUT_MS_MAX);
		return VU_OK;
	case VU__AUDIO_SOURCE__AUDIO_SOURCE_UPLOAD:
		parameters->source = VU_RING_UPLOAD;
		parameters->sample_rate = request->sample_rate;
		parameters->channels = request->channels;
		parameters->format = request->format;
		parameters->whole_upload = request->whole_upload;
		if (request->format != VU__SAMPLE_FORMAT__SAMPLE_FORMAT_S16LE &&
		    request->format != VU__SAMPLE_FORMAT__SAMPLE_FORMAT_F32LE)
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "unable to take samples of format %d: use S16LE (0) or F32LE (1)",
			               (int)request->format);
		return vu_resampler_check(request->sample_rate, request->channels, error);
	default:
		return vu_fail(
		    error, VU_INVALID_ARGUMENT,
		    "unable to open an audio session from source %d: use the microphone (1) or an upload (2)",
		    (int)request->source);
	}
}

/* A session from the microphone answers when the device has delivered, or failed to. */
static void open_from_microphone(capture_service *service, capture_session *session, vu_rpc_call *call)
{
	vu_error error;
	bool waits;
	bool live;

	uv_mutex_lock(&session->lock);
	waits = waiting_add_open(&session->waiting, call, &session->record);
	uv_mutex_unlock(&session->lock);
	live = atomic_load(&session->live);
	if (live && microphone_attend(service->microphone, vu_runtime_config(service->runtime), &error) != VU_OK) {
		sessions_close(service->sessions, session, error.status, error.message);
		return;
	}
	uv_mutex_unlock(&session->writer);
	if (waits)
		timekeeper_expect(service->keeper, vu_clock_monotonic_us() + WATCH_US);
}

static void open_session(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	capture_service *service = context;
	const Vu__OpenSessionRequest *request = (const Vu__OpenSessionRequest *)message;
	session_parameters parameters;
	capture_session *session = NULL;
	bool created = false;
	vu_error error;

	if (!check_id(call, request->session_id))
		return;
	if (check_open(service, request, &parameters, &error) != VU_OK ||
	    sessions_claim(service->sessions, parameters.id, &session, &created, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	if (created) {
		session_begin(session, &parameters);
		vu_counter_add(service->sessions_opened, 1);
		vu_counter_set(service->sessions_open, sessions_count_used(service->sessions));
		timekeeper_expect(service->keeper, vu_clock_monotonic_us() + SESSION_ORPHAN_US);
	} else if (!session_matches(session, &parameters)) {
		uv_mutex_unlock(&session->writer);
		vu_rpc_fail(call, VU_ALREADY_EXISTS,
		            "unable to open audio session %s: it is open with other parameters; choose a new id",
		            parameters.id);
		return;
	}
	session_touch(session);
	if (parameters.source == VU_RING_MICROPHONE) {
		open_from_microphone(service, session, call);
	} else {
		vu_ring_record record = session->record;
		uv_mutex_unlock(&session->writer);
		answers_open(call, &record);
	}
}

/* ---- adding and reading ---- */

static void append(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	capture_service *service = context;
	const Vu__AppendRequest *request = (const Vu__AppendRequest *)message;
	Vu__AppendResponse response = VU__APPEND_RESPONSE__INIT;
	upload_chunk chunk = {request->offset_frames, request->pcm.data, request->pcm.len, request->last};
	capture_session *session;
	bool enough = false;
	vu_error error;
	vu_status status;

	if (!check_id(call, request->session_id))
		return;
	status = sessions_lock_writer(service->sessions, request->session_id, &session, &error);
	if (status == VU_OK) {
		session_touch(session);
		status = upload_append(session, &chunk, &response.next_offset_frames, &enough, &error);
		uv_mutex_unlock(&session->writer);
	}
	if (status != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	response.enough = enough;
	vu_rpc_reply(call, &response.base);
}

static void read_audio(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	capture_service *service = context;
	const Vu__ReadRequest *request = (const Vu__ReadRequest *)message;
	waiting_read wanted = {.offset = request->offset,
	                       .max_samples =
	                           request->max_samples ? request->max_samples : CAPTURE_READ_SAMPLES_DEFAULT,
	                       .min_samples = request->min_samples};
	uint32_t wait_ms = request->wait_ms < CAPTURE_READ_WAIT_MS_MAX ? request->wait_ms : CAPTURE_READ_WAIT_MS_MAX;
	int64_t now_us = vu_clock_monotonic_us();
	capture_session *session;
	bool waits;
	vu_error error;

	if (!check_id(call, request->session_id))
		return;
	if (wanted.max_samples > CAPTURE_READ_SAMPLES_MAX)
		wanted.max_samples = CAPTURE_READ_SAMPLES_MAX;
	if (wanted.min_samples > wanted.max_samples)
		wanted.min_samples = wanted.max_samples;
	if (wait_ms == 0)
		wanted.min_samples = 0;
	wanted.due_us = now_us + (int64_t)wait_ms * 1000;
	if (sessions_lock(service->sessions, request->session_id, &session, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	session->last_access_us = now_us;
	waits = waiting_add_read(&session->waiting, call, &wanted, &session->record,
	                         vu_ring_samples(session->ring, session->slot));
	uv_mutex_unlock(&session->lock);
	if (waits)
		timekeeper_expect(service->keeper,
		                  wanted.due_us < now_us + WATCH_US ? wanted.due_us : now_us + WATCH_US);
}

static void get_session(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	capture_service *service = context;
	const Vu__SessionRequest *request = (const Vu__SessionRequest *)message;
	capture_session *session;
	vu_ring_record record;
	vu_error error;

	if (!check_id(call, request->session_id))
		return;
	if (sessions_lock(service->sessions, request->session_id, &session, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	session->last_access_us = vu_clock_monotonic_us();
	record = session->record;
	uv_mutex_unlock(&session->lock);
	answers_info(call, &record);
}

/* ---- ending ---- */

static void finish_session(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	capture_service *service = context;
	const Vu__SessionRequest *request = (const Vu__SessionRequest *)message;
	capture_session *session;
	vu_ring_record record;
	vu_error error;

	if (!check_id(call, request->session_id))
		return;
	if (sessions_lock_writer(service->sessions, request->session_id, &session, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	session_touch(session);
	session_end(session, VU_RING_END_CLOSED);
	record = session->record;
	uv_mutex_unlock(&session->writer);
	answers_info(call, &record);
}

/* Closing what is not there succeeds, so that it may be repeated. */
static void close_session(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	capture_service *service = context;
	const Vu__SessionRequest *request = (const Vu__SessionRequest *)message;
	Vu__Empty response = VU__EMPTY__INIT;
	capture_session *session;

	if (!check_id(call, request->session_id))
		return;
	if (sessions_lock_writer(service->sessions, request->session_id, &session, NULL) == VU_OK)
		sessions_close(service->sessions, session, VU_NOT_FOUND,
		               "unable to go on with the audio session: it was closed");
	vu_counter_set(service->sessions_open, sessions_count_used(service->sessions));
	vu_rpc_reply(call, &response.base);
}

static void list_devices(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	capture_service *service = context;

	(void)message;
	microphone_list(service->microphone, call);
}

const vu_rpc_method CAPTURE_METHODS[] = {
    {"OpenSession", open_session, VU_RPC_IDEMPOTENT},
    {"Append", append, VU_RPC_IDEMPOTENT},
    {"Read", read_audio, VU_RPC_IDEMPOTENT},
    {"GetSession", get_session, VU_RPC_IDEMPOTENT},
    {"FinishSession", finish_session, VU_RPC_IDEMPOTENT},
    {"CloseSession", close_session, VU_RPC_IDEMPOTENT},
    {"ListDevices", list_devices, VU_RPC_IDEMPOTENT},
};
const size_t CAPTURE_METHOD_COUNT = sizeof CAPTURE_METHODS / sizeof CAPTURE_METHODS[0];
