/* The serving side: what it refuses, its bounds, its lock, draining. */
#include "rpc_aid.h"

#include "base/clock.h"
#include "rpc/server_internal.h"
#include "voiceunlock/v1/models.pb-c.h"

#include <fcntl.h>
#include <nng/protocol/reqrep0/req.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND  1000000
#define CAPTURE "/voiceunlock.v1.Capture/"
#define NOBODY  65534

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

/* Four calls in flight, one worker. */
static int setup_small(void **state)
{
	vu_rpc_server_config config = {.in_flight_max = 4, .workers_max = 1};
	(void)state;
	rpc_aid_init(&aid);
	rpc_aid_start(&aid, &config);
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

static int setup_folder(void **state)
{
	(void)state;
	rpc_aid_init(&aid);
	return 0;
}

static int teardown_folder(void **state)
{
	(void)state;
	rpc_aid_fini(&aid);
	return 0;
}

static void still_serves(void)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	vu_channel *fresh = rpc_aid_channel(&aid);
	assert_int_equal(rpc_aid_call(fresh, "GetSession", &request.base, NULL, 10 * SECOND, NULL), VU_OK);
	vu_channel_destroy(fresh);
}

static void unknown_methods_are_unimplemented(void **state)
{
	static const char *const methods[] = {
	    CAPTURE "Score",   "/voiceunlock.v1.Models/Score", "nonsense", CAPTURE, CAPTURE "Appen",
	    CAPTURE "Appendx", CAPTURE "CloseSession"};
	(void)state;
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		uint8_t frame[512];
		char text[VU_ERROR_MESSAGE_MAX];
		size_t bytes = rpc_aid_frame(frame, methods[i], SECOND, NULL, 0);
		assert_int_equal(rpc_aid_send_raw(&aid, frame, bytes, text), VU_UNIMPLEMENTED);
		assert_non_null(strstr(text, methods[i]));
	}
}

static void a_timeout_is_required(void **state)
{
	uint8_t frame[512];
	char text[VU_ERROR_MESSAGE_MAX];
	size_t bytes = rpc_aid_frame(frame, CAPTURE "GetSession", 0, NULL, 0);
	(void)state;
	assert_int_equal(rpc_aid_send_raw(&aid, frame, bytes, text), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(text, "timeout"));
}

static void malformed_frames_are_internal(void **state)
{
	uint8_t good[512];
	size_t bytes = rpc_aid_frame(good, CAPTURE "GetSession", SECOND, NULL, 0);
	uint8_t frame[512];
	vu_rpc_server_stats stats;
	(void)state;

	assert_int_equal(rpc_aid_send_raw(&aid, good, bytes, NULL), VU_OK);
	/* Nothing, half a prefix, cut at various places. */
	assert_int_equal(rpc_aid_send_raw(&aid, good, 0, NULL), VU_INTERNAL);
	assert_int_equal(rpc_aid_send_raw(&aid, good, 3, NULL), VU_INTERNAL);
	assert_int_equal(rpc_aid_send_raw(&aid, good, 4, NULL), VU_INTERNAL);
	assert_int_equal(rpc_aid_send_raw(&aid, good, bytes - 1, NULL), VU_INTERNAL);
	/* A length that reaches past the end, far and by one. */
	memcpy(frame, good, bytes);
	memset(frame, 0xff, 4);
	assert_int_equal(rpc_aid_send_raw(&aid, frame, bytes, NULL), VU_INTERNAL);
	memcpy(frame, good, bytes);
	frame[0]++;
	assert_int_equal(rpc_aid_send_raw(&aid, frame, bytes, NULL), VU_INTERNAL);
	/* No header at all. */
	memset(frame, 0, 4);
	assert_int_equal(rpc_aid_send_raw(&aid, frame, 4, NULL), VU_INTERNAL);
	/* Garbage in place of the header. */
	memset(frame + 4, 0xa5, sizeof frame - 4);
	frame[0] = 100;
	assert_int_equal(rpc_aid_send_raw(&aid, frame, 200, NULL), VU_INTERNAL);
	/* A payload that does not parse; one with text that is no UTF-8. */
	bytes = rpc_aid_frame(frame, CAPTURE "GetSession", SECOND, "\xff\xff\xff", 3);
	assert_int_equal(rpc_aid_send_raw(&aid, frame, bytes, NULL), VU_INTERNAL);
	bytes = rpc_aid_frame(frame, CAPTURE "GetSession", SECOND, "\x0a\x01\xff", 3);
	assert_int_equal(rpc_aid_send_raw(&aid, frame, bytes, NULL), VU_INTERNAL);
	bytes = rpc_aid_frame(frame, CAPTURE "Append", SECOND,
	                      "\x1a\x7f"
	                      "cut",
	                      5);
	assert_int_equal(rpc_aid_send_raw(&aid, frame, bytes, NULL), VU_INTERNAL);
	still_serves();
	vu_rpc_server_get_stats(aid.server, &stats);
	assert_int_equal(stats.in_flight, 0);
	assert_int_equal(stats.failures, 11);
}

static void oversized_requests_are_refused(void **state)
{
	size_t room = VU_RPC_MESSAGE_BYTES_MAX + 4096;
	uint8_t *frame = calloc(1, room);
	(void)state;

	/* Just over our limit and within the socket's: answered. */
	(void)rpc_aid_frame(frame, CAPTURE "GetSession", SECOND, NULL, 0);
	assert_int_equal(rpc_aid_send_raw(&aid, frame, VU_RPC_MESSAGE_BYTES_MAX + 1, NULL), VU_RESOURCE_EXHAUSTED);
	/* Over the socket's limit: the connection is cut. */
	assert_int_equal(rpc_aid_send_raw(&aid, frame, room, NULL), -1);
	free(frame);
	still_serves();
}

static void oversized_responses_become_errors(void **state)
{
	Vu__ReadRequest request = VU__READ_REQUEST__INIT;
	vu_error error;
	(void)state;

	request.max_samples = VU_RPC_MESSAGE_BYTES_MAX;
	assert_int_equal(rpc_aid_call(channel, "Read", &request.base, NULL, 10 * SECOND, &error),
	                 VU_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(error.message, "unable to send the response"));
	request.max_samples = VU_RPC_MESSAGE_BYTES_MAX - 100;
	assert_int_equal(rpc_aid_call(channel, "Read", &request.base, NULL, 10 * SECOND, &error), VU_OK);
}

static void more_than_the_bound_is_refused_at_once(void **state)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	rpc_aid_thread calls[4];
	vu_rpc_server_stats stats;
	vu_error error;
	(void)state;

	memset(calls, 0, sizeof calls);
	for (unsigned i = 0; i < 4; i++) {
		rpc_aid_thread_start(&calls[i], channel, "FinishSession", &request.base, 30 * SECOND);
		assert_true(rpc_aid_wait_for(&aid.kept_count, i + 1));
	}
	for (int i = 0; i < 20; i++) {
		assert_int_equal(rpc_aid_call(channel, "GetSession", &request.base, NULL, 30 * SECOND, &error),
		                 VU_RESOURCE_EXHAUSTED);
		assert_non_null(strstr(error.message, "in flight"));
	}
	vu_rpc_server_get_stats(aid.server, &stats);
	assert_int_equal(stats.in_flight, 4);
	assert_int_equal(stats.refused, 20);
	rpc_aid_answer_kept(&aid);
	for (int i = 0; i < 4; i++)
		assert_int_equal(rpc_aid_thread_join(&calls[i]), VU_OK);
	assert_int_equal(rpc_aid_call(channel, "GetSession", &request.base, NULL, 10 * SECOND, NULL), VU_OK);
}

static void unanswered_calls_end_at_their_deadline_and_late_answers_are_dropped(void **state)
{
	uint8_t frame[512];
	char text[VU_ERROR_MESSAGE_MAX];
	vu_rpc_server_stats stats;
	(void)state;

	/* A bare socket waits longer than the call may take: it is the server that ends it. */
	size_t bytes = rpc_aid_frame(frame, CAPTURE "FinishSession", 50000, NULL, 0);
	assert_int_equal(rpc_aid_send_raw(&aid, frame, bytes, text), VU_DEADLINE_EXCEEDED);
	assert_non_null(strstr(text, "FinishSession"));
	vu_rpc_server_get_stats(aid.server, &stats);
	assert_int_equal(stats.in_flight, 1);
	assert_int_equal(stats.dropped, 0);
	assert_int_equal(vu_rpc_time_left_us(aid.kept[0]), 0);
	assert_true(vu_rpc_is_cancelled(aid.kept[0]));
	rpc_aid_answer_kept(&aid);
	vu_rpc_server_get_stats(aid.server, &stats);
	assert_int_equal(stats.in_flight, 0);
	assert_int_equal(stats.dropped, 1);
	still_serves();
}

static void what_waits_too_long_for_a_worker_never_runs(void **state)
{
	Vu__ReadRequest read = VU__READ_REQUEST__INIT;
	rpc_aid_thread busy;
	uint8_t frame[512];
	size_t bytes;
	vu_rpc_server_stats stats;
	(void)state;

	memset(&busy, 0, sizeof busy);
	read.wait_ms = 700;
	read.min_samples = 1;
	rpc_aid_thread_start(&busy, channel, "Read", &read.base, 20 * SECOND);
	assert_true(rpc_aid_wait_for(&aid.reads_running, 1));
	bytes = rpc_aid_frame(frame, CAPTURE "Append", 50000, NULL, 0);
	assert_int_equal(rpc_aid_send_raw(&aid, frame, bytes, NULL), VU_DEADLINE_EXCEEDED);
	assert_int_equal(atomic_load(&aid.reads_running), 1);
	vu_rpc_server_get_stats(aid.server, &stats);
	assert_int_equal(stats.in_flight, 1);
	assert_int_equal(rpc_aid_thread_join(&busy), VU_OK);
}

static void handlers_learn_that_their_caller_has_gone(void **state)
{
	uint8_t frame[512];
	nng_socket socket;
	nng_msg *msg;
	size_t bytes = rpc_aid_frame(frame, CAPTURE "FinishSession", 60 * SECOND, NULL, 0);
	(void)state;

	assert_int_equal(nng_req0_open(&socket), 0);
	assert_int_equal(nng_dial(socket, aid.endpoint.uri, NULL, 0), 0);
	assert_int_equal(nng_msg_alloc(&msg, 0), 0);
	nng_msg_append(msg, frame, bytes);
	assert_int_equal(nng_sendmsg(socket, msg, 0), 0);
	assert_true(rpc_aid_wait_for(&aid.kept_count, 1));
	assert_false(vu_rpc_is_cancelled(aid.kept[0]));
	nng_close(socket);
	for (int i = 0; i < 10000 && !vu_rpc_is_cancelled(aid.kept[0]); i++)
		usleep(1000);
	assert_true(vu_rpc_is_cancelled(aid.kept[0]));
}

static void a_second_instance_is_refused_and_the_first_serves_on(void **state)
{
	vu_rpc_server_config config = {.service = "capture", .endpoint = &aid.endpoint};
	vu_rpc_server *second;
	char pid[32];
	vu_error error;
	(void)state;

	assert_int_equal(vu_rpc_server_create(&config, &second, &error), VU_OK);
	assert_int_equal(vu_rpc_server_listen(second, &error), VU_ALREADY_EXISTS);
	snprintf(pid, sizeof pid, "process %ld", (long)getpid());
	assert_non_null(strstr(error.message, pid));
	assert_non_null(strstr(error.message, "stop it first"));
	vu_rpc_server_destroy(second);
	still_serves();
}

static void a_second_process_is_refused_too(void **state)
{
	pid_t child = rpc_aid_spawn_server(&aid, 0);
	vu_rpc_server_config config = {.service = "capture", .endpoint = &aid.endpoint};
	vu_rpc_server *second;
	vu_error error;
	(void)state;

	assert_int_equal(vu_rpc_server_create(&config, &second, &error), VU_OK);
	assert_int_equal(vu_rpc_server_listen(second, &error), VU_ALREADY_EXISTS);
	vu_rpc_server_destroy(second);
	still_serves();
	rpc_aid_kill(child);
}

static void a_stale_socket_is_reclaimed(void **state)
{
	pid_t child = rpc_aid_spawn_server(&aid, 0);
	struct stat info;
	(void)state;

	rpc_aid_kill(child);
	assert_int_equal(stat(aid.endpoint.path, &info), 0);
	rpc_aid_start(&aid, NULL);
	still_serves();
	rpc_aid_stop(&aid);
}

static void a_file_in_the_way_is_left_alone(void **state)
{
	vu_rpc_server_config config = {.service = "capture", .endpoint = &aid.endpoint};
	vu_rpc_server *server;
	vu_error error;
	struct stat info;
	int fd = open(aid.endpoint.path, O_CREAT | O_WRONLY, 0600);
	(void)state;

	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	assert_int_equal(vu_rpc_server_create(&config, &server, &error), VU_OK);
	assert_int_equal(vu_rpc_server_listen(server, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "no socket"));
	vu_rpc_server_destroy(server);
	assert_int_equal(stat(aid.endpoint.path, &info), 0);
	assert_int_equal(info.st_size, 8);
}

static void a_missing_folder_is_an_error(void **state)
{
	vu_endpoint endpoint;
	vu_rpc_server_config config = {.service = "capture", .endpoint = &endpoint};
	vu_rpc_server *server;
	vu_error error;
	(void)state;

	assert_int_equal(vu_endpoint_parse("ipc:///nonexistent-folder/x.sock", &endpoint, &error), VU_OK);
	assert_int_equal(vu_rpc_server_create(&config, &server, &error), VU_OK);
	assert_int_equal(vu_rpc_server_listen(server, &error), VU_NOT_FOUND);
	vu_rpc_server_destroy(server);
}

static void unusable_endpoints_are_refused(void **state)
{
	vu_endpoint endpoint;
	vu_rpc_server_config config = {.service = "capture", .endpoint = &endpoint};
	vu_rpc_server *server;
	vu_error error;
	(void)state;

	assert_int_equal(vu_endpoint_parse("tls+tcp://localhost:9999", &endpoint, &error), VU_OK);
	assert_int_equal(vu_rpc_server_create(&config, &server, &error), VU_FAILED_PRECONDITION);
}

static void services_are_checked_when_added(void **state)
{
	static const vu_rpc_method wrong[] = {{"NoSuchMethod", NULL, 0}};
	vu_rpc_service models = {&vu__models__descriptor, wrong, 1, NULL};
	vu_rpc_service models_again = {&vu__models__descriptor, NULL, 0, NULL};
	vu_rpc_server_config config = {.service = "capture", .endpoint = &aid.endpoint};
	vu_rpc_server *server;
	vu_error error;
	(void)state;

	assert_int_equal(vu_rpc_server_create(&config, &server, &error), VU_OK);
	assert_int_equal(vu_rpc_server_add(server, &models, &error), VU_INVALID_ARGUMENT);
	models.method_count = 0;
	assert_int_equal(vu_rpc_server_add(server, &models, &error), VU_OK);
	assert_int_equal(vu_rpc_server_add(server, &models_again, &error), VU_ALREADY_EXISTS);
	assert_int_equal(vu_rpc_server_listen(server, &error), VU_OK);
	assert_int_equal(vu_rpc_server_add(server, &models_again, &error), VU_FAILED_PRECONDITION);
	assert_int_equal(vu_rpc_server_listen(server, &error), VU_FAILED_PRECONDITION);
	vu_rpc_server_destroy(server);
}

static void answer_wrongly(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	Vu__Empty wrong = VU__EMPTY__INIT;
	(void)context;
	(void)request;
	vu_rpc_reply(call, &wrong.base);
}

static void fail_with_ok(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	(void)context;
	(void)request;
	vu_rpc_fail(call, VU_OK, "all is well");
}

static void defects_of_handlers_are_internal(void **state)
{
	static const vu_rpc_method methods[] = {{"Stats", answer_wrongly, VU_RPC_INLINE},
	                                        {"ListUsers", fail_with_ok, 0}};
	static const vu_rpc_service models = {&vu__models__descriptor, methods, 2, NULL};
	vu_rpc_server_config config = {.service = "models", .endpoint = &aid.endpoint};
	vu_rpc_server *server;
	vu_error error;
	uint8_t frame[512];
	char text[VU_ERROR_MESSAGE_MAX];
	size_t bytes;
	(void)state;

	assert_int_equal(vu_rpc_server_create(&config, &server, &error), VU_OK);
	assert_int_equal(vu_rpc_server_add(server, &models, &error), VU_OK);
	assert_int_equal(vu_rpc_server_listen(server, &error), VU_OK);
	bytes = rpc_aid_frame(frame, "/voiceunlock.v1.Models/Stats", SECOND, NULL, 0);
	assert_int_equal(rpc_aid_send_raw(&aid, frame, bytes, text), VU_INTERNAL);
	assert_non_null(strstr(text, "voiceunlock.v1.Empty"));
	bytes = rpc_aid_frame(frame, "/voiceunlock.v1.Models/ListUsers", SECOND, NULL, 0);
	assert_int_equal(rpc_aid_send_raw(&aid, frame, bytes, text), VU_INTERNAL);
	vu_rpc_server_destroy(server);
}

/* See common/rpc/nng_aid.h. */
static void peers_that_leave_at_once_do_not_end_the_server(void **state)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	struct sockaddr_un address;
	vu_call_options options = {.timeout_us = 60 * SECOND, .wait_for_ready = true};
	(void)state;

	memset(&address, 0, sizeof address);
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, aid.endpoint.path, strlen(aid.endpoint.path) + 1);
	for (int i = 0; i < 50; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
		close(fd);
	}
	assert_int_equal(
	    vu_channel_call(channel, &vu__capture__descriptor, "GetSession", &request.base, NULL, &options, NULL),
	    VU_OK);
}

static void the_socket_is_private(void **state)
{
	struct stat info;
	(void)state;
	assert_int_equal(stat(aid.endpoint.path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
}

static void draining_lets_calls_end_and_takes_no_more(void **state)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	Vu__ReadRequest read = VU__READ_REQUEST__INIT;
	rpc_aid_thread kept;
	rpc_aid_thread reading;
	uint8_t frame[512];
	char text[VU_ERROR_MESSAGE_MAX];
	size_t bytes;
	(void)state;

	memset(&kept, 0, sizeof kept);
	memset(&reading, 0, sizeof reading);
	vu_rpc_server_set_health(aid.server, "", VU_SERVING);
	rpc_aid_thread_start(&kept, channel, "FinishSession", &request.base, 30 * SECOND);
	read.wait_ms = 25000;
	rpc_aid_thread_start(&reading, channel, "Read", &read.base, 30 * SECOND);
	assert_true(rpc_aid_wait_for(&aid.kept_count, 1));
	assert_true(rpc_aid_wait_for(&aid.reads_running, 1));
	/* The one that looks at vu_rpc_is_cancelled ends by itself; the other is left. */
	assert_int_equal(vu_rpc_server_drain(aid.server, 2000), 1);
	assert_int_equal(rpc_aid_thread_join(&reading), VU_OK);

	bytes = rpc_aid_frame(frame, CAPTURE "GetSession", SECOND, NULL, 0);
	assert_int_equal(rpc_aid_send_raw(&aid, frame, bytes, text), VU_UNAVAILABLE);
	assert_non_null(strstr(text, "stopping"));
	bytes = rpc_aid_frame(frame, "/grpc.health.v1.Health/Check", SECOND, NULL, 0);
	assert_int_equal(rpc_aid_send_raw(&aid, frame, bytes, NULL), VU_OK);
	bytes = rpc_aid_frame(frame, "/voiceunlock.v1.Reflection/Describe", SECOND, NULL, 0);
	assert_int_equal(rpc_aid_send_raw(&aid, frame, bytes, NULL), VU_OK);

	rpc_aid_answer_kept(&aid);
	assert_int_equal(rpc_aid_thread_join(&kept), VU_OK);
	assert_int_equal(vu_rpc_server_drain(aid.server, 2000), 0);
}

static void another_user_is_refused(void **state)
{
	vu_rpc_server_stats stats;
	(void)state;
	if (geteuid() != 0)
		skip();
	/* Not let into the folder: the client finds out by itself. */
	assert_int_equal(rpc_aid_call_as(&aid, NOBODY), VU_PERMISSION_DENIED);
	vu_rpc_server_get_stats(aid.server, &stats);
	assert_int_equal(stats.requests, 0);
	/* Let in: the server refuses. */
	assert_int_equal(chmod(aid.folder, 0755), 0);
	assert_int_equal(chmod(aid.endpoint.path, 0666), 0);
	assert_int_equal(rpc_aid_call_as(&aid, NOBODY), VU_PERMISSION_DENIED);
	vu_rpc_server_get_stats(aid.server, &stats);
	assert_int_equal(stats.requests, 1);
	assert_int_equal(stats.failures, 1);
	still_serves();
}

static void any_user_is_accepted_where_that_is_wanted(void **state)
{
	pid_t child;
	(void)state;
	if (geteuid() != 0)
		skip();
	/* A server of one user: another one's client refuses it, root's does not. */
	assert_int_equal(chmod(aid.folder, 0777), 0);
	child = rpc_aid_spawn_server(&aid, NOBODY);
	assert_int_equal(rpc_aid_call_as(&aid, NOBODY), VU_OK);
	assert_int_equal(rpc_aid_call_as(&aid, NOBODY - 1), VU_PERMISSION_DENIED);
	still_serves();
	rpc_aid_kill(child);
}

static void another_user_may_call_only_what_is_for_all(void **state)
{
	rpc_aid front;
	vu_rpc_server_config config = {.any_uid = true};
	vu_rpc_server_stats stats;
	(void)state;
	if (geteuid() != 0)
		skip();
	rpc_aid_init(&front);
	rpc_aid_start(&front, &config);
	assert_int_equal(chmod(front.folder, 0711), 0);
	/* Its client refuses a server of root's only where it may not talk to one. */
	assert_int_equal(rpc_aid_call_method_as(&front, NOBODY, "GetSession"), VU_OK);
	vu_rpc_server_get_stats(front.server, &stats);
	assert_int_equal(stats.requests, 1);
	assert_int_equal(rpc_aid_call_method_as(&front, NOBODY, "ListDevices"), VU_PERMISSION_DENIED);
	vu_rpc_server_get_stats(front.server, &stats);
	assert_int_equal(stats.requests, 2);
	assert_int_equal(stats.failures, 1);
	assert_int_equal(rpc_aid_call_method_as(&front, 0, "ListDevices"), VU_OK);
	rpc_aid_stop(&front);
	rpc_aid_fini(&front);
}

static void a_peer_without_identity_is_unauthenticated(void **state)
{
	rpc_aid inside = aid;
	uint8_t frame[512];
	char text[VU_ERROR_MESSAGE_MAX];
	size_t bytes;
	(void)state;

	/* A transport that knows no uids. */
	snprintf(inside.endpoint.uri, sizeof inside.endpoint.uri, "inproc://vu-test-%ld", (long)getpid());
	assert_int_equal(nng_listen(aid.server->socket, inside.endpoint.uri, NULL, 0), 0);
	bytes = rpc_aid_frame(frame, CAPTURE "GetSession", SECOND, NULL, 0);
	assert_int_equal(rpc_aid_send_raw(&inside, frame, bytes, text), VU_UNAUTHENTICATED);
	assert_non_null(strstr(text, "identity"));
	/* Not even looked at: garbage gets the same answer. */
	assert_int_equal(rpc_aid_send_raw(&inside, "garbage", 7, text), VU_UNAUTHENTICATED);
}

static void figures_are_counted(void **state)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	Vu__OpenSessionRequest open = VU__OPEN_SESSION_REQUEST__INIT;
	vu_rpc_server_stats stats;
	vu_channel_stats client;
	(void)state;

	assert_int_equal(rpc_aid_call(channel, "GetSession", &request.base, NULL, 10 * SECOND, NULL), VU_OK);
	assert_int_equal(rpc_aid_call(channel, "OpenSession", &open.base, NULL, 10 * SECOND, NULL),
	                 VU_FAILED_PRECONDITION);
	vu_rpc_server_get_stats(aid.server, &stats);
	vu_channel_get_stats(channel, &client);
	assert_int_equal(stats.requests, 2);
	assert_int_equal(stats.failures, 1);
	assert_int_equal(client.calls, 2);
	assert_int_equal(client.failures, 1);
	assert_int_equal(client.retries, 0);
	assert_int_equal(stats.rx_bytes, client.tx_bytes);
	assert_int_equal(stats.tx_bytes, client.rx_bytes);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(unknown_methods_are_unimplemented, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_timeout_is_required, setup, teardown),
	    cmocka_unit_test_setup_teardown(malformed_frames_are_internal, setup, teardown),
	    cmocka_unit_test_setup_teardown(oversized_requests_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(oversized_responses_become_errors, setup, teardown),
	    cmocka_unit_test_setup_teardown(more_than_the_bound_is_refused_at_once, setup_small, teardown),
	    cmocka_unit_test_setup_teardown(unanswered_calls_end_at_their_deadline_and_late_answers_are_dropped,
	                                    setup, teardown),
	    cmocka_unit_test_setup_teardown(what_waits_too_long_for_a_worker_never_runs, setup_small, teardown),
	    cmocka_unit_test_setup_teardown(handlers_learn_that_their_caller_has_gone, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_second_instance_is_refused_and_the_first_serves_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_second_process_is_refused_too, setup_folder, teardown_folder),
	    cmocka_unit_test_setup_teardown(a_stale_socket_is_reclaimed, setup_folder, teardown_folder),
	    cmocka_unit_test_setup_teardown(a_file_in_the_way_is_left_alone, setup_folder, teardown_folder),
	    cmocka_unit_test(a_missing_folder_is_an_error),
	    cmocka_unit_test(unusable_endpoints_are_refused),
	    cmocka_unit_test_setup_teardown(services_are_checked_when_added, setup_folder, teardown_folder),
	    cmocka_unit_test_setup_teardown(defects_of_handlers_are_internal, setup_folder, teardown_folder),
	    cmocka_unit_test_setup_teardown(peers_that_leave_at_once_do_not_end_the_server, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_socket_is_private, setup, teardown),
	    cmocka_unit_test_setup_teardown(draining_lets_calls_end_and_takes_no_more, setup, teardown),
	    cmocka_unit_test_setup_teardown(another_user_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(another_user_may_call_only_what_is_for_all, setup, teardown),
	    cmocka_unit_test_setup_teardown(any_user_is_accepted_where_that_is_wanted, setup_folder, teardown_folder),
	    cmocka_unit_test_setup_teardown(a_peer_without_identity_is_unauthenticated, setup, teardown),
	    cmocka_unit_test_setup_teardown(figures_are_counted, setup, teardown),
	};
	rpc_aid_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
