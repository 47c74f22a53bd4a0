/* The table, in the order of the services. A new method is one line here; without it nobody may call it. */
#include "rpc/caller.h"

#include "base/clock.h"
#include "base/log.h"
#include "rpc/credentials.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define BIT(caller) (1u << (caller))
#define CLIENT      BIT(VU_CALLER_CLIENT)
#define SUPERVISOR  BIT(VU_CALLER_SUPERVISOR)
/* On this machine or on another: */
#define FEATURES     (BIT(VU_CALLER_FEATURES) | BIT(VU_CALLER_REMOTE_FEATURES))
#define ANTISPOOF    (BIT(VU_CALLER_ANTISPOOF) | BIT(VU_CALLER_REMOTE_ANTISPOOF))
#define ORCHESTRATOR (BIT(VU_CALLER_ORCHESTRATOR) | BIT(VU_CALLER_REMOTE))
/* Where another machine has no business: */
#define OWN_ORCHESTRATOR BIT(VU_CALLER_ORCHESTRATOR)
#define EVERYBODY        (BIT(VU_CALLER_COUNT) - 1)

typedef struct vu_caller_row {
	const char *service; /* the process; NULL: each */
	const char *method;
	vu_caller_set callers;
} vu_caller_row;

/* The first row that fits counts. */
static const vu_caller_row ROWS[] = {
    /* What every process offers. */
    {NULL, "/grpc.health.v1.Health/Check", EVERYBODY},
    {NULL, "/grpc.health.v1.Health/Watch", EVERYBODY},
    {NULL, "/voiceunlock.v1.Reflection/Describe", CLIENT},
    {NULL, "/voiceunlock.v1.Process/Info", CLIENT | SUPERVISOR | OWN_ORCHESTRATOR},
    {NULL, "/voiceunlock.v1.Process/Counters", CLIENT | SUPERVISOR | ORCHESTRATOR},
    {NULL, "/voiceunlock.v1.Process/Cleanup", CLIENT | SUPERVISOR},
    /* Which configuration is in force is the supervisor's business; clients ask the supervisor. */
    {"supervisor", "/voiceunlock.v1.Process/Reload", CLIENT},
    {NULL, "/voiceunlock.v1.Process/Reload", SUPERVISOR},

    /* Clients bring audio; only those who compute on it take it away again. */
    {"capture", "/voiceunlock.v1.Capture/OpenSession", CLIENT | OWN_ORCHESTRATOR},
    {"capture", "/voiceunlock.v1.Capture/Append", CLIENT},
    {"capture", "/voiceunlock.v1.Capture/Read", FEATURES | ANTISPOOF},
    {"capture", "/voiceunlock.v1.Capture/GetSession", CLIENT | OWN_ORCHESTRATOR},
    {"capture", "/voiceunlock.v1.Capture/FinishSession", CLIENT},
    {"capture", "/voiceunlock.v1.Capture/CloseSession", CLIENT | OWN_ORCHESTRATOR},
    {"capture", "/voiceunlock.v1.Capture/ListDevices", CLIENT},

    {"features", "/voiceunlock.v1.Features/Extract", ORCHESTRATOR},

    {"antispoof", "/voiceunlock.v1.Antispoof/Assess", ORCHESTRATOR},
    {"antispoof", "/voiceunlock.v1.Antispoof/Forget", ORCHESTRATOR},
    {"antispoof", "/voiceunlock.v1.Antispoof/ReplayMemory", CLIENT | OWN_ORCHESTRATOR},

    /* Whatever scores, makes, changes or removes a template goes by the orchestrator, which locks out and audits. */
    {"models", "/voiceunlock.v1.Models/Enroll", ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/Agreement", ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/Score", ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/ScoreMany", ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/Identify", ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/Adapt", ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/Revert", ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/ListUsers", ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/Remove", ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/RemoveNamespace", ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/Observe", ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/Phrases", ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/CheckPhrases", ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/CountGuess", ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/ForgetGuesses", ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/Preload", CLIENT | SUPERVISOR | ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/Stats", CLIENT | SUPERVISOR | ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/States", CLIENT | OWN_ORCHESTRATOR},
    {"models", "/voiceunlock.v1.Models/Hot", CLIENT | SUPERVISOR},
    {"models", "/voiceunlock.v1.Models/SetPressure", SUPERVISOR},
    {"models", "/voiceunlock.v1.Models/Activate", CLIENT},
    {"models", "/voiceunlock.v1.Models/RotateKey", CLIENT},
    {"models", "/voiceunlock.v1.Models/Expire", OWN_ORCHESTRATOR},

    /* No service asks for a verdict, an enrolment or a removal: people do. */
    {"orchestrator", "/voiceunlock.v1.Orchestrator/Authenticate", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/RunTrials", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/Identify", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/WatchAttempt", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/CancelAttempt", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/BeginEnrollment", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/AddSample", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/CommitEnrollment", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/CancelEnrollment", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/ListUsers", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/RemoveUser", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/RemoveNamespace", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/History", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/Status", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/UnlockUser", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/Report", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/Metric", CLIENT},
    {"orchestrator", "/voiceunlock.v1.Orchestrator/WatchAlerts", CLIENT},

    /* Starting and stopping is for people. */
    {"supervisor", "/voiceunlock.v1.Supervisor/Status", CLIENT | BIT(VU_CALLER_ORCHESTRATOR)},
    {"supervisor", "/voiceunlock.v1.Supervisor/Restart", CLIENT},
    {"supervisor", "/voiceunlock.v1.Supervisor/Stop", CLIENT},
    {"supervisor", "/voiceunlock.v1.Supervisor/Reload", CLIENT},
    {"supervisor", "/voiceunlock.v1.Supervisor/WhoIs", CLIENT},
    {"supervisor", "/voiceunlock.v1.Supervisor/RunAlertCommand", OWN_ORCHESTRATOR},
};

const char *vu_caller_name(vu_caller caller)
{
	switch (caller) {
	case VU_CALLER_CLIENT:
		return "a client";
	case VU_CALLER_REMOTE:
		return "an orchestrator elsewhere";
	case VU_CALLER_REMOTE_FEATURES:
		return "features elsewhere";
	case VU_CALLER_REMOTE_ANTISPOOF:
		return "antispoof elsewhere";
	case VU_CALLER_HOST:
		return "any host";
	default:
		return vu_service_name((vu_service_id)caller);
	}
}

vu_caller_set vu_callers_of(const char *service, const char *method)
{
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		if ((!ROWS[i].service || strcmp(ROWS[i].service, service) == 0) &&
		    strcmp(ROWS[i].method, method) == 0)
			return ROWS[i].callers;
	}
	return 0;
}

/* At most once a second: who is refused may come again at once and without end. */
static bool may_log(void)
{
	static atomic_int_fast64_t next_us;
	int64_t now_us = vu_clock_monotonic_us();
	int_fast64_t next = atomic_load(&next_us);
	return now_us >= next && atomic_compare_exchange_strong(&next_us, &next, now_us + 1000000);
}

vu_status vu_caller_check(vu_caller caller, vu_caller_set allowed, const char *method, pid_t pid, vu_error *error)
{
	char names[160] = "";
	size_t used = 0;

	if (allowed & BIT(caller))
		return VU_OK;
	for (unsigned i = 0; i < VU_CALLER_COUNT; i++) {
		if ((allowed & BIT(i)) && used < sizeof names)
			used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "",
			                         vu_caller_name((vu_caller)i));
	}
	if (may_log())
		vu_log_warn("refused %s to %s (process %ld)", method, vu_caller_name(caller), (long)pid);
	return vu_fail(error, VU_PERMISSION_DENIED, "unable to call %s as %s: it is for %s only", method,
	               vu_caller_name(caller), used > 0 ? names : "nobody");
}

vu_status vu_caller_check_host(unsigned roles, vu_caller_set allowed, const char *method, const char *host,
                               vu_error *error)
{
	vu_caller_set callers = BIT(VU_CALLER_HOST);

	if (roles & VU_HOST_ORCHESTRATOR)
		callers |= BIT(VU_CALLER_REMOTE);
	if (roles & VU_HOST_FEATURES)
		callers |= BIT(VU_CALLER_REMOTE_FEATURES);
	if (roles & VU_HOST_ANTISPOOF)
		callers |= BIT(VU_CALLER_REMOTE_ANTISPOOF);
	if (allowed & callers)
		return VU_OK;
	if (may_log())
		vu_log_warn("refused %s to host %s", method, host);
	return vu_fail(error, VU_PERMISSION_DENIED,
	               "unable to call %s from host %s: its roles do not give it that; see vu-pki issue --role",
	               method, host);
}
