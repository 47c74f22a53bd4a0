/* One session: from samples to marks and an end, and what a restart leaves of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../../services/capture/session.h"
#include "capture_aid.h"

#include "../../audio/audio_aid.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int memory;
static vu_ring *ring;
static capture_session session;

static int setup(void **state)
{
	(void)state;
	memory = capture_aid_memory();
	ring = capture_aid_ring(memory);
	memset(&session, 0, sizeof session);
	session_init(&session, ring, 3);
	uv_mutex_lock(&session.writer);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	uv_mutex_unlock(&session.writer);
	session_destroy(&session);
	vu_ring_close(ring);
	close(memory);
	return 0;
}

static session_parameters parameters_for(vu_ring_source source, uint32_t rate)
{
	session_parameters parameters = {.source = source,
	                                 .sample_rate = rate,
	                                 .channels = 1,
	                                 .timeout_ms = 5000,
	                                 .limits = {.silence_s = 0.8, .max_duration_s = 10}};

	snprintf(parameters.id, sizeof parameters.id, "%s", capture_aid_id(1));
	return parameters;
}

static void begin_microphone(double max_duration_s, uint32_t timeout_ms)
{
	session_parameters parameters = parameters_for(VU_RING_MICROPHONE, 0);

	parameters.timeout_ms = timeout_ms;
	parameters.limits.max_duration_s = max_duration_s;
	session_begin(&session, &parameters);
	assert_int_equal(session.record.state, VU_RING_OPENING);
	assert_true(atomic_load(&session.live));
	assert_int_equal(session_set_source(&session, "Test microphone", 16000, 1, NULL), VU_OK);
}

/* Feeds in chunks of 10 ms and a bit, as a device does; returns the samples taken until the session was over. */
static size_t feed(const float *samples, size_t count, size_t chunk)
{
	size_t done = 0;

	while (done < count) {
		size_t take = chunk < count - done ? chunk : count - done;
		bool more = session_add_frames(&session, samples + done, take, false);
		done += take;
		if (!more)
			break;
	}
	return done;
}

static void test_microphone_until_the_end_of_speech(void **state)
{
	float *samples = capture_aid_speech(80000, 16000, 40000);
	size_t fed;
	vu_ring_record stored;

	(void)state;
	begin_microphone(10, 5000);
	feed(samples, 8000, 170);
	assert_int_equal(session.record.state, VU_RING_LISTENING);
	assert_true(session.record.first_sample_us > 0);
	assert_true(session.record.level_dbfs < -50);
	feed(samples + 8000, 16000, 170);
	assert_int_equal(session.record.state, VU_RING_SPEECH);
	assert_true(session.record.level_dbfs > -40);
	assert_int_equal(session.record.ended_us, 0);
	fed = 24000 + feed(samples + 24000, 56000, 170);

	assert_int_equal(session.record.state, VU_RING_ENDED);
	assert_int_equal(session.record.end_reason, VU_RING_END_OF_SPEECH);
	assert_true(session.record.ended_us >= session.record.first_sample_us);
	/* Marks within 100 ms, the end 0.8 s of silence later. */
	assert_in_range(session.record.speech_start, 16000 - 1600, 16000 + 1600);
	assert_in_range(session.record.speech_end, 40000 - 1600, 40000 + 2400);
	assert_in_range(session.record.total_samples, 40000 + 11200, 40000 + 16000);
	assert_in_range(session.record.speech_samples, 12000, 26400);
	assert_true(fed >= session.record.total_samples && fed < session.record.total_samples + 170);
	assert_true(vu_ring_load(ring, 3, &stored));
	assert_memory_equal(&stored, &session.record, sizeof stored);
	assert_string_equal(stored.device, "Test microphone");
	for (size_t i = 0; i < session.record.total_samples; i++)
		assert_int_equal(vu_ring_samples(ring, 3)[i], lrintf(samples[i] * 32768));
	/* What processing needed is gone, and more samples are not wanted. */
	assert_null(session.vad);
	assert_null(session.resampler);
	assert_false(atomic_load(&session.live));
	assert_false(session_add_frames(&session, samples, 100, false));
	free(samples);
}

static void test_microphone_nobody_speaks(void **state)
{
	float *samples = capture_aid_speech(80000, 0, 0);

	(void)state;
	begin_microphone(10, 2000);
	feed(samples, 80000, 333);
	assert_int_equal(session.record.state, VU_RING_ENDED);
	assert_int_equal(session.record.end_reason, VU_RING_END_NO_SPEECH);
	assert_int_equal(session.record.total_samples, 32000);
	assert_int_equal(session.record.speech_samples, 0);
	free(samples);
}

static void test_microphone_speaks_too_long(void **state)
{
	float *samples = capture_aid_speech(160000, 8000, 160000);

	(void)state;
	begin_microphone(2, 5000);
	feed(samples, 160000, 160);
	assert_int_equal(session.record.state, VU_RING_ENDED);
	assert_int_equal(session.record.end_reason, VU_RING_END_MAX_DURATION);
	assert_in_range(session.record.total_samples, session.record.speech_start + 32000,
	                session.record.speech_start + 32000 + 160);
	free(samples);
}

static void test_microphone_of_digital_silence(void **state)
{
	float *samples = calloc(16000, sizeof *samples);

	(void)state;
	begin_microphone(10, 5000);
	feed(samples, 4800 - 160, 160);
	assert_int_equal(session.record.state, VU_RING_LISTENING);
	feed(samples, 160, 160);
	assert_int_equal(session.record.state, VU_RING_FAILED);
	assert_int_equal(session.record.failure_status, VU_PERMISSION_DENIED);
	assert_non_null(
	    strstr(session.record.failure, "only digital silence; allow Voice Unlock to use the microphone"));
	free(samples);
}

static void test_zeros_after_sound_are_no_failure(void **state)
{
	float *samples = calloc(16000, sizeof *samples);

	(void)state;
	begin_microphone(10, 5000);
	samples[100] = 1.0f / 32768;
	feed(samples, 16000, 160);
	assert_int_equal(session.record.state, VU_RING_LISTENING);
	free(samples);
}

static void test_failure_keeps_what_was_recorded(void **state)
{
	float *samples = capture_aid_speech(16000, 4000, 16000);

	(void)state;
	begin_microphone(10, 5000);
	feed(samples, 16000, 160);
	session_fail(&session, VU_UNAVAILABLE, "unable to go on recording: unplugged");
	assert_int_equal(session.record.state, VU_RING_FAILED);
	assert_int_equal(session.record.failure_status, VU_UNAVAILABLE);
	assert_string_equal(session.record.failure, "unable to go on recording: unplugged");
	assert_int_equal(session.record.total_samples, 16000);
	/* The first reason stands. */
	session_end(&session, VU_RING_END_CLOSED);
	session_fail(&session, VU_INTERNAL, "other");
	assert_int_equal(session.record.failure_status, VU_UNAVAILABLE);
	assert_int_equal(session.record.state, VU_RING_FAILED);
	free(samples);
}

static void test_finishing(void **state)
{
	float *samples = capture_aid_speech(24000, 8000, 24000);

	(void)state;
	begin_microphone(10, 5000);
	feed(samples, 24000, 160);
	session_end(&session, VU_RING_END_CLOSED);
	assert_int_equal(session.record.state, VU_RING_ENDED);
	assert_int_equal(session.record.end_reason, VU_RING_END_CLOSED);
	assert_int_equal(session.record.total_samples, 24000);
	assert_true(session.record.speech_samples > 8000);
	free(samples);
}

/* ---- uploads ---- */

static void upload(const float *samples, size_t count, size_t chunk, bool last)
{
	for (size_t done = 0; done < count;) {
		size_t take = chunk < count - done ? chunk : count - done;
		done += take;
		if (!session_add_frames(&session, samples + done - take, take, last && done == count))
			return;
	}
}

static void begin_upload(uint32_t rate, bool whole, double max_duration_s)
{
	session_parameters parameters = parameters_for(VU_RING_UPLOAD, rate);

	parameters.whole_upload = whole;
	parameters.limits.max_duration_s = max_duration_s;
	session_begin(&session, &parameters);
	assert_int_equal(session.record.state, VU_RING_LISTENING);
	assert_false(atomic_load(&session.live));
}

static void test_upload_to_its_end(void **state)
{
	/* Two seconds of silence in the middle end nothing. */
	float *samples = capture_aid_speech(100000, 8000, 30000);

	(void)state;
	audio_aid_add_voice(samples + 62000, 20000, 16000);
	begin_upload(16000, false, 10);
	upload(samples, 100000, 5000, true);
	assert_int_equal(session.record.state, VU_RING_ENDED);
	assert_int_equal(session.record.end_reason, VU_RING_END_OF_UPLOAD);
	assert_int_equal(session.record.total_samples, 100000);
	assert_in_range(session.record.speech_start, 6400, 9600);
	assert_in_range(session.record.speech_end, 80400, 84400);
	free(samples);
}

static void test_upload_stops_at_the_longest_duration(void **state)
{
	float *samples = capture_aid_speech(48000, 1000, 48000);

	(void)state;
	begin_upload(16000, false, 2);
	upload(samples, 48000, 5000, true);
	assert_int_equal(session.record.end_reason, VU_RING_END_MAX_DURATION);
	assert_int_equal(session.record.total_samples, 32000);
	free(samples);
}

static void test_whole_upload_stops_at_the_end_of_the_slot(void **state)
{
	float *samples = capture_aid_speech(160000, 1000, 90000);

	(void)state;
	begin_upload(16000, true, 2);
	for (int i = 0; i < 9; i++)
		upload(samples, 160000, 5000, false);
	assert_int_equal(session.record.state, VU_RING_SPEECH);
	upload(samples, 160000, 5000, false);
	assert_int_equal(session.record.end_reason, VU_RING_END_MAX_DURATION);
	assert_int_equal(session.record.total_samples, VU_RING_SLOT_SAMPLES);
	free(samples);
}

static void test_empty_upload(void **state)
{
	(void)state;
	begin_upload(44100, false, 10);
	assert_false(session_add_frames(&session, NULL, 0, true));
	assert_int_equal(session.record.end_reason, VU_RING_END_OF_UPLOAD);
	assert_int_equal(session.record.total_samples, 0);
}

/* 48 kHz noise and voice, so that the resampler is part of it. */
static float *fast_speech(size_t count)
{
	float *samples = calloc(count, sizeof *samples);

	audio_aid_add_noise(samples, count, 0.001f, 3);
	audio_aid_add_voice(samples + count / 4, count / 2, 48000);
	return samples;
}

static void test_cutting_changes_nothing(void **state)
{
	const size_t chunks[] = {96000, 1, 479, 4096, 33333};
	float *samples = fast_speech(96000);
	int16_t *first = calloc(32000, sizeof *first);
	vu_ring_record first_record;

	(void)state;
	for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
		begin_upload(48000, false, 10);
		upload(samples, 96000, chunks[i], true);
		session.record.first_sample_us = session.record.ended_us = 0;
		assert_in_range(session.record.total_samples, 31999, 32000);
		if (i == 0) {
			first_record = session.record;
			memcpy(first, vu_ring_samples(ring, 3), first_record.total_samples * sizeof *first);
			assert_true(first_record.speech_samples > 8000);
		}
		assert_memory_equal(&session.record, &first_record, sizeof first_record);
		assert_memory_equal(vu_ring_samples(ring, 3), first, first_record.total_samples * sizeof *first);
		assert_null(session_wipe(&session).first);
	}
	free(first);
	free(samples);
}

/* ---- restarts ---- */

/* What the next process makes of the slot; only the memory is left of the former one. */
static bool adopt_anew(void)
{
	const session_limits limits = {.silence_s = 0.8, .max_duration_s = 10};

	uv_mutex_unlock(&session.writer);
	session_destroy(&session);
	vu_ring_close(ring);
	ring = capture_aid_ring(memory);
	memset(&session, 0, sizeof session);
	session_init(&session, ring, 3);
	uv_mutex_lock(&session.writer);
	return session_adopt(&session, &limits);
}

static void test_upload_cut_by_a_restart_starts_over(void **state)
{
	float *samples = fast_speech(96000);
	int16_t *expected = calloc(32000, sizeof *expected);
	vu_ring_record whole;
	uint64_t published;

	(void)state;
	begin_upload(48000, false, 10);
	upload(samples, 96000, 4000, true);
	whole = session.record;
	memcpy(expected, vu_ring_samples(ring, 3), 31999 * sizeof *expected);
	assert_null(session_wipe(&session).first);

	begin_upload(48000, false, 10);
	upload(samples, 60000, 4000, false);
	published = session.record.total_samples;
	assert_true(published > 18000);
	assert_true(adopt_anew());
	assert_int_equal(session.source_frames, 0);
	assert_int_equal(session.record.state, VU_RING_SPEECH);
	assert_int_equal(session.record.total_samples, published);
	for (size_t done = 0; done < 96000; done += 4000) {
		/* Readers never see less than they saw. */
		assert_true(session.record.total_samples >= published);
		assert_memory_equal(vu_ring_samples(ring, 3), expected, published * sizeof *expected);
		session_add_frames(&session, samples + done, 4000, done == 92000);
	}
	assert_int_equal(session.record.state, VU_RING_ENDED);
	assert_int_equal(session.record.total_samples, whole.total_samples);
	assert_int_equal(session.record.speech_start, whole.speech_start);
	assert_int_equal(session.record.speech_end, whole.speech_end);
	assert_memory_equal(vu_ring_samples(ring, 3), expected, 31999 * sizeof *expected);
	free(expected);
	free(samples);
}

static void test_other_audio_after_a_restart_is_refused(void **state)
{
	float *samples = fast_speech(96000);

	(void)state;
	begin_upload(48000, false, 10);
	upload(samples, 60000, 4000, false);
	assert_true(adopt_anew());
	samples[100] += 0.1f;
	assert_false(session_add_frames(&session, samples, 60000, false));
	assert_int_equal(session.record.state, VU_RING_FAILED);
	assert_int_equal(session.record.failure_status, VU_ABORTED);
	assert_non_null(strstr(session.record.failure, "the audio that was sent again is not the same"));
	free(samples);
}

static void test_less_audio_after_a_restart_is_refused(void **state)
{
	float *samples = fast_speech(96000);

	(void)state;
	begin_upload(48000, false, 10);
	upload(samples, 60000, 4000, false);
	assert_true(adopt_anew());
	assert_false(session_add_frames(&session, samples, 30000, true));
	assert_int_equal(session.record.state, VU_RING_FAILED);
	assert_int_equal(session.record.failure_status, VU_ABORTED);
	free(samples);
}

static void test_microphone_cut_by_a_restart_is_aborted(void **state)
{
	float *samples = capture_aid_speech(16000, 4000, 16000);

	(void)state;
	begin_microphone(10, 5000);
	feed(samples, 16000, 160);
	assert_true(adopt_anew());
	assert_int_equal(session.record.state, VU_RING_FAILED);
	assert_int_equal(session.record.failure_status, VU_ABORTED);
	assert_non_null(strstr(session.record.failure, "please say it again"));
	assert_int_equal(session.record.total_samples, 16000);
	assert_false(atomic_load(&session.live));
	free(samples);
}

static void test_microphone_that_had_not_opened_is_forgotten(void **state)
{
	(void)state;
	begin_microphone(10, 5000);
	assert_false(adopt_anew());
	assert_false(session.used);
}

static void test_what_had_ended_stays(void **state)
{
	float *samples = capture_aid_speech(80000, 16000, 40000);
	vu_ring_record before;

	(void)state;
	begin_microphone(10, 5000);
	feed(samples, 80000, 160);
	before = session.record;
	assert_true(adopt_anew());
	assert_memory_equal(&session.record, &before, sizeof before);
	assert_int_equal(vu_ring_samples(ring, 3)[20000], lrintf(samples[20000] * 32768));
	free(samples);
}

static void test_wiping(void **state)
{
	float *samples = capture_aid_speech(16000, 4000, 16000);

	(void)state;
	begin_upload(16000, false, 10);
	upload(samples, 16000, 1000, true);
	assert_null(session_wipe(&session).first);
	assert_false(session.used);
	for (size_t i = 0; i < 16000; i++)
		assert_int_equal(vu_ring_samples(ring, 3)[i], 0);
	assert_false(adopt_anew());
	free(samples);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	    TEST(test_microphone_until_the_end_of_speech),
	    TEST(test_microphone_nobody_speaks),
	    TEST(test_microphone_speaks_too_long),
	    TEST(test_microphone_of_digital_silence),
	    TEST(test_zeros_after_sound_are_no_failure),
	    TEST(test_failure_keeps_what_was_recorded),
	    TEST(test_finishing),
	    TEST(test_upload_to_its_end),
	    TEST(test_upload_stops_at_the_longest_duration),
	    TEST(test_whole_upload_stops_at_the_end_of_the_slot),
	    TEST(test_empty_upload),
	    TEST(test_cutting_changes_nothing),
	    TEST(test_upload_cut_by_a_restart_starts_over),
	    TEST(test_other_audio_after_a_restart_is_refused),
	    TEST(test_less_audio_after_a_restart_is_refused),
	    TEST(test_microphone_cut_by_a_restart_is_aborted),
	    TEST(test_microphone_that_had_not_opened_is_forgotten),
	    TEST(test_what_had_ended_stays),
	    TEST(test_wiping),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
