/* Chunks are checked as a whole before any of it is used, then converted in pieces that fit the stack. */
#include "upload.h"

#include "audio/pcm.h"

#include "voiceunlock/v1/capture.pb-c.h"

#define PIECE_SAMPLES 4096u

static size_t sample_bytes(const capture_session *session)
{
	return session->record.source_format == VU__SAMPLE_FORMAT__SAMPLE_FORMAT_F32LE ? 4 : 2;
}

static void convert(const capture_session *session, const uint8_t *bytes, size_t samples, float *out)
{
	if (sample_bytes(session) == 4)
		vu_pcm_from_f32le(bytes, samples, out);
	else
		vu_pcm_from_s16le(bytes, samples, out);
}

/* Only float samples can be unusable. */
static vu_status check_samples(const capture_session *session, const upload_chunk *chunk, vu_error *error)
{
	float piece[PIECE_SAMPLES];
	size_t samples = chunk->byte_count / 4;
	uint32_t channels = session->record.source_channels;

	if (sample_bytes(session) != 4)
		return VU_OK;
	for (size_t done = 0; done < samples; done += PIECE_SAMPLES) {
		size_t count = samples - done < PIECE_SAMPLES ? samples - done : PIECE_SAMPLES;
		size_t unusable;
		vu_pcm_from_f32le(chunk->bytes + done * 4, count, piece);
		unusable = vu_pcm_find_unusable(piece, count);
		if (unusable < count)
			return vu_fail(
			    error, VU_INVALID_ARGUMENT,
			    "unable to use the audio: frame %llu is not a number within full scale (%g); send "
			    "samples from -1 to 1",
			    (unsigned long long)(chunk->offset_frames + (done + unusable) / channels),
			    (double)piece[unusable]);
	}
	return VU_OK;
}

static vu_status check_chunk(const capture_session *session, const upload_chunk *chunk, vu_error *error)
{
	size_t frame_bytes = sample_bytes(session) * session->record.source_channels;

	if (session->record.source != VU_RING_UPLOAD)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to add audio to a microphone session; open an upload session");
	if (chunk->byte_count > UPLOAD_CHUNK_BYTES_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to take a chunk of %zu bytes: at most %u are allowed; send smaller chunks",
		               chunk->byte_count, UPLOAD_CHUNK_BYTES_MAX);
	if (chunk->byte_count % frame_bytes != 0)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to take a chunk of %zu bytes: a frame has %zu; send whole frames",
		               chunk->byte_count, frame_bytes);
	if (chunk->offset_frames > UINT64_MAX - chunk->byte_count)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to take a chunk at frame %llu: it is out of range",
		               (unsigned long long)chunk->offset_frames);
	return check_samples(session, chunk, error);
}

/* Adds `frames` from `bytes`; false when the session wants no more. */
static bool add(capture_session *session, const uint8_t *bytes, size_t frames, bool last)
{
	float piece[PIECE_SAMPLES];
	uint32_t channels = session->record.source_channels;
	size_t piece_frames = PIECE_SAMPLES / channels;
	size_t frame_bytes = sample_bytes(session) * channels;

	do {
		size_t take = frames < piece_frames ? frames : piece_frames;
		convert(session, bytes, take * channels, piece);
		session->source_frames += take;
		if (!session_add_frames(session, piece, take, last && take == frames))
			return false;
		bytes += take * frame_bytes;
		frames -= take;
	} while (frames > 0);
	return true;
}

vu_status upload_append(capture_session *session, const upload_chunk *chunk, uint64_t *next_offset_out,
                        bool *enough_out, vu_error *error)
{
	size_t frame_bytes = sample_bytes(session) * session->record.source_channels;
	vu_status status = check_chunk(session, chunk, error);
	size_t frames;

	if (status != VU_OK)
		return status;
	frames = chunk->byte_count / frame_bytes;
	if (!session_is_over(session) && chunk->offset_frames <= session->source_frames &&
	    chunk->offset_frames + frames >= session->source_frames) {
		size_t known = (size_t)(session->source_frames - chunk->offset_frames);
		/* The last chunk may be empty, and then there are no bytes to point into. */
		if (frames > known || chunk->last)
			add(session, known > 0 ? chunk->bytes + known * frame_bytes : chunk->bytes, frames - known,
			    chunk->last);
	}
	if (session->record.state == VU_RING_FAILED)
		return vu_fail(error, (vu_status)session->record.failure_status, "%s", session->record.failure);
	*enough_out = session_is_over(session);
	*next_offset_out = *enough_out ? chunk->offset_frames + frames : session->source_frames;
	return VU_OK;
}
