/* common/runtime/audio_pull.c against a capture that is well, restarts, fails or lies. */
#include "runtime/audio_pull.h"

#include "capture_aid.h"

#include "base/clock.h"
#include "voiceunlock/v1/features.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <pthread.h>

#include <cmocka.h>

#define TOTAL       10000
#define PATIENCE_US (20 * INT64_C(1000000))

static int16_t samples[TOTAL];
static capture_aid capture;
static vu_channel *channel;

typedef struct heard {
	uint64_t next;
	size_t calls;
	uint64_t restart_at; /* 0: never */
	uint64_t refuse_at;
	bool wrong;
} heard;

static int setup(void **state)
{
	(void)state;
	for (int n = 0; n < TOTAL; n++)
		samples[n] = (int16_t)(n * 37 - 20000);
	samples[0] = INT16_MIN;
	samples[1] = INT16_MAX;
	capture_aid_start(&capture, samples, TOTAL, 1500);
	channel = capture_aid_channel(&capture);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_channel_destroy(channel);
	capture_aid_stop(&capture);
	return 0;
}

static vu_status hear(void *context, uint64_t offset, const float *values, size_t count, const Vu__SessionInfo *info,
                      vu_error *error)
{
	heard *h = context;

	h->calls++;
	if (offset != h->next || !info)
		h->wrong = true;
	for (size_t i = 0; i < count; i++) {
		if (values[i] != (float)samples[offset + i] / 32768.0f)
			h->wrong = true;
	}
	h->next += count;
	if (h->refuse_at && h->next >= h->refuse_at)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to hear more");
	if (h->restart_at && h->next >= h->restart_at) {
		h->restart_at = 0;
		capture_aid_restart(&capture);
	}
	return VU_OK;
}

static vu_status pull(heard *h, int64_t timeout_us, vu_audio_end *end, vu_error *error)
{
	return vu_audio_pull(channel, "0123456789abcdef0123456789abcdef", vu_clock_monotonic_us() + timeout_us, NULL,
	                     hear, h, end, error);
}

static void expect_all(heard *h)
{
	vu_audio_end end;
	vu_error error = {VU_OK, ""};
	vu_status status = pull(h, PATIENCE_US, &end, &error);

	if (status != VU_OK)
		fail_msg("%s: %s", vu_status_name(status), error.message);
	assert_false(h->wrong);
	assert_int_equal(h->next, TOTAL);
	assert_int_equal(end.total_samples, TOTAL);
	assert_int_equal(end.reason, VU__END_REASON__END_OF_SPEECH);
	assert_int_equal(end.source, VU__AUDIO_SOURCE__AUDIO_SOURCE_UPLOAD);
	assert_int_equal(end.ended_us, 4242);
	assert_int_equal(end.speech_start, 100);
	assert_int_equal(end.speech_end, 900);
	assert_int_equal(end.source_rate, 44100);
}

static void test_every_sample_once(void **state)
{
	heard h = {0};
	(void)state;
	expect_all(&h);
	assert_int_equal(capture.reads, 7);
}

static void test_busy_capture_is_waited_for(void **state)
{
	heard h = {0};
	(void)state;
	/* More than the four tries of an ordinary call. */
	atomic_store(&capture.unavailable, 6);
	expect_all(&h);
}

static void test_goes_on_after_a_restart(void **state)
{
	heard h = {.restart_at = 4000};
	(void)state;
	expect_all(&h);
	assert_int_equal(h.restart_at, 0);
}

static void test_empty_session(void **state)
{
	heard h = {0};
	vu_audio_end end;
	vu_error error;
	(void)state;
	capture.total = 0;
	assert_int_equal(pull(&h, PATIENCE_US, &end, &error), VU_OK);
	assert_int_equal(h.calls, 1);
	assert_int_equal(h.next, 0);
	assert_int_equal(end.total_samples, 0);
}

static void expect_failure(capture_aid_fault fault, size_t from, vu_status expected, const char *part)
{
	heard h = {0};
	vu_audio_end end;
	vu_error error = {VU_OK, ""};

	capture.fault = fault;
	capture.fault_from = from;
	assert_int_equal(pull(&h, PATIENCE_US, &end, &error), expected);
	assert_int_equal(error.status, expected);
	assert_false(h.wrong);
	assert_true(h.next <= TOTAL);
	if (!strstr(error.message, part))
		fail_msg("\"%s\" does not say \"%s\"", error.message, part);
}

static void test_failures(void **state)
{
	(void)state;
	expect_failure(CAPTURE_AID_NOT_FOUND, 0, VU_NOT_FOUND, "there is none");
	expect_failure(CAPTURE_AID_NOT_FOUND, 3000, VU_NOT_FOUND, "there is none");
	expect_failure(CAPTURE_AID_FAILED, 3000, VU_NOT_FOUND, "unplugged");
	expect_failure(CAPTURE_AID_FAILED_MUTE, 3000, VU_ABORTED, "say it again");
}

static void test_lies(void **state)
{
	(void)state;
	expect_failure(CAPTURE_AID_NO_INFO, 1500, VU_DATA_LOSS, "did not say");
	expect_failure(CAPTURE_AID_ODD_BYTES, 1500, VU_DATA_LOSS, "2999 bytes");
	expect_failure(CAPTURE_AID_WRONG_OFFSET, 1500, VU_DATA_LOSS, "asked was 1500");
	expect_failure(CAPTURE_AID_MORE_THAN_ALL, 1500, VU_DATA_LOSS, "asked was 1500");
	expect_failure(CAPTURE_AID_WITHHELD, 9000, VU_DATA_LOSS, "withholds the last 1000");
}

static void test_the_sink_may_stop(void **state)
{
	heard h = {.refuse_at = 5000};
	vu_audio_end end;
	vu_error error;
	(void)state;
	assert_int_equal(pull(&h, PATIENCE_US, &end, &error), VU_OUT_OF_RANGE);
	assert_string_equal(error.message, "unable to hear more");
	assert_true(h.next < TOTAL);
}

static void test_deadline(void **state)
{
	heard h = {0};
	vu_audio_end end;
	vu_error error;
	(void)state;
	capture.fault = CAPTURE_AID_NEVER_ENDS;
	assert_int_equal(pull(&h, 300000, &end, &error), VU_DEADLINE_EXCEEDED);
	assert_int_equal(h.next, TOTAL);
	assert_int_equal(pull(&h, -1, &end, &error), VU_DEADLINE_EXCEEDED);
}

/* ---- a call that is given up ends the pull ---- */

static _Atomic int pulled_status = -1;

static void on_extract(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	heard h = {0};
	vu_audio_end end;
	vu_error error;
	vu_status status =
	    vu_audio_pull(channel, "x", vu_clock_monotonic_us() + PATIENCE_US, call, hear, &h, &end, &error);

	(void)context;
	(void)message;
	atomic_store(&pulled_status, (int)status);
	vu_rpc_fail(call, status, "%s", error.message);
}

static vu_rpc_server *features_server;
static vu_endpoint features_endpoint;

static void serve_features(void)
{
	static const vu_rpc_method methods[] = {{"Extract", on_extract, 0}};
	static const vu_rpc_service service = {&vu__features__descriptor, methods, 1, NULL};
	vu_rpc_server_config config = {.service = "features", .endpoint = &features_endpoint};
	vu_error error;

	atomic_store(&pulled_status, -1);
	capture.fault = CAPTURE_AID_NEVER_ENDS;
	assert_int_equal(vu_endpoint_local(capture.folder, "features", &features_endpoint, &error), VU_OK);
	assert_int_equal(vu_rpc_server_create(&config, &features_server, &error), VU_OK);
	assert_int_equal(vu_rpc_server_add(features_server, &service, &error), VU_OK);
	assert_int_equal(vu_rpc_server_listen(features_server, &error), VU_OK);
}

static vu_status call_extract(int64_t timeout_us)
{
	Vu__ExtractRequest request = VU__EXTRACT_REQUEST__INIT;
	vu_channel_config config = {
	    .service = "features", .caller = "test", .endpoints = &features_endpoint, .endpoint_count = 1};
	vu_call_options options = {.timeout_us = timeout_us};
	ProtobufCMessage *response;
	vu_channel *features;
	vu_status status;
	vu_error error;

	if (vu_channel_create(&config, &features, &error) != VU_OK)
		return VU_UNKNOWN;
	status = vu_channel_call(features, &vu__features__descriptor, "Extract", &request.base, &response, &options,
	                         &error);
	vu_channel_destroy(features);
	return status;
}

static int wait_for_pull(void)
{
	for (int i = 0; i < 1000 && atomic_load(&pulled_status) < 0; i++)
		usleep(10000);
	return atomic_load(&pulled_status);
}

static void test_call_without_time_ends_the_pull(void **state)
{
	(void)state;
	serve_features();
	assert_int_equal(call_extract(300000), VU_DEADLINE_EXCEEDED);
	/* The handler had 20 s, and stops at once. */
	assert_int_equal(wait_for_pull(), VU_CANCELLED);
	vu_rpc_server_drain(features_server, 10000);
	vu_rpc_server_destroy(features_server);
}

static void *stop_soon(void *argument)
{
	(void)argument;
	/* Once the pull is under way. */
	while (atomic_load(&capture.reads) < 8)
		usleep(1000);
	vu_rpc_server_drain(features_server, 10000);
	return NULL;
}

static void test_stopping_service_asks_for_a_retry(void **state)
{
	pthread_t stopper;

	(void)state;
	serve_features();
	assert_int_equal(pthread_create(&stopper, NULL, stop_soon, NULL), 0);
	assert_int_equal(call_extract(PATIENCE_US), VU_UNAVAILABLE);
	assert_int_equal(wait_for_pull(), VU_UNAVAILABLE);
	assert_int_equal(pthread_join(stopper, NULL), 0);
	vu_rpc_server_destroy(features_server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_every_sample_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_busy_capture_is_waited_for, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_goes_on_after_a_restart, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_empty_session, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lies, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_sink_may_stop, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_deadline, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_call_without_time_ends_the_pull, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stopping_service_asks_for_a_retry, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
