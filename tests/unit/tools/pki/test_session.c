/* Sessions between hosts whose credentials vu-pki made: who is let in, and which frames are. */
#include "authority.h"

#include "../../folder_aid.h"
#include "rpc/credentials.h"
#include "rpc/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those before it. */
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW_S INT64_C(1800000000)
#define FRAME "a request"

typedef struct test_world {
	char folder[TEST_PATH_MAX];
	vu_credentials *caller, *server;
	vu_session *at_caller, *at_server;
} test_world;

static void host_folder(const test_world *world, const char *name, char path[2 * TEST_PATH_MAX])
{
	snprintf(path, 2 * TEST_PATH_MAX, "%s/issued/%s", world->folder, name);
}

static vu_credentials *load(const test_world *world, const char *name)
{
	char path[2 * TEST_PATH_MAX];
	vu_credentials *credentials = NULL;
	vu_error error;

	host_folder(world, name, path);
	assert_int_equal(vu_credentials_load(path, &credentials, &error), VU_OK);
	return credentials;
}

static void issue(const test_world *world, const char *name)
{
	pki_authority *authority;
	vu_error error;

	assert_int_equal(pki_authority_open(world->folder, &authority, &error), VU_OK);
	assert_int_equal(pki_authority_issue(authority, name, NULL, 0, NULL, 30, NOW_S, &error), VU_OK);
	pki_authority_close(authority);
}

static int set_up(void **state)
{
	test_world *world = calloc(1, sizeof *world);
	vu_error error;

	assert_true(sodium_init() >= 0);
	test_folder_create(world->folder);
	assert_int_equal(pki_authority_init(world->folder, "test", NOW_S, &error), VU_OK);
	issue(world, "caller");
	issue(world, "server");
	world->caller = load(world, "caller");
	world->server = load(world, "server");
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	test_world *world = *state;

	vu_session_release(world->at_caller);
	vu_session_release(world->at_server);
	vu_credentials_free(world->caller);
	vu_credentials_free(world->server);
	test_folder_remove(world->folder);
	free(world);
	return 0;
}

static void shake_hands(test_world *world)
{
	uint8_t offer[VU_SESSION_HELLO_BYTES_MAX];
	uint8_t answer[VU_SESSION_HELLO_BYTES_MAX];
	size_t offer_bytes;
	size_t answer_bytes;
	vu_error error;

	assert_int_equal(vu_session_offer(world->caller, offer, &offer_bytes, &world->at_caller, &error), VU_OK);
	assert_int_equal(
	    vu_session_accept(world->server, offer, offer_bytes, answer, &answer_bytes, &world->at_server, &error),
	    VU_OK);
	assert_int_equal(vu_session_complete(world->at_caller, answer, answer_bytes, &error), VU_OK);
}

/* The request FRAME, sealed by the caller; its number is returned. */
static uint64_t sealed(const test_world *world, uint32_t lane,
                       uint8_t message[VU_SESSION_ENVELOPE_BYTES + sizeof FRAME])
{
	uint64_t number = vu_session_next_number(world->at_caller, lane);

	memcpy(message + VU_SESSION_ENVELOPE_BYTES, FRAME, sizeof FRAME);
	vu_session_seal(world->at_caller, lane, number, message, VU_SESSION_ENVELOPE_BYTES + sizeof FRAME);
	return number;
}

static vu_status open_at_server(const test_world *world, const uint8_t *message, size_t bytes, vu_error *error)
{
	uint32_t lane;
	uint64_t number;
	vu_span frame;
	vu_status status = vu_session_open_request(world->at_server, message, bytes, &lane, &number, &frame, error);

	if (!status) {
		assert_int_equal(frame.bytes, sizeof FRAME);
		assert_memory_equal(frame.data, FRAME, sizeof FRAME);
	}
	return status;
}

static void both_ends_know_each_other(void **state)
{
	test_world *world = *state;
	uint8_t message[VU_SESSION_ENVELOPE_BYTES + sizeof FRAME];
	uint64_t number;
	vu_span frame;
	vu_error error;

	shake_hands(world);
	assert_string_equal(vu_session_peer(world->at_server), "caller");
	assert_string_equal(vu_session_peer(world->at_caller), "server");
	number = sealed(world, 3, message);
	assert_int_equal(open_at_server(world, message, sizeof message, &error), VU_OK);
	vu_session_seal(world->at_server, 3, number, message, sizeof message);
	assert_int_equal(
	    vu_session_open_response(world->at_caller, 3, number, message, sizeof message, &frame, &error), VU_OK);
	assert_memory_equal(frame.data, FRAME, sizeof FRAME);
}

static void a_replayed_frame_is_refused(void **state)
{
	test_world *world = *state;
	uint8_t message[VU_SESSION_ENVELOPE_BYTES + sizeof FRAME];
	vu_error error;

	shake_hands(world);
	sealed(world, 0, message);
	assert_int_equal(open_at_server(world, message, sizeof message, &error), VU_OK);
	assert_int_equal(open_at_server(world, message, sizeof message, &error), VU_UNAUTHENTICATED);
	assert_non_null(strstr(error.message, "replayed"));
}

static void a_frame_that_was_overtaken_is_refused(void **state)
{
	test_world *world = *state;
	uint8_t first[VU_SESSION_ENVELOPE_BYTES + sizeof FRAME];
	uint8_t second[VU_SESSION_ENVELOPE_BYTES + sizeof FRAME];
	uint8_t other[VU_SESSION_ENVELOPE_BYTES + sizeof FRAME];
	vu_error error;

	shake_hands(world);
	sealed(world, 0, first);
	sealed(world, 0, second);
	sealed(world, 1, other);
	assert_int_equal(open_at_server(world, second, sizeof second, &error), VU_OK);
	assert_int_equal(open_at_server(world, first, sizeof first, &error), VU_UNAUTHENTICATED);
	assert_non_null(strstr(error.message, "out of order"));
	/* Calls on different lanes go on side by side. */
	assert_int_equal(open_at_server(world, other, sizeof other, &error), VU_OK);
}

static void every_altered_bit_is_noticed(void **state)
{
	test_world *world = *state;
	uint8_t message[VU_SESSION_ENVELOPE_BYTES + sizeof FRAME];
	vu_error error;

	shake_hands(world);
	sealed(world, 0, message);
	for (size_t bit = 0; bit < 8 * sizeof message; bit++) {
		message[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(open_at_server(world, message, sizeof message, &error), VU_UNAUTHENTICATED);
		message[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t bytes = 0; bytes < sizeof message; bytes++)
		assert_int_equal(open_at_server(world, message, bytes, &error), VU_UNAUTHENTICATED);
	/* None of these used up its number. */
	assert_int_equal(open_at_server(world, message, sizeof message, &error), VU_OK);
}

static void a_frame_of_another_session_is_refused(void **state)
{
	test_world *world = *state;
	uint8_t message[VU_SESSION_ENVELOPE_BYTES + sizeof FRAME];
	vu_error error;

	shake_hands(world);
	sealed(world, 0, message);
	vu_session_release(world->at_caller);
	vu_session_release(world->at_server);
	shake_hands(world);
	assert_int_equal(open_at_server(world, message, sizeof message, &error), VU_UNAUTHENTICATED);
	assert_non_null(strstr(error.message, "another session"));
}

static void an_answer_passes_for_no_other(void **state)
{
	test_world *world = *state;
	uint8_t message[VU_SESSION_ENVELOPE_BYTES + sizeof FRAME];
	uint64_t number;
	vu_span frame;
	vu_error error;

	shake_hands(world);
	number = sealed(world, 0, message);
	/* The request sent back is no answer: the keys differ. */
	assert_int_equal(
	    vu_session_open_response(world->at_caller, 0, number, message, sizeof message, &frame, &error),
	    VU_UNAUTHENTICATED);
	vu_session_seal(world->at_server, 0, number, message, sizeof message);
	assert_int_equal(
	    vu_session_open_response(world->at_caller, 0, number + 1, message, sizeof message, &frame, &error),
	    VU_UNAUTHENTICATED);
	assert_int_equal(
	    vu_session_open_response(world->at_caller, 1, number, message, sizeof message, &frame, &error),
	    VU_UNAUTHENTICATED);
	assert_non_null(strstr(error.message, "another request"));
}

static void who_lacks_the_key_of_a_name_gets_nowhere(void **state)
{
	test_world *world = *state;
	uint8_t message[VU_SESSION_ENVELOPE_BYTES + sizeof FRAME];
	uint8_t offer[VU_SESSION_HELLO_BYTES_MAX];
	uint8_t answer[VU_SESSION_HELLO_BYTES_MAX];
	char *name;
	size_t bytes;
	vu_error error;

	/* Host "server" offers itself as "caller", both six bytes. */
	assert_int_equal(vu_session_offer(world->server, offer, &bytes, &world->at_caller, &error), VU_OK);
	name = (char *)offer + 5;
	assert_memory_equal(name, "server", 6);
	memcpy(name, "caller", 6);
	assert_int_equal(vu_session_accept(world->server, offer, bytes, answer, &bytes, &world->at_server, &error),
	                 VU_OK);
	assert_int_equal(vu_session_complete(world->at_caller, answer, bytes, &error), VU_UNAUTHENTICATED);
	sealed(world, 0, message);
	assert_int_equal(open_at_server(world, message, sizeof message, &error), VU_UNAUTHENTICATED);
	/* And a name that nobody has. */
	memcpy(name, "nobody", 6);
	vu_session_release(world->at_server);
	assert_int_equal(
	    vu_session_accept(world->server, offer, 5 + 6 + 32, answer, &bytes, &world->at_server, &error),
	    VU_UNAUTHENTICATED);
	assert_non_null(strstr(error.message, "allow-list"));
}

static void a_weak_key_is_refused(void **state)
{
	test_world *world = *state;
	uint8_t offer[VU_SESSION_HELLO_BYTES_MAX];
	uint8_t answer[VU_SESSION_HELLO_BYTES_MAX];
	size_t bytes;
	vu_error error;

	assert_int_equal(vu_session_offer(world->caller, offer, &bytes, &world->at_caller, &error), VU_OK);
	memset(offer + bytes - 32, 0, 32);
	assert_int_equal(vu_session_accept(world->server, offer, bytes, answer, &bytes, &world->at_server, &error),
	                 VU_UNAUTHENTICATED);
	assert_non_null(strstr(error.message, "weak"));
}

static void who_was_revoked_is_let_in_no_more(void **state)
{
	test_world *world = *state;
	char path[2 * TEST_PATH_MAX];
	char list[2 * TEST_PATH_MAX];
	char *content;
	pki_authority *authority;
	vu_credentials *credentials;
	uint8_t offer[VU_SESSION_HELLO_BYTES_MAX];
	uint8_t answer[VU_SESSION_HELLO_BYTES_MAX];
	size_t bytes;
	vu_error error;

	assert_int_equal(pki_authority_open(world->folder, &authority, &error), VU_OK);
	assert_int_equal(pki_authority_revoke(authority, "caller", NOW_S + 1, &error), VU_OK);
	assert_int_equal(pki_authority_revoke(authority, "caller", NOW_S + 1, &error), VU_NOT_FOUND);
	pki_authority_close(authority);
	vu_credentials_free(world->server);
	world->server = load(world, "server");
	assert_null(vu_credentials_find(world->server, "caller", NULL));
	assert_int_equal(vu_session_offer(world->caller, offer, &bytes, &world->at_caller, &error), VU_OK);
	assert_int_equal(vu_session_accept(world->server, offer, bytes, answer, &bytes, &world->at_server, &error),
	                 VU_UNAUTHENTICATED);
	/* Its own folder still has the old list; with a new one it learns of it itself. */
	snprintf(list, sizeof list, "%s/issued/server/peers", world->folder);
	content = test_file_content(list);
	host_folder(world, "caller", path);
	snprintf(list, sizeof list, "%s/issued/caller/peers", world->folder);
	assert_int_equal(unlink(list), 0);
	test_file_create(path, "peers", content, 0600, NULL);
	free(content);
	assert_int_equal(vu_credentials_load(path, &credentials, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "revoked"));
}

static void a_key_that_others_can_read_is_refused(void **state)
{
	test_world *world = *state;
	char path[2 * TEST_PATH_MAX + 16];
	vu_credentials *credentials;
	vu_error error;

	snprintf(path, sizeof path, "%s/issued/caller/identity.key", world->folder);
	assert_int_equal(chmod(path, 0640), 0);
	host_folder(world, "caller", path);
	assert_int_equal(vu_credentials_load(path, &credentials, &error), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "chmod 600"));
	assert_null(credentials);
}

static void renewing_keeps_the_identity(void **state)
{
	test_world *world = *state;
	vu_credentials *renewed;

	issue(world, "caller");
	renewed = load(world, "caller");
	assert_memory_equal(vu_credentials_identity(renewed), vu_credentials_identity(world->caller),
	                    VU_IDENTITY_BYTES);
	vu_credentials_free(renewed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(both_ends_know_each_other, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_replayed_frame_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_frame_that_was_overtaken_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(every_altered_bit_is_noticed, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_frame_of_another_session_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(an_answer_passes_for_no_other, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(who_lacks_the_key_of_a_name_gets_nowhere, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_weak_key_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(who_was_revoked_is_let_in_no_more, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_key_that_others_can_read_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(renewing_keeps_the_identity, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
