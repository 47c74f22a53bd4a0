/*
 * jemalloc's extent hooks around its default ones. They run under jemalloc's
 * locks, in whatever thread allocates: nothing in them allocates, locks, logs or
 * waits; they count with atomics.
 *
 * allocator.c tells jemalloc not to retain what is freed, and to have no arena
 * for the oversized that could not be given hooks before its first use: else
 * address space would be mapped in advance and the count would be of that.
 */
#include "base/allocator_bound.h"

#ifdef VU_SANITIZER

vu_status vu_allocator_count(vu_error *error)
{
	return vu_fail(error, VU_UNIMPLEMENTED, "the allocator of a sanitizer build is not jemalloc");
}

uint64_t vu_allocator_mapped_bytes(void)
{
	return 0;
}

void vu_allocator_bound(uint64_t bytes)
{
	(void)bytes;
}

uint64_t vu_allocator_refusals(void)
{
	return 0;
}

#else

/* Keep the je_ names usable after the header. */
#define JEMALLOC_NO_DEMANGLE
#include <jemalloc/jemalloc.h>
#include <stdatomic.h>
#include <stdio.h>

static extent_hooks_t *defaults;
static _Atomic uint64_t mapped;
static _Atomic uint64_t bound = UINT64_MAX;
static _Atomic uint64_t refusals;

/* Takes the bytes first and gives them back, so that two threads together cannot pass the bound. */
static void *map(extent_hooks_t *hooks, void *at, size_t bytes, size_t alignment, bool *zero, bool *commit,
                 unsigned arena)
{
	void *address = NULL;

	(void)hooks;
	if (atomic_fetch_add(&mapped, bytes) + bytes > atomic_load(&bound))
		atomic_fetch_add(&refusals, 1);
	else
		address = defaults->alloc(defaults, at, bytes, alignment, zero, commit, arena);
	if (!address)
		atomic_fetch_sub(&mapped, bytes);
	return address;
}

/* True when jemalloc is to keep the extent, for which there is no reason but the system's refusal. */
static bool unmap(extent_hooks_t *hooks, void *address, size_t bytes, bool committed, unsigned arena)
{
	bool kept = !defaults->dalloc || defaults->dalloc(defaults, address, bytes, committed, arena);

	(void)hooks;
	if (!kept)
		atomic_fetch_sub(&mapped, bytes);
	return kept;
}

/* At the end of an arena, which ours do not reach before the process does. */
static void destroy(extent_hooks_t *hooks, void *address, size_t bytes, bool committed, unsigned arena)
{
	(void)hooks;
	if (defaults->destroy)
		defaults->destroy(defaults, address, bytes, committed, arena);
	atomic_fetch_sub(&mapped, bytes);
}

/*
 * Filled in with the default for what does not change how much is mapped, but
 * for merging: around hooks that are not its own jemalloc prepares the thread
 * for being entered again, and for a thread whose first call is free() that
 * means to allocate, while it holds the lock under which it merges: it waits for
 * itself (5.3.0). As nothing is retained, what is not merged is soon unmapped.
 */
static extent_hooks_t counting = {.alloc = map, .dalloc = unmap, .destroy = destroy};

static bool hook_arena(unsigned arena)
{
	char name[48];
	extent_hooks_t *hooks = &counting;

	/* An arena that is not there yet comes into being with them. */
	snprintf(name, sizeof name, "arena.%u.extent_hooks", arena);
	return je_mallctl(name, NULL, NULL, &hooks, sizeof hooks) == 0;
}

vu_status vu_allocator_count(vu_error *error)
{
	uint64_t epoch = 1;
	unsigned arenas = 0;
	size_t before = 0;
	size_t size = sizeof defaults;
	bool retained = true;

	if (je_mallctl("arena.0.extent_hooks", &defaults, &size, NULL, 0) != 0 || !defaults || !defaults->alloc)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to count what jemalloc maps: it shows no hooks; use jemalloc 5");
	size = sizeof retained;
	if (je_mallctl("opt.retain", &retained, &size, NULL, 0) != 0 || retained)
		return vu_fail(
		    error, VU_FAILED_PRECONDITION,
		    "unable to count what jemalloc maps: it retains what is freed; start without MALLOC_CONF");
	counting.commit = defaults->commit;
	counting.decommit = defaults->decommit;
	counting.purge_lazy = defaults->purge_lazy;
	counting.purge_forced = defaults->purge_forced;
	counting.split = defaults->split;
	size = sizeof arenas;
	if (je_mallctl("arenas.narenas", &arenas, &size, NULL, 0) != 0)
		arenas = 1;
	for (unsigned arena = 0; arena < arenas; arena++) {
		if (!hook_arena(arena))
			return vu_fail(
			    error, VU_FAILED_PRECONDITION,
			    "unable to count what jemalloc maps: arena %u does not take hooks; use jemalloc 5",
			    arena);
	}
	/* What was mapped without us, the records of the new arenas among it. */
	size = sizeof epoch;
	je_mallctl("epoch", &epoch, &size, &epoch, sizeof epoch);
	size = sizeof before;
	if (je_mallctl("stats.mapped", &before, &size, NULL, 0) == 0)
		atomic_store(&mapped, before);
	return VU_OK;
}

uint64_t vu_allocator_mapped_bytes(void)
{
	return atomic_load(&mapped);
}

void vu_allocator_bound(uint64_t bytes)
{
	atomic_store(&bound, bytes == 0 ? UINT64_MAX : bytes);
}

uint64_t vu_allocator_refusals(void)
{
	return atomic_load(&refusals);
}

#endif
