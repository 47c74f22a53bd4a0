/* Asking the suite. Whatever cannot be had is left out; only want of memory fails as a whole. */
#include "suite.h"

#include "fanout.h"
#include "store/lockout.h"

#include "base/clock.h"
#include "base/log.h"
#include "grpc/health/v1/health.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCKOUTS_MAX 256

const vu_service_id VU_SUITE_NEEDED_IDS[VU_SUITE_NEEDED] = {
    VU_SERVICE_CAPTURE, VU_SERVICE_FEATURES, VU_SERVICE_MODELS, VU_SERVICE_ANTISPOOF, VU_SERVICE_ORCHESTRATOR,
};

static ProtobufCMessage *ask(vu_orchestrator *orchestrator, vu_service_id id,
                             const ProtobufCServiceDescriptor *service, const char *method, vu_error *error)
{
	Vu__Empty request = VU__EMPTY__INIT;
	vu_peer_plan plan = {.deadline_us = vu_clock_monotonic_us() + VU_SUITE_ASK_US};

	return vu_peer_call(&orchestrator->peers, id, service, method, &request.base, &plan, error);
}

const char *vu_suite_health(vu_orchestrator *orchestrator, vu_service_id id, vu_error *error)
{
	VuHealth__HealthCheckRequest request = VU_HEALTH__HEALTH_CHECK_REQUEST__INIT;
	VuHealth__HealthCheckResponse *response;
	vu_peer_plan plan = {.deadline_us = vu_clock_monotonic_us() + VU_SUITE_ASK_US};
	const char *health = "UNKNOWN";

	response = (VuHealth__HealthCheckResponse *)vu_peer_call(
	    &orchestrator->peers, id, &vu_health__health__descriptor, "Check", &request.base, &plan, error);
	if (!response)
		return health;
	if (response->status == VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING)
		health = "SERVING";
	else if (response->status == VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING)
		health = "NOT_SERVING";
	vu_fail(error, VU_OK, "%s says %s", vu_service_name(id), health);
	vu_peer_free(&response->base);
	return health;
}

/* One question of a status: either kind of answer, or neither. */
typedef struct suite_question {
	vu_orchestrator *orchestrator;
	vu_service_id id;
	const ProtobufCServiceDescriptor *service;
	const char *method; /* NULL: health */
	ProtobufCMessage *answer;
	const char *health;
	vu_error error;
} suite_question;

static void put_question(void *item)
{
	suite_question *question = item;

	if (question->method)
		question->answer =
		    ask(question->orchestrator, question->id, question->service, question->method, &question->error);
	else
		question->health = vu_suite_health(question->orchestrator, question->id, &question->error);
}

/* ---- parts of the status ---- */

static bool take_supervisor(Vu__SuiteStatusResponse *status, Vu__SupervisorStatusResponse *answer)
{
	status->ready = answer->ready;
	status->uptime_s = answer->uptime_s;
	status->services = answer->services;
	status->n_services = answer->n_services;
	answer->services = NULL;
	answer->n_services = 0;
	for (size_t i = 0; i < status->n_services; i++) {
		const Vu__ServiceStatus *service = status->services[i];
		if (strcmp(service->name, "models") != 0)
			continue;
		status->model_server_rss_bytes = service->rss_bytes;
		if (service->limit_bytes > 0)
			status->max_bytes = service->limit_bytes;
	}
	return true;
}

static Vu__ServiceStatus *describe(vu_service_id id, const char *health, const char *reason)
{
	Vu__ServiceStatus *service = malloc(sizeof *service);
	bool answers = strcmp(health, "UNKNOWN") != 0;

	if (!service)
		return NULL;
	vu__service_status__init(service);
	service->name = strdup(vu_service_name(id));
	service->state = strdup(answers ? "running" : "unknown");
	service->health = strdup(health);
	service->reason = strdup(answers ? "" : reason);
	if (service->name && service->state && service->health && service->reason)
		return service;
	vu__service_status__free_unpacked(service, NULL);
	return NULL;
}

/* Without a supervisor (services started by hand, or it is down) each is asked for its health. */
static bool ask_each(vu_orchestrator *orchestrator, const char *supervisor_reason, Vu__SuiteStatusResponse *status)
{
	suite_question questions[VU_SUITE_NEEDED] = {0};
	Vu__ServiceStatus *service = describe(VU_SERVICE_SUPERVISOR, "UNKNOWN", supervisor_reason);

	status->services = calloc(VU_SUITE_NEEDED + 1, sizeof *status->services);
	if (!service || !status->services) {
		if (service)
			vu__service_status__free_unpacked(service, NULL);
		return false;
	}
	status->services[status->n_services++] = service;
	for (size_t i = 0; i < VU_SUITE_NEEDED; i++) {
		questions[i].orchestrator = orchestrator;
		questions[i].id = VU_SUITE_NEEDED_IDS[i];
	}
	vu_fanout(questions, sizeof *questions, VU_SUITE_NEEDED, put_question);
	status->ready = true;
	for (size_t i = 0; i < VU_SUITE_NEEDED; i++) {
		if (strcmp(questions[i].health, "SERVING") != 0)
			status->ready = false;
		service = describe(questions[i].id, questions[i].health, questions[i].error.message);
		if (!service)
			return false;
		status->services[status->n_services++] = service;
	}
	status->uptime_s = (double)(vu_clock_monotonic_us() - orchestrator->started_us) / 1e6;
	return true;
}

static void take_models(Vu__SuiteStatusResponse *status, Vu__StatsResponse *answer)
{
	status->users = answer->users;
	status->caches = answer->caches;
	status->n_caches = answer->n_caches;
	answer->caches = NULL;
	answer->n_caches = 0;
	status->expected = answer->expected;
	status->n_expected = answer->n_expected;
	answer->expected = NULL;
	answer->n_expected = 0;
}

static Vu__Lockout *describe_lockout(const vu_lockout_user *user)
{
	Vu__Lockout *lockout = malloc(sizeof *lockout);

	if (!lockout)
		return NULL;
	vu__lockout__init(lockout);
	lockout->user = strdup(user->user);
	lockout->remaining_s = user->state.remaining_s;
	lockout->failures = user->state.failures;
	if (lockout->user)
		return lockout;
	free(lockout);
	return NULL;
}

static bool take_lockouts(vu_orchestrator *orchestrator, const vu_policy *policy, Vu__SuiteStatusResponse *status)
{
	vu_lockout_rule rule = {
	    .max_attempts = policy->max_attempts,
	    .lockout_s = policy->lockout_s,
	    .boot_id = vu_ledger_boot_id(orchestrator->ledger),
	    .now_us = vu_ledger_monotonic_us(orchestrator->ledger),
	};
	vu_lockout_user *users = calloc(LOCKOUTS_MAX, sizeof *users);
	vu_store *store;
	vu_error error;
	size_t count = 0;
	vu_status result;

	if (!users)
		return false;
	result = vu_ledger_begin(orchestrator->ledger, &store, &error);
	if (result == VU_OK) {
		result = vu_lockout_list(store, &rule, users, LOCKOUTS_MAX, &count, &error);
		vu_ledger_rollback(orchestrator->ledger, result);
	}
	if (result != VU_OK)
		vu_log_warn("the status comes without lockouts: %s", error.message);
	if (count > 0)
		status->lockouts = calloc(count, sizeof *status->lockouts);
	for (size_t i = 0; status->lockouts && i < count; i++) {
		status->lockouts[i] = describe_lockout(&users[i]);
		if (!status->lockouts[i])
			break;
		status->n_lockouts++;
	}
	free(users);
	return status->n_lockouts == count;
}

Vu__SuiteStatusResponse *vu_suite_status(vu_orchestrator *orchestrator)
{
	enum { SUPERVISOR, MODELS, QUESTIONS };
	vu_policy policy = vu_orchestrator_policy(orchestrator);
	suite_question questions[QUESTIONS] = {
	    [SUPERVISOR] = {.orchestrator = orchestrator,
	                    .id = VU_SERVICE_SUPERVISOR,
	                    .service = &vu__supervisor__descriptor,
	                    .method = "Status"},
	    [MODELS] = {.orchestrator = orchestrator,
	                .id = VU_SERVICE_MODELS,
	                .service = &vu__models__descriptor,
	                .method = "Stats"},
	};
	Vu__SuiteStatusResponse *status = malloc(sizeof *status);
	bool complete;

	if (!status)
		return NULL;
	vu__suite_status_response__init(status);
	status->max_bytes = policy.max_memory_bytes;
	vu_fanout(questions, sizeof *questions, QUESTIONS, put_question);
	if (questions[SUPERVISOR].answer)
		complete = take_supervisor(status, (Vu__SupervisorStatusResponse *)questions[SUPERVISOR].answer);
	else
		complete = ask_each(orchestrator, questions[SUPERVISOR].error.message, status);
	if (questions[MODELS].answer)
		take_models(status, (Vu__StatsResponse *)questions[MODELS].answer);
	complete = take_lockouts(orchestrator, &policy, status) && complete;
	for (size_t i = 0; i < QUESTIONS; i++)
		vu_peer_free(questions[i].answer);
	if (complete)
		return status;
	vu__suite_status_response__free_unpacked(status, NULL);
	return NULL;
}

Vu__StatsResponse *vu_suite_stats(vu_orchestrator *orchestrator)
{
	vu_error error;

	return (Vu__StatsResponse *)ask(orchestrator, VU_SERVICE_MODELS, &vu__models__descriptor, "Stats", &error);
}

void vu_suite_counters(vu_orchestrator *orchestrator, Vu__CountersResponse *answers[VU_SERVICE_COUNT])
{
	suite_question questions[VU_SERVICE_COUNT] = {0};

	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++) {
		questions[id].orchestrator = orchestrator;
		questions[id].id = (vu_service_id)id;
		questions[id].service = &vu__process__descriptor;
		questions[id].method = "Counters";
	}
	vu_fanout(questions, sizeof *questions, VU_SERVICE_COUNT, put_question);
	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++)
		answers[id] = (Vu__CountersResponse *)questions[id].answer;
}
