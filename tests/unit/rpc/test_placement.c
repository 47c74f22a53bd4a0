/* Where a service is served and called, from a list that all machines may share. */
#include "rpc/placement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those before it. */
#include <cmocka.h>
#include <string.h>

#include "platform/platform.h"

#define SOCKET "ipc:///run/vu/models.sock"

static bool is_two(const char *host)
{
	return strcmp(host, "two.test") == 0 || strcmp(host, "0.0.0.0") == 0;
}

/* The placement of models with up to three endpoints. */
static vu_status find(vu_service_id id, const char *first, const char *second, const char *third, vu_placement *out,
                      vu_error *error)
{
	static vu_config config;
	const char *uris[] = {first, second, third};
	static char texts[3][64];

	memset(&config, 0, sizeof config);
	for (size_t i = 0; i < 3 && uris[i]; i++) {
		strncpy(texts[i], uris[i], sizeof texts[i] - 1);
		config.endpoints[id].uris[config.endpoints[id].count++] = texts[i];
	}
	return vu_placement_find(&config, "/run/vu", id, is_two, out, error);
}

static void without_a_list_all_is_local(void **state)
{
	vu_placement placement;
	vu_error error;

	(void)state;
	assert_int_equal(find(VU_SERVICE_MODELS, NULL, NULL, NULL, &placement, &error), VU_OK);
	assert_true(placement.here);
	assert_false(placement.remote);
	assert_string_equal(placement.local.uri, SOCKET);
	assert_int_equal(placement.listen_count, 0);
	assert_int_equal(placement.call_count, 1);
	assert_string_equal(placement.call[0].uri, SOCKET);
	assert_int_equal(vu_placement_find(NULL, "/run/vu", VU_SERVICE_MODELS, is_two, &placement, &error), VU_OK);
	assert_true(placement.here);
	assert_int_equal(placement.call_count, 1);
}

static void what_is_elsewhere_is_not_served_here(void **state)
{
	vu_placement placement;
	vu_error error;

	(void)state;
	assert_int_equal(
	    find(VU_SERVICE_MODELS, "tls+tcp://one.test:8641", "tls+tcp://three.test:8641", NULL, &placement, &error),
	    VU_OK);
	assert_false(placement.here);
	assert_true(placement.remote);
	assert_string_equal(placement.local.uri, SOCKET);
	assert_int_equal(placement.listen_count, 0);
	assert_int_equal(placement.call_count, 2);
	assert_string_equal(placement.call[0].uri, "tls+tcp://one.test:8641");
	assert_string_equal(placement.call[1].uri, "tls+tcp://three.test:8641");
}

static void an_own_address_is_listened_at_and_called_by_the_socket(void **state)
{
	vu_placement placement;
	vu_error error;

	(void)state;
	assert_int_equal(
	    find(VU_SERVICE_MODELS, "tls+tcp://one.test:8641", "tls+tcp://two.test:8641", NULL, &placement, &error),
	    VU_OK);
	assert_true(placement.here);
	assert_true(placement.remote);
	assert_int_equal(placement.listen_count, 1);
	assert_string_equal(placement.listen[0].uri, "tls+tcp://two.test:8641");
	/* The order of the list is everybody's: the first keeps the templates. */
	assert_int_equal(placement.call_count, 2);
	assert_string_equal(placement.call[0].uri, "tls+tcp://one.test:8641");
	assert_string_equal(placement.call[1].uri, SOCKET);
}

static void a_socket_of_the_list_takes_the_place_of_the_default(void **state)
{
	vu_placement placement;
	vu_error error;

	(void)state;
	assert_int_equal(
	    find(VU_SERVICE_MODELS, "tls+tcp://0.0.0.0:8641", "ipc:///tmp/m.sock", NULL, &placement, &error), VU_OK);
	assert_true(placement.here);
	assert_string_equal(placement.local.uri, "ipc:///tmp/m.sock");
	assert_int_equal(placement.listen_count, 1);
	assert_int_equal(placement.call_count, 1);
	assert_string_equal(placement.call[0].uri, "ipc:///tmp/m.sock");
}

static void what_decides_stays_on_its_machine(void **state)
{
	vu_placement placement;
	vu_error error;

	(void)state;
	assert_int_equal(find(VU_SERVICE_ORCHESTRATOR, "tls+tcp://one.test:8641", NULL, NULL, &placement, &error),
	                 VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "remove services.orchestrator.endpoints"));
	assert_int_equal(find(VU_SERVICE_SUPERVISOR, "tls+tcp://two.test:8641", NULL, NULL, &placement, &error),
	                 VU_FAILED_PRECONDITION);
	assert_int_equal(find(VU_SERVICE_MODELS, "tls+tcp://one.test", NULL, NULL, &placement, &error),
	                 VU_INVALID_ARGUMENT);
}

static void addresses_of_this_machine_are_known(void **state)
{
	(void)state;
	assert_true(vu_platform_is_own_address("127.0.0.1"));
	assert_true(vu_platform_is_own_address("0.0.0.0"));
	assert_true(vu_platform_is_own_address("::"));
	/* Of the block for documentation: nobody's. */
	assert_false(vu_platform_is_own_address("203.0.113.7"));
	assert_false(vu_platform_is_own_address("2001:db8::7"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_a_list_all_is_local),
	    cmocka_unit_test(what_is_elsewhere_is_not_served_here),
	    cmocka_unit_test(an_own_address_is_listened_at_and_called_by_the_socket),
	    cmocka_unit_test(a_socket_of_the_list_takes_the_place_of_the_default),
	    cmocka_unit_test(what_decides_stays_on_its_machine),
	    cmocka_unit_test(addresses_of_this_machine_are_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
