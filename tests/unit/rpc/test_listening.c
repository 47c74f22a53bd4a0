/* A server goes on accepting whatever clients do to their connections. */
#include "rpc_aid.h"

#include "platform/platform.h"
#include "rpc/nng_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <nng/protocol/reqrep0/req.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void connect_and_hang_up(const char *path)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memset(&address, 0, sizeof address);
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	close(fd);
}

/* Without vu_platform_keep_listening, NNG 1.5.2 never accepts again after one of these. */
static void hanging_up_at_once_does_not_make_it_deaf(void **state)
{
	(void)state;
	const struct timespec pause = {.tv_nsec = 1000000};
	rpc_aid aid;
	vu_channel *channel;
	vu_error error = {VU_OK, ""};
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	ProtobufCMessage *response = NULL;

	vu_platform_keep_listening();
	rpc_aid_init(&aid);
	rpc_aid_start(&aid, NULL);
	for (int i = 0; i < 100; i++) {
		connect_and_hang_up(aid.endpoint.path);
		nanosleep(&pause, NULL);
	}
	channel = rpc_aid_channel(&aid);
	assert_int_equal(rpc_aid_call(channel, "GetSession", &request.base, &response, 10 * 1000000LL, &error),
	                 VU_OK);
	protobuf_c_message_free_unpacked(response, NULL);
	vu_channel_destroy(channel);
	rpc_aid_stop(&aid);
	rpc_aid_fini(&aid);
}

/* Listens at `path` without ever answering. */
static int listen_bare(const char *path)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memset(&address, 0, sizeof address);
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

/* Of a server that is killed while clients connect to it, they find the one that follows. */
static void a_server_that_hangs_up_at_once_is_dialled_again(void **state)
{
	(void)state;
	rpc_aid aid;
	rpc_aid_thread call = {.options = {.wait_for_ready = true}};
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	int server;

	rpc_aid_init(&aid);
	server = listen_bare(aid.endpoint.path);
	rpc_aid_thread_start(&call, rpc_aid_channel(&aid), "GetSession", &request.base, 60 * 1000000LL);
	for (int i = 0; i < 5; i++) {
		int client = accept(server, NULL, NULL);
		assert_true(client >= 0);
		close(client);
	}
	close(server);
	assert_int_equal(unlink(aid.endpoint.path), 0);
	rpc_aid_start(&aid, NULL);
	assert_int_equal(rpc_aid_thread_join(&call), VU_OK);
	vu_channel_destroy(call.channel);
	rpc_aid_stop(&aid);
	rpc_aid_fini(&aid);
}

/* As a server of ours does, so that nobody connects only to see whether somebody listens. */
static void hold_lock(const char *path)
{
	char lock_path[VU_SOCKET_PATH_MAX + 8];
	FILE *lock;

	snprintf(lock_path, sizeof lock_path, "%s.lock", path);
	lock = fopen(lock_path, "w");
	assert_non_null(lock);
	fprintf(lock, "%ld\n", (long)getpid());
	assert_int_equal(fclose(lock), 0);
}

/*
 * One that does not greet yet is waited for, though another has hung up before:
 * NNG may keep the connection of a dialer for ever that is closed meanwhile.
 */
static void a_server_that_is_slow_to_greet_is_not_dialled_twice(void **state)
{
	(void)state;
	rpc_aid aid;
	rpc_aid_thread call = {.options = {.wait_for_ready = true}};
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	struct pollfd second;
	int server;
	int client;

	vu_platform_keep_listening();
	rpc_aid_init(&aid);
	hold_lock(aid.endpoint.path);
	server = listen_bare(aid.endpoint.path);
	rpc_aid_thread_start(&call, rpc_aid_channel(&aid), "GetSession", &request.base, 60 * 1000000LL);
	for (int i = 0; i < 5; i++) {
		client = accept(server, NULL, NULL);
		assert_true(client >= 0);
		close(client);
	}
	client = accept(server, NULL, NULL);
	assert_true(client >= 0);
	/* Longer than any dialer waits between two tries. */
	second = (struct pollfd){.fd = server, .events = POLLIN};
	assert_int_equal(poll(&second, 1, 600), 0);
	close(client);
	close(server);
	assert_int_equal(unlink(aid.endpoint.path), 0);
	rpc_aid_start(&aid, NULL);
	assert_int_equal(rpc_aid_thread_join(&call), VU_OK);
	vu_channel_destroy(call.channel);
	rpc_aid_stop(&aid);
	rpc_aid_fini(&aid);
}

static uint64_t errors_after_wait(nng_dialer dialer, bool wanted)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	uint64_t errors = 0;
	for (int i = 0; i < (wanted ? 10000 : 50) && errors == 0; i++) {
		nanosleep(&pause, NULL);
		errors = vu_nng_dialer_fared(dialer).errors;
	}
	return errors;
}

/* What tells a dialer that NNG may have given up from one that nobody answers. */
static void only_being_hung_up_on_is_counted(void **state)
{
	(void)state;
	rpc_aid aid;
	nng_socket socket;
	nng_dialer dialer;
	int server;
	int client;

	rpc_aid_init(&aid);
	assert_int_equal(nng_req0_open(&socket), 0);
	assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_RECONNMINT, 1), 0);
	assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_RECONNMAXT, 1), 0);
	assert_int_equal(nng_dialer_create(&dialer, socket, aid.endpoint.uri), 0);
	assert_int_equal(nng_dialer_start(dialer, NNG_FLAG_NONBLOCK), 0);
	assert_int_equal(errors_after_wait(dialer, false), 0);
	assert_true(vu_nng_dialer_fared(dialer).known);
	assert_true(vu_nng_dialer_fared(dialer).ends > 0);
	server = listen_bare(aid.endpoint.path);
	client = accept(server, NULL, NULL);
	assert_int_equal(errors_after_wait(dialer, false), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(close(client), 0);
		client = accept(server, NULL, NULL);
	}
	assert_true(errors_after_wait(dialer, true) > 0);
	close(client);
	close(server);
	unlink(aid.endpoint.path);
	nng_close(socket);
	rpc_aid_fini(&aid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hanging_up_at_once_does_not_make_it_deaf),
	    cmocka_unit_test(a_server_that_hangs_up_at_once_is_dialled_again),
	    cmocka_unit_test(a_server_that_is_slow_to_greet_is_not_dialled_twice),
	    cmocka_unit_test(only_being_hung_up_on_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
