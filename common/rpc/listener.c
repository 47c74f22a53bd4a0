/*
 * Listening: the lock, the socket, and seeing to it that it goes on.
 *
 * A lock on <socket>.lock is taken first: NNG 1.5.2 makes a living server
 * unreachable when a second one tries its path. The lock ends with the
 * process, so what is found at the path after that is stale.
 *
 * The guard is for the defect that nng_aid.h tells of. When NNG has counted an
 * error that may have ended the listener, the guard connects to its own
 * socket; unless NNG reports that connection in time, the listener is started
 * anew. Connections break thereby and are made again by their clients.
 */
#include "rpc/server_internal.h"

#include "base/log.h"
#include "platform/platform.h"
#include "rpc/nng_aid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define GUARD_INTERVAL_US 1000000
/* NNG itself pauses for 100 ms after the errors that do not end the listener. */
#define GUARD_SUSPECT_US 150000
/* A connection to ourselves is made within microseconds; a machine under load may need longer. */
#define GUARD_PROBE_US      1000000
#define GUARD_PROBE_STEP_US 20000

/* Takes the lock file, with our pid in it for those who find it taken. */
static vu_status take_lock(vu_rpc_server *server, vu_error *error)
{
	char path[VU_SOCKET_PATH_MAX + 8];
	char pid[24];
	ssize_t got;
	int fd;

	snprintf(path, sizeof path, "%s.lock", server->endpoint.path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return vu_fail_errno(error, errno, "unable to open lock file %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		vu_status status;
		if (errno == EWOULDBLOCK) {
			got = read(fd, pid, sizeof pid - 1);
			pid[got > 0 ? got : 0] = '\0';
			pid[strspn(pid, "0123456789")] = '\0';
			status =
			    vu_fail(error, VU_ALREADY_EXISTS,
			            "unable to listen at %s: process %s serves there already; stop it first, or set "
			            "VOICE_UNLOCK_RUNTIME_DIR to another folder for a second suite",
			            server->endpoint.path, pid[0] ? pid : "(unknown)");
		} else {
			status = vu_fail_errno(error, errno, "unable to lock %s", path);
		}
		close(fd);
		return status;
	}
	snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	/* The number is for people only; without it the lock holds as well. */
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, strlen(pid), 0) < 0)
		pid[0] = '\0';
	server->lock_fd = fd;
	return VU_OK;
}

/* NNG unlinks whatever it finds at the path and cannot connect to; let that be a socket. */
static vu_status check_path(const char *path, vu_error *error)
{
	struct stat info;

	if (lstat(path, &info) != 0)
		return errno == ENOENT ? VU_OK : vu_fail_errno(error, errno, "unable to examine %s", path);
	if (!S_ISSOCK(info.st_mode))
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to listen at %s: something that is no socket is there; "
		               "move it away",
		               path);
	return VU_OK;
}

vu_status vu_listener_start(vu_rpc_server *server, vu_error *error)
{
	nng_listener listener;
	int result = nng_listener_create(&listener, server->socket, server->endpoint.uri);

	if (result == 0) {
		result = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, server->any_uid ? 0666 : 0600);
		if (result == 0)
			result = nng_listener_start(listener, 0);
		if (result != 0)
			nng_listener_close(listener);
	}
	if (result != 0)
		return vu_listener_failure(&server->endpoint, result, error);
	server->listener = listener;
	server->guard.errors_seen = 0;
	return VU_OK;
}

vu_status vu_listener_failure(const vu_endpoint *endpoint, int result, vu_error *error)
{
	switch (result) {
	case NNG_EPERM:
		return vu_fail(error, VU_PERMISSION_DENIED, "unable to listen at %s: permission denied",
		               endpoint->uri);
	case NNG_EADDRINUSE:
		return vu_fail(error, VU_ALREADY_EXISTS, "unable to listen at %s: the address is in use",
		               endpoint->uri);
	case NNG_ENOENT:
		return vu_fail(error, VU_NOT_FOUND, "unable to listen at %s: its folder does not exist",
		               endpoint->uri);
	case NNG_ENOMEM:
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to listen at %s: no memory", endpoint->uri);
	case NNG_ENOTSUP:
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to listen at %s: this NNG was built without that transport; install one with "
		               "mbed TLS, or use an ipc:// endpoint",
		               endpoint->uri);
	default:
		return vu_fail(error, VU_INTERNAL, "unable to listen at %s: %s", endpoint->uri, nng_strerror(result));
	}
}

vu_status vu_listener_lock(vu_rpc_server *server, vu_error *error)
{
	vu_status status;

	/* Where the system allows it, the defect is met at its root, and the guard has nothing to do. */
	vu_platform_keep_listening();
	/* The system itself lets only one listen at a port. */
	if (server->endpoint.transport != VU_TRANSPORT_IPC)
		return VU_OK;
	status = take_lock(server, error);
	if (status)
		return status;
	status = check_path(server->endpoint.path, error);
	if (status)
		vu_listener_unlock(server);
	return status;
}

void vu_listener_unlock(vu_rpc_server *server)
{
	if (server->lock_fd < 0)
		return;
	/* Our pid would tell clients that we serve. */
	if (ftruncate(server->lock_fd, 0) != 0)
		vu_log_warn("unable to empty the lock file of %s: %s", server->endpoint.path, strerror(errno));
	close(server->lock_fd);
	server->lock_fd = -1;
}

void vu_listener_fini(vu_rpc_server *server)
{
	if (server->guard.fd >= 0)
		close(server->guard.fd);
	vu_listener_unlock(server);
}

static void end_probe(vu_guard *guard)
{
	close(guard->fd);
	guard->fd = -1;
}

static void restart(vu_rpc_server *server)
{
	vu_error error;
	vu_log_warn("the socket %s had stopped taking connections: starting it anew", server->endpoint.path);
	(void)nng_listener_close(server->listener);
	if (vu_listener_start(server, &error) != VU_OK)
		vu_log_error("%s; trying again", error.message);
}

int64_t vu_listener_guard(vu_rpc_server *server, int64_t now_us)
{
	vu_guard *guard = &server->guard;
	uint64_t errors;

	if (now_us < guard->next_us)
		return guard->next_us;
	if (server->remote_count > 0 && guard->state == VU_GUARD_IDLE)
		vu_remote_listeners_refresh(server);
	switch (guard->state) {
	case VU_GUARD_IDLE:
		if (server->endpoint.transport != VU_TRANSPORT_IPC) {
			guard->next_us = now_us + GUARD_INTERVAL_US;
			break;
		}
		errors = vu_nng_listener_errors(server->listener);
		guard->next_us = now_us + GUARD_INTERVAL_US;
		if (errors != guard->errors_seen) {
			guard->errors_seen = errors;
			guard->state = VU_GUARD_SUSPECT;
			guard->next_us = now_us + GUARD_SUSPECT_US;
		}
		break;
	case VU_GUARD_SUSPECT:
		guard->own_before = atomic_load(&server->peers.own_connections);
		guard->state = VU_GUARD_IDLE;
		guard->next_us = now_us + GUARD_INTERVAL_US;
		switch (vu_nng_greet(server->endpoint.path, &guard->fd)) {
		case 0:
			guard->state = VU_GUARD_PROBING;
			guard->until_us = now_us + GUARD_PROBE_US;
			guard->next_us = now_us + GUARD_PROBE_STEP_US;
			break;
		case ECONNREFUSED:
		case ENOENT:
			/* Our own socket is gone altogether. */
			restart(server);
			break;
		default:
			break;
		}
		break;
	case VU_GUARD_PROBING:
		guard->next_us = now_us + GUARD_PROBE_STEP_US;
		if (atomic_load(&server->peers.own_connections) != guard->own_before) {
			end_probe(guard);
			guard->state = VU_GUARD_IDLE;
			guard->next_us = now_us + GUARD_INTERVAL_US;
		} else if (now_us >= guard->until_us) {
			restart(server);
			end_probe(guard);
			guard->state = VU_GUARD_IDLE;
			guard->next_us = now_us + GUARD_INTERVAL_US;
		}
		break;
	}
	return guard->next_us;
}
