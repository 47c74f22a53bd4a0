/*
 * What a supervisor hands to its child: descriptor numbers and its own pid, in
 * variables that are removed once read, so that nothing this process starts
 * takes them for its own. A descriptor that is named but not open is an error:
 * going on without it would leave the supervisor waiting, or a session lost.
 */
#include "runtime/internal.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* `otherwise` when the variable is not set. */
static vu_status take_number(const char *variable, long low, long otherwise, long *out, vu_error *error)
{
	const char *text = getenv(variable);
	char *end;
	vu_status status = VU_OK;

	*out = otherwise;
	if (!text)
		return VU_OK;
	errno = 0;
	*out = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *out < low || *out > INT_MAX)
		status = vu_fail(error, VU_INVALID_ARGUMENT,
		                 "unable to use %s=%.20s: it must be a number that a supervisor hands over; unset it",
		                 variable, text);
	unsetenv(variable);
	return status;
}

static vu_status take_descriptor(const char *variable, int *fd_out, vu_error *error)
{
	long number;
	vu_status status = take_number(variable, STDERR_FILENO + 1, -1, &number, error);

	*fd_out = -1;
	if (status != VU_OK || number < 0)
		return status;
	if (fcntl((int)number, F_SETFD, FD_CLOEXEC) != 0)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to use %s=%ld: that descriptor is not open; unset it", variable, number);
	*fd_out = (int)number;
	return VU_OK;
}

vu_status vu_inherited_take(vu_inherited *out, vu_error *error)
{
	long parent;
	long megabytes;
	vu_status status;

	out->ready_fd = -1;
	out->ring_fd = -1;
	out->roster_fd = -1;
	out->parent = 0;
	out->memory_limit_mb = 0;
	status = take_descriptor(VU_ENV_READY_FD, &out->ready_fd, error);
	if (status == VU_OK)
		status = take_descriptor(VU_ENV_RING_FD, &out->ring_fd, error);
	if (status == VU_OK)
		status = take_descriptor(VU_ENV_ROSTER_FD, &out->roster_fd, error);
	if (status == VU_OK)
		status = take_number(VU_ENV_PARENT_PID, 1, 0, &parent, error);
	if (status == VU_OK)
		out->parent = (pid_t)parent;
	if (status == VU_OK)
		status = take_number(VU_ENV_MEMORY_MB, 1, 0, &megabytes, error);
	if (status == VU_OK)
		out->memory_limit_mb = (uint32_t)megabytes;
	return status;
}

void vu_inherited_report_ready(vu_inherited *inherited)
{
	ssize_t written;

	if (inherited->ready_fd < 0)
		return;
	do
		written = write(inherited->ready_fd, "1", 1);
	while (written < 0 && errno == EINTR);
	if (written != 1)
		vu_log_warn("unable to report readiness: the supervisor does not listen");
	close(inherited->ready_fd);
	inherited->ready_fd = -1;
}
