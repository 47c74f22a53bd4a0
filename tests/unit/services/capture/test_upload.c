/* Chunks by offset: repeated, overlapping, with gaps, and every kind of bad one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../../services/capture/upload.h"
#include "capture_aid.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAMES 20000

static int memory;
static vu_ring *ring;
static capture_session session;
static int16_t source[FRAMES];

static int setup(void **state)
{
	float *speech = capture_aid_speech(FRAMES, 4000, 18000);

	(void)state;
	for (size_t i = 0; i < FRAMES; i++)
		source[i] = (int16_t)lrintf(speech[i] * 32768);
	free(speech);
	memory = capture_aid_memory();
	ring = capture_aid_ring(memory);
	memset(&session, 0, sizeof session);
	session_init(&session, ring, 0);
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

static void begin(uint32_t channels, uint32_t format)
{
	session_parameters parameters = {.source = VU_RING_UPLOAD,
	                                 .sample_rate = 16000,
	                                 .channels = channels,
	                                 .format = format,
	                                 .limits = {.silence_s = 0.8, .max_duration_s = 10}};

	snprintf(parameters.id, sizeof parameters.id, "%s", capture_aid_id(1));
	session_begin(&session, &parameters);
}

/* Sends frames [from, to) of the source and checks the answer. */
static void send_frames(uint64_t from, uint64_t to, bool last, uint64_t expected_next, bool expected_enough)
{
	upload_chunk chunk = {from, (const uint8_t *)(source + from), (size_t)(to - from) * 2, last};
	uint64_t next = 999999;
	bool enough = false;
	vu_error error;

	if (upload_append(&session, &chunk, &next, &enough, &error) != VU_OK)
		fail_msg("%s", error.message);
	assert_int_equal(next, expected_next);
	assert_int_equal(enough, expected_enough);
}

static void assert_source_arrived(void)
{
	assert_int_equal(session.record.state, VU_RING_ENDED);
	assert_int_equal(session.record.end_reason, VU_RING_END_OF_UPLOAD);
	assert_int_equal(session.record.total_samples, FRAMES);
	assert_memory_equal(vu_ring_samples(ring, 0), source, sizeof source);
}

static void test_in_order(void **state)
{
	(void)state;
	begin(1, 0);
	send_frames(0, 6000, false, 6000, false);
	send_frames(6000, 12000, false, 12000, false);
	send_frames(12000, FRAMES, true, FRAMES, true);
	assert_source_arrived();
}

static void test_repeated_and_overlapping(void **state)
{
	(void)state;
	begin(1, 0);
	send_frames(0, 6000, false, 6000, false);
	send_frames(0, 6000, false, 6000, false);
	send_frames(2000, 5000, false, 6000, false);
	send_frames(3000, 9000, false, 9000, false);
	send_frames(9000, 9000, false, 9000, false);
	send_frames(0, FRAMES, true, FRAMES, true);
	assert_source_arrived();
	send_frames(12000, FRAMES, true, FRAMES, true);
	assert_source_arrived();
}

static void test_gaps_are_not_taken(void **state)
{
	(void)state;
	begin(1, 0);
	send_frames(6000, 12000, false, 0, false);
	assert_int_equal(session.record.total_samples, 0);
	send_frames(0, 6000, false, 6000, false);
	send_frames(6001, 12000, false, 6000, false);
	/* A last chunk beyond a gap ends nothing. */
	send_frames(12000, FRAMES, true, 6000, false);
	assert_int_equal(session.record.state, VU_RING_SPEECH);
	send_frames(6000, FRAMES, true, FRAMES, true);
	assert_source_arrived();
}

static void test_last_may_come_alone(void **state)
{
	(void)state;
	begin(1, 0);
	send_frames(0, FRAMES, false, FRAMES, false);
	send_frames(FRAMES, FRAMES, true, FRAMES, true);
	assert_source_arrived();
}

static void test_last_of_a_repeated_chunk_counts(void **state)
{
	(void)state;
	begin(1, 0);
	send_frames(0, FRAMES, false, FRAMES, false);
	send_frames(10000, FRAMES, true, FRAMES, true);
	assert_source_arrived();
}

static void test_float_samples(void **state)
{
	static float frames[FRAMES];
	upload_chunk chunk = {0, (const uint8_t *)frames, sizeof frames, true};
	uint64_t next;
	bool enough;

	(void)state;
	for (size_t i = 0; i < FRAMES; i++)
		frames[i] = (float)source[i] / 32768;
	begin(1, 1);
	assert_int_equal(upload_append(&session, &chunk, &next, &enough, NULL), VU_OK);
	assert_source_arrived();
}

static void refuse(const upload_chunk *chunk, vu_status expected, const char *message)
{
	uint64_t next = 7;
	bool enough = false;
	vu_error error = {0};
	uint64_t before = session.record.total_samples;

	assert_int_equal(upload_append(&session, chunk, &next, &enough, &error), expected);
	assert_string_equal(error.message, message);
	assert_int_equal(session.record.total_samples, before);
	assert_int_equal(session.source_frames, before);
}

static void test_bad_chunks(void **state)
{
	static uint8_t large[UPLOAD_CHUNK_BYTES_MAX + 2];
	const upload_chunk odd = {0, large, 3, false};
	const upload_chunk too_large = {0, large, sizeof large, false};
	const upload_chunk far = {UINT64_MAX, large, 4, false};

	(void)state;
	begin(1, 0);
	refuse(&odd, VU_INVALID_ARGUMENT, "unable to take a chunk of 3 bytes: a frame has 2; send whole frames");
	refuse(&too_large, VU_INVALID_ARGUMENT,
	       "unable to take a chunk of 1048578 bytes: at most 1048576 are allowed; send smaller chunks");
	refuse(&far, VU_INVALID_ARGUMENT, "unable to take a chunk at frame 18446744073709551615: it is out of range");
	send_frames(0, 1000, false, 1000, false);
}

static void test_half_a_stereo_frame(void **state)
{
	const upload_chunk half = {0, (const uint8_t *)source, 6, false};

	(void)state;
	begin(2, 0);
	refuse(&half, VU_INVALID_ARGUMENT, "unable to take a chunk of 6 bytes: a frame has 4; send whole frames");
}

static void test_numbers_that_are_none(void **state)
{
	static float frames[12000];
	const upload_chunk chunk = {500, (const uint8_t *)frames, sizeof frames, false};

	(void)state;
	begin(2, 1);
	frames[2 * 4321] = NAN;
	refuse(
	    &chunk, VU_INVALID_ARGUMENT,
	    "unable to use the audio: frame 4821 is not a number within full scale (nan); send samples from -1 to 1");
	frames[2 * 4321] = 0;
	frames[11999] = -INFINITY;
	refuse(&chunk, VU_INVALID_ARGUMENT,
	       "unable to use the audio: frame 6499 is not a number within full scale (-inf); send samples from -1 "
	       "to 1");
	frames[11999] = 32767;
	refuse(&chunk, VU_INVALID_ARGUMENT,
	       "unable to use the audio: frame 6499 is not a number within full scale (32767); send samples from -1 "
	       "to 1");
}

static void test_not_an_upload(void **state)
{
	session_parameters parameters = {.source = VU_RING_MICROPHONE, .timeout_ms = 1000};
	const upload_chunk chunk = {0, (const uint8_t *)source, 100, false};

	(void)state;
	snprintf(parameters.id, sizeof parameters.id, "%s", capture_aid_id(2));
	session_begin(&session, &parameters);
	refuse(&chunk, VU_FAILED_PRECONDITION, "unable to add audio to a microphone session; open an upload session");
}

static void test_a_failed_session_tells_why(void **state)
{
	const upload_chunk chunk = {0, (const uint8_t *)source, 100, false};

	(void)state;
	begin(1, 0);
	session_fail(&session, VU_ABORTED, "unable to go on: for a reason");
	refuse(&chunk, VU_ABORTED, "unable to go on: for a reason");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	    TEST(test_in_order),
	    TEST(test_repeated_and_overlapping),
	    TEST(test_gaps_are_not_taken),
	    TEST(test_last_may_come_alone),
	    TEST(test_last_of_a_repeated_chunk_counts),
	    TEST(test_float_samples),
	    TEST(test_bad_chunks),
	    TEST(test_half_a_stereo_frame),
	    TEST(test_numbers_that_are_none),
	    TEST(test_not_an_upload),
	    TEST(test_a_failed_session_tells_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
