/*
 * Start, stop and the regular look at all services. Every change of a service
 * leads to one function, advance(), which looks at all of them and does what
 * is due; so the order in which things happen does not matter.
 */
#include "suite_internal.h"

#include "audio/ring.h"
#include "base/clock.h"
#include "base/log.h"
#include "exit_codes.h"
#include "platform/platform.h"
#include "predecessor.h"
#include "rpc/credentials.h"
#include "service_log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static vu_watched_status status_of(const vu_suite *suite, unsigned id)
{
	vu_watched_status status;
	vu_watched_get_status(suite->services[id], &status);
	return status;
}

bool vu_suite_serves(const vu_watched_status *status)
{
	return (status->elsewhere || status->state == VU_MACHINE_RUNNING) && status->health == VU_HEALTH_SERVING;
}

const char *vu_suite_state_name(const vu_watched_status *status)
{
	return status->elsewhere ? "remote" : vu_machine_state_name(status->state);
}

static bool has_process(const vu_watched_status *status)
{
	return status->state == VU_MACHINE_STARTING || status->state == VU_MACHINE_RUNNING ||
	       status->state == VU_MACHINE_STOPPING;
}

/* ---- start ---- */

static void start_whose_turn_it_is(vu_suite *suite)
{
	vu_service_set waiting = 0;
	vu_service_set settled = 0;
	vu_service_set startable;

	for (unsigned id = 0; id < VU_CHILD_COUNT; id++) {
		vu_watched_status status = status_of(suite, id);
		if (status.spawns == 0 && !status.elsewhere)
			waiting |= 1u << id;
		if (status.settled)
			settled |= 1u << id;
	}
	startable = vu_service_set_startable(waiting, settled);
	for (unsigned id = 0; id < VU_CHILD_COUNT; id++) {
		if (startable & (1u << id))
			vu_watched_feed(suite->services[id], VU_MACHINE_START);
	}
}

static void tell_outcome(vu_suite *suite, int exit_code, const char *message)
{
	suite->outcome_known = true;
	suite->config.on_started(suite->config.context, exit_code, message);
}

/* Says once whether the start has succeeded. */
static void judge_start(vu_suite *suite)
{
	char message[1024];
	char missing[256] = "";
	size_t used = 0;
	unsigned serving = 0;

	if (suite->outcome_known)
		return;
	for (unsigned id = 0; id < VU_CHILD_COUNT; id++) {
		vu_watched_status status = status_of(suite, id);
		if (status.state == VU_MACHINE_FAILED) {
			snprintf(message, sizeof message, "unable to start %s: %s",
			         vu_service_name((vu_service_id)id), status.reason);
			tell_outcome(suite,
			             status.last_exit_code == VU_EXIT_CONFIGURATION ||
			                     status.last_exit_code == VU_EXIT_PERMISSION
			                 ? status.last_exit_code
			                 : VU_EXIT_UNAVAILABLE,
			             message);
			return;
		}
		if (vu_suite_serves(&status)) {
			serving++;
		} else if (used < sizeof missing) {
			used +=
			    (size_t)snprintf(missing + used, sizeof missing - used, "%s%s (%s%s%s)", used ? ", " : "",
			                     vu_service_name((vu_service_id)id), vu_suite_state_name(&status),
			                     status.reason[0] ? ": " : "", status.reason);
		}
	}
	if (serving == VU_CHILD_COUNT) {
		snprintf(message, sizeof message, "all services serve, %lld ms after the start",
		         (long long)((vu_clock_monotonic_us() - suite->started_us) / 1000));
		tell_outcome(suite, 0, message);
	} else if (vu_clock_monotonic_us() - suite->started_us > VU_SUITE_START_TIMEOUT_US) {
		snprintf(message, sizeof message, "unable to start the suite: after %lld s these do not serve: %s",
		         (long long)(VU_SUITE_START_TIMEOUT_US / 1000000), missing);
		tell_outcome(suite, VU_EXIT_UNAVAILABLE, message);
	}
}

/* ---- stop ---- */

static void stop_whose_turn_it_is(vu_suite *suite)
{
	vu_service_set up = 0;
	vu_service_set stoppable;

	for (unsigned id = 0; id < VU_CHILD_COUNT; id++) {
		vu_watched_status status = status_of(suite, id);
		if (has_process(&status))
			up |= 1u << id;
		else if (status.state != VU_MACHINE_STOPPED)
			vu_watched_feed(suite->services[id], VU_MACHINE_STOP);
	}
	stoppable = vu_service_set_stoppable(up);
	for (unsigned id = 0; id < VU_CHILD_COUNT; id++) {
		if (stoppable & (1u << id))
			vu_watched_feed(suite->services[id], VU_MACHINE_STOP);
	}
	if (up == 0 && !suite->stopped) {
		suite->stopped = true;
		suite->config.on_stopped(suite->config.context);
	}
}

/* ---- what happens on every change ---- */

static void advance(vu_suite *suite)
{
	/* Feeding a service may change it, which leads here again: the outermost call does the work. */
	if (suite->advancing) {
		suite->advance_again = true;
		return;
	}
	suite->advancing = true;
	do {
		suite->advance_again = false;
		if (suite->stopping) {
			stop_whose_turn_it_is(suite);
		} else if (suite->started_us != 0) {
			start_whose_turn_it_is(suite);
			judge_start(suite);
		}
		vu_suite_answer_waiters(suite);
	} while (suite->advance_again);
	suite->advancing = false;
}

static void note_change(void *context, vu_service_id id)
{
	(void)id;
	advance(context);
}

/* New certificates are shown by new processes, which cost no request. */
static void show_renewed_certificates(vu_suite *suite)
{
	if (!suite->renewal || suite->stopping || !vu_renewal_is_due(suite->renewal, vu_clock_monotonic_us()))
		return;
	for (unsigned id = 0; id < VU_CHILD_COUNT; id++) {
		if (!(suite->listening & (1u << id)))
			continue;
		vu_log_info("restarting %s to show other hosts the renewed certificate",
		            vu_service_name((vu_service_id)id));
		vu_watched_feed(suite->services[id], VU_MACHINE_RESTART);
	}
}

static void note_tick(uv_timer_t *timer)
{
	vu_suite *suite = timer->data;

	for (unsigned id = 0; id < VU_CHILD_COUNT; id++)
		vu_watched_tick(suite->services[id],
		                vu_service_memory_limit((vu_service_id)id, suite->config.config));
	if (suite->config.log_folder)
		vu_service_log_redirect_stderr(suite->config.log_folder, "supervisor", NULL);
	show_renewed_certificates(suite);
	advance(suite);
}

void vu_suite_start(vu_suite *suite)
{
	suite->started_us = vu_clock_monotonic_us();
	uv_timer_start(&suite->tick, note_tick, VU_HEALTH_INTERVAL_MS, VU_HEALTH_INTERVAL_MS);
	advance(suite);
}

void vu_suite_stop(vu_suite *suite)
{
	if (suite->stopping) {
		for (unsigned id = 0; id < VU_CHILD_COUNT; id++)
			vu_watched_kill(suite->services[id]);
		return;
	}
	vu_log_info("stopping all services");
	suite->stopping = true;
	suite->outcome_known = true;
	vu_alert_command_stop(suite->alerts);
	suite->config.on_stopping(suite->config.context);
	advance(suite);
}

/* ---- making ---- */

static vu_status read_credentials(vu_suite *suite, vu_error *error)
{
	char path[PATH_MAX];

	if (suite->credentials)
		return VU_OK;
	if ((size_t)snprintf(path, sizeof path, "%s/tls", suite->config.home) >= sizeof path)
		return vu_fail(error, VU_OUT_OF_RANGE,
		               "unable to read credentials: the state folder's name is too long");
	return vu_credentials_load(path, &suite->credentials, error);
}

static vu_status watch_certificates(vu_suite *suite, unsigned id, vu_error *error)
{
	suite->listening |= 1u << id;
	if (!suite->renewal)
		suite->renewal = vu_renewal_create(suite->config.home);
	return suite->renewal ? VU_OK
	                      : vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to watch certificates: out of memory");
}

vu_status vu_suite_create(const vu_suite_config *config, vu_suite **suite_out, vu_error *error)
{
	vu_suite *suite = calloc(1, sizeof *suite);
	vu_status status;

	if (!suite)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to watch the services: out of memory");
	suite->config = *config;
	suite->created_us = vu_clock_monotonic_us();
	suite->alerts = vu_alert_command_create(config->loop, VU_ALERT_PATIENCE_MS, STDERR_FILENO);
	if (!suite->alerts) {
		free(suite);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to watch the services: out of memory");
	}
	uv_timer_init(config->loop, &suite->tick);
	suite->tick.data = suite;
	status = vu_platform_shared_memory("voice-unlock-rings", VU_RING_MEMORY_BYTES, &suite->ring_fd, error);
	for (unsigned id = 0; status == VU_OK && id < VU_CHILD_COUNT; id++) {
		vu_placement placement;
		vu_watched_config watched = {
		    .loop = config->loop,
		    .entry = &VU_SERVICE_TABLE[id],
		    .program_folder = config->program_folder,
		    .log_folder = config->log_folder,
		    .placement = &placement,
		    .roster = config->roster,
		    .roster_fd = config->roster_fd,
		    .ring_fd = suite->ring_fd,
		    .cgroup = config->cgroup,
		    .memory_limit_bytes = vu_service_memory_limit((vu_service_id)id, config->config),
		    .on_change = note_change,
		    .context = suite,
		};
		status = vu_placement_find(config->config, config->runtime_folder, (vu_service_id)id,
		                           vu_platform_is_own_address, &placement, error);
		if (status == VU_OK && !placement.here)
			status = read_credentials(suite, error);
		if (!placement.here)
			watched.credentials = suite->credentials;
		else if (status == VU_OK && placement.listen_count > 0)
			status = watch_certificates(suite, id, error);
		if (status == VU_OK && !vu_predecessor_replace(&placement.local, vu_service_name((vu_service_id)id),
		                                               VU_SUITE_PREDECESSOR_PATIENCE_MS))
			status =
			    vu_fail(error, VU_UNAVAILABLE, "unable to replace %s: an earlier process still serves %s",
			            vu_service_name((vu_service_id)id), placement.local.path);
		if (status == VU_OK)
			status = vu_watched_create(&watched, &suite->services[id], error);
	}
	if (status == VU_OK)
		*suite_out = suite;
	return status;
}
