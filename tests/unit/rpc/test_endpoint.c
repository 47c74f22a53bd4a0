/* Endpoints from text. */
#include "rpc/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void refuses(const char *text, const char *reason)
{
	vu_endpoint endpoint;
	vu_error error;
	assert_int_equal(vu_endpoint_parse(text, &endpoint, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, reason));
}

static void ipc_is_parsed_and_usable(void **state)
{
	vu_endpoint endpoint;
	vu_error error;
	(void)state;
	assert_int_equal(vu_endpoint_parse("ipc:///run/user/1000/voice-unlock/models.sock", &endpoint, &error),
	                 VU_OK);
	assert_int_equal(endpoint.transport, VU_TRANSPORT_IPC);
	assert_string_equal(endpoint.path, "/run/user/1000/voice-unlock/models.sock");
	assert_string_equal(endpoint.uri, "ipc:///run/user/1000/voice-unlock/models.sock");
	assert_int_equal(vu_endpoint_usable(&endpoint, false, &error), VU_OK);
}

static void tls_is_parsed_and_refused_without_credentials(void **state)
{
	vu_endpoint endpoint;
	vu_error error;
	(void)state;
	assert_int_equal(vu_endpoint_parse("tls+tcp://mac-2.local:8641", &endpoint, &error), VU_OK);
	assert_int_equal(endpoint.transport, VU_TRANSPORT_TLS);
	assert_string_equal(endpoint.host, "mac-2.local");
	assert_int_equal(endpoint.port, 8641);
	assert_int_equal(vu_endpoint_usable(&endpoint, false, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "certificates"));
	assert_int_equal(vu_endpoint_parse("tls+tcp://[fe80::1]:1", &endpoint, &error), VU_OK);
	assert_string_equal(endpoint.host, "fe80::1");
	assert_int_equal(endpoint.port, 1);
}

static void bad_texts_are_refused_with_the_remedy(void **state)
{
	char long_path[VU_SOCKET_PATH_MAX + 20];
	char long_text[VU_ENDPOINT_URI_MAX + 10];
	(void)state;

	refuses("", "empty");
	refuses(NULL, "empty");
	refuses("tcp://host:1", "tls+tcp");
	refuses("http://x", "neither");
	refuses("models.sock", "neither");
	refuses("ipc://relative.sock", "absolute");
	refuses("ipc://", "absolute");
	refuses("ipc:///folder/", "folder");
	refuses("ipc:///a?b", "? #");
	refuses("ipc:///a\nb", "control");
	refuses("tls+tcp://host", "HOST:PORT");
	refuses("tls+tcp://:1", "HOST:PORT");
	refuses("tls+tcp://[fe80::1:1", "HOST:PORT");
	refuses("tls+tcp://ho st:1", "HOST:PORT");
	refuses("tls+tcp://host:0", "65535");
	refuses("tls+tcp://host:65536", "65535");
	refuses("tls+tcp://host:1x", "65535");
	refuses("tls+tcp://host:-1", "65535");
	memset(long_path, 'a', sizeof long_path - 1);
	memcpy(long_path, "ipc:///", 7);
	long_path[sizeof long_path - 1] = '\0';
	refuses(long_path, "shorter folder");
	memset(long_text, 'a', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	refuses(long_text, "longer than");
}

static void local_endpoints_fit_into_a_socket_address(void **state)
{
	char folder[VU_SOCKET_PATH_MAX + 1];
	vu_endpoint endpoint;
	vu_error error;
	size_t longest = VU_SOCKET_PATH_MAX - strlen("/models.sock");
	(void)state;

	assert_int_equal(vu_endpoint_local("/run/vu", "models", &endpoint, &error), VU_OK);
	assert_string_equal(endpoint.path, "/run/vu/models.sock");
	memset(folder, 'f', sizeof folder);
	folder[0] = '/';
	folder[longest] = '\0';
	assert_int_equal(vu_endpoint_local(folder, "models", &endpoint, &error), VU_OK);
	assert_int_equal(strlen(endpoint.path), VU_SOCKET_PATH_MAX);
	folder[longest] = 'f';
	folder[longest + 1] = '\0';
	assert_int_equal(vu_endpoint_local(folder, "models", &endpoint, &error), VU_OUT_OF_RANGE);
	assert_non_null(strstr(error.message, "VOICE_UNLOCK_RUNTIME_DIR"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ipc_is_parsed_and_usable),
	    cmocka_unit_test(tls_is_parsed_and_refused_without_credentials),
	    cmocka_unit_test(bad_texts_are_refused_with_the_remedy),
	    cmocka_unit_test(local_endpoints_fit_into_a_socket_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
