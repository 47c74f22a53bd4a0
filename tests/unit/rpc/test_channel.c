/* The calling side: retries, waiting, cancelling, and what a broken or foreign server does to it. */
#include "rpc_aid.h"

#include "base/clock.h"
#include "rpc/channel_internal.h"
#include "rpc/frame.h"

#include <nng/protocol/reqrep0/rep.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND  1000000
#define THREADS 6

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

/* A channel and no server. */
static int setup_alone(void **state)
{
	(void)state;
	rpc_aid_init(&aid);
	channel = rpc_aid_channel(&aid);
	return 0;
}

static int teardown_alone(void **state)
{
	(void)state;
	vu_channel_destroy(channel);
	rpc_aid_fini(&aid);
	return 0;
}

static vu_status get_session(vu_channel *on, const vu_call_options *options, Vu__SessionInfo **response,
                             vu_error *error)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	request.session_id = (char *)(uintptr_t) "abc";
	return vu_channel_call(on, &vu__capture__descriptor, "GetSession", &request.base,
	                       (ProtobufCMessage **)response, options, error);
}

static void inline_handlers_are_called(void **state)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	Vu__SessionInfo *response;
	vu_error error;
	(void)state;

	request.session_id = (char *)(uintptr_t) "Gr\xc3\xbc\xc3\x9f"
	                                         "e";
	assert_int_equal(
	    rpc_aid_call(channel, "GetSession", &request.base, (ProtobufCMessage **)&response, 5 * SECOND, &error),
	    VU_OK);
	assert_string_equal(response->device, request.session_id);
	assert_int_equal(response->source_rate, 1);
	assert_true(response->total_samples > 0 && response->total_samples <= 5 * SECOND);
	assert_int_equal(response->speech_start, geteuid());
	assert_int_equal(response->speech_end, getpid());
	protobuf_c_message_free_unpacked(&response->base, NULL);
}

static void worker_handlers_are_called_with_large_messages(void **state)
{
	Vu__AppendRequest request = VU__APPEND_REQUEST__INIT;
	Vu__AppendResponse *response;
	vu_error error;
	size_t bytes = VU_RPC_MESSAGE_BYTES_MAX - 200;
	(void)state;

	request.pcm.data = calloc(1, bytes);
	request.pcm.len = bytes;
	assert_int_equal(
	    rpc_aid_call(channel, "Append", &request.base, (ProtobufCMessage **)&response, 10 * SECOND, &error),
	    VU_OK);
	assert_int_equal(response->next_offset_frames, bytes);
	protobuf_c_message_free_unpacked(&response->base, NULL);
	free(request.pcm.data);
}

static void oversized_requests_are_not_sent(void **state)
{
	Vu__AppendRequest request = VU__APPEND_REQUEST__INIT;
	vu_channel_stats stats;
	vu_error error;
	(void)state;

	request.pcm.len = VU_RPC_MESSAGE_BYTES_MAX;
	request.pcm.data = calloc(1, request.pcm.len);
	assert_int_equal(rpc_aid_call(channel, "Append", &request.base, NULL, 5 * SECOND, &error),
	                 VU_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(error.message, "the limit is 4194304"));
	vu_channel_get_stats(channel, &stats);
	assert_int_equal(stats.tx_bytes, 0);
	free(request.pcm.data);
}

static void metadata_and_request_id_arrive(void **state)
{
	vu_call_options options = {.timeout_us = 5 * SECOND, .metadata_key = "colour", .metadata_value = "blue"};
	Vu__SessionInfo *response;
	char text[VU_RPC_METADATA_BYTES_MAX + 1];
	(void)state;

	assert_int_equal(get_session(channel, &options, &response, NULL), VU_OK);
	assert_string_equal(response->failure, "blue");
	protobuf_c_message_free_unpacked(&response->base, NULL);
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	options.metadata_value = text;
	assert_int_equal(get_session(channel, &options, NULL, NULL), VU_INVALID_ARGUMENT);
	options.metadata_key = "";
	options.metadata_value = "x";
	assert_int_equal(get_session(channel, &options, NULL, NULL), VU_INVALID_ARGUMENT);
}

static void errors_of_handlers_arrive_with_their_words(void **state)
{
	Vu__OpenSessionRequest request = VU__OPEN_SESSION_REQUEST__INIT;
	vu_error error;
	(void)state;

	request.session_id = (char *)(uintptr_t) "unable to open: the device is 100 % busy";
	assert_int_equal(rpc_aid_call(channel, "OpenSession", &request.base, NULL, 5 * SECOND, &error),
	                 VU_FAILED_PRECONDITION);
	assert_int_equal(error.status, VU_FAILED_PRECONDITION);
	assert_string_equal(error.message, request.session_id);
}

static void wrong_calls_are_refused_here(void **state)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	vu_call_options options = {.timeout_us = 5 * SECOND};
	vu_channel_stats stats;
	vu_error error;
	uint8_t *response;
	size_t bytes;
	(void)state;

	assert_int_equal(rpc_aid_call(channel, "GetSession", &request.base, NULL, 0, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(rpc_aid_call(channel, "GetSession", &request.base, NULL, -5, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(get_session(channel, NULL, NULL, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(rpc_aid_call(channel, "Nothing", &request.base, NULL, SECOND, &error), VU_UNIMPLEMENTED);
	assert_int_equal(rpc_aid_call(channel, "Append", &request.base, NULL, SECOND, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(
	    vu_channel_call_bytes(channel, "Capture/GetSession", "", 0, &response, &bytes, &options, &error),
	    VU_INVALID_ARGUMENT);
	assert_null(response);
	vu_channel_get_stats(channel, &stats);
	assert_int_equal(stats.tx_bytes, 0);
}

static void bytes_go_both_ways(void **state)
{
	vu_call_options options = {.timeout_us = 5 * SECOND};
	uint8_t *response;
	size_t bytes;
	vu_error error;
	Vu__SessionInfo *info;
	(void)state;

	assert_int_equal(vu_channel_call_bytes(channel, "/voiceunlock.v1.Capture/GetSession", "\x0a\x02hi", 4,
	                                       &response, &bytes, &options, &error),
	                 VU_OK);
	info = vu__session_info__unpack(NULL, bytes, response);
	assert_non_null(info);
	assert_string_equal(info->device, "hi");
	vu__session_info__free_unpacked(info, NULL);
	free(response);
	assert_int_equal(vu_channel_call_bytes(channel, "/voiceunlock.v1.Capture/Missing", NULL, 0, &response, &bytes,
	                                       &options, &error),
	                 VU_UNIMPLEMENTED);
	/* An empty answer is one too. */
	assert_int_equal(vu_channel_call_bytes(channel, "/voiceunlock.v1.Capture/ListDevices", NULL, 0, &response,
	                                       &bytes, &options, &error),
	                 VU_OK);
	assert_non_null(response);
	assert_int_equal(bytes, 0);
	free(response);
}

static void unavailable_is_retried(void **state)
{
	Vu__Empty request = VU__EMPTY__INIT;
	vu_channel_stats stats;
	(void)state;

	atomic_store(&aid.devices_failures, 2);
	assert_int_equal(rpc_aid_call(channel, "ListDevices", &request.base, NULL, 30 * SECOND, NULL), VU_OK);
	assert_int_equal(atomic_load(&aid.devices_runs), 3);
	vu_channel_get_stats(channel, &stats);
	assert_int_equal(stats.retries, 2);
	assert_int_equal(stats.failures, 0);
}

static void retries_end_after_four_tries_and_without_tokens(void **state)
{
	Vu__Empty request = VU__EMPTY__INIT;
	vu_error error;
	(void)state;

	atomic_store(&aid.devices_failures, 1000);
	assert_int_equal(rpc_aid_call(channel, "ListDevices", &request.base, NULL, 30 * SECOND, &error),
	                 VU_UNAVAILABLE);
	assert_string_equal(error.message, "not yet");
	assert_int_equal(atomic_load(&aid.devices_runs), 4);
	/* Six tokens are left: the second failure takes them under half. */
	assert_int_equal(rpc_aid_call(channel, "ListDevices", &request.base, NULL, 30 * SECOND, NULL),
	                 VU_UNAVAILABLE);
	assert_int_equal(atomic_load(&aid.devices_runs), 6);
	assert_int_equal(rpc_aid_call(channel, "ListDevices", &request.base, NULL, 30 * SECOND, NULL),
	                 VU_UNAVAILABLE);
	assert_int_equal(atomic_load(&aid.devices_runs), 7);
}

static void waiting_for_a_service_retries_until_the_deadline(void **state)
{
	Vu__Empty request = VU__EMPTY__INIT;
	vu_call_options options = {.timeout_us = 60 * SECOND, .wait_for_ready = true};
	(void)state;

	atomic_store(&aid.devices_failures, 6);
	assert_int_equal(
	    vu_channel_call(channel, &vu__capture__descriptor, "ListDevices", &request.base, NULL, &options, NULL),
	    VU_OK);
	assert_int_equal(atomic_load(&aid.devices_runs), 7);
}

static void nobody_listening_is_unavailable_long_before_the_deadline(void **state)
{
	vu_call_options options = {.timeout_us = 3600LL * SECOND};
	vu_error error;
	(void)state;

	assert_int_equal(get_session(channel, &options, NULL, &error), VU_UNAVAILABLE);
	assert_non_null(strstr(error.message, aid.endpoint.path));
}

static void waiting_in_vain_ends_at_the_deadline(void **state)
{
	vu_call_options options = {.timeout_us = 100000, .wait_for_ready = true};
	vu_error error;
	int64_t began_us = vu_clock_monotonic_us();
	(void)state;

	assert_int_equal(get_session(channel, &options, NULL, &error), VU_DEADLINE_EXCEEDED);
	assert_non_null(strstr(error.message, "nobody serves"));
	assert_true(vu_clock_monotonic_us() - began_us >= 100000);
}

static void a_server_that_comes_later_is_waited_for(void **state)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	rpc_aid_thread call;
	(void)state;

	memset(&call, 0, sizeof call);
	call.options.wait_for_ready = true;
	rpc_aid_thread_start(&call, channel, "GetSession", &request.base, 60 * SECOND);
	usleep(150000);
	rpc_aid_start(&aid, NULL);
	assert_int_equal(rpc_aid_thread_join(&call), VU_OK);
	rpc_aid_stop(&aid);
}

static void a_server_killed_in_mid_call_is_unavailable(void **state)
{
	Vu__ReadRequest request = VU__READ_REQUEST__INIT;
	rpc_aid_thread call;
	vu_channel_stats stats;
	pid_t child = rpc_aid_spawn_server(&aid, 0);
	(void)state;

	memset(&call, 0, sizeof call);
	request.wait_ms = 600000;
	rpc_aid_thread_start(&call, channel, "Read", &request.base, 3600LL * SECOND);
	for (int i = 0; i < 10000; i++) {
		vu_channel_get_stats(channel, &stats);
		if (stats.tx_bytes > 0)
			break;
		usleep(1000);
	}
	usleep(50000);
	rpc_aid_kill(child);
	/* Retried, as nothing says that it was done; but nobody is there. */
	assert_int_equal(rpc_aid_thread_join(&call), VU_UNAVAILABLE);
}

static void a_killed_server_that_is_started_again_answers(void **state)
{
	Vu__ReadRequest request = VU__READ_REQUEST__INIT;
	rpc_aid_thread call;
	vu_channel_stats stats;
	pid_t child = rpc_aid_spawn_server(&aid, 0);
	(void)state;

	memset(&call, 0, sizeof call);
	call.options.wait_for_ready = true;
	request.wait_ms = 1000;
	rpc_aid_thread_start(&call, channel, "Read", &request.base, 60 * SECOND);
	for (int i = 0; i < 10000; i++) {
		vu_channel_get_stats(channel, &stats);
		if (stats.tx_bytes > 0)
			break;
		usleep(1000);
	}
	rpc_aid_kill(child);
	child = rpc_aid_spawn_server(&aid, 0);
	assert_int_equal(rpc_aid_thread_join(&call), VU_OK);
	vu_channel_get_stats(channel, &stats);
	assert_true(stats.retries >= 1);
	rpc_aid_kill(child);
}

static void a_channel_survives_many_restarts(void **state)
{
	vu_call_options options = {.timeout_us = 60 * SECOND, .wait_for_ready = true};
	(void)state;

	for (int i = 0; i < 5; i++) {
		pid_t child = rpc_aid_spawn_server(&aid, 0);
		assert_int_equal(get_session(channel, &options, NULL, NULL), VU_OK);
		rpc_aid_kill(child);
	}
}

static void a_call_without_answer_ends_at_its_deadline(void **state)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	vu_error error;
	(void)state;

	assert_int_equal(rpc_aid_call(channel, "FinishSession", &request.base, NULL, 60000, &error),
	                 VU_DEADLINE_EXCEEDED);
	/* The context is used again, and the late answer is not taken for that of another call. */
	rpc_aid_answer_kept(&aid);
	for (int i = 0; i < 20; i++) {
		vu_call_options options = {.timeout_us = 5 * SECOND};
		Vu__SessionInfo *response;
		assert_int_equal(get_session(channel, &options, &response, &error), VU_OK);
		assert_string_equal(response->device, "abc");
		protobuf_c_message_free_unpacked(&response->base, NULL);
	}
}

/* The answer to a call that was given up comes just when its channel goes (the watchdog of the server ends it). */
static void channels_that_gave_up_can_be_destroyed_at_once(void **state)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	(void)state;

	for (int i = 0; i < 100; i++) {
		vu_channel *brief = rpc_aid_channel(&aid);
		vu_error error;
		vu_status status = rpc_aid_call(brief, "FinishSession", &request.base, NULL, 3000 + i * 100, &error);
		assert_int_equal(status, VU_DEADLINE_EXCEEDED);
		vu_channel_destroy(brief);
		rpc_aid_answer_kept(&aid);
	}
	/* They hang up a second later; a server that went before that would set them dialling again. */
	for (int i = 0; i < 2000; i++) {
		vu_rpc_server_stats stats;
		vu_rpc_server_get_stats(aid.server, &stats);
		if (stats.connections == 0)
			break;
		usleep(10000);
	}
	/* Closing the server, in teardown, ends only when NNG has ended all their connections. */
}

static void cancelling_ends_a_call_that_waits(void **state)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	rpc_aid_thread call;
	vu_cancel *cancel;
	(void)state;

	assert_int_equal(vu_cancel_create(&cancel), VU_OK);
	memset(&call, 0, sizeof call);
	call.options.cancel = cancel;
	rpc_aid_thread_start(&call, channel, "FinishSession", &request.base, 3600LL * SECOND);
	assert_true(rpc_aid_wait_for(&aid.kept_count, 1));
	assert_false(vu_cancel_is_triggered(cancel));
	vu_cancel_trigger(cancel);
	assert_true(vu_cancel_is_triggered(cancel));
	assert_int_equal(rpc_aid_thread_join(&call), VU_CANCELLED);
	/* Not undone: the next call with it does not even begin. */
	assert_int_equal(get_session(channel, &call.options, NULL, NULL), VU_CANCELLED);
	vu_cancel_destroy(cancel);
}

static void cancelling_ends_waiting_for_a_server(void **state)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	rpc_aid_thread call;
	vu_cancel *cancel;
	(void)state;

	assert_int_equal(vu_cancel_create(&cancel), VU_OK);
	memset(&call, 0, sizeof call);
	call.options.cancel = cancel;
	call.options.wait_for_ready = true;
	rpc_aid_thread_start(&call, channel, "GetSession", &request.base, 3600LL * SECOND);
	usleep(50000);
	vu_cancel_trigger(cancel);
	assert_int_equal(rpc_aid_thread_join(&call), VU_CANCELLED);
	vu_cancel_destroy(cancel);
}

static void more_calls_than_contexts_wait_for_one(void **state)
{
	vu_channel_config config = {
	    .service = "capture", .endpoints = &aid.endpoint, .endpoint_count = 1, .concurrency_max = 1};
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	vu_channel *narrow;
	rpc_aid_thread first;
	rpc_aid_thread second;
	vu_error error;
	(void)state;

	assert_int_equal(vu_channel_create(&config, &narrow, &error), VU_OK);
	memset(&first, 0, sizeof first);
	memset(&second, 0, sizeof second);
	rpc_aid_thread_start(&first, narrow, "FinishSession", &request.base, 60 * SECOND);
	assert_true(rpc_aid_wait_for(&aid.kept_count, 1));
	assert_int_equal(rpc_aid_call(narrow, "GetSession", &request.base, NULL, 50000, &error),
	                 VU_DEADLINE_EXCEEDED);
	assert_non_null(strstr(error.message, "under way"));
	rpc_aid_thread_start(&second, narrow, "GetSession", &request.base, 60 * SECOND);
	usleep(20000);
	rpc_aid_answer_kept(&aid);
	assert_int_equal(rpc_aid_thread_join(&first), VU_OK);
	assert_int_equal(rpc_aid_thread_join(&second), VU_OK);
	vu_channel_destroy(narrow);
}

static void *hammer(void *argument)
{
	unsigned *wrong = argument;
	for (int i = 0; i < 300; i++) {
		Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
		Vu__SessionInfo *response = NULL;
		/* Every fifth has hardly any time. */
		vu_call_options options = {.timeout_us = i % 5 == 0 ? 1 + i : 60 * SECOND};
		char id[32];
		vu_status status;
		snprintf(id, sizeof id, "%p-%d", argument, i);
		request.session_id = id;
		status = vu_channel_call(channel, &vu__capture__descriptor, "GetSession", &request.base,
		                         (ProtobufCMessage **)&response, &options, NULL);
		if (status == VU_OK && strcmp(response->device, id) != 0)
			(*wrong)++;
		if (status != VU_OK && (i % 5 != 0 || status != VU_DEADLINE_EXCEEDED))
			(*wrong)++;
		if (response)
			protobuf_c_message_free_unpacked(&response->base, NULL);
	}
	return NULL;
}

static void threads_get_their_own_answers(void **state)
{
	pthread_t threads[THREADS];
	unsigned wrong[THREADS] = {0};
	(void)state;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, &wrong[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(wrong[i], 0);
	}
}

/* ---- a server that answers with bytes of our choice ---- */

typedef struct liar {
	nng_socket socket;
	pthread_t thread;
	uint8_t answer[256];
	size_t answer_bytes;
} liar;

static void *lie(void *argument)
{
	liar *l = argument;
	nng_msg *msg;
	while (nng_recvmsg(l->socket, &msg, 0) == 0) {
		nng_msg_clear(msg);
		nng_msg_append(msg, l->answer, l->answer_bytes);
		if (nng_sendmsg(l->socket, msg, 0) != 0)
			nng_msg_free(msg);
	}
	return NULL;
}

static vu_status call_a_liar(const void *answer, size_t bytes, vu_error *error)
{
	liar l;
	vu_call_options options = {.timeout_us = 20 * SECOND, .wait_for_ready = true};
	vu_channel *to_liar = rpc_aid_channel(&aid);
	Vu__SessionInfo *response = NULL;
	vu_status status;

	memcpy(l.answer, answer, bytes);
	l.answer_bytes = bytes;
	assert_int_equal(nng_rep0_open(&l.socket), 0);
	assert_int_equal(nng_listen(l.socket, aid.endpoint.uri, NULL, 0), 0);
	assert_int_equal(pthread_create(&l.thread, NULL, lie, &l), 0);
	status = get_session(to_liar, &options, &response, error);
	if (response)
		protobuf_c_message_free_unpacked(&response->base, NULL);
	vu_channel_destroy(to_liar);
	nng_close(l.socket);
	pthread_join(l.thread, NULL);
	return status;
}

static void unparsable_answers_are_internal(void **state)
{
	static const uint8_t empty_ok[] = {0, 0, 0, 0};
	static const uint8_t garbage[] = {0xff, 0xff, 0xff, 0xff, 1, 2, 3};
	static const uint8_t bad_payload[] = {0, 0, 0, 0, 0xff, 0xff};
	static const uint8_t bad_text[] = {0, 0, 0, 0, 0x72, 0x01, 0xff};
	static const uint8_t status_99[] = {2, 0, 0, 0, 0x08, 99};
	static const uint8_t status_5[] = {6, 0, 0, 0, 0x08, 5, 0x12, 2, 'n', 'o'};
	vu_error error;
	(void)state;

	assert_int_equal(call_a_liar(empty_ok, sizeof empty_ok, &error), VU_OK);
	assert_int_equal(call_a_liar(garbage, sizeof garbage, &error), VU_INTERNAL);
	assert_non_null(strstr(error.message, "unable to read the answer of capture"));
	assert_int_equal(call_a_liar(garbage, 0, &error), VU_INTERNAL);
	assert_int_equal(call_a_liar(bad_payload, sizeof bad_payload, &error), VU_INTERNAL);
	assert_int_equal(call_a_liar(bad_text, sizeof bad_text, &error), VU_INTERNAL);
	assert_int_equal(call_a_liar(status_99, sizeof status_99, &error), VU_UNKNOWN);
	assert_int_equal(call_a_liar(status_5, sizeof status_5, &error), VU_NOT_FOUND);
	assert_string_equal(error.message, "no");
}

/* A socket that takes connections and closes them at once. */
typedef struct door {
	int fd;
	pthread_t thread;
} door;

static void *slam(void *argument)
{
	door *d = argument;
	int fd;
	while ((fd = accept(d->fd, NULL, NULL)) >= 0)
		close(fd);
	return NULL;
}

/* See common/rpc/nng_aid.h. */
static void servers_that_leave_at_once_do_not_end_the_channel(void **state)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	rpc_aid_thread call;
	struct sockaddr_un address;
	door d;
	(void)state;

	memset(&address, 0, sizeof address);
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, aid.endpoint.path, strlen(aid.endpoint.path) + 1);
	d.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(d.fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(d.fd, 16), 0);
	assert_int_equal(pthread_create(&d.thread, NULL, slam, &d), 0);
	memset(&call, 0, sizeof call);
	call.options.wait_for_ready = true;
	rpc_aid_thread_start(&call, channel, "GetSession", &request.base, 60 * SECOND);
	usleep(400000);
	shutdown(d.fd, SHUT_RDWR);
	pthread_join(d.thread, NULL);
	close(d.fd);
	rpc_aid_start(&aid, NULL);
	assert_int_equal(rpc_aid_thread_join(&call), VU_OK);
	rpc_aid_stop(&aid);
}

static void endpoints_are_balanced_and_failed_over(void **state)
{
	rpc_aid other;
	vu_endpoint endpoints[2];
	vu_channel_config config = {.service = "capture", .endpoints = endpoints, .endpoint_count = 2};
	vu_call_options options = {.timeout_us = 20 * SECOND, .wait_for_ready = true};
	vu_rpc_server_stats stats;
	vu_channel *both;
	vu_error error;
	(void)state;

	rpc_aid_init(&other);
	rpc_aid_start(&other, NULL);
	endpoints[0] = aid.endpoint;
	endpoints[1] = other.endpoint;
	assert_int_equal(vu_channel_create(&config, &both, &error), VU_OK);
	/* Both are connected after a while, and then both are used. */
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(get_session(both, &options, NULL, NULL), VU_OK);
		vu_rpc_server_get_stats(other.server, &stats);
		if (stats.requests > 5)
			break;
		usleep(1000);
	}
	assert_true(stats.requests > 5);
	vu_rpc_server_get_stats(aid.server, &stats);
	assert_true(stats.requests > 0);
	rpc_aid_stop(&other);
	for (int i = 0; i < 20; i++)
		assert_int_equal(get_session(both, &options, NULL, NULL), VU_OK);
	vu_channel_destroy(both);
	rpc_aid_fini(&other);
}

/* Where NNG chooses among local endpoints there is one to tell; groups, of remote ones, are told part by part. */
static void a_channel_that_does_not_choose_is_its_own_part(void **state)
{
	vu_channel *parts[2] = {NULL, NULL};
	(void)state;

	assert_int_equal(vu_channel_parts(channel, parts, 2), 1);
	assert_ptr_equal(parts[0], channel);
	assert_null(parts[1]);
}

static void endpoints_are_checked(void **state)
{
	vu_endpoint endpoint;
	vu_channel_config config = {.service = "models", .endpoints = &endpoint, .endpoint_count = 1};
	vu_channel *none;
	vu_error error;
	(void)state;

	assert_int_equal(vu_endpoint_parse("tls+tcp://elsewhere:1", &endpoint, &error), VU_OK);
	assert_int_equal(vu_channel_create(&config, &none, &error), VU_FAILED_PRECONDITION);
	config.endpoint_count = 0;
	assert_int_equal(vu_channel_create(&config, &none, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "no endpoint"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(inline_handlers_are_called, setup, teardown),
	    cmocka_unit_test_setup_teardown(worker_handlers_are_called_with_large_messages, setup, teardown),
	    cmocka_unit_test_setup_teardown(oversized_requests_are_not_sent, setup, teardown),
	    cmocka_unit_test_setup_teardown(metadata_and_request_id_arrive, setup, teardown),
	    cmocka_unit_test_setup_teardown(errors_of_handlers_arrive_with_their_words, setup, teardown),
	    cmocka_unit_test_setup_teardown(wrong_calls_are_refused_here, setup, teardown),
	    cmocka_unit_test_setup_teardown(bytes_go_both_ways, setup, teardown),
	    cmocka_unit_test_setup_teardown(unavailable_is_retried, setup, teardown),
	    cmocka_unit_test_setup_teardown(retries_end_after_four_tries_and_without_tokens, setup, teardown),
	    cmocka_unit_test_setup_teardown(waiting_for_a_service_retries_until_the_deadline, setup, teardown),
	    cmocka_unit_test_setup_teardown(nobody_listening_is_unavailable_long_before_the_deadline, setup_alone,
	                                    teardown_alone),
	    cmocka_unit_test_setup_teardown(waiting_in_vain_ends_at_the_deadline, setup_alone, teardown_alone),
	    cmocka_unit_test_setup_teardown(a_server_that_comes_later_is_waited_for, setup_alone, teardown_alone),
	    cmocka_unit_test_setup_teardown(a_server_killed_in_mid_call_is_unavailable, setup_alone, teardown_alone),
	    cmocka_unit_test_setup_teardown(a_killed_server_that_is_started_again_answers, setup_alone,
	                                    teardown_alone),
	    cmocka_unit_test_setup_teardown(a_channel_survives_many_restarts, setup_alone, teardown_alone),
	    cmocka_unit_test_setup_teardown(a_call_without_answer_ends_at_its_deadline, setup, teardown),
	    cmocka_unit_test_setup_teardown(channels_that_gave_up_can_be_destroyed_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(cancelling_ends_a_call_that_waits, setup, teardown),
	    cmocka_unit_test_setup_teardown(cancelling_ends_waiting_for_a_server, setup_alone, teardown_alone),
	    cmocka_unit_test_setup_teardown(more_calls_than_contexts_wait_for_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(threads_get_their_own_answers, setup, teardown),
	    cmocka_unit_test_setup_teardown(unparsable_answers_are_internal, setup_alone, teardown_alone),
	    cmocka_unit_test_setup_teardown(servers_that_leave_at_once_do_not_end_the_channel, setup_alone,
	                                    teardown_alone),
	    cmocka_unit_test_setup_teardown(endpoints_are_balanced_and_failed_over, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_channel_that_does_not_choose_is_its_own_part, setup_alone,
	                                    teardown_alone),
	    cmocka_unit_test(endpoints_are_checked),
	};
	rpc_aid_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
