/*
 * How the whole suite is, asked of everybody at once and answered within half
 * a second: what does not answer by then is missing from the picture and named
 * as such.
 */
#ifndef VU_ORCHESTRATOR_SUITE_H
#define VU_ORCHESTRATOR_SUITE_H

#include "orchestrator.h"

#include "voiceunlock/v1/orchestrator.pb-c.h"
#include "voiceunlock/v1/process.pb-c.h"

#define VU_SUITE_ASK_US 500000

/* The services that must be SERVING for an authentication. */
#define VU_SUITE_NEEDED 5
extern const vu_service_id VU_SUITE_NEEDED_IDS[VU_SUITE_NEEDED];

/* A new message, freed by vu__suite_status_response__free_unpacked; NULL when out of memory. */
Vu__SuiteStatusResponse *vu_suite_status(vu_orchestrator *orchestrator);

/* "SERVING", "NOT_SERVING" or "UNKNOWN"; in the last case `error` (required) says why. Static. */
const char *vu_suite_health(vu_orchestrator *orchestrator, vu_service_id id, vu_error *error);

/*
 * The counters of every process (by vu_service_id), NULL where there was no
 * answer; free each that is not NULL with vu__counters_response__free_unpacked.
 */
void vu_suite_counters(vu_orchestrator *orchestrator, Vu__CountersResponse *answers[VU_SERVICE_COUNT]);

/* What the model server says of its caches, NULL when it says nothing; freed by vu__stats_response__free_unpacked. */
Vu__StatsResponse *vu_suite_stats(vu_orchestrator *orchestrator);

#endif
