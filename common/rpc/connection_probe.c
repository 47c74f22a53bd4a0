/*
 * Why there is no connection: we look at the socket and its lock file. That is
 * how a call to a dead service fails in milliseconds and one to a foreign
 * socket says so.
 */
#include "platform/platform.h"
#include "rpc/connection_internal.h"
#include "rpc/nng_aid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PROBE_GREETING_MS 100

/*
 * The pid in the lock file of the server at `path`, 0 when there is none. The
 * lock itself is not tried: that could keep a server from taking it.
 */
static pid_t lock_holder(const char *path)
{
	char lock_path[VU_SOCKET_PATH_MAX + 8];
	char text[24];
	ssize_t got;
	long pid;
	int fd;

	snprintf(lock_path, sizeof lock_path, "%s.lock", path);
	fd = open(lock_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0;
	got = read(fd, text, sizeof text - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	pid = strtol(text, NULL, 10);
	return pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

/*
 * errno of a connection to the socket: 0 when somebody listens. One of our own
 * servers is known by its lock file, without troubling it.
 */
static int probe(const char *path)
{
	pid_t server;
	int fd;
	int result;

	if (access(path, W_OK) != 0)
		return errno;
	server = lock_holder(path);
	if (server > 0)
		return vu_platform_process_alive(server) ? 0 : ECONNREFUSED;
	result = vu_nng_greet(path, &fd);
	/* Left only once it has greeted: to hang up before could end its listener (see nng_aid.h). */
	if (result == 0) {
		(void)vu_nng_is_greeted(fd, PROBE_GREETING_MS);
		close(fd);
	}
	/* A full backlog is somebody who listens; and what is for us to want (descriptors, memory) says nothing. */
	return result == ECONNREFUSED || result == ENOTSOCK ? result : 0;
}

vu_status vu_connection_diagnose(const vu_connection *connection, vu_error *error)
{
	vu_status status = VU_OK;

	for (size_t i = 0; i < connection->endpoint_count; i++) {
		const vu_endpoint *endpoint = &connection->endpoints[i];
		int reason = endpoint->transport == VU_TRANSPORT_IPC ? probe(endpoint->path) : 0;
		switch (reason) {
		case 0:
			return VU_OK;
		case EACCES:
		case EPERM:
			status = vu_fail(
			    error, VU_PERMISSION_DENIED,
			    "unable to call %s: the socket %s belongs to somebody else; ask as its user, or as root",
			    connection->service, endpoint->path);
			break;
		default:
			if (status != VU_PERMISSION_DENIED)
				status = vu_fail(error, VU_UNAVAILABLE,
				                 "unable to call %s: nobody serves at %s; is the suite started?",
				                 connection->service, endpoint->path);
			break;
		}
	}
	return status;
}
