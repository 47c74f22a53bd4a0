/*
 * The HTTP server: libmicrohttpd with a thread per connection, because a page
 * may wait half a second for services that are down. The socket is ours, bound
 * before the library sees it, so that a taken port is a clear error.
 */
#include "http.h"

#include "pages.h"

#include "base/file.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define STACK_BYTES (256 * 1024)
/* Request line and headers. */
#define REQUEST_BYTES_MAX (16 * 1024)

struct vu_http {
	vu_orchestrator *orchestrator;
	struct MHD_Daemon *daemon;
	uint16_t port;
	char port_path[PATH_MAX];
};

bool vu_http_host_is_ours(const char *host, uint16_t port)
{
	static const char *const NAMES[] = {"localhost", "127.0.0.1", "[::1]"};
	char with_port[8];

	snprintf(with_port, sizeof with_port, ":%u", port);
	for (size_t i = 0; host && i < sizeof NAMES / sizeof *NAMES; i++) {
		size_t length = strlen(NAMES[i]);
		if (strncasecmp(host, NAMES[i], length) == 0 &&
		    (host[length] == '\0' ? port == 80 : strcmp(host + length, with_port) == 0))
			return true;
	}
	return false;
}

static enum MHD_Result send_page(struct MHD_Connection *connection, vu_page page)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	if (!page.body)
		return MHD_NO; /* out of memory: the connection is closed */
	response = MHD_create_response_from_buffer(page.bytes, page.body, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(page.body);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page.type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (page.status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, page.status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload, size_t *upload_bytes,
                                  void **state)
{
	vu_http *http = context;
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);

	(void)version;
	(void)upload;
	(void)upload_bytes;
	(void)state;
	if (!vu_http_host_is_ours(host, http->port))
		return send_page(connection,
		                 vu_page_error(MHD_HTTP_FORBIDDEN,
		                               "the Host header must name localhost, 127.0.0.1 or [::1] and the "
		                               "port"));
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return send_page(connection,
		                 vu_page_error(MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are served"));
	return send_page(connection, vu_page_make(http->orchestrator, path));
}

/* A listening socket on 127.0.0.1, or -1 with errno set; port 0 is any. */
static int listen_on(uint16_t port, uint16_t *port_out)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t length = sizeof address;
	int one = 1;
	int saved;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return -1;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
	    bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, VU_HTTP_CONNECTIONS_MAX) == 0 &&
	    getsockname(fd, (struct sockaddr *)&address, &length) == 0) {
		*port_out = ntohs(address.sin_port);
		return fd;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static vu_status open_socket(const vu_policy *policy, int *fd_out, uint16_t *port_out, vu_error *error)
{
	uint16_t wanted = (uint16_t)policy->http_port;
	int fd = listen_on(wanted, port_out);

	if (fd < 0 && errno == EADDRINUSE && policy->http_port_is_default) {
		fd = listen_on(0, port_out);
		if (fd >= 0)
			vu_log_info("HTTP port %u is taken; using %u", wanted, *port_out);
	}
	if (fd < 0 && errno == EADDRINUSE)
		return vu_fail(
		    error, VU_FAILED_PRECONDITION,
		    "unable to serve HTTP: port %u is taken; set http.port to another one, or to 0 for none", wanted);
	if (fd < 0)
		return vu_fail_errno(error, errno, "unable to serve HTTP on port %u", wanted);
	*fd_out = fd;
	return VU_OK;
}

static vu_status write_port(const vu_http *http, vu_error *error)
{
	char text[16];
	int length = snprintf(text, sizeof text, "%u\n", http->port);

	return vu_file_write_atomically(http->port_path, text, (size_t)length, error);
}

static void on_library_message(void *context, const char *format, va_list arguments)
{
	char line[256];

	(void)context;
	vsnprintf(line, sizeof line, format, arguments);
	line[strcspn(line, "\n")] = '\0';
	vu_log_debug("libmicrohttpd: %s", line);
}

vu_status vu_http_start(vu_orchestrator *orchestrator, const char *runtime_folder, vu_http **http_out,
                        vu_error *error)
{
	vu_policy policy = vu_orchestrator_policy(orchestrator);
	vu_http *http = calloc(1, sizeof *http);
	vu_status status = VU_OK;
	int fd = -1;

	*http_out = NULL;
	if (!http)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to serve HTTP: out of memory");
	http->orchestrator = orchestrator;
	if ((size_t)snprintf(http->port_path, sizeof http->port_path, "%s/http.port", runtime_folder) >=
	    sizeof http->port_path) {
		status = vu_fail(error, VU_INVALID_ARGUMENT, "unable to serve HTTP: the path of %s is too long",
		                 runtime_folder);
		goto fail;
	}
	if (policy.http_port == 0) {
		unlink(http->port_path); /* what an earlier run with a port left */
		free(http);
		return VU_OK;
	}
	status = open_socket(&policy, &fd, &http->port, error);
	if (status != VU_OK)
		goto fail;
	http->daemon = MHD_start_daemon(
	    MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC |
	        MHD_USE_ERROR_LOG,
	    0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_library_message, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)VU_HTTP_CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)VU_HTTP_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)REQUEST_BYTES_MAX, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES, MHD_OPTION_END);
	if (!http->daemon) {
		status = vu_fail(error, VU_INTERNAL,
		                 "unable to serve HTTP on port %u: the HTTP library did not start", http->port);
		goto fail;
	}
	fd = -1; /* the daemon's now */
	status = write_port(http, error);
	if (status != VU_OK)
		goto fail;
	*http_out = http;
	return VU_OK;
fail:
	if (fd >= 0)
		close(fd);
	if (http->daemon)
		MHD_stop_daemon(http->daemon);
	free(http);
	return status;
}

uint16_t vu_http_port(const vu_http *http)
{
	return http->port;
}

void vu_http_stop(vu_http *http)
{
	if (!http)
		return;
	unlink(http->port_path);
	MHD_stop_daemon(http->daemon);
	free(http);
}
