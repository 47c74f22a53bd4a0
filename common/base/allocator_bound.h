/*
 * The allocator's own bound, exact and the same on every system: what jemalloc
 * maps is counted as it is mapped, and what would go beyond the bound is
 * refused, so that malloc returns NULL however fast the growth.
 *
 * Counted are the extents of jemalloc, used or kept for reuse: what the program
 * has allocated is never more. Not counted are jemalloc's records of them, which
 * it maps by the 2 MB and hardly fills, stacks, mapped files and what others
 * map; runtime/memory_limit.c has what bounds these.
 */
#ifndef VU_BASE_ALLOCATOR_BOUND_H
#define VU_BASE_ALLOCATOR_BOUND_H

#include "base/status.h"

#include <stdint.h>

/*
 * Begins to count. Once, first thing in main, while there is one thread.
 * UNIMPLEMENTED in sanitizer builds, whose allocator is another;
 * FAILED_PRECONDITION when jemalloc does not take the hooks.
 */
vu_status vu_allocator_count(vu_error *error);

/* Bytes mapped now; 0 when nothing counts. Any thread. */
uint64_t vu_allocator_mapped_bytes(void);

/* Refuses what would take the mapped bytes beyond `bytes`; 0 lifts the bound. Any thread. */
void vu_allocator_bound(uint64_t bytes);

/* How often something was refused since the start. Any thread. */
uint64_t vu_allocator_refusals(void);

#endif
