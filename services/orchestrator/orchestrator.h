/*
 * The state of the orchestrator, shared by its handlers.
 *
 * A vu_orchestrator knows its peers, the rules, the ledger, the attempts and
 * the enrolments; it opens no socket. main.c puts it behind an RPC server and
 * the HTTP pages, tests put it behind theirs.
 */
#ifndef VU_ORCHESTRATOR_ORCHESTRATOR_H
#define VU_ORCHESTRATOR_ORCHESTRATOR_H

#include "alerts.h"
#include "attempts.h"
#include "enrollments.h"
#include "ledger.h"
#include "metric_store.h"
#include "peers.h"
#include "policy.h"
#include "tally.h"

#include "base/clock.h"
#include "base/config.h"
#include "rpc/server.h"
#include "store/audit.h"

#include <stdatomic.h>
#include <stddef.h>
#include <uv.h>

typedef struct vu_orchestrator {
	vu_peers peers;
	vu_ledger *ledger;
	vu_audit *audit; /* NULL: none is kept */
	vu_attempts *attempts;
	vu_metric_store *metrics; /* written by monitor.c */
	vu_alerts *alerts;
	vu_enrollments *enrollments;
	vu_tally tally;
	atomic_uint watchers; /* long polls and trials that run now, each bounded where it is counted */
	atomic_uint trials;
	vu_rpc_service service;
	bool (*plays_sound)(void); /* may be NULL */
	int64_t started_us;
	int64_t forgotten_us; /* when old history was last deleted; under the ledger's transaction */
	uv_mutex_t policy_lock;
	vu_policy policy;                     /* read by vu_orchestrator_policy */
	char *phrases[VU_CONFIG_PHRASES_MAX]; /* read by vu_orchestrator_phrases */
	unsigned phrase_count;
} vu_orchestrator;

typedef struct vu_orchestrator_setup {
	const vu_config *config;
	vu_peers peers;
	const char *home;           /* where history and metrics are kept */
	const char *audit_home;     /* where the folder audit is; NULL: `home` */
	const char *audit_key_path; /* NULL: no audit log */
	bool (*plays_sound)(void);  /* whether this machine plays sound; NULL: not known */
	vu_clock clock;             /* dates attempts and times lockouts; deadlines use the real one */
} vu_orchestrator_setup;

vu_status vu_orchestrator_create(const vu_orchestrator_setup *setup, vu_orchestrator **out, vu_error *error);
/* When no handler runs any more. NULL is allowed. */
void vu_orchestrator_destroy(vu_orchestrator *orchestrator);

/* New rules for what begins from now on. Any thread. */
vu_status vu_orchestrator_configure(vu_orchestrator *orchestrator, const vu_config *config, vu_error *error);

/* A copy of the rules. Any thread. */
vu_policy vu_orchestrator_policy(vu_orchestrator *orchestrator);

/* Copies of the enrolment phrases, at least one; free each and the array. NULL when out of memory. Any thread. */
char **vu_orchestrator_phrases(vu_orchestrator *orchestrator, size_t *count_out);

/* The service voiceunlock.v1.Orchestrator over this state; lives as long as that. */
const vu_rpc_service *vu_orchestrator_service(const vu_orchestrator *orchestrator);

#endif
