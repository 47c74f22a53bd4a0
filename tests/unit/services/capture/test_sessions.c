/* The table of sessions: finding, claiming, closing, orphans, and many threads at it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../../services/capture/sessions.h"
#include "capture_aid.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int memory;
static vu_ring *ring;
static capture_sessions *sessions;
static const session_limits LIMITS = {.silence_s = 0.8, .max_duration_s = 10};

static int setup(void **state)
{
	(void)state;
	memory = capture_aid_memory();
	ring = capture_aid_ring(memory);
	return sessions_create(ring, &LIMITS, &sessions, NULL) == VU_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	sessions_destroy(sessions);
	vu_ring_close(ring);
	close(memory);
	return 0;
}

static void begin(capture_session *session, const char *id)
{
	session_parameters parameters = {
	    .source = VU_RING_UPLOAD, .sample_rate = 16000, .channels = 1, .limits = LIMITS};

	snprintf(parameters.id, sizeof parameters.id, "%s", id);
	session_begin(session, &parameters);
}

static capture_session *open_session(unsigned number)
{
	capture_session *session = NULL;
	bool created = false;

	assert_int_equal(sessions_claim(sessions, capture_aid_id(number), &session, &created, NULL), VU_OK);
	assert_true(created);
	begin(session, capture_aid_id(number));
	uv_mutex_unlock(&session->writer);
	return session;
}

static void test_find(void **state)
{
	capture_session *opened = open_session(1);
	capture_session *found = NULL;
	vu_error error;
	bool created = true;

	(void)state;
	assert_int_equal(sessions_lock_writer(sessions, capture_aid_id(1), &found, NULL), VU_OK);
	assert_ptr_equal(found, opened);
	uv_mutex_unlock(&found->writer);
	assert_int_equal(sessions_lock(sessions, capture_aid_id(1), &found, NULL), VU_OK);
	uv_mutex_unlock(&found->lock);
	assert_int_equal(sessions_claim(sessions, capture_aid_id(1), &found, &created, NULL), VU_OK);
	assert_false(created);
	assert_ptr_equal(found, opened);
	uv_mutex_unlock(&found->writer);
	assert_int_equal(sessions_lock(sessions, capture_aid_id(2), &found, &error), VU_NOT_FOUND);
	assert_string_equal(error.message, "unable to find audio session 000000020123456789abcdef01234567: it was "
	                                   "closed or never opened; open a new one");
	assert_int_equal(sessions_lock_writer(sessions, capture_aid_id(2), &found, &error), VU_NOT_FOUND);
}

static void test_all_slots(void **state)
{
	capture_session *session = NULL;
	bool created;
	vu_error error;

	(void)state;
	for (unsigned i = 0; i < VU_RING_SLOTS; i++)
		open_session(i);
	assert_int_equal(sessions_count_used(sessions), VU_RING_SLOTS);
	assert_int_equal(sessions_claim(sessions, capture_aid_id(1000), &session, &created, &error),
	                 VU_RESOURCE_EXHAUSTED);
	assert_string_equal(error.message,
	                    "unable to open an audio session: all 64 are in use; close one or try again later");
	assert_int_equal(sessions_lock_writer(sessions, capture_aid_id(17), &session, NULL), VU_OK);
	sessions_close(sessions, session, VU_NOT_FOUND, "closed");
	assert_int_equal(sessions_count_used(sessions), VU_RING_SLOTS - 1);
	assert_int_equal(sessions_lock(sessions, capture_aid_id(17), &session, NULL), VU_NOT_FOUND);
	open_session(1000);
}

static void test_orphans(void **state)
{
	int64_t now_us = vu_clock_monotonic_us();
	capture_session *session;
	int64_t next_us;

	(void)state;
	assert_int_equal(sessions_sweep(sessions, now_us), INT64_MAX);
	session = open_session(1);
	next_us = sessions_sweep(sessions, now_us);
	assert_true(next_us >= now_us + SESSION_ORPHAN_US && next_us < now_us + SESSION_ORPHAN_US + 10000000);
	/* In use at the last moment: left alone. */
	uv_mutex_lock(&session->writer);
	assert_true(sessions_sweep(sessions, next_us) > next_us);
	uv_mutex_unlock(&session->writer);
	assert_int_equal(sessions_count_used(sessions), 1);
	sessions_sweep(sessions, next_us - 1);
	assert_int_equal(sessions_count_used(sessions), 1);
	sessions_sweep(sessions, next_us);
	assert_int_equal(sessions_count_used(sessions), 0);
	assert_false(session->used);
	assert_int_equal(sessions_sweep(sessions, next_us), INT64_MAX);
}

static void test_adoption(void **state)
{
	capture_session *session;
	float *samples = capture_aid_speech(16000, 2000, 16000);
	vu_ring_record record;

	(void)state;
	session = open_session(5);
	uv_mutex_lock(&session->writer);
	session_add_frames(session, samples, 16000, true);
	record = session->record;
	uv_mutex_unlock(&session->writer);
	sessions_destroy(sessions);
	vu_ring_close(ring);

	ring = capture_aid_ring(memory);
	assert_int_equal(sessions_create(ring, &LIMITS, &sessions, NULL), VU_OK);
	assert_int_equal(sessions_count_used(sessions), 1);
	assert_int_equal(sessions_lock(sessions, capture_aid_id(5), &session, NULL), VU_OK);
	assert_memory_equal(&session->record, &record, sizeof record);
	uv_mutex_unlock(&session->lock);
	free(samples);
}

/* ---- many threads open, feed, read and close the same few ids ---- */

static void hammer(void *context)
{
	unsigned seed = *(unsigned *)context;
	float samples[200] = {0.1f, -0.1f};

	for (int i = 0; i < 600; i++) {
		char id[VU_ID_HEX_SIZE];
		capture_session *session = NULL;
		bool created;
		seed = seed * 1103515245u + 12345u;
		snprintf(id, sizeof id, "%08x0123456789abcdef01234567", (seed >> 16) % 5);
		switch ((seed >> 20) % 4) {
		case 0:
			if (sessions_claim(sessions, id, &session, &created, NULL) == VU_OK) {
				if (created)
					begin(session, id);
				uv_mutex_unlock(&session->writer);
			}
			break;
		case 1:
			if (sessions_lock_writer(sessions, id, &session, NULL) == VU_OK) {
				session_add_frames(session, samples, 200, false);
				uv_mutex_unlock(&session->writer);
			}
			break;
		case 2:
			if (sessions_lock_writer(sessions, id, &session, NULL) == VU_OK)
				sessions_close(sessions, session, VU_NOT_FOUND, "closed");
			break;
		default:
			if (sessions_lock(sessions, id, &session, NULL) == VU_OK) {
				bool right = session->used && strcmp(session->record.id, id) == 0;
				uv_mutex_unlock(&session->lock);
				if (!right)
					abort();
			}
			sessions_sweep(sessions, vu_clock_monotonic_us());
		}
	}
}

static void test_many_threads(void **state)
{
	uv_thread_t threads[4];
	unsigned seeds[4] = {1, 22, 333, 4444};

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(uv_thread_create(&threads[i], hammer, &seeds[i]), 0);
	for (unsigned i = 0; i < 4; i++)
		uv_thread_join(&threads[i]);
	for (unsigned i = 0; i < 5; i++) {
		capture_session *session;
		if (sessions_lock_writer(sessions, capture_aid_id(i), &session, NULL) == VU_OK)
			sessions_close(sessions, session, VU_NOT_FOUND, "closed");
	}
	assert_int_equal(sessions_count_used(sessions), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	    TEST(test_find), TEST(test_all_slots), TEST(test_orphans), TEST(test_adoption), TEST(test_many_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
