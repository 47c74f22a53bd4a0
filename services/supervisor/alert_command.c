/*
 * A queue, one process and one timer. A process frees itself when libuv has
 * let go of it.
 */
#include "alert_command.h"

#include "base/log.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_SIZE 256

typedef struct order {
	vu_alert alert;
	char command[VU_ALERT_COMMAND_LENGTH];
} order;

struct vu_alert_command {
	uv_loop_t *loop;
	unsigned patience_ms;
	int log_fd;
	uv_timer_t timer;
	uv_process_t *process; /* that runs now, or NULL */
	order queue[VU_ALERT_QUEUE_MAX];
	unsigned waiting;
	uint64_t last_sequence;
	bool stopped;
};

vu_alert_command *vu_alert_command_create(uv_loop_t *loop, unsigned patience_ms, int log_fd)
{
	vu_alert_command *alerts = calloc(1, sizeof *alerts);

	if (!alerts)
		return NULL;
	alerts->loop = loop;
	alerts->patience_ms = patience_ms;
	alerts->log_fd = log_fd;
	uv_timer_init(loop, &alerts->timer);
	alerts->timer.data = alerts;
	return alerts;
}

static bool is_metric(const char *name)
{
	size_t length = strnlen(name, VU_ALERT_METRIC_SIZE);

	return length > 0 && length < VU_ALERT_METRIC_SIZE && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == length;
}

static void write_json(const vu_alert *alert, char *json)
{
	snprintf(json, JSON_SIZE,
	         "{\"metric\":\"%s\",\"value\":%.6g,\"threshold\":%.6g,\"severity\":\"%s\",\"since\":%" PRIu64 "}",
	         alert->metric, alert->value, alert->threshold, alert->critical ? "critical" : "warning",
	         alert->since_us / 1000000);
}

static void free_process(uv_handle_t *handle)
{
	free(handle);
}

static void run_next(vu_alert_command *alerts);

static void note_exit(uv_process_t *process, int64_t exit_code, int signal)
{
	vu_alert_command *alerts = process->data;

	uv_timer_stop(&alerts->timer);
	alerts->process = NULL;
	if (signal != 0)
		vu_log_warn("alerts.command was ended by signal %d", signal);
	else if (exit_code != 0)
		vu_log_warn("alerts.command ended with status %d", (int)exit_code);
	uv_close((uv_handle_t *)process, free_process);
	run_next(alerts);
}

/* With all that it started and that did not leave its session. */
static void kill_command(const vu_alert_command *alerts)
{
	if (alerts->process)
		kill(-uv_process_get_pid(alerts->process), SIGKILL);
}

static void note_timeout(uv_timer_t *timer)
{
	vu_alert_command *alerts = timer->data;

	vu_log_warn("alerts.command has not ended after %.3g s: killed", alerts->patience_ms / 1000.0);
	kill_command(alerts);
}

static vu_status start(vu_alert_command *alerts, const order *next, vu_error *error)
{
	char json[JSON_SIZE];
	char script[VU_ALERT_COMMAND_LENGTH + 8];
	char shell[] = "/bin/sh";
	char option[] = "-c";
	char name[] = "alert";
	char *arguments[] = {shell, option, script, name, json, NULL};
	uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE},
	                                 {.flags = UV_INHERIT_FD, .data.fd = alerts->log_fd},
	                                 {.flags = UV_INHERIT_FD, .data.fd = alerts->log_fd}};
	uv_process_options_t options = {
	    .file = shell,
	    .args = arguments,
	    .flags = UV_PROCESS_DETACHED,
	    .stdio = stdio,
	    .stdio_count = 3,
	    .exit_cb = note_exit,
	};
	uv_process_t *process = calloc(1, sizeof *process);
	int result;

	if (!process)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to run alerts.command: out of memory");
	write_json(&next->alert, json);
	snprintf(script, sizeof script, "%s \"$1\"", next->command);
	process->data = alerts;
	result = uv_spawn(alerts->loop, process, &options);
	if (result != 0) {
		uv_close((uv_handle_t *)process, free_process);
		return vu_fail_errno(error, -result, "unable to run alerts.command");
	}
	alerts->process = process;
	uv_timer_start(&alerts->timer, note_timeout, alerts->patience_ms, 0);
	return VU_OK;
}

static void run_next(vu_alert_command *alerts)
{
	vu_error error = {.status = VU_OK};

	while (!alerts->process && alerts->waiting > 0 && !alerts->stopped) {
		order next = alerts->queue[0];
		alerts->waiting--;
		memmove(alerts->queue, alerts->queue + 1, alerts->waiting * sizeof *alerts->queue);
		if (start(alerts, &next, &error) != VU_OK)
			vu_log_error("%s", error.message);
	}
}

vu_status vu_alert_command_run(vu_alert_command *alerts, const char *command, const vu_alert *alert, vu_error *error)
{
	order next = {.alert = *alert};

	if (!is_metric(alert->metric) || !isfinite(alert->value) || !isfinite(alert->threshold) ||
	    alert->sequence == 0)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to run alerts.command: this is no alert");
	if (alert->sequence == alerts->last_sequence)
		return VU_OK;
	if (!command || !*command)
		return vu_fail(error, VU_FAILED_PRECONDITION, "unable to run alerts.command: none is configured");
	if (strlen(command) >= sizeof next.command)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to run alerts.command: it has %zu bytes and the limit is %zu; write it to a "
		               "file and name that",
		               strlen(command), sizeof next.command - 1);
	if (alerts->stopped)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to run alerts.command: the suite is being stopped");
	if (alerts->waiting == VU_ALERT_QUEUE_MAX)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED,
		               "unable to run alerts.command: it still runs for an alert before, and %d more wait",
		               VU_ALERT_QUEUE_MAX);
	strcpy(next.command, command);
	alerts->last_sequence = alert->sequence;
	if (!alerts->process)
		return start(alerts, &next, error);
	alerts->queue[alerts->waiting++] = next;
	return VU_OK;
}

void vu_alert_command_stop(vu_alert_command *alerts)
{
	alerts->stopped = true;
	alerts->waiting = 0;
	kill_command(alerts);
}
