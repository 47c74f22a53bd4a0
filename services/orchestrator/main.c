/*
 * vu-orchestrator: the front of the suite. It decides, and nobody else does.
 *
 *   authenticate.c   does this voice belong to the user it claims to be?
 *   identify.c       whose voice is this?
 *   trials.c         one upload against many claims
 *     listen.c         a session, its features and its anti-spoof assessment
 *     weigh.c judge.c  what came of it, as checks
 *     decision.c       from checks to the verdict: the only accept
 *     settle.c         verdict, lockout and history in one transaction
 *     reason.c         the verdict in words
 *   enroll.c sample.c  enrolment, sample by sample
 *     enrollments.c    those under way
 *   users.c          who is enrolled
 *   watch.c          following and cancelling an attempt
 *     attempts.c       attempts that run or have just ended, by their id
 *   ledger.c         history.db
 *     history.c        past attempts
 *     lockout.c        failures and lockouts
 *   report.c         history and status
 *     suite.c          how all services are
 *   performance.c    report, metrics and alerts for those who ask
 *     monitor.c        measuring at intervals
 *     metric_store.c   history of metrics
 *     alerts.c         when one begins and ends
 *   http.c           loopback HTTP
 *     pages.c metrics.c  what its pages say
 */
#include "http.h"
#include "monitor.h"
#include "orchestrator.h"
#include "record.h"

#include "base/log.h"
#include "platform/platform.h"
#include "runtime/runtime.h"

#include <limits.h>
#include <stdlib.h>

typedef struct service_state {
	vu_runtime *runtime;
	vu_orchestrator *orchestrator;
	vu_http *http;
	vu_monitor *monitor;
} service_state;

/* Attempts wait for speech, watchers wait for attempts; status must find a thread all the same. */
#define IN_FLIGHT_MAX 64
#define WORKERS_MAX   64

static vu_channel *channel_of(void *context, vu_service_id id, vu_error *error)
{
	return vu_runtime_channel(context, id, error);
}

static vu_status start(vu_runtime *runtime, void **state_out, vu_error *error)
{
	service_state *state = calloc(1, sizeof *state);
	vu_orchestrator_setup setup = {
	    .config = vu_runtime_config(runtime),
	    .peers = {.channel = channel_of, .context = runtime},
	    .home = vu_runtime_state_folder(runtime),
	    .audit_home = vu_runtime_home(runtime),
	    .plays_sound = vu_platform_plays_sound,
	    .clock = vu_clock_system(),
	};
	char audit_key_path[PATH_MAX];
	vu_status status;

	if (!state)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start the orchestrator: out of memory");
	state->runtime = runtime;
	setup.audit_key_path = audit_key_path;
	status = vu_audit_key_path(setup.audit_home, audit_key_path, sizeof audit_key_path, error);
	if (status == VU_OK)
		status = vu_orchestrator_create(&setup, &state->orchestrator, error);
	if (status == VU_OK)
		status = vu_rpc_server_add(vu_runtime_server(runtime), vu_orchestrator_service(state->orchestrator),
		                           error);
	*state_out = state;
	return status;
}

/* Only now it is certain that no other instance runs, whose http.port this would overwrite. */
static vu_status listening(void *context, vu_error *error)
{
	service_state *state = context;
	vu_status status = vu_http_start(state->orchestrator, vu_runtime_folder(state->runtime), &state->http, error);

	vu_record_note(state->orchestrator, "", "", "start", "the orchestrator serves");
	return status == VU_OK ? vu_monitor_start(state->orchestrator, &state->monitor, error) : status;
}

static vu_status reload(void *context, const vu_config *config, vu_error *error)
{
	service_state *state = context;
	uint32_t old_port = vu_orchestrator_policy(state->orchestrator).http_port;
	vu_error ignored;
	vu_status status = vu_orchestrator_configure(state->orchestrator, config, error);

	if (status == VU_OK)
		vu_record_note(state->orchestrator, "", "", "configure", "the configuration was read again");
	if (status != VU_OK || config->http.port == old_port)
		return status;
	vu_http_stop(state->http);
	status = vu_http_start(state->orchestrator, vu_runtime_folder(state->runtime), &state->http, error);
	if (status == VU_OK)
		return VU_OK;
	/* Back to how it was; the old port was ours a moment ago. */
	(void)vu_orchestrator_configure(state->orchestrator, vu_runtime_config(state->runtime), &ignored);
	if (vu_http_start(state->orchestrator, vu_runtime_folder(state->runtime), &state->http, &ignored) != VU_OK)
		vu_log_error("%s", ignored.message);
	return status;
}

/* Requests may still run when their time to drain was over, so what they use stays. */
static void stop(void *context)
{
	service_state *state = context;
	vu_monitor_stop(state->monitor);
	vu_http_stop(state->http);
}

int main(int argc, char **argv)
{
	static const vu_service_definition definition = {
	    .id = VU_SERVICE_ORCHESTRATOR,
	    .in_flight_max = IN_FLIGHT_MAX,
	    .workers_max = WORKERS_MAX,
	    .front = true,
	    .start = start,
	    .listening = listening,
	    .reload = reload,
	    .stop = stop,
	};
	return vu_runtime_main(&definition, argc, argv);
}
