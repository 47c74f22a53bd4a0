/*
 * Calls over TLS between hosts whose credentials vu-pki made, on 127.0.0.1:
 * who is refused, at the transport or in the session. In each case a host that
 * may call is let in by the same server, so that refusal is not mere absence.
 */
#include "authority.h"

#include "../../folder_aid.h"
#include "base/clock.h"
#include "rpc/channel.h"
#include "rpc/credentials.h"
#include "rpc/server.h"

#include "voiceunlock/v1/process.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those before it. */
#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DAY_S   86400
#define METHOD  "/grpc.health.v1.Health/Check"
#define LOOP    "127.0.0.1"
#define CALL_US 20000000

typedef struct test_world {
	char folder[TEST_PATH_MAX];
	vu_credentials *server_credentials;
	vu_endpoint endpoint;
	const vu_endpoint *local; /* where the server listens besides; NULL: nowhere */
	vu_rpc_server *server;
} test_world;

static void path_of(const char *folder, const char *host, const char *file, char path[2 * TEST_PATH_MAX])
{
	snprintf(path, 2 * TEST_PATH_MAX, "%s/issued/%s%s%s", folder, host, file[0] ? "/" : "", file);
}

static void issue_as(const char *folder, const char *name, const char *roles, int64_t now_s)
{
	static const char *const hosts[] = {LOOP};
	pki_authority *authority;
	vu_error error;

	assert_int_equal(pki_authority_open(folder, &authority, &error), VU_OK);
	assert_int_equal(pki_authority_issue(authority, name, hosts, 1, roles, 30, now_s, &error), VU_OK);
	pki_authority_close(authority);
}

static void issue(const char *folder, const char *name, int64_t now_s)
{
	issue_as(folder, name, NULL, now_s);
}

static vu_credentials *load(const char *folder, const char *name)
{
	char path[2 * TEST_PATH_MAX];
	vu_credentials *credentials = NULL;
	vu_error error;

	path_of(folder, name, "", path);
	assert_int_equal(vu_credentials_load(path, &credentials, &error), VU_OK);
	return credentials;
}

static void copy(const char *from_folder, const char *from, const char *to_folder, const char *to, const char *file)
{
	char path[2 * TEST_PATH_MAX];
	char *content;

	path_of(from_folder, from, file, path);
	content = test_file_content(path);
	path_of(to_folder, to, file, path);
	assert_int_equal(unlink(path), 0);
	path_of(to_folder, to, "", path);
	test_file_create(path, file, content, 0600, NULL);
	free(content);
}

/* A port that was free a moment ago. */
static unsigned free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static int set_up(void **state)
{
	test_world *world = calloc(1, sizeof *world);
	int64_t now_s = (int64_t)time(NULL);
	vu_error error;

	assert_true(sodium_init() >= 0);
	test_folder_create(world->folder);
	assert_int_equal(pki_authority_init(world->folder, "test", now_s - 50 * DAY_S, &error), VU_OK);
	issue(world->folder, "expired", now_s - 40 * DAY_S);
	issue(world->folder, "caller", now_s);
	issue(world->folder, "revoked", now_s);
	issue(world->folder, "server", now_s);
	*state = world;
	return 0;
}

static void answer(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	Vu__CountersResponse response = VU__COUNTERS_RESPONSE__INIT;
	(void)context;
	(void)request;
	vu_rpc_reply(call, &response.base);
}

static const vu_rpc_method methods[] = {
    {"Counters", answer, VU_RPC_INLINE}, {"Cleanup", answer, VU_RPC_INLINE}, {"Reload", answer, VU_RPC_INLINE}};
static const vu_rpc_service process = {.descriptor = &vu__process__descriptor, .methods = methods, .method_count = 3};

static void serve(test_world *world)
{
	vu_rpc_server_config config = {.service = "models", .endpoint = &world->endpoint};
	char uri[64];
	vu_error error;

	world->server_credentials = load(world->folder, "server");
	config.credentials = world->server_credentials;
	snprintf(uri, sizeof uri, "tls+tcp://" LOOP ":%u", free_port());
	assert_int_equal(vu_endpoint_parse(uri, &world->endpoint, &error), VU_OK);
	if (world->local) {
		config.endpoint = world->local;
		config.remote_endpoints = &world->endpoint;
		config.remote_endpoint_count = 1;
	}
	assert_int_equal(vu_rpc_server_create(&config, &world->server, &error), VU_OK);
	assert_int_equal(vu_rpc_server_add(world->server, &process, &error), VU_OK);
	assert_int_equal(vu_rpc_server_listen(world->server, &error), VU_OK);
}

static int tear_down(void **state)
{
	test_world *world = *state;

	vu_rpc_server_destroy(world->server);
	vu_credentials_free(world->server_credentials);
	test_folder_remove(world->folder);
	free(world);
	return 0;
}

/* `calls` calls with these credentials, the first status that is not OK. */
static vu_status call(const test_world *world, vu_credentials *credentials, unsigned calls, vu_error *error)
{
	vu_channel_config config = {.service = "models",
	                            .caller = "test",
	                            .endpoints = &world->endpoint,
	                            .endpoint_count = 1,
	                            .credentials = credentials};
	vu_call_options options = {.timeout_us = CALL_US, .idempotent = true};
	vu_channel *channel;
	vu_status status = VU_OK;

	assert_int_equal(vu_channel_create(&config, &channel, error), VU_OK);
	for (unsigned i = 0; i < calls && !status; i++) {
		uint8_t *response = NULL;
		size_t bytes;
		status = vu_channel_call_bytes(channel, METHOD, NULL, 0, &response, &bytes, &options, error);
		free(response);
	}
	vu_channel_destroy(channel);
	return status;
}

static void let_in(const test_world *world, const char *name)
{
	vu_credentials *credentials = load(world->folder, name);
	vu_error error = {VU_OK, ""};

	if (call(world, credentials, 20, &error) != VU_OK)
		fail_msg("%s", error.message);
	vu_credentials_free(credentials);
}

/* One call of a method on this channel. */
static vu_status ask(vu_channel *channel, const char *method, int64_t timeout_us, bool wait, vu_error *error)
{
	vu_call_options options = {.timeout_us = timeout_us, .idempotent = true, .wait_for_ready = wait};
	uint8_t *response = NULL;
	size_t bytes;
	vu_status status = vu_channel_call_bytes(channel, method, NULL, 0, &response, &bytes, &options, error);

	free(response);
	return status;
}

/* ---- who TLS itself refuses ---- */

/* Somebody whom TLS refuses, so that no connection ever stands. */
typedef struct outsider {
	const char *what;
	vu_channel *channel;
	vu_credentials *credentials;
	pthread_t thread;
	vu_status status;
	vu_error error;
} outsider;

static void *knock(void *context)
{
	outsider *one = context;

	/* No connection ever stands, which is known after a second at the earliest. */
	one->status = ask(one->channel, METHOD, 900000, true, &one->error);
	return NULL;
}

static outsider outsider_of(const test_world *world, const char *what, const char *folder, const char *name)
{
	outsider one = {.what = what, .credentials = load(folder, name)};
	vu_channel_config config = {.service = "models",
	                            .caller = "test",
	                            .endpoints = &world->endpoint,
	                            .endpoint_count = 1,
	                            .credentials = one.credentials};
	vu_error error;

	assert_int_equal(vu_channel_create(&config, &one.channel, &error), VU_OK);
	return one;
}

static void a_host_of_the_authority_is_let_in(void **state)
{
	serve(*state);
	let_in(*state, "caller");
}

/* All at once: each takes a second of waiting in vain. */
static void expired_revoked_and_foreign_certificates_are_refused(void **state)
{
	test_world *world = *state;
	pki_authority *authority;
	char other[TEST_PATH_MAX];
	outsider outsiders[3];
	int64_t now_s = (int64_t)time(NULL);
	vu_error error;

	assert_int_equal(pki_authority_open(world->folder, &authority, &error), VU_OK);
	assert_int_equal(pki_authority_revoke(authority, "revoked", now_s, &error), VU_OK);
	pki_authority_close(authority);
	test_folder_create(other);
	assert_int_equal(pki_authority_init(other, "test", now_s, &error), VU_OK);
	issue(other, "caller", now_s);
	/* They would take the server's certificate, so that it is the server who refuses: all but theirs is right. */
	copy(world->folder, "caller", world->folder, "expired", "crl.pem");
	copy(world->folder, "caller", other, "caller", "ca.pem");
	copy(world->folder, "caller", other, "caller", "crl.pem");
	serve(world);
	outsiders[0] = outsider_of(world, "expired", world->folder, "expired");
	outsiders[1] = outsider_of(world, "revoked", world->folder, "revoked");
	outsiders[2] = outsider_of(world, "foreign", other, "caller");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&outsiders[i].thread, NULL, knock, &outsiders[i]), 0);
	/* While they knock, who may call is let in. */
	let_in(world, "caller");
	for (unsigned i = 0; i < 3; i++) {
		outsider *one = &outsiders[i];
		pthread_join(one->thread, NULL);
		if (one->status != VU_DEADLINE_EXCEEDED || !strstr(one->error.message, "connect"))
			fail_msg("%s: %s: %s", one->what, vu_status_name(one->status), one->error.message);
		vu_channel_destroy(one->channel);
		vu_credentials_free(one->credentials);
	}
	let_in(world, "caller");
	test_folder_remove(other);
}

static void a_host_that_is_not_in_the_allow_list_gets_no_session(void **state)
{
	test_world *world = *state;
	char path[2 * TEST_PATH_MAX];
	vu_credentials *late;
	vu_error error;

	serve(world);
	/* Issued after the server read its list: TLS lets it in. */
	issue(world->folder, "late", (int64_t)time(NULL));
	path_of(world->folder, "late", "", path);
	late = load(world->folder, "late");
	assert_int_equal(call(world, late, 1, &error), VU_UNAUTHENTICATED);
	assert_non_null(strstr(error.message, "allow-list"));
	vu_credentials_free(late);
	let_in(world, "caller");
}

/* Nothing but the authority's certificate: there is no connection, where let_in shows that one could be. */
static void who_shows_no_certificate_is_refused(void **state)
{
	test_world *world = *state;
	char path[2 * TEST_PATH_MAX];
	nng_tls_config *config;
	nng_dialer dialer;
	nng_socket socket;
	int failure;
	char *authority;

	serve(world);
	path_of(world->folder, "caller", "ca.pem", path);
	authority = test_file_content(path);
	assert_int_equal(nng_tls_config_alloc(&config, NNG_TLS_MODE_CLIENT), 0);
	assert_int_equal(nng_tls_config_ca_chain(config, authority, NULL), 0);
	assert_int_equal(nng_req0_open(&socket), 0);
	assert_int_equal(nng_dialer_create(&dialer, socket, world->endpoint.uri), 0);
	assert_int_equal(nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config), 0);
	nng_tls_config_free(config);
	free(authority);
	failure = nng_dialer_start(dialer, 0);
	if (failure != NNG_EPEERAUTH && failure != NNG_ECONNSHUT && failure != NNG_ECRYPTO &&
	    failure != NNG_ECONNRESET && failure != NNG_ECLOSED)
		fail_msg("%s", nng_strerror(failure));
	nng_close(socket);
	let_in(world, "caller");
}

static void a_host_calls_only_what_its_roles_give_it(void **state)
{
	test_world *world = *state;
	vu_channel_config config = {
	    .service = "models", .caller = "test", .endpoints = &world->endpoint, .endpoint_count = 1};
	vu_channel *channel;
	vu_error error;

	issue_as(world->folder, "caller", "orchestrator", (int64_t)time(NULL));
	serve(world);
	config.credentials = load(world->folder, "caller");
	assert_int_equal(vu_channel_create(&config, &channel, &error), VU_OK);
	if (ask(channel, "/voiceunlock.v1.Process/Counters", CALL_US, true, &error) != VU_OK)
		fail_msg("%s", error.message);
	assert_int_equal(ask(channel, "/voiceunlock.v1.Process/Cleanup", CALL_US, true, &error),
	                 VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "from host caller"));
	/* Not in the table at all. */
	assert_int_equal(ask(channel, "/voiceunlock.v1.Process/Reload", CALL_US, true, &error), VU_PERMISSION_DENIED);
	assert_int_equal(ask(channel, "/voiceunlock.v1.Reflection/Describe", CALL_US, true, &error),
	                 VU_PERMISSION_DENIED);
	assert_int_equal(ask(channel, METHOD, CALL_US, true, &error), VU_OK);
	vu_channel_destroy(channel);
	vu_credentials_free(config.credentials);
}

static void a_local_socket_and_other_hosts_are_served_at_once(void **state)
{
	test_world *world = *state;
	vu_endpoint local;
	vu_channel_config config = {.service = "models", .caller = "test", .endpoints = &local, .endpoint_count = 1};
	vu_channel *channel;
	vu_error error;
	char uri[TEST_PATH_MAX + 32];

	snprintf(uri, sizeof uri, "ipc://%s/m.sock", world->folder);
	assert_int_equal(vu_endpoint_parse(uri, &local, &error), VU_OK);
	world->local = &local;
	serve(world);
	let_in(world, "caller");
	/* Whoever is on this machine calls without a session, and what hosts may not. */
	assert_int_equal(vu_channel_create(&config, &channel, &error), VU_OK);
	if (ask(channel, "/voiceunlock.v1.Process/Counters", CALL_US, true, &error) != VU_OK)
		fail_msg("%s", error.message);
	vu_channel_destroy(channel);
}

static void the_next_endpoint_takes_over_and_the_first_comes_back(void **state)
{
	test_world *world = *state;
	vu_endpoint endpoints[2];
	vu_channel_config config = {
	    .service = "models", .caller = "test", .endpoints = endpoints, .endpoint_count = 2};
	vu_rpc_server *first;
	vu_rpc_server_config server = {.service = "models", .endpoint = &endpoints[0]};
	vu_rpc_server_stats before, after;
	vu_channel *channel;
	vu_error error = {VU_OK, ""};
	char uri[64];

	serve(world);
	endpoints[1] = world->endpoint;
	snprintf(uri, sizeof uri, "tls+tcp://" LOOP ":%u", free_port());
	assert_int_equal(vu_endpoint_parse(uri, &endpoints[0], &error), VU_OK);
	server.credentials = world->server_credentials;
	assert_int_equal(vu_rpc_server_create(&server, &first, &error), VU_OK);
	assert_int_equal(vu_rpc_server_listen(first, &error), VU_OK);
	config.credentials = load(world->folder, "caller");
	assert_int_equal(vu_channel_create(&config, &channel, &error), VU_OK);
	vu_rpc_server_get_stats(world->server, &before);
	for (unsigned i = 0; i < 10; i++) {
		if (ask(channel, METHOD, CALL_US, true, &error) != VU_OK)
			fail_msg("%s", error.message);
	}
	/* While the first answers, the other is left alone. */
	vu_rpc_server_get_stats(world->server, &after);
	assert_int_equal(after.requests, before.requests);
	vu_rpc_server_destroy(first);
	for (unsigned i = 0; i < 10; i++) {
		if (ask(channel, METHOD, CALL_US, true, &error) != VU_OK)
			fail_msg("%s", error.message);
	}
	vu_rpc_server_get_stats(world->server, &after);
	assert_in_range(after.requests, before.requests + 10, before.requests + 20);
	assert_int_equal(vu_rpc_server_create(&server, &first, &error), VU_OK);
	assert_int_equal(vu_rpc_server_listen(first, &error), VU_OK);
	for (int64_t until_us = vu_clock_monotonic_us() + CALL_US;;) {
		vu_rpc_server_get_stats(first, &after);
		if (after.requests > 1 || vu_clock_monotonic_us() > until_us)
			break;
		if (ask(channel, METHOD, CALL_US, true, &error) != VU_OK)
			fail_msg("%s", error.message);
		usleep(10000);
	}
	assert_true(after.requests > 1);
	vu_channel_destroy(channel);
	vu_rpc_server_destroy(first);
	vu_credentials_free(config.credentials);
}

/* Who is revoked is refused within seconds, on the session that it has; the others notice nothing. */
static void who_is_revoked_is_refused_while_calls_go_on(void **state)
{
	test_world *world = *state;
	vu_channel_config config = {
	    .service = "models", .caller = "test", .endpoints = &world->endpoint, .endpoint_count = 1};
	vu_credentials *revoked;
	vu_channel *good, *bad;
	pki_authority *authority;
	vu_status status = VU_OK;
	vu_error error;

	serve(world);
	revoked = config.credentials = load(world->folder, "revoked");
	assert_int_equal(vu_channel_create(&config, &bad, &error), VU_OK);
	config.credentials = load(world->folder, "caller");
	assert_int_equal(vu_channel_create(&config, &good, &error), VU_OK);
	assert_int_equal(ask(bad, METHOD, CALL_US, true, &error), VU_OK);
	issue(world->folder, "server", (int64_t)time(NULL));
	assert_int_equal(pki_authority_open(world->folder, &authority, &error), VU_OK);
	assert_int_equal(pki_authority_revoke(authority, "revoked", (int64_t)time(NULL), &error), VU_OK);
	pki_authority_close(authority);
	for (int64_t until_us = vu_clock_monotonic_us() + CALL_US; !status && vu_clock_monotonic_us() < until_us;) {
		if (ask(good, METHOD, CALL_US, true, &error) != VU_OK)
			fail_msg("%s", error.message);
		status = ask(bad, METHOD, CALL_US, true, &error);
	}
	assert_int_equal(status, VU_UNAUTHENTICATED);
	assert_non_null(strstr(error.message, "allow-list"));
	if (ask(good, METHOD, CALL_US, true, &error) != VU_OK)
		fail_msg("%s", error.message);
	vu_channel_destroy(bad);
	vu_channel_destroy(good);
	vu_credentials_free(config.credentials);
	vu_credentials_free(revoked);
	let_in(world, "caller");
}

/* Whoever connects without speaking TLS, or hangs up in the midst, does not end the listener. */
static void who_hangs_up_does_no_harm(void **state)
{
	static const char hello[] = "\x16\x03\x01\x00\xc8garbage that is no hello";
	test_world *world = *state;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct linger at_once = {.l_onoff = 1};

	serve(world);
	address.sin_port = htons(world->endpoint.port);
	for (unsigned i = 0; i < 200; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		assert_true(fd >= 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
		if (i % 2)
			assert_int_not_equal(write(fd, hello, i % sizeof hello), -1);
		if (i % 3)
			assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
		close(fd);
	}
	let_in(world, "caller");
}

static void without_credentials_there_is_no_channel(void **state)
{
	test_world *world = *state;
	vu_channel_config config = {.service = "models", .endpoints = &world->endpoint, .endpoint_count = 1};
	vu_channel *channel = NULL;
	vu_error error;

	serve(world);
	assert_int_equal(vu_channel_create(&config, &channel, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "vu-pki"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_host_of_the_authority_is_let_in, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(expired_revoked_and_foreign_certificates_are_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_host_that_is_not_in_the_allow_list_gets_no_session, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(who_shows_no_certificate_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_host_calls_only_what_its_roles_give_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_local_socket_and_other_hosts_are_served_at_once, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_next_endpoint_takes_over_and_the_first_comes_back, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(who_is_revoked_is_refused_while_calls_go_on, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(who_hangs_up_does_no_harm, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(without_credentials_there_is_no_channel, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
