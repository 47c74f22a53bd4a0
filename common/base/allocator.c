/*
 * jemalloc: its settings, and the check that it is there. The names with je_
 * are right everywhere: its header maps them to the plain ones where the
 * library was built without a prefix (Debian) and keeps them where it was built
 * with one (Homebrew).
 *
 * Asking it costs microseconds; nothing here allocates.
 */
#include "base/allocator.h"

#ifdef VU_SANITIZER

vu_status vu_allocator_check(vu_error *error)
{
	(void)error;
	return VU_OK;
}

const char *vu_allocator_name(void)
{
	return "system";
}

void vu_allocator_stats(uint64_t *allocated_bytes, uint64_t *resident_bytes)
{
	*allocated_bytes = 0;
	*resident_bytes = 0;
}

void vu_allocator_purge(void)
{
}

void vu_allocator_run_thread(bool on)
{
	(void)on;
}

#else

/* Keep the je_ names usable after the header. */
#define JEMALLOC_NO_DEMANGLE
#include <jemalloc/jemalloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A millisecond lies between two of them. */
#define PURGE_TRIES_MAX 50

/*
 * Read by jemalloc before main. Two arenas: a process here has some fifteen
 * mostly idle threads, and an arena for each would keep pages of its own. Freed
 * pages go back to the system after a second. A small thread cache, because
 * every thread has one. What is freed is overwritten at once, so that vectors,
 * keys and names do not outlive the message they came in.
 */
const char *je_malloc_conf = "narenas:2,background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0,"
                             "lg_tcache_max:13,junk:free";

#define TEXT_OF(x)       #x
#define TEXT_OF_VALUE(x) TEXT_OF(x)

vu_status vu_allocator_check(vu_error *error)
{
	const char *version = NULL;
	size_t size = sizeof version;
	uint64_t *counter = NULL;
	size_t counter_size = sizeof counter;
	uint64_t before;
	uint64_t after;
	void *probe;

	if (je_mallctl("version", &version, &size, NULL, 0) != 0 || !version)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to use jemalloc: it does not answer; build again with it linked");
	/* That it is loaded does not mean that malloc is served by it: see whether it counts one. */
	if (je_mallctl("thread.allocatedp", &counter, &counter_size, NULL, 0) != 0 || !counter)
		return VU_OK; /* built without statistics */
	before = *counter;
	probe = malloc(64);
	/* The compiler must not remove the pair as useless. */
	__asm__ volatile("" : : "g"(probe) : "memory");
	after = *counter;
	free(probe);
	if (after == before)
		return vu_fail(
		    error, VU_FAILED_PRECONDITION,
		    "unable to use jemalloc: malloc is served by another allocator; start without LD_PRELOAD "
		    "or build again with jemalloc linked");
	return VU_OK;
}

const char *vu_allocator_name(void)
{
	static char name[96];
	const char *version = NULL;
	size_t size = sizeof version;

	/* Written with the same bytes by whoever comes, so a race is harmless; the common case is the first line of
	 * main. */
	if (name[0] == '\0' && je_mallctl("version", &version, &size, NULL, 0) == 0 && version)
		snprintf(name, sizeof name, "jemalloc %s", version);
	return name[0] ? name : "system";
}

void vu_allocator_stats(uint64_t *allocated_bytes, uint64_t *resident_bytes)
{
	uint64_t epoch = 1;
	size_t value = 0;
	size_t size = sizeof epoch;

	*allocated_bytes = 0;
	*resident_bytes = 0;
	/* The figures are a snapshot; writing the epoch takes a new one. */
	je_mallctl("epoch", &epoch, &size, &epoch, sizeof epoch);
	size = sizeof value;
	if (je_mallctl("stats.allocated", &value, &size, NULL, 0) == 0)
		*allocated_bytes = value;
	size = sizeof value;
	if (je_mallctl("stats.resident", &value, &size, NULL, 0) == 0)
		*resident_bytes = value;
}

/* Pages that are free and still resident, over all arenas. */
static size_t dirty_pages(void)
{
	uint64_t epoch = 1;
	size_t pages = 0;
	size_t size = sizeof epoch;

	je_mallctl("epoch", &epoch, &size, &epoch, sizeof epoch);
	size = sizeof pages;
	if (je_mallctl("stats.arenas." TEXT_OF_VALUE(MALLCTL_ARENAS_ALL) ".pdirty", &pages, &size, NULL, 0) != 0)
		return 0;
	return pages;
}

/*
 * jemalloc 5.3 does nothing when its background thread is just purging a part
 * of the same arena, and says nothing about it; so look, and ask again. Other
 * threads may free pages meanwhile: the tries are bounded.
 */
void vu_allocator_purge(void)
{
	const struct timespec pause = {0, 1000000};

	je_mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
	for (int i = 0; i < PURGE_TRIES_MAX; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		je_mallctl("arena." TEXT_OF_VALUE(MALLCTL_ARENAS_ALL) ".purge", NULL, NULL, NULL, 0);
		if (dirty_pages() == 0)
			return;
	}
}

void vu_allocator_run_thread(bool on)
{
	/* Without it freed pages go back only when asked for; that is no reason to fail. */
	(void)je_mallctl("background_thread", NULL, NULL, &on, sizeof on);
}

#endif
