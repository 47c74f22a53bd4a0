/*
 * Only a process that is proven by its lock to serve this very socket is ever
 * killed: a number in a file alone could belong to anybody by now.
 */
#include "predecessor.h"

#include "base/log.h"
#include "rpc/channel.h"

#include "grpc/health/v1/health.pb-c.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS        5
#define ASK_TIMEOUT_US (500 * 1000LL)
/* SIGKILL takes its time on a machine under load. */
#define KILL_WAIT_MS 2000

static pid_t read_pid(int fd)
{
	char text[24];
	ssize_t count = pread(fd, text, sizeof text - 1, 0);
	char *end;
	long pid;

	if (count <= 0)
		return 0;
	text[count] = '\0';
	errno = 0;
	pid = strtol(text, &end, 10);
	/* 1 and below address init, ourselves or whole groups. */
	return errno == 0 && end != text && *end == '\n' && pid > 1 && pid <= INT_MAX ? (pid_t)pid : 0;
}

bool vu_predecessor_find(const vu_endpoint *endpoint, pid_t *pid_out)
{
	char path[VU_SOCKET_PATH_MAX + 8];
	bool held;
	int fd;

	*pid_out = 0;
	if (endpoint->transport != VU_TRANSPORT_IPC)
		return false;
	snprintf(path, sizeof path, "%s.lock", endpoint->path);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	/* A shared lock, so that two who look at once do not take each other for a server. */
	held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	if (held)
		*pid_out = read_pid(fd);
	close(fd);
	return held;
}

bool vu_predecessor_serves(const vu_endpoint *endpoint)
{
	vu_channel_config config = {
	    .service = "supervisor", .caller = "supervisor", .endpoints = endpoint, .endpoint_count = 1};
	vu_call_options options = {.timeout_us = ASK_TIMEOUT_US, .wait_for_ready = true, .idempotent = true};
	VuHealth__HealthCheckRequest request = VU_HEALTH__HEALTH_CHECK_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	vu_channel *channel; /* never closed: common/rpc says why */
	bool serves;

	if (vu_channel_create(&config, &channel, NULL) != VU_OK ||
	    vu_channel_call(channel, &vu_health__health__descriptor, "Check", &request.base, &response, &options,
	                    NULL) != VU_OK)
		return false;
	serves = ((const VuHealth__HealthCheckResponse *)response)->status ==
	         VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	protobuf_c_message_free_unpacked(response, NULL);
	return serves;
}

static bool wait_until_free(const vu_endpoint *endpoint, unsigned milliseconds, pid_t *pid_out)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};

	for (unsigned waited = 0; vu_predecessor_find(endpoint, pid_out); waited += POLL_MS) {
		if (waited >= milliseconds)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

bool vu_predecessor_replace(const vu_endpoint *endpoint, const char *service, unsigned patience_ms)
{
	pid_t pid;

	if (wait_until_free(endpoint, patience_ms, &pid))
		return true;
	if (pid == 0 || pid == getpid())
		return false;
	vu_log_warn("%s of an earlier supervisor (pid %ld) is still there: killing it", service, (long)pid);
	if (kill(pid, SIGKILL) != 0 && errno != ESRCH) {
		vu_log_error("unable to kill %s (pid %ld): %s", service, (long)pid,
		             errno == EPERM ? "it belongs to another user" : "unknown reason");
		return false;
	}
	return wait_until_free(endpoint, KILL_WAIT_MS, &pid);
}
