/* The same work on several things at once: questions to services that may not answer. */
#ifndef VU_ORCHESTRATOR_FANOUT_H
#define VU_ORCHESTRATOR_FANOUT_H

#include <stddef.h>

#define VU_FANOUT_MAX 8

/*
 * Runs work(item) for `count` (at most VU_FANOUT_MAX) items that lie `size`
 * bytes apart, each on a thread of its own, and returns when all have ended.
 * Where a thread cannot be started its work is done here.
 */
void vu_fanout(void *items, size_t size, size_t count, void (*work)(void *item));

#endif
