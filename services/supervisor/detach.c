/*
 * The double fork. The report is the exit code as text, a space and a message
 * for people; a pipe that ends without one means that the process died.
 */
#include "detach.h"

#include "exit_codes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT_BYTES_MAX 2048
#define REPORT_FD_MIN    200

/* In the launching process: waits for the report and ends with it. */
static _Noreturn void relay_report(int fd, pid_t between)
{
	char report[REPORT_BYTES_MAX];
	size_t used = 0;
	char *message;
	long exit_code;

	while (waitpid(between, NULL, 0) < 0 && errno == EINTR) {
	}
	while (used < sizeof report - 1) {
		ssize_t got = read(fd, report + used, sizeof report - 1 - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	report[used] = '\0';
	exit_code = strtol(report, &message, 10);
	if (message == report || *message != ' ') {
		fprintf(stderr,
		        "vu-supervisor: unable to start: it died without giving a reason; see log/supervisor.log in "
		        "the state folder\n");
		exit(VU_EXIT_INTERNAL);
	}
	if (exit_code != 0)
		fprintf(stderr, "vu-supervisor: %s\n", message + 1);
	exit((int)exit_code);
}

static vu_status silence_standard_streams(vu_error *error)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0)
		return vu_fail_errno(error, errno, "unable to open /dev/null");
	if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0) {
		vu_status status = vu_fail_errno(error, errno, "unable to let go of the terminal");
		close(null_fd);
		return status;
	}
	close(null_fd);
	return VU_OK;
}

vu_status vu_detach(int *report_fd_out, vu_error *error)
{
	int ends[2];
	int report_fd;
	pid_t pid;
	vu_status status;

	if (pipe(ends) != 0)
		return vu_fail_errno(error, errno, "unable to make a pipe for the report");
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		status = vu_fail_errno(error, errno, "unable to go into the background");
		close(ends[0]);
		close(ends[1]);
		return status;
	}
	if (pid > 0) {
		close(ends[1]);
		relay_report(ends[0], pid);
	}
	close(ends[0]);
	/* A high number: when we end, descriptors are closed in order, and locks are to be free before the pipe ends.
	 */
	report_fd = fcntl(ends[1], F_DUPFD_CLOEXEC, REPORT_FD_MIN);
	if (report_fd >= 0)
		close(ends[1]);
	*report_fd_out = report_fd >= 0 ? report_fd : ends[1];
	/* Forked twice: not leading its session, the process can never get a terminal again. */
	if (setsid() < 0)
		return vu_fail_errno(error, errno, "unable to leave the session");
	pid = fork();
	if (pid < 0)
		return vu_fail_errno(error, errno, "unable to go into the background");
	if (pid > 0)
		_exit(0);
	return silence_standard_streams(error);
}

void vu_detach_report(int *report_fd, int exit_code, const char *message)
{
	char report[REPORT_BYTES_MAX];
	int length;
	ssize_t written;

	if (*report_fd < 0) {
		if (exit_code != 0)
			fprintf(stderr, "vu-supervisor: %s\n", message);
		return;
	}
	length = snprintf(report, sizeof report, "%d %s", exit_code, message);
	if (length >= (int)sizeof report)
		length = (int)sizeof report - 1;
	/* A launcher that was interrupted is not there to read it, and does not mind. */
	written = write(*report_fd, report, (size_t)length);
	(void)written;
	if (exit_code == 0)
		close(*report_fd);
	*report_fd = -1;
}
