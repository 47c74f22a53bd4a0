/*
 * The requests of the Supervisor service, answered on the loop thread where
 * all state lives. None of them waits in here.
 */
#include "suite_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "platform/platform.h"

#include "voiceunlock/v1/common.pb-c.h"
#include "voiceunlock/v1/process.pb-c.h"
#include "voiceunlock/v1/supervisor.pb-c.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *health_name(vu_health health)
{
	switch (health) {
	case VU_HEALTH_SERVING:
		return "SERVING";
	case VU_HEALTH_NOT_SERVING:
		return "NOT_SERVING";
	default:
		return "UNKNOWN";
	}
}

/* protobuf-c's strings are not const, though packing only reads them. */
static char *borrow(const char *text)
{
	char *borrowed;
	memcpy(&borrowed, &text, sizeof borrowed);
	return borrowed;
}

/* The message's texts belong to the service: it is packed before anything can happen to that. */
static void fill_status(const vu_suite *suite, vu_service_id id, Vu__ServiceStatus *out)
{
	vu_watched_status status;

	vu_watched_get_status(suite->services[id], &status);
	vu__service_status__init(out);
	out->name = borrow(vu_service_name(id));
	out->pid = (uint64_t)status.pid;
	out->state = borrow(vu_suite_state_name(&status));
	out->health = borrow(health_name(status.health));
	out->restarts = status.restarts;
	out->rss_bytes = status.rss_bytes;
	out->limit_bytes = status.elsewhere ? 0 : vu_service_memory_limit(id, suite->config.config);
	out->uptime_s = (double)status.uptime_us / 1e6;
	out->reason = borrow(status.reason);
}

static void fill_own_status(const vu_suite *suite, Vu__ServiceStatus *out)
{
	vu_process_memory memory = {0};

	vu_platform_process_memory(getpid(), &memory);
	vu__service_status__init(out);
	out->name = borrow("supervisor");
	out->pid = (uint64_t)getpid();
	out->state = borrow(suite->stopping ? "stopping" : "running");
	out->health = borrow(suite->stopping ? "NOT_SERVING" : "SERVING");
	out->rss_bytes = memory.rss_bytes;
	out->uptime_s = (double)(vu_clock_monotonic_us() - suite->created_us) / 1e6;
}

static void answer_status(const vu_suite *suite, vu_rpc_call *call)
{
	Vu__SupervisorStatusResponse response = VU__SUPERVISOR_STATUS_RESPONSE__INIT;
	Vu__ServiceStatus services[VU_CHILD_COUNT + 1];
	Vu__ServiceStatus *pointers[VU_CHILD_COUNT + 1];

	response.ready = !suite->stopping;
	fill_own_status(suite, &services[0]);
	pointers[0] = &services[0];
	for (unsigned id = 0; id < VU_CHILD_COUNT; id++) {
		vu_watched_status status;
		vu_watched_get_status(suite->services[id], &status);
		fill_status(suite, (vu_service_id)id, &services[id + 1]);
		pointers[id + 1] = &services[id + 1];
		response.ready = response.ready && vu_suite_serves(&status);
	}
	response.uptime_s = services[0].uptime_s;
	response.n_services = VU_CHILD_COUNT + 1;
	response.services = pointers;
	vu_rpc_reply(call, &response.base);
}

static void answer_who_is(const vu_suite *suite, vu_rpc_call *call, uint64_t pid)
{
	Vu__WhoIsResponse response = VU__WHO_IS_RESPONSE__INIT;

	if (pid == (uint64_t)getpid())
		response.service = borrow("supervisor");
	for (unsigned id = 0; id < VU_CHILD_COUNT; id++) {
		vu_watched_status status;
		vu_watched_get_status(suite->services[id], &status);
		if (pid != 0 && (uint64_t)status.pid == pid)
			response.service = borrow(vu_service_name((vu_service_id)id));
	}
	vu_rpc_reply(call, &response.base);
}

static void fill_counter(Vu__Counter *out, const char *name, const char *service, double value, bool is_gauge,
                         const char *help)
{
	vu__counter__init(out);
	out->name = borrow(name);
	out->value = value;
	out->kind = is_gauge ? VU__COUNTER_KIND__COUNTER_GAUGE : VU__COUNTER_KIND__COUNTER_TOTAL;
	out->help = borrow(help);
	if (service) {
		out->label_name = borrow("service");
		out->label_value = borrow(service);
	}
}

/* The memory of services is counted by themselves; what only we know is whether they stay alive. */
static void answer_counters(const vu_suite *suite, vu_rpc_call *call)
{
	enum { OWN = 3, PER_SERVICE = 2, COUNT = OWN + PER_SERVICE * VU_CHILD_COUNT };
	Vu__CountersResponse response = VU__COUNTERS_RESPONSE__INIT;
	Vu__Counter counters[COUNT];
	Vu__Counter *pointers[COUNT];
	vu_process_memory memory = {0};
	uint64_t cpu_us = 0;

	vu_platform_process_memory(getpid(), &memory);
	vu_platform_process_cpu(getpid(), &cpu_us);
	fill_counter(&counters[0], "voice_unlock_process_resident_bytes", NULL, (double)memory.rss_bytes, true,
	             "memory of the process");
	fill_counter(&counters[1], "voice_unlock_process_cpu_seconds_total", NULL, (double)cpu_us / 1e6, false,
	             "processor time used");
	fill_counter(&counters[2], "voice_unlock_process_uptime_seconds", NULL,
	             (double)(vu_clock_monotonic_us() - suite->created_us) / 1e6, true,
	             "time since the process started");
	for (unsigned id = 0; id < VU_CHILD_COUNT; id++) {
		const char *name = vu_service_name((vu_service_id)id);
		vu_watched_status status;
		vu_watched_get_status(suite->services[id], &status);
		fill_counter(&counters[OWN + PER_SERVICE * id], "voice_unlock_service_restarts_total", name,
		             status.restarts, false, "starts of a service after the first");
		fill_counter(&counters[OWN + PER_SERVICE * id + 1], "voice_unlock_service_up", name,
		             vu_suite_serves(&status), true, "1 while the service serves");
	}
	for (unsigned i = 0; i < COUNT; i++)
		pointers[i] = &counters[i];
	response.n_counters = COUNT;
	response.counters = pointers;
	vu_rpc_reply(call, &response.base);
}

/* ---- restart ---- */

static void refuse_unknown(vu_rpc_call *call, const char *name)
{
	const char *names[VU_CHILD_COUNT];
	const char *nearest;

	for (unsigned id = 0; id < VU_CHILD_COUNT; id++)
		names[id] = vu_service_name((vu_service_id)id);
	nearest = vu_text_nearest(name, names, VU_CHILD_COUNT);
	if (nearest)
		vu_rpc_fail(call, VU_NOT_FOUND,
		            "unable to restart '%s': there is no such service; did you mean '%s'?", name, nearest);
	else
		vu_rpc_fail(
		    call, VU_NOT_FOUND,
		    "unable to restart '%s': there is no such service; use capture, features, models, antispoof or "
		    "orchestrator",
		    name);
}

static void take_restart(vu_suite *suite, vu_rpc_call *call, const char *name)
{
	vu_service_id id = vu_service_by_name(name);
	vu_suite_waiter *waiter;
	vu_watched_status status;

	if (id == VU_SERVICE_SUPERVISOR) {
		vu_rpc_fail(call, VU_FAILED_PRECONDITION,
		            "unable to restart the supervisor by itself: stop and start the suite instead");
		return;
	}
	if (id >= VU_CHILD_COUNT) {
		refuse_unknown(call, name);
		return;
	}
	if (suite->stopping) {
		vu_rpc_fail(call, VU_FAILED_PRECONDITION, "unable to restart %s: the suite is being stopped", name);
		return;
	}
	vu_watched_get_status(suite->services[id], &status);
	if (status.elsewhere) {
		vu_rpc_fail(call, VU_FAILED_PRECONDITION,
		            "unable to restart %s: it is on another machine, %s; restart it there", name,
		            status.reason);
		return;
	}
	waiter = calloc(1, sizeof *waiter);
	if (!waiter) {
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED, "unable to restart %s: out of memory", name);
		return;
	}
	waiter->id = id;
	waiter->spawns_before = status.spawns;
	waiter->call = call;
	waiter->next = suite->waiters;
	suite->waiters = waiter;
	vu_log_info("restarting %s on request", name);
	vu_watched_feed(suite->services[id], VU_MACHINE_RESTART);
	vu_suite_answer_waiters(suite);
}

/* True when the call was answered. */
static bool answer_waiter(vu_suite *suite, const vu_suite_waiter *waiter)
{
	const char *name = vu_service_name(waiter->id);
	vu_watched_status status;

	vu_watched_get_status(suite->services[waiter->id], &status);
	if (suite->stopping) {
		vu_rpc_fail(waiter->call, VU_FAILED_PRECONDITION, "unable to restart %s: the suite is being stopped",
		            name);
		return true;
	}
	if (status.spawns > waiter->spawns_before) {
		if (status.state == VU_MACHINE_RUNNING && status.health == VU_HEALTH_SERVING) {
			Vu__ServiceStatus response;
			fill_status(suite, waiter->id, &response);
			vu_rpc_reply(waiter->call, &response.base);
			return true;
		}
		if (status.state == VU_MACHINE_FAILED) {
			vu_rpc_fail(waiter->call, VU_FAILED_PRECONDITION, "unable to restart %s: %s", name,
			            status.reason);
			return true;
		}
		/* Not UNAVAILABLE, which a client would take as an invitation to ask for the same again. */
		if (status.state == VU_MACHINE_BACKOFF) {
			vu_rpc_fail(waiter->call, VU_ABORTED, "unable to restart %s: %s; it is being tried again",
			            name, status.reason);
			return true;
		}
	}
	if (vu_rpc_is_cancelled(waiter->call)) {
		vu_rpc_fail(waiter->call, VU_DEADLINE_EXCEEDED, "unable to restart %s in time: it is %s", name,
		            vu_machine_state_name(status.state));
		return true;
	}
	return false;
}

void vu_suite_answer_waiters(vu_suite *suite)
{
	vu_suite_waiter **link = &suite->waiters;

	while (*link) {
		vu_suite_waiter *waiter = *link;
		if (answer_waiter(suite, waiter)) {
			*link = waiter->next;
			free(waiter);
		} else {
			link = &waiter->next;
		}
	}
}

static void run_alert_command(vu_suite *suite, vu_rpc_call *call, const vu_alert *alert)
{
	Vu__Empty empty = VU__EMPTY__INIT;
	vu_error error = {.status = VU_OK};

	if (vu_alert_command_run(suite->alerts, suite->config.config->alerts.command, alert, &error) == VU_OK)
		vu_rpc_reply(call, &empty.base);
	else
		vu_rpc_fail_error(call, &error);
}

void vu_suite_take_request(vu_suite *suite, vu_front_request *request)
{
	Vu__Empty empty = VU__EMPTY__INIT;

	switch (request->kind) {
	case VU_FRONT_STATUS:
		answer_status(suite, request->call);
		break;
	case VU_FRONT_COUNTERS:
		answer_counters(suite, request->call);
		break;
	case VU_FRONT_WHO_IS:
		answer_who_is(suite, request->call, request->pid);
		break;
	case VU_FRONT_RESTART:
		take_restart(suite, request->call, request->service);
		break;
	case VU_FRONT_ALERT:
		run_alert_command(suite, request->call, &request->alert);
		break;
	case VU_FRONT_RELOAD:
		vu_suite_reload_for(suite, request->call);
		break;
	case VU_FRONT_STOP:
		vu_rpc_reply(request->call, &empty.base);
		if (!suite->stopping)
			vu_suite_stop(suite);
		break;
	}
	free(request);
}
