/*
 * New configuration without a restart: read and checked here first, then told
 * to every service that runs. A configuration that is refused changes nothing.
 *
 * What a service cannot change while it runs it answers with
 * FAILED_PRECONDITION, and is restarted. A service that failed over the old
 * configuration gets another chance.
 */
#include "suite_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "exit_codes.h"

#include "voiceunlock/v1/common.pb-c.h"

#include <stdlib.h>

#define RELOAD_TIMEOUT_US         (5 * 1000000LL)
#define RELOAD_SERVICE_TIMEOUT_US (2 * 1000000LL)

typedef struct vu_reload {
	uv_work_t work;
	vu_suite *suite;
	vu_rpc_call *call; /* or NULL */
	int64_t deadline_us;
	vu_service_set targets;
	vu_config *config;
	vu_status status;
	vu_error error;
	vu_status answers[VU_CHILD_COUNT];
	vu_error errors[VU_CHILD_COUNT];
} vu_reload;

/* On a thread of the pool. The suite's services are made once and never moved. */
static void reload(uv_work_t *work)
{
	vu_reload *job = work->data;

	job->status = vu_config_load(NULL, &job->config, &job->error);
	for (unsigned id = 0; job->status == VU_OK && id < VU_CHILD_COUNT; id++) {
		int64_t left_us = job->deadline_us - vu_clock_monotonic_us();
		if (!(job->targets & (1u << id)))
			continue;
		if (left_us < 1)
			left_us = 1;
		job->answers[id] = vu_prober_reload(
		    vu_watched_prober(job->suite->services[id]),
		    left_us < RELOAD_SERVICE_TIMEOUT_US ? left_us : RELOAD_SERVICE_TIMEOUT_US, &job->errors[id]);
	}
}

static void apply_answer(vu_reload *job, vu_service_id id)
{
	vu_watched *service = job->suite->services[id];

	switch (job->answers[id]) {
	case VU_OK:
		break;
	case VU_FAILED_PRECONDITION:
		vu_log_info("restarting %s for the new configuration: %s", vu_service_name(id),
		            job->errors[id].message);
		vu_watched_feed(service, VU_MACHINE_RESTART);
		break;
	default:
		vu_log_warn("unable to hand the new configuration to %s: %s", vu_service_name(id),
		            job->errors[id].message);
		if (job->status == VU_OK)
			job->status =
			    vu_fail(&job->error, job->answers[id], "unable to hand the new configuration to %s: %s",
			            vu_service_name(id), job->errors[id].message);
		break;
	}
}

static void finish_reload(uv_work_t *work, int result)
{
	vu_reload *job = work->data;
	vu_suite *suite = job->suite;

	(void)result;
	suite->reloading = false;
	if (job->status != VU_OK) {
		vu_log_error("the configuration stays as it was: %s", job->error.message);
	} else {
		vu_config_free(suite->config.config);
		suite->config.config = job->config;
		vu_log_info("the configuration was read again");
		for (unsigned id = 0; id < VU_CHILD_COUNT && !suite->stopping; id++) {
			vu_watched_status status;
			vu_watched_get_status(suite->services[id], &status);
			if (job->targets & (1u << id))
				apply_answer(job, (vu_service_id)id);
			else if (status.state == VU_MACHINE_FAILED && status.last_exit_code == VU_EXIT_CONFIGURATION)
				vu_watched_feed(suite->services[id], VU_MACHINE_RESTART);
		}
	}
	if (job->call) {
		Vu__Empty empty = VU__EMPTY__INIT;
		if (job->status == VU_OK)
			vu_rpc_reply(job->call, &empty.base);
		else
			vu_rpc_fail_error(job->call, &job->error);
	}
	free(job);
}

void vu_suite_reload_for(vu_suite *suite, vu_rpc_call *call)
{
	vu_reload *job;

	if (suite->reloading || suite->stopping) {
		if (call)
			vu_rpc_fail(call, VU_ABORTED, "unable to read the configuration again: %s",
			            suite->stopping ? "the suite is being stopped" : "it is being read; try again");
		return;
	}
	job = calloc(1, sizeof *job);
	if (!job) {
		if (call)
			vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED,
			            "unable to read the configuration again: out of memory");
		return;
	}
	job->work.data = job;
	job->suite = suite;
	job->call = call;
	job->deadline_us = vu_clock_monotonic_us() + RELOAD_TIMEOUT_US;
	if (call && vu_rpc_deadline_us(call) < job->deadline_us)
		job->deadline_us = vu_rpc_deadline_us(call);
	for (unsigned id = 0; id < VU_CHILD_COUNT; id++) {
		vu_watched_status status;
		vu_watched_get_status(suite->services[id], &status);
		if (status.state == VU_MACHINE_RUNNING)
			job->targets |= 1u << id;
	}
	suite->reloading = uv_queue_work(suite->config.loop, &job->work, reload, finish_reload) == 0;
	if (!suite->reloading) {
		if (call)
			vu_rpc_fail(call, VU_INTERNAL, "unable to read the configuration again: no thread for it");
		free(job);
	}
}

void vu_suite_reload(vu_suite *suite)
{
	vu_suite_reload_for(suite, NULL);
}
