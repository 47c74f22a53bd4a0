/* The pull loop. Its only state is the offset reached; a read is repeated as often as needed. */
#include "runtime/audio_pull.h"

#include "base/clock.h"

#include <string.h>

typedef struct pull {
	vu_channel *capture;
	const char *session_id;
	int64_t deadline_us;
	const vu_rpc_call *call;
	uint64_t offset;
} pull;

static vu_status read_once(const pull *p, Vu__ReadResponse **response_out, vu_error *error)
{
	Vu__ReadRequest request = VU__READ_REQUEST__INIT;
	vu_call_options options = {.wait_for_ready = true, .idempotent = true};
	ProtobufCMessage *response = NULL;
	int64_t left_us = p->deadline_us - vu_clock_monotonic_us();
	vu_status status;
	char session_id[64];

	if (p->call && vu_rpc_is_cancelled(p->call)) {
		/* With time left it is this process that stops: the caller should try again, the next one will
		 * answer. */
		if (vu_rpc_time_left_us(p->call) > 0)
			return vu_fail(error, VU_UNAVAILABLE, "unable to read audio: the service is stopping");
		return vu_fail(error, VU_CANCELLED, "unable to read audio: the caller has gone");
	}
	if (left_us <= 0)
		return vu_fail(error, VU_DEADLINE_EXCEEDED, "unable to read audio: no time is left");
	if (strlen(p->session_id) >= sizeof session_id)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to read audio: the session id is too long");
	strcpy(session_id, p->session_id);
	request.session_id = session_id;
	request.offset = p->offset;
	request.max_samples = VU_AUDIO_PULL_MAX_SAMPLES;
	request.min_samples = VU_AUDIO_PULL_MIN_SAMPLES;
	request.wait_ms = VU_AUDIO_PULL_WAIT_MS;
	if (left_us / 1000 < VU_AUDIO_PULL_WAIT_MS)
		request.wait_ms = (uint32_t)(left_us / 1000);
	options.timeout_us = left_us;
	status =
	    vu_channel_call(p->capture, &vu__capture__descriptor, "Read", &request.base, &response, &options, error);
	if (status == VU_OK)
		*response_out = (Vu__ReadResponse *)response;
	return status;
}

/* Capture's word is checked: a sink must never see samples from elsewhere. */
static vu_status check_response(const pull *p, const Vu__ReadResponse *response, vu_error *error)
{
	size_t bytes = response->pcm_s16le.len;
	uint64_t end = p->offset + bytes / 2;

	if (!response->info)
		return vu_fail(error, VU_DATA_LOSS, "unable to read audio: capture did not say how the session is");
	if (bytes % 2 != 0 || bytes / 2 > VU_AUDIO_PULL_MAX_SAMPLES || (bytes > 0 && response->offset != p->offset) ||
	    end > response->info->total_samples)
		return vu_fail(error, VU_DATA_LOSS,
		               "unable to read audio: capture answered %zu bytes at %llu, asked was %llu", bytes,
		               (unsigned long long)response->offset, (unsigned long long)p->offset);
	if (response->info->state == VU__SESSION_STATE__SESSION_ENDED && bytes == 0 &&
	    p->offset < response->info->total_samples)
		return vu_fail(error, VU_DATA_LOSS, "unable to read audio: capture withholds the last %llu samples",
		               (unsigned long long)(response->info->total_samples - p->offset));
	return VU_OK;
}

static vu_status session_failure(const Vu__SessionInfo *info, vu_error *error)
{
	vu_status status = VU_ABORTED;

	if (info->failure_status > VU_OK && info->failure_status < VU_STATUS_COUNT)
		status = (vu_status)info->failure_status;
	if (info->failure && info->failure[0])
		return vu_fail(error, status, "%s", info->failure);
	return vu_fail(error, status, "unable to record: the audio was cut off; please say it again");
}

static vu_status deliver(pull *p, const Vu__ReadResponse *response, vu_audio_sink sink, void *context,
                         vu_error *error)
{
	enum { CHUNK = 1024 };
	float samples[CHUNK];
	const uint8_t *pcm = response->pcm_s16le.data;
	size_t count = response->pcm_s16le.len / 2;

	do {
		size_t take = count < CHUNK ? count : CHUNK;
		vu_status status;

		for (size_t i = 0; i < take; i++) {
			uint16_t bits = (uint16_t)(pcm[2 * i] | pcm[2 * i + 1] << 8);
			samples[i] = (float)(int16_t)bits / 32768.0f;
		}
		status = sink(context, p->offset, samples, take, response->info, error);
		if (status != VU_OK)
			return status;
		p->offset += take;
		pcm += 2 * take;
		count -= take;
	} while (count > 0);
	return VU_OK;
}

static void fill_end(const Vu__SessionInfo *info, vu_audio_end *end)
{
	end->reason = info->end_reason;
	end->source = info->source;
	end->total_samples = info->total_samples;
	end->speech_start = info->speech_start;
	end->speech_end = info->speech_end;
	end->first_sample_us = info->first_sample_us;
	end->ended_us = info->ended_us;
	end->source_rate = info->source_rate;
}

vu_status vu_audio_pull(vu_channel *capture, const char *session_id, int64_t deadline_us, const vu_rpc_call *call,
                        vu_audio_sink sink, void *context, vu_audio_end *end_out, vu_error *error)
{
	pull p = {capture, session_id, deadline_us, call, 0};

	for (;;) {
		Vu__ReadResponse *response = NULL;
		bool ended = false;
		vu_status status = read_once(&p, &response, error);

		if (status != VU_OK)
			return status;
		status = check_response(&p, response, error);
		if (status == VU_OK && response->info->state == VU__SESSION_STATE__SESSION_FAILED)
			status = session_failure(response->info, error);
		if (status == VU_OK)
			status = deliver(&p, response, sink, context, error);
		if (status == VU_OK && response->info->state == VU__SESSION_STATE__SESSION_ENDED &&
		    p.offset >= response->info->total_samples) {
			fill_end(response->info, end_out);
			ended = true;
		}
		protobuf_c_message_free_unpacked(&response->base, NULL);
		if (status != VU_OK || ended)
			return status;
	}
}
