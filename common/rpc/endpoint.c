/* Endpoints from text. A text that is not exactly right is refused with what would be. */
#include "rpc/endpoint.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IPC_SCHEME "ipc://"
#define TLS_SCHEME "tls+tcp://"

static vu_status parse_ipc(const char *text, vu_endpoint *out, vu_error *error)
{
	const char *path = text + strlen(IPC_SCHEME);
	size_t length = strlen(path);

	if (path[0] != '/')
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to use endpoint \"%s\": the path after ipc:// must be absolute, like "
		               "ipc:///run/voice-unlock/models.sock",
		               text);
	if (length > VU_SOCKET_PATH_MAX)
		return vu_fail(
		    error, VU_INVALID_ARGUMENT,
		    "unable to use endpoint \"%s\": its path has %zu bytes and a socket's may have %d; choose a "
		    "shorter folder",
		    text, length, VU_SOCKET_PATH_MAX);
	if (path[length - 1] == '/')
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to use endpoint \"%s\": it names a folder; add the socket's file name", text);
	for (const char *c = path; *c; c++) {
		/* NNG reads these as parts of a URL. */
		if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == '?' || *c == '#' || *c == '%')
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "unable to use endpoint \"%s\": control characters and ? # %% cannot be in a "
			               "socket's path",
			               text);
	}
	out->transport = VU_TRANSPORT_IPC;
	snprintf(out->path, sizeof out->path, "%s", path);
	snprintf(out->uri, sizeof out->uri, "%s", text);
	return VU_OK;
}

static vu_status parse_tls(const char *text, vu_endpoint *out, vu_error *error)
{
	const char *host = text + strlen(TLS_SCHEME);
	const char *host_end;
	const char *colon;
	char *end;
	long port;

	if (host[0] == '[') {
		host_end = strchr(host, ']');
		colon = host_end ? host_end + 1 : NULL;
		host++;
	} else {
		host_end = colon = strchr(host, ':');
	}
	if (!host_end || host_end == host || !colon || *colon != ':' ||
	    (size_t)(host_end - host) >= sizeof out->host ||
	    strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") <
	        (size_t)(host_end - host))
		return vu_fail(
		    error, VU_INVALID_ARGUMENT,
		    "unable to use endpoint \"%s\": write it as tls+tcp://HOST:PORT, like tls+tcp://mac-2.local:8641",
		    text);
	port = colon[1] >= '0' && colon[1] <= '9' ? strtol(colon + 1, &end, 10) : 0;
	if (port < 1 || port > UINT16_MAX || *end != '\0')
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to use endpoint \"%s\": the port must be 1 to 65535", text);
	out->transport = VU_TRANSPORT_TLS;
	out->port = (uint16_t)port;
	memcpy(out->host, host, (size_t)(host_end - host));
	snprintf(out->uri, sizeof out->uri, "%s", text);
	return VU_OK;
}

vu_status vu_endpoint_parse(const char *text, vu_endpoint *out, vu_error *error)
{
	memset(out, 0, sizeof *out);
	if (!text || text[0] == '\0')
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to use an empty endpoint: write ipc:///PATH or tls+tcp://HOST:PORT");
	if (strlen(text) >= VU_ENDPOINT_URI_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to use endpoint \"%.40s...\": it is longer than %d bytes", text,
		               VU_ENDPOINT_URI_MAX - 1);
	if (strncmp(text, IPC_SCHEME, strlen(IPC_SCHEME)) == 0)
		return parse_ipc(text, out, error);
	if (strncmp(text, TLS_SCHEME, strlen(TLS_SCHEME)) == 0)
		return parse_tls(text, out, error);
	if (strncmp(text, "tcp://", strlen("tcp://")) == 0)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to use endpoint \"%s\": plain tcp is not offered; write tls+tcp://HOST:PORT",
		               text);
	return vu_fail(error, VU_INVALID_ARGUMENT,
	               "unable to use endpoint \"%s\": it begins with neither ipc:// nor tls+tcp://", text);
}

vu_status vu_endpoint_local(const char *runtime_folder, const char *service, vu_endpoint *out, vu_error *error)
{
	char text[VU_ENDPOINT_URI_MAX];
	int path_bytes = snprintf(NULL, 0, "%s/%s.sock", runtime_folder, service);

	if (path_bytes > VU_SOCKET_PATH_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE,
		               "unable to place a socket in %s: its path would have %d bytes and may have %d; set "
		               "VOICE_UNLOCK_RUNTIME_DIR to a shorter folder",
		               runtime_folder, path_bytes, VU_SOCKET_PATH_MAX);
	snprintf(text, sizeof text, IPC_SCHEME "%s/%s.sock", runtime_folder, service);
	return vu_endpoint_parse(text, out, error);
}

vu_status vu_endpoint_usable(const vu_endpoint *endpoint, bool has_credentials, vu_error *error)
{
	if (endpoint->transport == VU_TRANSPORT_IPC || has_credentials)
		return VU_OK;
	return vu_fail(
	    error, VU_FAILED_PRECONDITION,
	    "unable to use endpoint \"%s\": there are no certificates to show to other machines; make them with "
	    "vu-pki, or use an ipc:// endpoint",
	    endpoint->uri);
}
