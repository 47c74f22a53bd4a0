/*
 * Pages of their own, so that locking and leaving out of dumps concern nothing
 * else. No guard pages: they would make three mappings of each.
 */
#include "base/secret.h"

#include "base/log.h"

#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Which pages could be locked is remembered by a word before the data. A page
 * for it would be dear: the data of a template fills its pages badly anyway, so
 * it takes the first 64 bytes, which keeps the alignment that models need.
 */
#define HEAD_BYTES 64

static pthread_mutex_t stats_lock = PTHREAD_MUTEX_INITIALIZER;
static vu_secret_stats stats;
static bool warned;

static size_t pages_of(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	return (bytes + HEAD_BYTES + page - 1) / page * page;
}

static void account(size_t bytes, bool locked)
{
	bool warn;

	pthread_mutex_lock(&stats_lock);
	if (locked)
		stats.locked_bytes += bytes;
	else
		stats.unlocked_bytes += bytes;
	warn = !locked && !warned;
	warned = warned || warn;
	pthread_mutex_unlock(&stats_lock);
	if (warn)
		vu_log_warn("unable to lock secrets in memory: the limit is reached, so they may be swapped to disk; "
		            "raise it (ulimit -l, LimitMEMLOCK=) or encrypt the swap space");
}

void *vu_secret_alloc(size_t bytes)
{
	size_t whole = pages_of(bytes);
	unsigned char *base;
	bool locked;

	if (bytes > SIZE_MAX / 2)
		return NULL;
	base = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return NULL;
	/* Leaves the pages out of dumps first, so that holds even when locking fails. */
	locked = sodium_mlock(base, whole) == 0;
	base[0] = locked;
	account(whole, locked);
	return base + HEAD_BYTES;
}

void vu_secret_free(void *data, size_t bytes)
{
	size_t whole = pages_of(bytes);
	unsigned char *base;
	bool locked;

	if (!data)
		return;
	base = (unsigned char *)data - HEAD_BYTES;
	locked = base[0] != 0;
	sodium_memzero(base, whole);
	munmap(base, whole); /* unlocks as well */
	pthread_mutex_lock(&stats_lock);
	if (locked)
		stats.locked_bytes -= whole;
	else
		stats.unlocked_bytes -= whole;
	pthread_mutex_unlock(&stats_lock);
}

void vu_secret_get_stats(vu_secret_stats *out)
{
	pthread_mutex_lock(&stats_lock);
	*out = stats;
	pthread_mutex_unlock(&stats_lock);
}
