/* Who may call. What another uid really meets is in test_server.c. */
#include "rpc/peer.h"

#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static void own_uid_and_root_may_call(void **state)
{
	(void)state;
	assert_int_equal(vu_peer_judge(1000, 1000, false), VU_OK);
	assert_int_equal(vu_peer_judge(0, 1000, false), VU_OK);
	assert_int_equal(vu_peer_judge(1001, 1000, false), VU_PERMISSION_DENIED);
	assert_int_equal(vu_peer_judge(1000, 0, false), VU_PERMISSION_DENIED);
	assert_int_equal(vu_peer_judge(1001, 1000, true), VU_OK);
}

static void unknown_connections_are_nobody(void **state)
{
	vu_peer_table table;
	nng_pipe pipe = NNG_PIPE_INITIALIZER;
	(void)state;
	assert_int_equal(vu_peer_table_init(&table, false, false), VU_OK);
	assert_null(vu_peer_find(&table, pipe));
	vu_peer_remove(&table, pipe);
	vu_peer_table_fini(&table);
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
	if (event == NNG_PIPE_EV_ADD_PRE)
		vu_peer_add(argument, pipe);
	else
		vu_peer_remove(argument, pipe);
}

static vu_peer *connect_and_find(vu_peer_table *table, const char *url, nng_socket *server, nng_socket *client)
{
	vu_peer *peer;
	assert_int_equal(vu_peer_table_init(table, false, false), VU_OK);
	assert_int_equal(nng_rep0_open(server), 0);
	assert_int_equal(nng_pipe_notify(*server, NNG_PIPE_EV_ADD_PRE, on_pipe, table), 0);
	assert_int_equal(nng_pipe_notify(*server, NNG_PIPE_EV_REM_POST, on_pipe, table), 0);
	assert_int_equal(nng_listen(*server, url, NULL, 0), 0);
	assert_int_equal(nng_req0_open(client), 0);
	assert_int_equal(nng_dial(*client, url, NULL, 0), 0);
	for (int i = 0; i < 10000; i++) {
		for (int bucket = 0; bucket < VU_PEER_BUCKETS; bucket++) {
			nng_pipe pipe = NNG_PIPE_INITIALIZER;
			uv_mutex_lock(&table->lock);
			if (table->buckets[bucket])
				pipe.id = table->buckets[bucket]->pipe_id;
			uv_mutex_unlock(&table->lock);
			peer = pipe.id ? vu_peer_find(table, pipe) : NULL;
			if (peer)
				return peer;
		}
		usleep(1000);
	}
	fail();
	return NULL;
}

static void a_local_peer_is_known_and_its_going_is_seen(void **state)
{
	char url[64];
	vu_peer_table table;
	nng_socket server;
	nng_socket client;
	vu_peer *peer;
	(void)state;

	snprintf(url, sizeof url, "ipc:///tmp/vu-peer-%ld.sock", (long)getpid());
	peer = connect_and_find(&table, url, &server, &client);
	assert_int_equal(peer->verdict, VU_OK);
	assert_int_equal(peer->uid, geteuid());
	assert_int_equal(peer->pid, getpid());
	assert_int_equal(atomic_load(&table.own_connections), 1);
	assert_false(atomic_load(&peer->gone));
	nng_close(client);
	for (int i = 0; i < 10000 && !atomic_load(&peer->gone); i++)
		usleep(1000);
	/* The reference keeps it readable. */
	assert_true(atomic_load(&peer->gone));
	assert_int_equal(peer->uid, geteuid());
	vu_peer_release(peer);
	nng_close(server);
	vu_peer_table_fini(&table);
}

static void a_peer_without_credentials_is_unauthenticated(void **state)
{
	char url[64];
	vu_peer_table table;
	nng_socket server;
	nng_socket client;
	vu_peer *peer;
	(void)state;

	snprintf(url, sizeof url, "inproc://vu-peer-%ld", (long)getpid());
	peer = connect_and_find(&table, url, &server, &client);
	assert_int_equal(peer->verdict, VU_UNAUTHENTICATED);
	assert_int_equal(peer->pid, 0);
	vu_peer_release(peer);
	nng_close(client);
	nng_close(server);
	vu_peer_table_fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(own_uid_and_root_may_call),
	    cmocka_unit_test(unknown_connections_are_nobody),
	    cmocka_unit_test(a_local_peer_is_known_and_its_going_is_seen),
	    cmocka_unit_test(a_peer_without_credentials_is_unauthenticated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
