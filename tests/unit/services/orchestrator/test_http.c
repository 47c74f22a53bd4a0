/* The HTTP server over real sockets, with no peer answering. */
#include "http.h"

#include "../../folder_aid.h"
#include "base/config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[TEST_PATH_MAX];
static vu_orchestrator *orchestrator;
static vu_config *config;
static vu_http *http;

static vu_channel *no_channel(void *context, vu_service_id id, vu_error *error)
{
	(void)context;
	vu_fail(error, VU_UNAVAILABLE, "unable to call %s: it is down", vu_service_name(id));
	return NULL;
}

static int setup(void **state)
{
	vu_error error;
	(void)state;
	test_folder_create(folder);
	unsetenv("VOICE_UNLOCK_HTTP_PORT");
	unsetenv("VOICE_UNLOCK_CONFIG");
	setenv("XDG_CONFIG_HOME", folder, 1);
	if (vu_config_load(NULL, &config, &error) != VU_OK)
		fail_msg("%s", error.message);
	vu_orchestrator_setup setup = {
	    .config = config, .peers = {.channel = no_channel}, .home = folder, .clock = vu_clock_system()};
	assert_int_equal(vu_orchestrator_create(&setup, &orchestrator, &error), VU_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_http_stop(http);
	http = NULL;
	vu_orchestrator_destroy(orchestrator);
	vu_config_free(config);
	test_folder_remove(folder);
	return 0;
}

/* A port that nobody has now, and a socket that holds it until closed. */
static int hold_port(uint16_t wanted, uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(wanted)};
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
		close(fd);
		return -1;
	}
	*port = ntohs(address.sin_port);
	return fd;
}

static vu_status start_on(uint16_t port, bool is_default, vu_error *error)
{
	config->http.port = port;
	config->http.port_is_default = is_default;
	assert_int_equal(vu_orchestrator_configure(orchestrator, config, error), VU_OK);
	return vu_http_start(orchestrator, folder, &http, error);
}

static void start_anywhere(void)
{
	vu_error error;
	uint16_t port;
	int fd = hold_port(0, &port);
	assert_true(fd >= 0);
	/* Taken and "the default": a free one is chosen. */
	if (start_on(port, true, &error) != VU_OK)
		fail_msg("%s", error.message);
	close(fd);
	assert_true(vu_http_port(http) != port);
}

/* Sends `text` and returns all that comes back until the peer closes; the caller frees. */
static char *exchange_and(const char *request, bool hang_up)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(vu_http_port(http))};
	struct timeval patience = {.tv_sec = 20};
	size_t used = 0;
	size_t size = 65536;
	char *answer = calloc(1, size);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_true(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
	if (hang_up)
		shutdown(fd, SHUT_WR);
	for (;;) {
		ssize_t got = recv(fd, answer + used, size - 1 - used, 0);
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	close(fd);
	return answer;
}

static char *exchange(const char *request)
{
	return exchange_and(request, false);
}

static char *get(const char *method, const char *path)
{
	char request[512];
	snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost:%u\r\nConnection: close\r\n\r\n", method,
	         path, vu_http_port(http));
	return exchange(request);
}

static void expect(const char *method, const char *path, const char *status, const char *body)
{
	char *answer = get(method, path);
	if (strncmp(answer, "HTTP/1.1 ", 9) != 0 || strncmp(answer + 9, status, 3) != 0)
		fail_msg("%s %s: %.80s, expected %s", method, path, answer, status);
	if (body && !strstr(answer, body))
		fail_msg("%s %s: \"%s\" does not contain \"%s\"", method, path, answer, body);
	free(answer);
}

static void pages_tell_how_things_are(void **state)
{
	(void)state;
	start_anywhere();
	expect("GET", "/healthz", "200", "{\"alive\":true}");
	expect("GET", "/readyz", "503",
	       "{\"service\":\"features\",\"health\":\"UNKNOWN\",\"reason\":\"unable to call "
	       "features: it is down\"}");
	expect("GET", "/healthz/models", "503", "\"health\":\"UNKNOWN\"");
	expect("GET", "/healthz/postfix", "404", "there is no such service");
	expect("GET", "/status.json", "200", "\"ready\":false");
	expect("GET", "/metrics", "200", "voice_unlock_up{service=\"models\"} 0\n");
	expect("GET", "/metrics", "200",
	       "voice_unlock_attempts_total{service=\"orchestrator\",verdict=\"accept\"} 0\n");
	expect("GET", "/", "404", "there is no such page");
	expect("GET", "/../../etc/passwd", "404", NULL);
}

static void heads_have_no_body_and_nothing_else_is_served(void **state)
{
	char *answer;
	(void)state;
	start_anywhere();
	answer = get("HEAD", "/healthz");
	assert_non_null(strstr(answer, "200 OK"));
	assert_null(strstr(answer, "alive"));
	free(answer);
	expect("POST", "/healthz", "405", "only GET and HEAD are served");
	expect("DELETE", "/status.json", "405", "Allow: GET, HEAD");
	expect("OPTIONS", "/healthz", "405", NULL);
}

static void other_hosts_are_refused(void **state)
{
	static const char *const HOSTS[] = {"Host: evil.example\r\n", "Host: localhost.evil.example:%u\r\n",
	                                    "Host: localhost\r\n", "Host: 127.0.0.1:1\r\n", "Host: \r\n"};
	(void)state;
	start_anywhere();
	for (size_t i = 0; i < sizeof HOSTS / sizeof *HOSTS; i++) {
		char request[256];
		char *answer;
		snprintf(request, sizeof request, "GET /status.json HTTP/1.1\r\n%sConnection: close\r\n\r\n",
		         HOSTS[i]);
		answer = exchange(request);
		assert_null(strstr(answer, "ready"));
		assert_non_null(strstr(answer, "403"));
		free(answer);
	}
}

static void names_of_this_machine_are_accepted(void **state)
{
	(void)state;
	assert_true(vu_http_host_is_ours("localhost:8640", 8640));
	assert_true(vu_http_host_is_ours("LocalHost:8640", 8640));
	assert_true(vu_http_host_is_ours("127.0.0.1:8640", 8640));
	assert_true(vu_http_host_is_ours("[::1]:8640", 8640));
	assert_true(vu_http_host_is_ours("localhost", 80));
	assert_false(vu_http_host_is_ours("localhost", 8640));
	assert_false(vu_http_host_is_ours("localhost:864", 8640));
	assert_false(vu_http_host_is_ours("localhost:86400", 8640));
	assert_false(vu_http_host_is_ours("127.0.0.1.evil.example:8640", 8640));
	assert_false(vu_http_host_is_ours("xlocalhost:8640", 8640));
	assert_false(vu_http_host_is_ours("", 8640));
	assert_false(vu_http_host_is_ours(NULL, 8640));
}

static void garbage_does_not_hurt(void **state)
{
	char *long_line = malloc(100001);
	(void)state;
	start_anywhere();
	free(exchange_and("\r\n\r\n\r\n", true));
	free(exchange_and("\x16\x03\x01\x02garbage\r\n\r\n", true));
	memset(long_line, 'a', 100000);
	memcpy(long_line, "GET /", 5);
	long_line[100000] = '\0';
	free(exchange_and(long_line, true));
	free(long_line);
	expect("GET", "/healthz", "200", NULL);
}

static void the_port_is_told_in_a_file_that_goes_with_it(void **state)
{
	char path[TEST_PATH_MAX + 16];
	char expected[16];
	char *content;
	(void)state;
	start_anywhere();
	snprintf(path, sizeof path, "%s/http.port", folder);
	snprintf(expected, sizeof expected, "%u\n", vu_http_port(http));
	content = test_file_content(path);
	assert_string_equal(content, expected);
	free(content);
	vu_http_stop(http);
	http = NULL;
	assert_int_not_equal(access(path, F_OK), 0);
}

static void a_configured_port_that_is_taken_is_an_error(void **state)
{
	vu_error error;
	uint16_t port;
	char expected[256];
	int fd = hold_port(0, &port);
	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(start_on(port, false, &error), VU_FAILED_PRECONDITION);
	snprintf(expected, sizeof expected,
	         "unable to serve HTTP: port %u is taken; set http.port to another one, or to 0 for none", port);
	assert_string_equal(error.message, expected);
	assert_null(http);
	close(fd);
	assert_int_equal(start_on(port, false, &error), VU_OK);
	assert_int_equal(vu_http_port(http), port);
}

static void port_zero_serves_nothing(void **state)
{
	vu_error error;
	char path[TEST_PATH_MAX];
	(void)state;
	test_file_create(folder, "http.port", "8640\n", 0600, path);
	assert_int_equal(start_on(0, false, &error), VU_OK);
	assert_null(http);
	assert_int_not_equal(access(path, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(pages_tell_how_things_are, setup, teardown),
	    cmocka_unit_test_setup_teardown(heads_have_no_body_and_nothing_else_is_served, setup, teardown),
	    cmocka_unit_test_setup_teardown(other_hosts_are_refused, setup, teardown),
	    cmocka_unit_test(names_of_this_machine_are_accepted),
	    cmocka_unit_test_setup_teardown(garbage_does_not_hurt, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_port_is_told_in_a_file_that_goes_with_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_configured_port_that_is_taken_is_an_error, setup, teardown),
	    cmocka_unit_test_setup_teardown(port_zero_serves_nothing, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
