/*
 * The services of the suite: who depends on whom, and how much memory each may
 * hold. Plain data and pure functions over sets of services; no processes.
 *
 * Dependencies order the start and, reversed, the stop. They are a courtesy to
 * whoever would otherwise call a service that is not there yet, no condition:
 * services find each other again by themselves, so one that fails to start
 * holds nobody back.
 */
#ifndef VU_SUPERVISOR_SERVICE_TABLE_H
#define VU_SUPERVISOR_SERVICE_TABLE_H

#include "base/config.h"

#include <stdbool.h>
#include <stdint.h>

/* Services that the supervisor starts: all but itself. Their ids are 0 … VU_CHILD_COUNT-1. */
#define VU_CHILD_COUNT VU_SERVICE_SUPERVISOR

/* A set of services, one bit (1 << id) each. */
typedef uint32_t vu_service_set;

typedef struct vu_service_entry {
	vu_service_id id;
	const char *program; /* beside our own executable */
	vu_service_set depends_on;
	uint32_t memory_mb; /* ceiling; 0: performance.max_memory_mb */
	bool gets_ring;     /* inherits the session rings */
} vu_service_entry;

/* VU_CHILD_COUNT entries, entry i describes service i. */
extern const vu_service_entry VU_SERVICE_TABLE[];

/* The ceiling of a service in bytes under `config`. */
uint64_t vu_service_memory_limit(vu_service_id id, const vu_config *config);

/* Those of `waiting` whose dependencies are all in `settled`. */
vu_service_set vu_service_set_startable(vu_service_set waiting, vu_service_set settled);

/* Those of `up` that nobody else in `up` depends on: the next to be stopped. */
vu_service_set vu_service_set_stoppable(vu_service_set up);

#endif
