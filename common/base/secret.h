/*
 * Memory for what must not leave this process: whole pages, locked against
 * swapping where the limit allows, left out of core dumps, wiped when freed.
 *
 * A failed lock is no failure of the allocation: the first is logged with the
 * remedy, and vu_secret_get_stats counts them. Any thread.
 */
#ifndef VU_BASE_SECRET_H
#define VU_BASE_SECRET_H

#include <stddef.h>
#include <stdint.h>

typedef struct vu_secret_stats {
	uint64_t locked_bytes;
	uint64_t unlocked_bytes; /* what the limit of locked memory had no room for */
} vu_secret_stats;

/* Zeroed, aligned to pages; NULL when out of memory. Free with vu_secret_free and the same size. */
void *vu_secret_alloc(size_t bytes);
/* Wipes and gives back; NULL is allowed. */
void vu_secret_free(void *data, size_t bytes);

void vu_secret_get_stats(vu_secret_stats *stats);

#endif
