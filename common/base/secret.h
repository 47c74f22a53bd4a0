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

/* What is kept of freed memory at most. */
#define VU_SECRET_SPARE_MAX (512u * 1024)

typedef struct vu_secret_stats {
	uint64_t locked_bytes;
	uint64_t unlocked_bytes; /* what the limit of locked memory had no room for */
	uint64_t spare_bytes;    /* freed, wiped, kept for the next; in neither of the above */
} vu_secret_stats;

/* Zeroed, aligned to pages; NULL when out of memory. Free with vu_secret_free and the same size. */
void *vu_secret_alloc(size_t bytes);
/*
 * The same for what would take the room of all other secrets: beyond
 * VU_SECRET_BULK_LOCKED_MAX it is left out of dumps and wiped when freed, but
 * not locked, and not counted as what could not be.
 */
#define VU_SECRET_BULK_LOCKED_MAX (1024u * 1024)
void *vu_secret_alloc_bulk(size_t bytes);
/* Wipes and gives back, or keeps a little of it for the next; NULL is allowed. `bytes` as asked for. */
void vu_secret_free(void *data, size_t bytes);
/* Gives back what was kept. */
void vu_secret_trim(void);

/*
 * Overwrites what has just been worked with and is in no memory of ours: the
 * stack below the caller, `stack_bytes` deep, and the vector registers, in
 * which copying leaves the last few hundred bytes of what it copied, where a
 * core file has them and the next signal puts them on the stack.
 */
void vu_secret_forget_work(size_t stack_bytes);

void vu_secret_get_stats(vu_secret_stats *stats);

#endif
