/*
 * The supervisor does the work and knows the reasons; this starts it, asks it
 * to stop, and waits until what was said has come true.
 */
#include "suite_control.h"

#include "cli.h"

#include "base/clock.h"
#include "platform/platform.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_WAIT_US 15000000LL
#define STOP_WAIT_US  20000000LL
#define PIDS_MAX      32
/* How vu-supervisor ends when another one runs (EX_TEMPFAIL). */
#define SUPERVISOR_RUNNING 75

extern char **environ;

static void sleep_ms(long milliseconds)
{
	struct timespec pause = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

/* The program beside this one; the caller frees. */
static char *supervisor_path(void)
{
	char *own = vu_platform_executable_path();
	char *slash = own ? strrchr(own, '/') : NULL;
	char *path = NULL;
	size_t size;

	if (slash) {
		*slash = '\0';
		size = strlen(own) + sizeof "/vu-supervisor";
		path = malloc(size);
		if (path)
			snprintf(path, size, "%s/vu-supervisor", own);
	}
	free(own);
	return path;
}

/* Runs the supervisor and returns its exit code; in the foreground this process becomes it. */
static int run_supervisor(bool foreground)
{
	char name[] = "vu-supervisor", detach[] = "--detach";
	char *arguments[] = {name, foreground ? NULL : detach, NULL};
	char *path = supervisor_path();
	int exit_code = CLI_INTERNAL;
	int wait_status, error_number;
	pid_t pid;

	if (!path)
		return cli_fail(CLI_INTERNAL, "unable to find vu-supervisor: this program's own place is not known");
	if (access(path, X_OK) != 0) {
		error_number = errno;
		cli_fail(exit_code = error_number == EACCES ? CLI_PERMISSION : CLI_INTERNAL,
		         "unable to run %s: %s; build it with make, or install the whole suite", path,
		         strerror(error_number));
		goto out;
	}
	if (foreground) {
		execv(path, arguments);
		exit_code = cli_fail(CLI_INTERNAL, "unable to run %s: %s", path, strerror(errno));
		goto out;
	}
	error_number = posix_spawn(&pid, path, NULL, NULL, arguments, environ);
	if (error_number != 0) {
		exit_code = cli_fail(CLI_INTERNAL, "unable to run %s: %s", path, strerror(error_number));
		goto out;
	}
	while (waitpid(pid, &wait_status, 0) < 0) {
		if (errno != EINTR) {
			exit_code = cli_fail(CLI_INTERNAL, "unable to wait for %s: %s", path, strerror(errno));
			goto out;
		}
	}
	if (WIFEXITED(wait_status))
		exit_code = WEXITSTATUS(wait_status);
	else
		exit_code = cli_fail(CLI_INTERNAL, "unable to start the suite: vu-supervisor ended by signal %d",
		                     WTERMSIG(wait_status));
out:
	free(path);
	return exit_code;
}

static void print_not_ready(const voiceunlock_suite *suite)
{
	for (size_t i = 0; i < suite->service_count; i++) {
		const voiceunlock_service *service = &suite->services[i];
		if (strcmp(service->health, "SERVING") != 0)
			cli_fail(0, "%s is %s%s%s", service->name, service->state, service->reason[0] ? ": " : "",
			         service->reason);
	}
}

/* There is a suite: says so, and waits until it serves. It may be so young that it does not answer yet. */
static int await_ready(voiceunlock_client *client)
{
	int64_t until_us = vu_clock_monotonic_us() + READY_WAIT_US;
	voiceunlock_suite *suite = NULL;
	voiceunlock_error error;

	for (;;) {
		voiceunlock_code code = voiceunlock_get_status(client, &suite, &error);
		if (code == VOICEUNLOCK_UNAVAILABLE && vu_clock_monotonic_us() < until_us) {
			sleep_ms(50);
			continue;
		}
		if (code != VOICEUNLOCK_OK)
			return cli_fail_error(&error);
		if (suite->ready) {
			printf("already running (supervisor is process %llu)\n",
			       suite->service_count > 0 ? (unsigned long long)suite->services[0].pid : 0);
			voiceunlock_suite_free(suite);
			return CLI_OK;
		}
		if (vu_clock_monotonic_us() > until_us) {
			print_not_ready(suite);
			voiceunlock_suite_free(suite);
			return cli_fail(CLI_UNAVAILABLE, "the suite is running, but not ready; run: %s status",
			                CLI_NAME);
		}
		voiceunlock_suite_free(suite);
		sleep_ms(50);
	}
}

int suite_start(bool foreground)
{
	int exit_code = CLI_OK;
	voiceunlock_client *client = cli_connect(false, &exit_code);
	voiceunlock_suite *suite = NULL;
	voiceunlock_error error;
	voiceunlock_code code;

	if (!client)
		return exit_code;
	code = voiceunlock_get_status(client, &suite, &error);
	voiceunlock_suite_free(suite);
	if (code == VOICEUNLOCK_OK)
		return await_ready(client);
	if (code == VOICEUNLOCK_PERMISSION_DENIED || code == VOICEUNLOCK_DEADLINE_EXCEEDED)
		return cli_fail_error(&error);
	fflush(stdout);
	exit_code = run_supervisor(foreground);
	/* Somebody else was a moment faster. */
	if (exit_code == SUPERVISOR_RUNNING)
		return await_ready(client);
	if (exit_code == CLI_OK)
		printf("ready\nnext: %s enroll NAME, or %s status\n", CLI_NAME, CLI_NAME);
	return exit_code;
}

int suite_stop(void)
{
	int exit_code = CLI_OK;
	voiceunlock_client *client = cli_connect(true, &exit_code);
	voiceunlock_suite *suite = NULL;
	voiceunlock_error error;
	voiceunlock_code code;
	pid_t pids[PIDS_MAX];
	size_t count = 0, alive = 0;
	int64_t until_us = vu_clock_monotonic_us() + STOP_WAIT_US;

	if (!client)
		return exit_code;
	code = voiceunlock_get_status(client, &suite, &error);
	if (code == VOICEUNLOCK_UNAVAILABLE) {
		printf("not running\n");
		return CLI_OK;
	}
	if (code != VOICEUNLOCK_OK)
		return cli_fail_error(&error);
	for (size_t i = 0; i < suite->service_count && count < PIDS_MAX; i++) {
		if (suite->services[i].pid > 0)
			pids[count++] = (pid_t)suite->services[i].pid;
	}
	voiceunlock_suite_free(suite);
	code = voiceunlock_stop_suite(client, &error);
	/* A supervisor that is already on its way out has been asked before. */
	if (code != VOICEUNLOCK_OK && code != VOICEUNLOCK_UNAVAILABLE)
		return cli_fail_error(&error);
	do {
		alive = 0;
		for (size_t i = 0; i < count; i++)
			alive += vu_platform_process_alive(pids[i]);
		if (alive > 0)
			sleep_ms(10);
	} while (alive > 0 && vu_clock_monotonic_us() < until_us);
	if (alive > 0)
		return cli_fail(CLI_UNAVAILABLE, "%zu processes of the suite are still running; run: %s status",
		                alive, CLI_NAME);
	printf("stopped\n");
	return CLI_OK;
}
