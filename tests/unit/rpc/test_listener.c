/* The guard over the listener, step by step with time handed in, while the watchdog's thread is held off. */
#include "rpc_aid.h"

#include "base/clock.h"
#include "rpc/nng_aid.h"
#include "rpc/server_internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND 1000000

static rpc_aid aid;

/* A server whose watchdog has ended, so that only the test moves the guard. */
static int setup(void **state)
{
	vu_rpc_server *server;
	(void)state;
	rpc_aid_init(&aid);
	rpc_aid_start(&aid, NULL);
	server = aid.server;
	uv_mutex_lock(&server->lock);
	server->stopping = true;
	uv_cond_broadcast(&server->watchdog_wake);
	while (server->watchdog_runs)
		uv_cond_wait(&server->idle, &server->lock);
	uv_mutex_unlock(&server->lock);
	server->guard.next_us = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rpc_aid_stop(&aid);
	rpc_aid_fini(&aid);
	return 0;
}

static void serves(void)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	vu_channel *channel = rpc_aid_channel(&aid);
	assert_int_equal(rpc_aid_call(channel, "GetSession", &request.base, NULL, 20 * SECOND, NULL), VU_OK);
	vu_channel_destroy(channel);
}

static void nothing_happens_without_a_suspicion(void **state)
{
	vu_guard *guard = &aid.server->guard;
	uint32_t before = (uint32_t)nng_listener_id(aid.server->listener);
	(void)state;

	for (int64_t now_us = 0; now_us < 10 * SECOND; now_us += SECOND) {
		assert_true(vu_listener_guard(aid.server, now_us) > now_us);
		assert_int_equal(guard->state, VU_GUARD_IDLE);
	}
	assert_int_equal(nng_listener_id(aid.server->listener), before);
}

static void a_listener_that_works_is_left_alone(void **state)
{
	vu_guard *guard = &aid.server->guard;
	int before = nng_listener_id(aid.server->listener);
	int64_t now_us = 0;
	(void)state;

	guard->errors_seen = 12345; /* anything but what NNG counts */
	now_us = vu_listener_guard(aid.server, now_us);
	assert_int_equal(guard->state, VU_GUARD_SUSPECT);
	now_us = vu_listener_guard(aid.server, now_us);
	assert_int_equal(guard->state, VU_GUARD_PROBING);
	for (int i = 0; i < 10000 && atomic_load(&aid.server->peers.own_connections) == guard->own_before; i++)
		usleep(1000);
	(void)vu_listener_guard(aid.server, now_us);
	assert_int_equal(guard->state, VU_GUARD_IDLE);
	assert_int_equal(guard->fd, -1);
	assert_int_equal(nng_listener_id(aid.server->listener), before);
	serves();
}

static void a_socket_that_is_gone_is_made_again(void **state)
{
	vu_guard *guard = &aid.server->guard;
	int before = nng_listener_id(aid.server->listener);
	(void)state;

	assert_int_equal(unlink(aid.endpoint.path), 0);
	guard->state = VU_GUARD_SUSPECT;
	(void)vu_listener_guard(aid.server, SECOND);
	assert_int_not_equal(nng_listener_id(aid.server->listener), before);
	serves();
}

static void a_listener_that_is_deaf_is_started_anew(void **state)
{
	vu_guard *guard = &aid.server->guard;
	struct sockaddr_un address;
	int64_t now_us = SECOND;
	int deaf = socket(AF_UNIX, SOCK_STREAM, 0);
	(void)state;

	/* In place of NNG's socket one that takes connections and does nothing with them. */
	assert_int_equal(unlink(aid.endpoint.path), 0);
	memset(&address, 0, sizeof address);
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, aid.endpoint.path, strlen(aid.endpoint.path) + 1);
	assert_int_equal(bind(deaf, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(deaf, 8), 0);
	guard->state = VU_GUARD_SUSPECT;
	for (int i = 0; i < 1000 && (i == 0 || guard->state != VU_GUARD_IDLE); i++)
		now_us = vu_listener_guard(aid.server, now_us);
	assert_int_equal(guard->state, VU_GUARD_IDLE);
	assert_int_equal(guard->fd, -1);
	serves();
	close(deaf);
}

static void greeting_tells_who_listens(void **state)
{
	int fd = -1;
	char long_path[200];
	(void)state;

	assert_int_equal(vu_nng_greet(aid.endpoint.path, &fd), 0);
	assert_true(vu_nng_is_greeted(fd, 10000));
	close(fd);
	assert_int_equal(vu_nng_greet("/nonexistent/socket", &fd), ENOENT);
	memset(long_path, 'x', sizeof long_path - 1);
	long_path[sizeof long_path - 1] = '\0';
	assert_int_equal(vu_nng_greet(long_path, &fd), ENAMETOOLONG);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(nothing_happens_without_a_suspicion, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_listener_that_works_is_left_alone, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_socket_that_is_gone_is_made_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_listener_that_is_deaf_is_started_anew, setup, teardown),
	    cmocka_unit_test_setup_teardown(greeting_tells_who_listens, setup, teardown),
	};
	rpc_aid_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
