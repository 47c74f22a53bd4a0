/*
 * The way of samples through a session: resampled, rounded to s16, written to
 * the ring, judged by the voice activity detector, then published, in steps
 * that end on the detector's 10 ms grid, so that marks and the end do not
 * depend on how the audio arrived.
 */
#include "session.h"

#include "audio/pcm.h"
#include "base/clock.h"
#include "dsp/dsp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A microphone that delivers nothing but zeros for this long may not be listened to. */
#define ZEROS_SAMPLES (VU_SAMPLE_RATE * 3 / 10)

void session_init(capture_session *session, vu_ring *ring, unsigned slot)
{
	session->ring = ring;
	session->slot = slot;
	uv_mutex_init(&session->writer);
	uv_mutex_init(&session->lock);
}

static void stop_processing(capture_session *session)
{
	vu_resampler_destroy(session->resampler);
	vu_vad_destroy(session->vad);
	session->resampler = NULL;
	session->vad = NULL;
	atomic_store(&session->live, false);
}

void session_destroy(capture_session *session)
{
	stop_processing(session);
	waiting_refuse(&session->waiting, VU_UNAVAILABLE, "unable to go on: capture is stopping");
	uv_mutex_destroy(&session->lock);
	uv_mutex_destroy(&session->writer);
}

bool session_is_over(const capture_session *session)
{
	return session->record.state == VU_RING_ENDED || session->record.state == VU_RING_FAILED;
}

void session_touch(capture_session *session)
{
	uv_mutex_lock(&session->lock);
	session->last_access_us = vu_clock_monotonic_us();
	uv_mutex_unlock(&session->lock);
}

/* ---- publishing ---- */

/* Makes `record` the session's, in the ring and for all who wait. */
static void publish(capture_session *session, const vu_ring_record *record)
{
	uv_mutex_lock(&session->lock);
	session->record = *record;
	session->used = true;
	vu_ring_commit(session->ring, session->slot, record);
	waiting_answer_ready(&session->waiting, record, vu_ring_samples(session->ring, session->slot));
	uv_mutex_unlock(&session->lock);
}

static void note_end(vu_ring_record *record, vu_ring_end reason)
{
	record->state = VU_RING_ENDED;
	record->end_reason = reason;
	record->ended_us = (uint64_t)vu_clock_monotonic_us();
}

static void note_failure(vu_ring_record *record, vu_status status, const char *message)
{
	record->state = VU_RING_FAILED;
	record->failure_status = status;
	record->ended_us = (uint64_t)vu_clock_monotonic_us();
	snprintf(record->failure, sizeof record->failure, "%s", message);
}

/* Marks are never ahead of the samples that are counted. */
static uint64_t at_most(uint64_t value, uint64_t limit)
{
	return value < limit ? value : limit;
}

static void note_marks(const capture_session *session, vu_ring_record *record)
{
	vu_vad_state heard;

	vu_vad_get_state(session->vad, &heard);
	record->total_samples = session->position;
	record->speech_start = heard.speech_started ? at_most(heard.speech_start, session->position) : 0;
	record->speech_end = heard.speech_started ? at_most(heard.speech_end, session->position) : 0;
	record->speech_samples = at_most(heard.speech_samples, session->position);
	record->level_dbfs = heard.level_dbfs > VU_PCM_DBFS_MIN ? heard.level_dbfs : VU_PCM_DBFS_MIN;
	record->peak_dbfs = vu_pcm_dbfs((float)session->peak / 32768.0f);
	if (record->state == VU_RING_LISTENING && heard.speech_started)
		record->state = VU_RING_SPEECH;
}

/* ---- life ---- */

void session_begin(capture_session *session, const session_parameters *parameters)
{
	vu_ring_record record = {0};

	session->limits = parameters->limits;
	session->position = 0;
	session->source_frames = 0;
	session->peak = 0;
	session->heard = false;
	memcpy(record.id, parameters->id, sizeof record.id);
	record.source = parameters->source;
	record.state = parameters->source == VU_RING_MICROPHONE ? VU_RING_OPENING : VU_RING_LISTENING;
	record.source_rate = parameters->sample_rate;
	record.source_channels = parameters->channels;
	record.source_format = parameters->format;
	record.whole_upload = parameters->whole_upload;
	record.timeout_ms = parameters->timeout_ms;
	record.level_dbfs = VU_PCM_DBFS_MIN;
	record.peak_dbfs = VU_PCM_DBFS_MIN;
	session_touch(session);
	publish(session, &record);
	atomic_store(&session->live, parameters->source == VU_RING_MICROPHONE);
}

bool session_matches(capture_session *session, const session_parameters *parameters)
{
	const vu_ring_record *record = &session->record;

	if (record->source != parameters->source)
		return false;
	if (record->source == VU_RING_MICROPHONE)
		return true;
	return record->source_rate == parameters->sample_rate && record->source_channels == parameters->channels &&
	       record->source_format == parameters->format && (record->whole_upload != 0) == parameters->whole_upload;
}

bool session_adopt(capture_session *session, const session_limits *limits)
{
	vu_ring_record record;

	if (!vu_ring_load(session->ring, session->slot, &record))
		return false;
	if (record.state == VU_RING_OPENING) {
		/* Nothing was heard and nobody was told to speak: opening again is as good. */
		vu_ring_wipe(session->ring, session->slot);
		return false;
	}
	session->limits = *limits;
	session_touch(session);
	if (record.source == VU_RING_MICROPHONE && record.state != VU_RING_ENDED && record.state != VU_RING_FAILED)
		note_failure(&record, VU_ABORTED,
		             "unable to go on recording: capture was restarted; please say it again");
	publish(session, &record);
	return true;
}

vu_status session_set_source(capture_session *session, const char *device, uint32_t sample_rate, uint32_t channels,
                             vu_error *error)
{
	vu_ring_record record = session->record;
	vu_status status = vu_resampler_check(sample_rate, channels, error);

	if (status != VU_OK)
		return status;
	snprintf(record.device, sizeof record.device, "%s", device);
	record.source_rate = sample_rate;
	record.source_channels = channels;
	publish(session, &record);
	return VU_OK;
}

void session_note_playing(capture_session *session)
{
	vu_ring_record record = session->record;

	if (record.playing || session_is_over(session))
		return;
	record.playing = 1;
	publish(session, &record);
}

void session_end(capture_session *session, vu_ring_end reason)
{
	vu_ring_record record = session->record;

	if (!session_is_over(session)) {
		note_end(&record, reason);
		if (session->vad && session->position >= record.total_samples) {
			vu_vad_flush(session->vad);
			note_marks(session, &record);
		}
		publish(session, &record);
	}
	stop_processing(session);
}

/* What processing needs is kept: the resampler may be at work further up. */
static void publish_failure(capture_session *session, vu_status status, const char *message)
{
	vu_ring_record record = session->record;

	if (session_is_over(session))
		return;
	note_failure(&record, status, message);
	publish(session, &record);
}

void session_fail(capture_session *session, vu_status status, const char *message)
{
	publish_failure(session, status, message);
	stop_processing(session);
}

waiting_list session_wipe(capture_session *session)
{
	waiting_list waiting;

	stop_processing(session);
	uv_mutex_lock(&session->lock);
	waiting = session->waiting;
	session->waiting.first = NULL;
	session->used = false;
	memset(&session->record, 0, sizeof session->record);
	vu_ring_wipe(session->ring, session->slot);
	uv_mutex_unlock(&session->lock);
	return waiting;
}

/* ---- samples ---- */

static vu_status start_processing(capture_session *session, vu_error *error)
{
	/* An upload is taken as it is: silence in it ends nothing. */
	vu_vad_config config = {.silence_s =
	                            session->record.source == VU_RING_MICROPHONE ? session->limits.silence_s : 0};
	vu_status status = VU_OK;

	if (!session->resampler)
		status = vu_resampler_create(session->record.source_rate, session->record.source_channels,
		                             &session->resampler, error);
	if (status == VU_OK && !session->vad && vu_vad_create(&config, &session->vad) != VU_OK)
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to listen for speech: out of memory");
	return status;
}

/* Why the session ends at this position, or VU_RING_END_NOT_YET. */
static vu_ring_end end_at(const capture_session *session, const vu_ring_record *record)
{
	uint64_t max_samples = (uint64_t)(session->limits.max_duration_s * VU_SAMPLE_RATE);
	vu_vad_state heard;

	if (record->source == VU_RING_UPLOAD) {
		bool full = session->position >= VU_RING_SLOT_SAMPLES;
		return full || (!record->whole_upload && session->position >= max_samples) ? VU_RING_END_MAX_DURATION
		                                                                           : VU_RING_END_NOT_YET;
	}
	vu_vad_get_state(session->vad, &heard);
	if (heard.speech_ended)
		return VU_RING_END_OF_SPEECH;
	if (!heard.speech_started) {
		uint64_t timeout_samples = (uint64_t)record->timeout_ms * VU_SAMPLE_RATE / 1000;
		return session->position >= at_most(timeout_samples, VU_RING_SLOT_SAMPLES) ? VU_RING_END_NO_SPEECH
		                                                                           : VU_RING_END_NOT_YET;
	}
	return session->position >= at_most(heard.speech_start + max_samples, VU_RING_SLOT_SAMPLES)
	           ? VU_RING_END_MAX_DURATION
	           : VU_RING_END_NOT_YET;
}

/*
 * Writes one step of samples. Where an upload is sent again after a restart,
 * samples that were already published must come out the same: readers have
 * them. False when they do not.
 */
static bool write_step(capture_session *session, const float *samples, size_t count)
{
	int16_t rounded[VU_HOP_SAMPLES];
	float kept[VU_HOP_SAMPLES];
	uint64_t published = session->record.total_samples;
	size_t known = session->position < published ? (size_t)at_most(published - session->position, count) : 0;

	vu_pcm_to_s16(samples, count, rounded);
	if (known > 0 && memcmp(vu_ring_samples(session->ring, session->slot) + session->position, rounded,
	                        known * sizeof *rounded) != 0)
		return false;
	vu_ring_write(session->ring, session->slot, session->position, rounded, count);
	for (size_t i = 0; i < count; i++)
		if (abs(rounded[i]) > session->peak)
			session->peak = abs(rounded[i]);
	/* The detector hears what is stored, as every reader will. */
	vu_pcm_from_s16(rounded, count, kept);
	vu_vad_push(session->vad, kept, count);
	session->position += count;
	return true;
}

static bool upload_differs(capture_session *session)
{
	publish_failure(session, VU_ABORTED,
	                "unable to go on with the upload: the audio that was sent again is not the same; "
	                "open a new session");
	return false;
}

/* Takes 16 kHz mono from the resampler; false when the session is over. */
static bool take_samples(void *context, const float *samples, size_t count)
{
	capture_session *session = context;
	vu_ring_record record = session->record;
	vu_ring_end reason = VU_RING_END_NOT_YET;

	if (session->position == 0 && record.first_sample_us == 0)
		record.first_sample_us = (uint64_t)vu_clock_monotonic_us();
	if (record.state == VU_RING_OPENING)
		record.state = VU_RING_LISTENING;
	while (count > 0 && reason == VU_RING_END_NOT_YET) {
		size_t step = VU_HOP_SAMPLES - (size_t)(session->position % VU_HOP_SAMPLES);
		step = (size_t)at_most(at_most(step, count), VU_RING_SLOT_SAMPLES - session->position);
		if (!write_step(session, samples, step))
			return upload_differs(session);
		samples += step;
		count -= step;
		reason = end_at(session, &record);
	}
	/* While an upload catches up with what was already published, there is nothing new to say. */
	if (session->position < record.total_samples)
		return reason == VU_RING_END_NOT_YET || upload_differs(session);
	if (reason != VU_RING_END_NOT_YET) {
		vu_vad_flush(session->vad);
		note_end(&record, reason);
	}
	note_marks(session, &record);
	publish(session, &record);
	return reason == VU_RING_END_NOT_YET;
}

/* The source has ended and all its samples were taken. */
static void end_upload(capture_session *session)
{
	vu_ring_record record = session->record;

	if (session->position < record.total_samples) {
		upload_differs(session);
		return;
	}
	vu_vad_flush(session->vad);
	note_end(&record, VU_RING_END_OF_UPLOAD);
	note_marks(session, &record);
	publish(session, &record);
}

static bool any_sound(const float *samples, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (samples[i] != 0)
			return true;
	return false;
}

bool session_add_frames(capture_session *session, const float *interleaved, size_t frames, bool last)
{
	vu_error error;
	vu_status status;

	if (session_is_over(session))
		return false;
	status = start_processing(session, &error);
	if (!session->heard)
		session->heard = any_sound(interleaved, frames * session->record.source_channels);
	if (status == VU_OK)
		status =
		    vu_resampler_push(session->resampler, interleaved, frames, last, take_samples, session, &error);
	if (status != VU_OK)
		session_fail(session, status, error.message);
	else if (!session_is_over(session) && last)
		end_upload(session);
	else if (!session_is_over(session) && session->record.source == VU_RING_MICROPHONE && !session->heard &&
	         session->position >= ZEROS_SAMPLES)
		session_fail(
		    session, VU_PERMISSION_DENIED,
		    "unable to hear the microphone: it delivers only digital silence; allow Voice Unlock to use "
		    "the microphone in the system's privacy settings, or unmute it");
	if (session_is_over(session)) {
		stop_processing(session);
		return false;
	}
	return true;
}
