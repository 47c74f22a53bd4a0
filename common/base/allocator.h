/*
 * The allocator of every process is jemalloc. A program that loses it (a link
 * with --as-needed does that silently) would lose the memory ceiling too, so
 * start-up checks. Sanitizer builds go without it.
 */
#ifndef VU_BASE_ALLOCATOR_H
#define VU_BASE_ALLOCATOR_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* OK when jemalloc serves malloc (or this is a sanitizer build); FAILED_PRECONDITION otherwise. */
vu_status vu_allocator_check(vu_error *error);

/* "jemalloc 5.3.0-0-g…" or "system". Static. */
const char *vu_allocator_name(void);

/* Bytes the program has allocated, and bytes resident for them; 0 in sanitizer builds. Any thread. */
void vu_allocator_stats(uint64_t *allocated_bytes, uint64_t *resident_bytes);

/* Gives all unused pages back to the system now. */
void vu_allocator_purge(void);

/* Ends the allocator's own thread, or lets it start again: for what binds only the threads to come. */
void vu_allocator_run_thread(bool on);

#endif
