/*
 * What a sample of a service's resident memory calls for. Pure: the caller
 * samples, passes the time, and carries out the answer.
 *
 * At 80 % of the ceiling the service is asked to clean up aggressively, and
 * asked again while it stays there; from 90 % on it is to load nothing new; at
 * 100 % it is killed at once, since waiting for it to drain would only let it
 * grow.
 */
#ifndef VU_SUPERVISOR_MEMORY_CEILING_H
#define VU_SUPERVISOR_MEMORY_CEILING_H

#include <stdbool.h>
#include <stdint.h>

#define VU_CLEANUP_PERCENT  80
#define VU_REFUSE_PERCENT   90
#define VU_CLEANUP_AGAIN_US (5 * 1000000LL)

typedef enum vu_ceiling_verdict { VU_CEILING_FINE, VU_CEILING_CLEANUP, VU_CEILING_KILL } vu_ceiling_verdict;

typedef struct vu_memory_ceiling {
	int64_t asked_us; /* when a cleanup was last asked for; 0: not since it was below */
} vu_memory_ceiling;

/* `limit_bytes` 0 means none. A new process starts with a zeroed struct. */
vu_ceiling_verdict vu_memory_ceiling_judge(vu_memory_ceiling *ceiling, uint64_t rss_bytes, uint64_t limit_bytes,
                                           int64_t now_us);

/* True where nothing new is to be loaded. */
bool vu_memory_ceiling_refuses_loads(uint64_t rss_bytes, uint64_t limit_bytes);

#endif
