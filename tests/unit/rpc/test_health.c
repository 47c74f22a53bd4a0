/* grpc.health.v1: Check, Watch as a long poll, and what draining says. */
#include "rpc_aid.h"

#include "grpc/health/v1/health.pb-c.h"
#include "rpc/server_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND          1000000
#define UNKNOWN         VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__UNKNOWN
#define SERVING         VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING     VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN
#define NO_ANSWER       (-1)

static rpc_aid aid;
static vu_channel *channel;

static int setup(void **state)
{
	(void)state;
	rpc_aid_init(&aid);
	rpc_aid_start(&aid, NULL);
	channel = rpc_aid_channel(&aid);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_channel_destroy(channel);
	rpc_aid_stop(&aid);
	rpc_aid_fini(&aid);
	return 0;
}

/* The status, or NO_ANSWER with `status_out`. */
static int ask(const char *method, const char *service, const char *last, int64_t timeout_us, vu_status *status_out,
               vu_error *error)
{
	VuHealth__HealthCheckRequest request = VU_HEALTH__HEALTH_CHECK_REQUEST__INIT;
	VuHealth__HealthCheckResponse *response;
	vu_call_options options = {
	    .timeout_us = timeout_us, .metadata_key = last ? "last-status" : NULL, .metadata_value = last};
	vu_status status;
	int answer;

	request.service = (char *)(uintptr_t)service;
	status = vu_channel_call(channel, &vu_health__health__descriptor, method, &request.base,
	                         (ProtobufCMessage **)&response, &options, error);
	if (status_out)
		*status_out = status;
	if (status)
		return NO_ANSWER;
	answer = (int)response->status;
	protobuf_c_message_free_unpacked(&response->base, NULL);
	return answer;
}

static int check(const char *service)
{
	return ask("Check", service, NULL, 10 * SECOND, NULL, NULL);
}

static void the_process_is_not_serving_until_set(void **state)
{
	(void)state;
	assert_int_equal(check(""), NOT_SERVING);
	vu_rpc_server_set_health(aid.server, "", VU_SERVING);
	assert_int_equal(check(""), SERVING);
	vu_rpc_server_set_health(aid.server, "", VU_NOT_SERVING);
	assert_int_equal(check(""), NOT_SERVING);
	vu_rpc_server_set_health(aid.server, "", VU_SERVING_UNKNOWN);
	assert_int_equal(check(""), UNKNOWN);
}

static void added_services_follow_the_process_until_set(void **state)
{
	(void)state;
	assert_int_equal(check("voiceunlock.v1.Capture"), NOT_SERVING);
	vu_rpc_server_set_health(aid.server, "", VU_SERVING);
	assert_int_equal(check("voiceunlock.v1.Capture"), SERVING);
	vu_rpc_server_set_health(aid.server, "voiceunlock.v1.Capture", VU_NOT_SERVING);
	assert_int_equal(check("voiceunlock.v1.Capture"), NOT_SERVING);
	assert_int_equal(check(""), SERVING);
}

static void unregistered_names_are_not_found(void **state)
{
	vu_status status;
	vu_error error;
	(void)state;
	assert_int_equal(ask("Check", "no.such.Service", NULL, 10 * SECOND, &status, &error), NO_ANSWER);
	assert_int_equal(status, VU_NOT_FOUND);
	assert_non_null(strstr(error.message, "no.such.Service"));
	/* Watch says so as a status, as it may be registered later. */
	assert_int_equal(ask("Watch", "no.such.Service", NULL, 10 * SECOND, NULL, NULL), SERVICE_UNKNOWN);
	vu_rpc_server_set_health(aid.server, "no.such.Service", VU_SERVING);
	assert_int_equal(check("no.such.Service"), SERVING);
}

static void watch_answers_at_once_when_the_caller_knows_another_status(void **state)
{
	(void)state;
	vu_rpc_server_set_health(aid.server, "", VU_SERVING);
	assert_int_equal(ask("Watch", "", NULL, 3600LL * SECOND, NULL, NULL), SERVING);
	assert_int_equal(ask("Watch", "", "2", 3600LL * SECOND, NULL, NULL), SERVING);
}

typedef struct watcher {
	pthread_t thread;
	const char *last;
	int64_t timeout_us;
	int answer;
} watcher;

static void *watch(void *argument)
{
	watcher *w = argument;
	w->answer = ask("Watch", "", w->last, w->timeout_us, NULL, NULL);
	return NULL;
}

static unsigned watchers_now(void)
{
	unsigned count;
	uv_mutex_lock(&aid.server->lock);
	count = aid.server->watchers;
	uv_mutex_unlock(&aid.server->lock);
	return count;
}

static void start_watching(watcher *w, const char *last, int64_t timeout_us)
{
	unsigned before = watchers_now();
	w->last = last;
	w->timeout_us = timeout_us;
	assert_int_equal(pthread_create(&w->thread, NULL, watch, w), 0);
	for (int i = 0; i < 10000 && watchers_now() == before; i++)
		usleep(1000);
	assert_int_equal(watchers_now(), before + 1);
}

static int end_watching(watcher *w)
{
	pthread_join(w->thread, NULL);
	return w->answer;
}

static void watch_answers_on_change(void **state)
{
	watcher first;
	watcher second;
	(void)state;

	vu_rpc_server_set_health(aid.server, "", VU_SERVING);
	start_watching(&first, "1", 3600LL * SECOND);
	start_watching(&second, "1", 3600LL * SECOND);
	/* The same again is no change. */
	vu_rpc_server_set_health(aid.server, "", VU_SERVING);
	assert_int_equal(watchers_now(), 2);
	vu_rpc_server_set_health(aid.server, "", VU_NOT_SERVING);
	assert_int_equal(end_watching(&first), NOT_SERVING);
	assert_int_equal(end_watching(&second), NOT_SERVING);
	assert_int_equal(watchers_now(), 0);
}

static void watch_answers_before_the_deadline_without_change(void **state)
{
	watcher w;
	(void)state;
	vu_rpc_server_set_health(aid.server, "", VU_SERVING);
	start_watching(&w, "1", 300000);
	assert_int_equal(end_watching(&w), SERVING);
	assert_int_equal(watchers_now(), 0);
}

static void draining_answers_watchers_and_all_is_not_serving(void **state)
{
	watcher w;
	(void)state;
	vu_rpc_server_set_health(aid.server, "", VU_SERVING);
	start_watching(&w, "1", 3600LL * SECOND);
	assert_int_equal(vu_rpc_server_drain(aid.server, 1000), 0);
	assert_int_equal(end_watching(&w), NOT_SERVING);
	assert_int_equal(check(""), NOT_SERVING);
	assert_int_equal(check("voiceunlock.v1.Capture"), NOT_SERVING);
}

static void watchers_are_bounded_and_calls_are_not_in_their_way(void **state)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	vu_channel_config config = {.service = "capture",
	                            .endpoints = &aid.endpoint,
	                            .endpoint_count = 1,
	                            .concurrency_max = VU_WATCHERS_MAX + 4};
	watcher watchers[VU_WATCHERS_MAX];
	vu_status status;
	(void)state;

	vu_channel_destroy(channel);
	assert_int_equal(vu_channel_create(&config, &channel, NULL), VU_OK);
	vu_rpc_server_set_health(aid.server, "", VU_SERVING);
	for (int i = 0; i < VU_WATCHERS_MAX; i++)
		start_watching(&watchers[i], "1", 3600LL * SECOND);
	assert_int_equal(ask("Watch", "", "1", 10 * SECOND, &status, NULL), NO_ANSWER);
	assert_int_equal(status, VU_RESOURCE_EXHAUSTED);
	assert_int_equal(check(""), SERVING);
	assert_int_equal(rpc_aid_call(channel, "GetSession", &request.base, NULL, 10 * SECOND, NULL), VU_OK);
	vu_rpc_server_set_health(aid.server, "", VU_NOT_SERVING);
	for (int i = 0; i < VU_WATCHERS_MAX; i++)
		assert_int_equal(end_watching(&watchers[i]), NOT_SERVING);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_process_is_not_serving_until_set, setup, teardown),
	    cmocka_unit_test_setup_teardown(added_services_follow_the_process_until_set, setup, teardown),
	    cmocka_unit_test_setup_teardown(unregistered_names_are_not_found, setup, teardown),
	    cmocka_unit_test_setup_teardown(watch_answers_at_once_when_the_caller_knows_another_status, setup,
	                                    teardown),
	    cmocka_unit_test_setup_teardown(watch_answers_on_change, setup, teardown),
	    cmocka_unit_test_setup_teardown(watch_answers_before_the_deadline_without_change, setup, teardown),
	    cmocka_unit_test_setup_teardown(draining_answers_watchers_and_all_is_not_serving, setup, teardown),
	    cmocka_unit_test_setup_teardown(watchers_are_bounded_and_calls_are_not_in_their_way, setup, teardown),
	};
	rpc_aid_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
