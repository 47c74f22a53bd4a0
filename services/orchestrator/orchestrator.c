/* The table of methods, creating the state, and changing its rules. */
#include "orchestrator.h"

#include "handlers.h"
#include "record.h"

#include "voiceunlock/v1/orchestrator.pb-c.h"

#include <stdlib.h>
#include <string.h>

/* Where the configuration names none. */
static const char *const PHRASE_WITHOUT_CONFIGURATION = "My voice opens this door, and only mine.";

static const vu_rpc_method METHODS[] = {
    {"Authenticate", vu_handle_authenticate, VU_RPC_IDEMPOTENT | VU_RPC_ANY_USER}, /* by attempt_id */
    {"RunTrials", vu_handle_run_trials, VU_RPC_IDEMPOTENT},
    {"Identify", vu_handle_identify, VU_RPC_IDEMPOTENT},
    /* An attempt is known by 128 random bits to who began it. */
    {"WatchAttempt", vu_handle_watch_attempt, VU_RPC_IDEMPOTENT | VU_RPC_ANY_USER},
    {"CancelAttempt", vu_handle_cancel_attempt, VU_RPC_IDEMPOTENT | VU_RPC_ANY_USER},
    {"BeginEnrollment", vu_handle_begin_enrollment, VU_RPC_IDEMPOTENT}, /* by enrollment_id */
    {"AddSample", vu_handle_add_sample, VU_RPC_IDEMPOTENT},             /* by sample_id */
    {"CommitEnrollment", vu_handle_commit_enrollment, VU_RPC_IDEMPOTENT},
    {"CancelEnrollment", vu_handle_cancel_enrollment, VU_RPC_IDEMPOTENT},
    {"ListUsers", vu_handle_list_users, VU_RPC_IDEMPOTENT},
    {"RemoveUser", vu_handle_remove_user, VU_RPC_IDEMPOTENT}, /* by request id */
    {"UnlockUser", vu_handle_unlock_user, VU_RPC_IDEMPOTENT},
    {"RemoveNamespace", vu_handle_remove_namespace, VU_RPC_IDEMPOTENT},
    {"History", vu_handle_history, VU_RPC_IDEMPOTENT},
    {"Status", vu_handle_status, VU_RPC_IDEMPOTENT},
    {"Report", vu_handle_report, VU_RPC_IDEMPOTENT},
    {"Metric", vu_handle_metric, VU_RPC_IDEMPOTENT},
    {"WatchAlerts", vu_handle_watch_alerts, VU_RPC_IDEMPOTENT},
};

static void free_phrases(char **phrases, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		free(phrases[i]);
}

vu_status vu_orchestrator_create(const vu_orchestrator_setup *setup, vu_orchestrator **out, vu_error *error)
{
	vu_orchestrator *orchestrator = calloc(1, sizeof *orchestrator);
	vu_status status;

	if (!orchestrator)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start the orchestrator: out of memory");
	if (uv_mutex_init(&orchestrator->policy_lock) != 0) {
		free(orchestrator);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start the orchestrator: no lock");
	}
	orchestrator->service.descriptor = &vu__orchestrator__descriptor;
	orchestrator->service.methods = METHODS;
	orchestrator->service.method_count = sizeof METHODS / sizeof *METHODS;
	orchestrator->service.context = orchestrator;
	orchestrator->peers = setup->peers;
	orchestrator->plays_sound = setup->plays_sound;
	orchestrator->started_us = vu_clock_monotonic_us();
	status = vu_orchestrator_configure(orchestrator, setup->config, error);
	if (status == VU_OK)
		status = vu_ledger_create(setup->home, setup->clock, &orchestrator->ledger, error);
	if (status == VU_OK && setup->audit_key_path)
		status = vu_record_open(orchestrator, setup->audit_home ? setup->audit_home : setup->home,
		                        setup->audit_key_path, error);
	if (status == VU_OK)
		status = vu_attempts_create(&orchestrator->attempts, error);
	if (status == VU_OK) {
		/* Numbers that go on after a restart, for those who follow. */
		orchestrator->alerts = vu_alerts_create((uint64_t)vu_ledger_wall_us(orchestrator->ledger));
		orchestrator->metrics = vu_metric_store_create(setup->home);
		if (!orchestrator->alerts || !orchestrator->metrics)
			status =
			    vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start the orchestrator: out of memory");
	}
	if (status == VU_OK)
		status = vu_enrollments_create(&orchestrator->enrollments, error);
	if (status != VU_OK) {
		vu_orchestrator_destroy(orchestrator);
		return status;
	}
	*out = orchestrator;
	return VU_OK;
}

void vu_orchestrator_destroy(vu_orchestrator *orchestrator)
{
	if (!orchestrator)
		return;
	vu_enrollments_destroy(orchestrator->enrollments);
	vu_metric_store_destroy(orchestrator->metrics);
	vu_alerts_destroy(orchestrator->alerts);
	vu_attempts_destroy(orchestrator->attempts);
	vu_audit_destroy(orchestrator->audit);
	vu_ledger_destroy(orchestrator->ledger);
	free_phrases(orchestrator->phrases, orchestrator->phrase_count);
	uv_mutex_destroy(&orchestrator->policy_lock);
	free(orchestrator);
}

vu_status vu_orchestrator_configure(vu_orchestrator *orchestrator, const vu_config *config, vu_error *error)
{
	char *phrases[VU_CONFIG_PHRASES_MAX] = {NULL};
	unsigned count = 0;
	vu_policy policy;

	vu_policy_from_config(config, &policy);
	for (unsigned i = 0; i < config->enrollment.phrase_count && i < VU_CONFIG_PHRASES_MAX; i++) {
		phrases[count] = strdup(config->enrollment.phrases[i]);
		if (!phrases[count]) {
			free_phrases(phrases, count);
			return vu_fail(error, VU_RESOURCE_EXHAUSTED,
			               "unable to take over the configuration: out of memory");
		}
		count++;
	}
	uv_mutex_lock(&orchestrator->policy_lock);
	orchestrator->policy = policy;
	free_phrases(orchestrator->phrases, orchestrator->phrase_count);
	memcpy(orchestrator->phrases, phrases, count * sizeof *phrases);
	orchestrator->phrase_count = count;
	uv_mutex_unlock(&orchestrator->policy_lock);
	return VU_OK;
}

vu_policy vu_orchestrator_policy(vu_orchestrator *orchestrator)
{
	vu_policy policy;

	uv_mutex_lock(&orchestrator->policy_lock);
	policy = orchestrator->policy;
	uv_mutex_unlock(&orchestrator->policy_lock);
	return policy;
}

char **vu_orchestrator_phrases(vu_orchestrator *orchestrator, size_t *count_out)
{
	char **copy = calloc(VU_CONFIG_PHRASES_MAX, sizeof *copy);
	size_t count = 0;
	bool complete = copy != NULL;

	uv_mutex_lock(&orchestrator->policy_lock);
	for (unsigned i = 0; complete && i < orchestrator->phrase_count; i++) {
		copy[count] = strdup(orchestrator->phrases[i]);
		if (copy[count])
			count++;
		else
			complete = false;
	}
	uv_mutex_unlock(&orchestrator->policy_lock);
	if (complete && count == 0) {
		copy[0] = strdup(PHRASE_WITHOUT_CONFIGURATION);
		count = copy[0] ? 1 : 0;
	}
	*count_out = count;
	return copy;
}

const vu_rpc_service *vu_orchestrator_service(const vu_orchestrator *orchestrator)
{
	return &orchestrator->service;
}
