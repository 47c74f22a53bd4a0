/*
 * Handing audio to capture, chunk by chunk. Capture says with every answer
 * where the next chunk begins, so a capture that was restarted is served again
 * from where it lost its place, if need be from a session opened anew under
 * the same name. On failure the session is closed.
 */
#include "internal.h"

#include "audio/pcm.h"
#include "audio/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The protocol allows 1 MiB; smaller chunks keep progress and cancelling lively. */
#define CHUNK_BYTES (512u * 1024)
/* Going back this often is no restart of capture any more but something that never ends. */
#define REWINDS_MAX  16
#define STALLS_MAX   200
#define STALL_US     20000
#define CHANNELS_MAX 8
#define RATE_MIN     8000u
#define RATE_MAX     192000u

/* A file or samples as something to read frames from, in order. */
typedef struct upload_source {
	const voiceunlock_audio *audio;
	vu_reader *reader; /* files */
	uint32_t sample_rate;
	uint32_t channels;
	uint64_t frames;   /* as far as known */
	bool s16;          /* as it is sent: s16 where that loses nothing */
	uint64_t position; /* next frame */
} upload_source;

static vu_status open_source(const voiceunlock_audio *audio, upload_source *source_out, vu_error *error)
{
	vu_reader_info info;
	vu_status status;

	memset(source_out, 0, sizeof *source_out);
	source_out->audio = audio;
	if (audio->kind == VOICEUNLOCK_AUDIO_FILE) {
		if (!audio->path)
			return vu_fail(error, VU_INVALID_ARGUMENT, "unable to read a file: no path was given");
		status = vu_reader_open(audio->path, &source_out->reader, &info, error);
		if (status != VU_OK)
			return status;
		source_out->sample_rate = info.sample_rate;
		source_out->channels = info.channels;
		source_out->frames = info.frames;
		source_out->s16 = info.fits_s16;
		return VU_OK;
	}
	if (!audio->samples || audio->frame_count == 0)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to use the samples: there are none");
	if (audio->channels < 1 || audio->channels > CHANNELS_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to use the samples: %u channels are not 1 to %d",
		               audio->channels, CHANNELS_MAX);
	if (audio->sample_rate < RATE_MIN || audio->sample_rate > RATE_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to use the samples: %u Hz is not %u to %u",
		               audio->sample_rate, RATE_MIN, RATE_MAX);
	if (audio->frame_count > (uint64_t)audio->sample_rate * VU_READER_SECONDS_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to use the samples: they are longer than %u s",
		               VU_READER_SECONDS_MAX);
	if (vu_pcm_find_unusable(audio->samples, audio->frame_count * audio->channels) <
	    audio->frame_count * audio->channels)
		return vu_fail(
		    error, VU_INVALID_ARGUMENT,
		    "unable to use the samples: some are not numbers or of another scale; full scale is -1 "
		    "to 1");
	source_out->sample_rate = audio->sample_rate;
	source_out->channels = audio->channels;
	source_out->frames = audio->frame_count;
	return VU_OK;
}

static void close_source(upload_source *source)
{
	vu_reader_close(source->reader);
	source->reader = NULL;
}

static size_t frame_bytes(const upload_source *source)
{
	return source->channels * (source->s16 ? sizeof(int16_t) : sizeof(float));
}

/* Fills `buffer` with up to `frames_max` frames; fewer means the end. */
static vu_status read_source(upload_source *source, void *buffer, size_t frames_max, size_t *frames_out,
                             vu_error *error)
{
	size_t used = 0;
	vu_status status = VU_OK;

	if (!source->reader) {
		uint64_t left = source->frames - source->position;
		used = left < frames_max ? (size_t)left : frames_max;
		memcpy(buffer, source->audio->samples + source->position * source->channels,
		       used * frame_bytes(source));
	}
	while (source->reader && used < frames_max) {
		size_t got = 0;
		void *at = (uint8_t *)buffer + used * frame_bytes(source);
		status = source->s16 ? vu_reader_next_s16(source->reader, at, frames_max - used, &got, error)
		                     : vu_reader_next(source->reader, at, frames_max - used, &got, error);
		if (status != VU_OK || got == 0)
			break;
		used += got;
	}
	source->position += used;
	*frames_out = used;
	return status;
}

/* Makes `frame` the next one to be read. Files are read again from the start: compressed ones cannot be sought
 * exactly. */
static vu_status rewind_source(upload_source *source, uint64_t frame, void *buffer, vu_error *error)
{
	vu_reader_info info;
	vu_status status;
	size_t got;

	if (frame == source->position)
		return VU_OK;
	if (!source->reader) {
		if (frame > source->frames)
			return vu_fail(error, VU_INTERNAL, "unable to upload: capture asks for audio after the end");
		source->position = frame;
		return VU_OK;
	}
	if (frame < source->position) {
		close_source(source);
		status = vu_reader_open(source->audio->path, &source->reader, &info, error);
		if (status != VU_OK)
			return status;
		if (info.sample_rate != source->sample_rate || info.channels != source->channels ||
		    info.fits_s16 != source->s16)
			return vu_fail(error, VU_DATA_LOSS, "unable to read %s: it changed while it was read",
			               source->audio->path);
		source->position = 0;
	}
	while (source->position < frame) {
		uint64_t left = frame - source->position;
		size_t wanted = CHUNK_BYTES / frame_bytes(source);
		status = read_source(source, buffer, left < wanted ? (size_t)left : wanted, &got, error);
		if (status != VU_OK)
			return status;
		if (got == 0)
			return vu_fail(error, VU_INTERNAL, "unable to upload: capture asks for audio after the end");
	}
	return VU_OK;
}

static vu_status call_capture(voiceunlock_client *client, const char *method, const ProtobufCMessage *request,
                              ProtobufCMessage **response_out, voiceunlock_cancel *cancel, vu_error *error)
{
	vu_client_call_options options = {
	    .timeout_us = 2 * VU_CLIENT_LOOKUP_US, .idempotent = true, .cancel = cancel};

	return vu_client_call(client, VU_SERVICE_CAPTURE, &vu__capture__descriptor, method, request, response_out,
	                      &options, error);
}

static vu_status open_session(voiceunlock_client *client, const char *session_id, uint32_t sample_rate,
                              uint32_t channels, bool s16, bool whole, voiceunlock_cancel *cancel, vu_error *error)
{
	Vu__OpenSessionRequest request = VU__OPEN_SESSION_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	char id[VU_ID_HEX_SIZE];
	vu_status status;

	memcpy(id, session_id, sizeof id);
	request.session_id = id;
	request.source = VU__AUDIO_SOURCE__AUDIO_SOURCE_UPLOAD;
	request.sample_rate = sample_rate;
	request.channels = channels;
	request.format = s16 ? VU__SAMPLE_FORMAT__SAMPLE_FORMAT_S16LE : VU__SAMPLE_FORMAT__SAMPLE_FORMAT_F32LE;
	request.whole_upload = whole;
	status = call_capture(client, "OpenSession", &request.base, &response, cancel, error);
	if (status == VU_OK)
		protobuf_c_message_free_unpacked(response, NULL);
	return status;
}

void vu_client_close_session(voiceunlock_client *client, const char *session_id)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	char id[VU_ID_HEX_SIZE];
	vu_client_call_options options = {.timeout_us = VU_CLIENT_FAREWELL_US, .idempotent = true};

	if (!vu_id_is_hex(session_id))
		return;
	memcpy(id, session_id, sizeof id);
	request.session_id = id;
	if (vu_client_call(client, VU_SERVICE_CAPTURE, &vu__capture__descriptor, "CloseSession", &request.base,
	                   &response, &options, NULL) == VU_OK)
		protobuf_c_message_free_unpacked(response, NULL);
}

/* Samples are little-endian on the wire; every machine we run on is. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "samples are sent as they lie in memory");

static vu_status append(voiceunlock_client *client, const char *session_id, uint64_t offset, void *data, size_t bytes,
                        bool last, voiceunlock_cancel *cancel, uint64_t *next_out, bool *enough_out, vu_error *error)
{
	Vu__AppendRequest request = VU__APPEND_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	char id[VU_ID_HEX_SIZE];
	vu_status status;

	memcpy(id, session_id, sizeof id);
	request.session_id = id;
	request.offset_frames = offset;
	request.pcm.data = data;
	request.pcm.len = bytes;
	request.last = last;
	status = call_capture(client, "Append", &request.base, &response, cancel, error);
	if (status != VU_OK)
		return status;
	*next_out = ((const Vu__AppendResponse *)response)->next_offset_frames;
	*enough_out = ((const Vu__AppendResponse *)response)->enough;
	protobuf_c_message_free_unpacked(response, NULL);
	return VU_OK;
}

static void report_progress(const upload_source *source, const vu_client_upload_options *options)
{
	voiceunlock_progress progress = {
	    .phase = VOICEUNLOCK_PHASE_UPLOADING, .level_dbfs = -120.0f, .peak_dbfs = -120.0f};

	if (!options->progress)
		return;
	progress.done = source->frames > 0 ? (double)source->position / (double)source->frames : 1.0;
	if (progress.done > 1.0)
		progress.done = 1.0;
	options->progress(options->context, &progress);
}

/* Sends everything from source->position on. *lost_session_out: capture does not know the session any more. */
static vu_status send_source(voiceunlock_client *client, upload_source *source, void *buffer, const char *session_id,
                             const vu_client_upload_options *options, bool *bad_audio_out, bool *lost_session_out,
                             vu_error *error)
{
	const size_t frames_max = CHUNK_BYTES / frame_bytes(source);
	unsigned rewinds = 0, stalls = 0;

	for (;;) {
		uint64_t offset = source->position, next = 0;
		size_t frames = 0;
		bool last, enough = false;
		vu_status status = read_source(source, buffer, frames_max, &frames, error);

		if (status != VU_OK) {
			*bad_audio_out = true;
			return status;
		}
		last = frames < frames_max;
		if (last && source->reader && !options->whole) {
			/* Silence is better told here, where the file's name is known. */
			status = vu_reader_check_heard(source->reader, error);
			if (status != VU_OK) {
				*bad_audio_out = true;
				return status;
			}
		}
		status = append(client, session_id, offset, buffer, frames * frame_bytes(source), last,
		                options->cancel, &next, &enough, error);
		if (status == VU_NOT_FOUND)
			*lost_session_out = true;
		if (status == VU_INVALID_ARGUMENT)
			*bad_audio_out = true;
		if (status != VU_OK)
			return status;
		report_progress(source, options);
		if (enough || (last && next >= source->position))
			return VU_OK;
		if (next < offset && ++rewinds > REWINDS_MAX)
			return vu_fail(error, VU_UNAVAILABLE, "unable to upload: capture lost its place %u times",
			               rewinds);
		if (next == offset) {
			struct timespec pause = {.tv_nsec = STALL_US * 1000L};
			if (++stalls > STALLS_MAX)
				return vu_fail(error, VU_UNAVAILABLE,
				               "unable to upload: capture takes no more audio");
			nanosleep(&pause, NULL);
		}
		status = rewind_source(source, next, buffer, error);
		if (status != VU_OK)
			return status;
	}
}

vu_status vu_client_upload(voiceunlock_client *client, const voiceunlock_audio *audio,
                           const vu_client_upload_options *options, const char *session_id, bool *bad_audio_out,
                           vu_error *error)
{
	upload_source source = {0};
	void *buffer = NULL;
	bool lost_session = false;
	unsigned opened = 0;
	vu_status status;

	*bad_audio_out = false;
	status = open_source(audio, &source, error);
	if (status != VU_OK) {
		*bad_audio_out = true;
		goto out;
	}
	buffer = malloc(CHUNK_BYTES);
	if (!buffer) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to upload: out of memory");
		goto out;
	}
	do {
		lost_session = false;
		status = open_session(client, session_id, source.sample_rate, source.channels, source.s16,
		                      options->whole, options->cancel, error);
		if (status != VU_OK)
			goto out;
		status = rewind_source(&source, 0, buffer, error);
		if (status == VU_OK)
			status = send_source(client, &source, buffer, session_id, options, bad_audio_out,
			                     &lost_session, error);
	} while (lost_session && ++opened < 3);
	if (status != VU_OK)
		vu_client_close_session(client, session_id);
out:
	free(buffer);
	close_source(&source);
	return status;
}

vu_status vu_client_upload_nothing(voiceunlock_client *client, const char *session_id, voiceunlock_cancel *cancel,
                                   vu_error *error)
{
	uint64_t next;
	bool enough;
	vu_status status = open_session(client, session_id, 16000, 1, true, false, cancel, error);

	if (status != VU_OK)
		return status;
	status = append(client, session_id, 0, NULL, 0, true, cancel, &next, &enough, error);
	if (status != VU_OK)
		vu_client_close_session(client, session_id);
	return status;
}
