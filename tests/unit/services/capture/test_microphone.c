/* The microphone's thread, with a device of our own in place of PortAudio. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../../services/capture/microphone.h"
#include "capture_aid.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- a device that plays from memory, faster than real time ---- */

static struct {
	uv_mutex_t lock;
	vu_status open_status;
	vu_status read_status; /* once `count` samples were read */
	const float *samples;
	size_t count;
	size_t position;
	int opened;
	int closed;
	int shut_down;
	char device[VU_DEVICE_NAME_MAX];
} device;

static vu_status device_open(const vu_microphone_config *config, vu_microphone **microphone_out,
                             vu_microphone_info *info_out, vu_error *error)
{
	vu_status status;

	uv_mutex_lock(&device.lock);
	status = device.open_status;
	snprintf(device.device, sizeof device.device, "%s", config->device);
	device.opened += status == VU_OK;
	uv_mutex_unlock(&device.lock);
	if (status != VU_OK)
		return vu_fail(error, status, "unable to find microphone 'test'");
	*microphone_out = (vu_microphone *)(void *)&device;
	snprintf(info_out->device, sizeof info_out->device, "Test device");
	info_out->sample_rate = 16000;
	info_out->channels = 1;
	return VU_OK;
}

static vu_status device_read(vu_microphone *opened, float *out, size_t frames_max, size_t *frames_out,
                             vu_error *error)
{
	size_t take;
	vu_status status = VU_OK;

	assert_ptr_equal(opened, &device);
	uv_mutex_lock(&device.lock);
	take = device.count - device.position;
	if (take == 0)
		status = device.read_status;
	if (take > frames_max)
		take = frames_max;
	if (take > 800)
		take = 800;
	memcpy(out, device.samples + device.position, take * sizeof *out);
	device.position += take;
	uv_mutex_unlock(&device.lock);
	*frames_out = take;
	return status == VU_OK ? VU_OK : vu_fail(error, status, "unable to go on recording: unplugged");
}

static void device_close(vu_microphone *opened)
{
	assert_ptr_equal(opened, &device);
	uv_mutex_lock(&device.lock);
	device.closed++;
	uv_mutex_unlock(&device.lock);
}

static vu_status device_list(vu_device_info *devices, size_t *count_out, vu_error *error)
{
	(void)devices;
	(void)error;
	*count_out = 0;
	return VU_OK;
}

static void device_shutdown(void)
{
	uv_mutex_lock(&device.lock);
	device.shut_down++;
	uv_mutex_unlock(&device.lock);
}

static _Atomic bool sound;

static bool device_plays(void)
{
	return atomic_load(&sound);
}

static const microphone_driver DRIVER = {device_open, device_read,     device_close,
                                         device_list, device_shutdown, device_plays};

/* ---- the service around it ---- */

static int memory;
static vu_ring *ring;
static capture_sessions *sessions;
static microphone *mic;
static float *speech;
static vu_config config;
static const session_limits LIMITS = {.silence_s = 0.8, .max_duration_s = 10};

static int setup(void **state)
{
	(void)state;
	memset(&device, 0, sizeof device);
	uv_mutex_init(&device.lock);
	speech = capture_aid_speech(64000, 8000, 32000);
	device.samples = speech;
	device.count = 64000;
	config.audio.device = "default";
	config.audio.sample_rate = 16000;
	config.audio.channels = 1;
	memory = capture_aid_memory();
	ring = capture_aid_ring(memory);
	return sessions_create(ring, &LIMITS, &sessions, NULL) != VU_OK ||
	       microphone_create(sessions, &DRIVER, &mic, NULL) != VU_OK;
}

static int teardown(void **state)
{
	(void)state;
	microphone_destroy(mic);
	sessions_destroy(sessions);
	vu_ring_close(ring);
	close(memory);
	free(speech);
	assert_int_equal(device.opened, device.closed);
	uv_mutex_destroy(&device.lock);
	return 0;
}

static void listen_as(unsigned number)
{
	session_parameters parameters = {.source = VU_RING_MICROPHONE, .timeout_ms = 5000, .limits = LIMITS};
	capture_session *session = NULL;
	bool created = false;

	snprintf(parameters.id, sizeof parameters.id, "%s", capture_aid_id(number));
	assert_int_equal(sessions_claim(sessions, parameters.id, &session, &created, NULL), VU_OK);
	session_begin(session, &parameters);
	assert_int_equal(microphone_attend(mic, &config, NULL), VU_OK);
	uv_mutex_unlock(&session->writer);
}

/* The session's record; false when there is none. */
static bool look(unsigned number, vu_ring_record *record_out)
{
	capture_session *session = NULL;

	if (sessions_lock(sessions, capture_aid_id(number), &session, NULL) != VU_OK)
		return false;
	*record_out = session->record;
	uv_mutex_unlock(&session->lock);
	return true;
}

/* Waits, generously, until the session is over; false when it was closed. */
static bool wait_until_over(unsigned number, vu_ring_record *record_out)
{
	for (int i = 0; i < 6000; i++) {
		if (!look(number, record_out))
			return false;
		if (record_out->state == VU_RING_ENDED || record_out->state == VU_RING_FAILED)
			return true;
		uv_sleep(10);
	}
	fail_msg("session %u is not over after a minute", number);
	return false;
}

static void wait_for(const int *counter, int expected)
{
	for (int i = 0; i < 6000; i++) {
		int value;
		uv_mutex_lock(&device.lock);
		value = *counter;
		uv_mutex_unlock(&device.lock);
		if (value == expected)
			return;
		uv_sleep(10);
	}
	fail_msg("the device was not handled in a minute");
}

static void test_a_session_hears(void **state)
{
	vu_ring_record record;

	(void)state;
	listen_as(1);
	assert_true(wait_until_over(1, &record));
	assert_int_equal(record.state, VU_RING_ENDED);
	assert_int_equal(record.end_reason, VU_RING_END_OF_SPEECH);
	assert_string_equal(record.device, "Test device");
	assert_int_equal(record.source_rate, 16000);
	assert_in_range(record.speech_start, 6400, 9600);
	assert_string_equal(device.device, "default");
	/* The device is let go at once, PortAudio when asked. */
	wait_for(&device.closed, 1);
	assert_int_equal(device.shut_down, 0);
	microphone_release(mic);
	assert_int_equal(device.shut_down, 1);
	/* Once more is harmless. */
	microphone_release(mic);
	assert_int_equal(device.shut_down, 1);
}

static void test_sound_of_this_machine_is_noted(void **state)
{
	vu_ring_record record;

	(void)state;
	atomic_store(&sound, true);
	listen_as(1);
	for (int i = 0; i < 6000 && (!look(1, &record) || !record.playing); i++)
		uv_sleep(10);
	assert_int_equal(record.playing, 1);
	/* Once is enough: that it has ended since changes nothing. */
	atomic_store(&sound, false);
	assert_true(wait_until_over(1, &record));
	assert_int_equal(record.playing, 1);
	uv_mutex_lock(&device.lock);
	device.position = 0;
	uv_mutex_unlock(&device.lock);
	wait_for(&device.closed, 1);
	listen_as(2);
	assert_true(wait_until_over(2, &record));
	assert_int_equal(record.playing, 0);
}

static void test_it_opens_again_after_a_rest(void **state)
{
	vu_ring_record record;

	(void)state;
	for (int round = 1; round <= 3; round++) {
		uv_mutex_lock(&device.lock);
		device.position = 0;
		uv_mutex_unlock(&device.lock);
		listen_as((unsigned)round);
		assert_true(wait_until_over((unsigned)round, &record));
		assert_int_equal(record.state, VU_RING_ENDED);
		wait_for(&device.closed, round);
		microphone_release(mic);
		wait_for(&device.shut_down, round);
	}
}

static void test_two_sessions_share_the_device(void **state)
{
	vu_ring_record first;
	vu_ring_record second;

	(void)state;
	uv_mutex_lock(&device.lock); /* so that neither begins before the other is there */
	listen_as(1);
	listen_as(2);
	uv_mutex_unlock(&device.lock);
	assert_true(wait_until_over(1, &first));
	assert_true(wait_until_over(2, &second));
	assert_int_equal(first.state, VU_RING_ENDED);
	assert_int_equal(second.state, VU_RING_ENDED);
	wait_for(&device.closed, 1);
	assert_int_equal(device.opened, 1);
}

static void test_a_device_that_does_not_open(void **state)
{
	vu_ring_record record;

	(void)state;
	device.open_status = VU_NOT_FOUND;
	listen_as(1);
	/* The opening was refused, so there is no session. */
	for (int i = 0; i < 6000 && look(1, &record); i++)
		uv_sleep(10);
	assert_false(look(1, &record));
	assert_int_equal(sessions_count_used(sessions), 0);
	/* And once it is there the same id can be used. */
	uv_mutex_lock(&device.lock);
	device.open_status = VU_OK;
	uv_mutex_unlock(&device.lock);
	listen_as(1);
	assert_true(wait_until_over(1, &record));
	assert_int_equal(record.state, VU_RING_ENDED);
}

static void test_a_device_that_is_unplugged(void **state)
{
	vu_ring_record record;

	(void)state;
	device.count = 16000;
	device.read_status = VU_UNAVAILABLE;
	listen_as(1);
	assert_true(wait_until_over(1, &record));
	assert_int_equal(record.state, VU_RING_FAILED);
	assert_int_equal(record.failure_status, VU_UNAVAILABLE);
	assert_string_equal(record.failure, "unable to go on recording: unplugged");
	assert_int_equal(record.total_samples, 16000);
	wait_for(&device.closed, 1);
}

static void test_closing_a_session_closes_the_device(void **state)
{
	capture_session *session = NULL;

	(void)state;
	device.count = 1000; /* then it goes on without a sample */
	listen_as(1);
	wait_for(&device.opened, 1);
	assert_int_equal(sessions_lock_writer(sessions, capture_aid_id(1), &session, NULL), VU_OK);
	sessions_close(sessions, session, VU_NOT_FOUND, "closed");
	wait_for(&device.closed, 1);
}

static void test_stopping_while_a_session_listens(void **state)
{
	(void)state;
	device.count = 1000;
	listen_as(1);
	wait_for(&device.opened, 1);
	/* teardown destroys the microphone and checks that the device was closed. */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	    TEST(test_a_session_hears),
	    TEST(test_sound_of_this_machine_is_noted),
	    TEST(test_it_opens_again_after_a_rest),
	    TEST(test_two_sessions_share_the_device),
	    TEST(test_a_device_that_does_not_open),
	    TEST(test_a_device_that_is_unplugged),
	    TEST(test_closing_a_session_closes_the_device),
	    TEST(test_stopping_while_a_session_listens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
