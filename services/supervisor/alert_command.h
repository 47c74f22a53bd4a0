/*
 * alerts.command: the program that the owner wants run for each alert.
 *
 * It is run here and not by the orchestrator, which measures and finds alerts,
 * since that one is confined and could start nothing; were it let, whoever took
 * it over could do everything. So it only says which alert there is. What is
 * run comes from the configuration that the supervisor has read itself, and
 * all that the teller chooses of the argument are numbers and a metric's name.
 *
 *   /bin/sh -c '<command> "$1"' alert '{"metric":…,"value":…,"threshold":…,"severity":…,"since":…}'
 *
 * One runs at a time, in a session of its own; a few more wait. The same alert
 * is run once, however often it is told. What does not end within the patience
 * is killed with all that it started; that, and an end that is no success, is
 * logged. Loop thread only.
 */
#ifndef VU_SUPERVISOR_ALERT_COMMAND_H
#define VU_SUPERVISOR_ALERT_COMMAND_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define VU_ALERT_PATIENCE_MS    15000
#define VU_ALERT_METRIC_SIZE    48
#define VU_ALERT_QUEUE_MAX      8
#define VU_ALERT_COMMAND_LENGTH 1024

typedef struct vu_alert {
	uint64_t sequence; /* tells one alert from another; 0 is none */
	char metric[VU_ALERT_METRIC_SIZE];
	double value;
	double threshold;
	bool critical;
	uint64_t since_us; /* wall clock */
} vu_alert;

typedef struct vu_alert_command vu_alert_command;

/* `log_fd` gets what commands print. NULL when out of memory. It lives as long as the loop. */
vu_alert_command *vu_alert_command_create(uv_loop_t *loop, unsigned patience_ms, int log_fd);

/*
 * Runs `command` (NULL or "": none) for the alert, at once or when the one
 * before has ended. OK also for an alert that was told before. Errors:
 * INVALID_ARGUMENT (a name or number that no alert has), FAILED_PRECONDITION
 * (no command, or a longer one than fits), RESOURCE_EXHAUSTED (too many wait),
 * else why it could not be started.
 */
vu_status vu_alert_command_run(vu_alert_command *alerts, const char *command, const vu_alert *alert, vu_error *error);

/* Kills what runs and forgets what waits: nothing is run any more. */
void vu_alert_command_stop(vu_alert_command *alerts);

#endif
