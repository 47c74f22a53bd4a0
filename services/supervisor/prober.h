/*
 * Questions to one service over RPC, asked from libuv's thread pool so that the
 * loop never waits. Answers come back on the loop thread. One question of each
 * kind is under way at a time; a second is refused.
 */
#ifndef VU_SUPERVISOR_PROBER_H
#define VU_SUPERVISOR_PROBER_H

#include "base/config.h"
#include "base/status.h"
#include "rpc/channel.h"
#include "rpc/placement.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* Shorter than the time between two checks, so that each has its answer before the next. */
#define VU_HEALTH_INTERVAL_MS 250
#define VU_HEALTH_TIMEOUT_US  (200 * 1000LL)
/* Of a service on another machine: what comes too late there is the link's. */
#define VU_HEALTH_TIMEOUT_ELSEWHERE_US (1000 * 1000LL)
#define VU_CLEANUP_TIMEOUT_US          (2 * 1000000LL)

typedef enum vu_health {
	VU_HEALTH_UNKNOWN,
	VU_HEALTH_SERVING,
	VU_HEALTH_NOT_SERVING,
	VU_HEALTH_MISSED,   /* no answer in time */
	VU_HEALTH_UNJUDGED, /* no answer, but we were held up ourselves: nobody's fault */
} vu_health;

typedef struct vu_prober vu_prober;

/* `tag` is handed back as it was given: it tells the processes of a service apart. */
typedef void (*vu_prober_answer)(void *context, vu_health health, unsigned tag);

/*
 * Asks at the local socket of a service that is here, else at its endpoints
 * elsewhere, with `credentials`. FAILED_PRECONDITION: an endpoint cannot be used
 * in this build. Never destroyed: channels live as long as the process.
 */
vu_status vu_prober_create(uv_loop_t *loop, vu_service_id id, const vu_placement *placement,
                           vu_credentials *credentials, vu_prober_answer answer, void *context,
                           vu_prober **prober_out, vu_error *error);

/* Asks for the health of the whole process. False when a check is under way. */
bool vu_prober_check(vu_prober *prober, unsigned tag);

/* Asks the service to give memory back, aggressively, and logs what came of it. False when that is under way. */
bool vu_prober_cleanup(vu_prober *prober);

/* The channel to the service, for further questions; as long as the process lives. */
vu_channel *vu_prober_channel(vu_prober *prober);

/* Asks the service to read its configuration again and waits. From a thread of the pool only. */
vu_status vu_prober_reload(vu_prober *prober, int64_t timeout_us, vu_error *error);

#endif
