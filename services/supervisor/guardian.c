/*
 * The loop of the guardian. The log belongs to the supervisor, so the guardian
 * itself is silent: a supervisor that follows a death says so (main.c).
 */
#include "guardian.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MS 100

static volatile sig_atomic_t supervisor;
static atomic_bool *up; /* shared with the supervisor, or NULL */

static void pass_on(int number)
{
	int saved_errno = errno;

	if (supervisor > 0)
		kill((pid_t)supervisor, number);
	errno = saved_errno;
}

static void listen_to(int number, void (*handler)(int))
{
	struct sigaction action;

	memset(&action, 0, sizeof action);
	action.sa_handler = handler;
	sigaction(number, &action, NULL);
}

/* Waits for the supervisor; true when it is missed. */
static bool has_died(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return false;
	}
	return atomic_load(up) && !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Not the launcher's, who waits for it to be closed. */
static void silence_standard_error(void)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd >= 0) {
		dup2(null_fd, STDERR_FILENO);
		close(null_fd);
	}
}

/* Adds one death; false when these are too many. */
static bool may_start_again(int64_t deaths_us[VU_GUARDIAN_DEATHS_MAX])
{
	int64_t now_us = vu_clock_monotonic_us();

	memmove(deaths_us, deaths_us + 1, sizeof *deaths_us * (VU_GUARDIAN_DEATHS_MAX - 1));
	deaths_us[VU_GUARDIAN_DEATHS_MAX - 1] = now_us;
	return deaths_us[0] == 0 || now_us - deaths_us[0] > VU_GUARDIAN_WINDOW_S * 1000000LL;
}

vu_status vu_guardian_stay(int *report_fd, bool *again_out, vu_error *error)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	int64_t deaths_us[VU_GUARDIAN_DEATHS_MAX] = {0};
	bool again = false;

	up = mmap(NULL, sizeof *up, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON, -1, 0);
	if (up == MAP_FAILED) {
		up = NULL;
		return vu_fail_errno(error, errno, "unable to start a guardian for the supervisor");
	}
	atomic_init(up, false);
	for (;;) {
		pid_t pid = fork();
		if (pid < 0 && !again)
			return vu_fail_errno(error, errno, "unable to start a guardian for the supervisor");
		if (pid == 0) {
			listen_to(SIGTERM, SIG_DFL);
			listen_to(SIGINT, SIG_DFL);
			*again_out = again;
			return VU_OK;
		}
		if (pid > 0) {
			supervisor = pid;
			listen_to(SIGTERM, pass_on);
			listen_to(SIGINT, pass_on);
			/* Held open here, it would keep the launcher waiting. */
			if (*report_fd >= 0)
				close(*report_fd);
			*report_fd = -1;
			silence_standard_error();
			if (!has_died(pid))
				_exit(0);
			supervisor = 0;
		}
		if (!may_start_again(deaths_us))
			_exit(1);
		again = true;
		nanosleep(&pause, NULL);
	}
}

void vu_guardian_note_up(void)
{
	if (up)
		atomic_store(up, true);
}
