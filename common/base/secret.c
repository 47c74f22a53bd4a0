/*
 * Pages of their own, so that locking and leaving out of dumps concern nothing
 * else. No guard pages: they would make three mappings of each.
 *
 * Mapping, locking and unmapping change the process's table of mappings, which
 * costs more than decrypting a template does. So a few freed regions are kept,
 * wiped, for the next one of about their size.
 */
#include "base/secret.h"

#include "base/log.h"

#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * How long a region is and whether it could be locked is remembered before the
 * data. A page for it would be dear: the data of a template fills its pages
 * badly anyway, so it takes the first 64 bytes, which keeps the alignment that
 * models need.
 */
#define HEAD_BYTES 64

/* A spare region is taken for less than it holds up to one part in so many. */
#define WASTE_SHARE 4

typedef struct region {
	size_t whole;
	struct region *next; /* among the spare ones */
	bool locked;
	bool bulk; /* too large to be locked, or to be kept as a spare */
} region;

_Static_assert(sizeof(region) <= HEAD_BYTES, "the head of a secret region is too long");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static vu_secret_stats stats;
static bool warned;
static region *spares;

#ifdef VU_SANITIZER
/* What points out of these pages is in use, which a leak checker, where there is one, does not see by itself. */
__attribute__((weak)) void __lsan_register_root_region(const void *at, size_t bytes);
__attribute__((weak)) void __lsan_unregister_root_region(const void *at, size_t bytes);
#define LSAN(call, r) (__lsan_##call##_root_region ? __lsan_##call##_root_region(r, (r)->whole) : (void)0)
#else
#define LSAN(call, r) ((void)0)
#endif

static size_t pages_of(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	return (bytes + HEAD_BYTES + page - 1) / page * page;
}

/* Under the lock. */
static void account(const region *r, bool comes)
{
	uint64_t *count = r->locked ? &stats.locked_bytes : &stats.unlocked_bytes;

	*count = comes ? *count + r->whole : *count - r->whole;
}

/* Under the lock: the smallest spare one that serves, locked ones first. */
static region *take_spare(size_t whole)
{
	region **best = NULL;
	region *taken;

	for (region **link = &spares; *link; link = &(*link)->next) {
		const region *r = *link;
		if (r->whole < whole || r->whole > whole + whole / WASTE_SHARE)
			continue;
		if (!best || r->locked > (*best)->locked ||
		    (r->locked == (*best)->locked && r->whole < (*best)->whole))
			best = link;
	}
	if (!best)
		return NULL;
	taken = *best;
	*best = taken->next;
	stats.spare_bytes -= taken->whole;
	return taken;
}

static region *map_region(size_t whole, bool bulk)
{
	region *r = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (r == MAP_FAILED)
		return NULL;
	/* Leaves the pages out of dumps first, so that holds even when locking fails. */
	if (!bulk)
		r->locked = sodium_mlock(r, whole) == 0;
#ifdef MADV_DONTDUMP
	else
		madvise(r, whole, MADV_DONTDUMP);
#endif
	r->bulk = bulk;
	r->whole = whole;
	LSAN(register, r);
	return r;
}

static void unmap_region(region *r)
{
	LSAN(unregister, r);
	munmap(r, r->whole); /* unlocks as well */
}

void *vu_secret_alloc(size_t bytes)
{
	region *r;
	bool warn = false;

	if (bytes > SIZE_MAX / 2)
		return NULL;
	pthread_mutex_lock(&lock);
	r = take_spare(pages_of(bytes));
	pthread_mutex_unlock(&lock);
	if (!r)
		r = map_region(pages_of(bytes), false);
	if (!r)
		return NULL;
	pthread_mutex_lock(&lock);
	account(r, true);
	warn = !r->locked && !warned;
	warned = warned || warn;
	pthread_mutex_unlock(&lock);
	if (warn)
		vu_log_warn("unable to lock secrets in memory: the limit is reached, so they may be swapped to disk; "
		            "raise it (ulimit -l, LimitMEMLOCK=) or encrypt the swap space");
	return (unsigned char *)r + HEAD_BYTES;
}

void *vu_secret_alloc_bulk(size_t bytes)
{
	region *r;

	if (bytes <= VU_SECRET_BULK_LOCKED_MAX)
		return vu_secret_alloc(bytes);
	r = bytes > SIZE_MAX / 2 ? NULL : map_region(pages_of(bytes), true);
	return r ? (unsigned char *)r + HEAD_BYTES : NULL;
}

void vu_secret_free(void *data, size_t bytes)
{
	region *r;
	bool keep;

	if (!data)
		return;
	r = (region *)(void *)((unsigned char *)data - HEAD_BYTES);
	sodium_memzero(data, bytes);
	if (r->bulk) {
		unmap_region(r);
		return;
	}
	pthread_mutex_lock(&lock);
	account(r, false);
	keep = stats.spare_bytes + r->whole <= VU_SECRET_SPARE_MAX;
	if (keep) {
		stats.spare_bytes += r->whole;
		r->next = spares;
		spares = r;
	}
	pthread_mutex_unlock(&lock);
	if (!keep)
		unmap_region(r);
}

void vu_secret_trim(void)
{
	region *r;

	pthread_mutex_lock(&lock);
	r = spares;
	spares = NULL;
	stats.spare_bytes = 0;
	pthread_mutex_unlock(&lock);
	while (r) {
		region *next = r->next;
		unmap_region(r);
		r = next;
	}
}

void vu_secret_get_stats(vu_secret_stats *out)
{
	pthread_mutex_lock(&lock);
	*out = stats;
	pthread_mutex_unlock(&lock);
}

/*
 * Those that no caller expects to keep. By name: a library's own way of clearing
 * memory takes whichever registers it likes, and which depends on the processor.
 */
static void clear_vector_registers(void)
{
#if defined __x86_64__
	if (__builtin_cpu_supports("avx512f"))
		__asm__ volatile("vpxorq %%zmm16, %%zmm16, %%zmm16\n\tvpxorq %%zmm17, %%zmm17, %%zmm17\n\t"
		                 "vpxorq %%zmm18, %%zmm18, %%zmm18\n\tvpxorq %%zmm19, %%zmm19, %%zmm19\n\t"
		                 "vpxorq %%zmm20, %%zmm20, %%zmm20\n\tvpxorq %%zmm21, %%zmm21, %%zmm21\n\t"
		                 "vpxorq %%zmm22, %%zmm22, %%zmm22\n\tvpxorq %%zmm23, %%zmm23, %%zmm23\n\t"
		                 "vpxorq %%zmm24, %%zmm24, %%zmm24\n\tvpxorq %%zmm25, %%zmm25, %%zmm25\n\t"
		                 "vpxorq %%zmm26, %%zmm26, %%zmm26\n\tvpxorq %%zmm27, %%zmm27, %%zmm27\n\t"
		                 "vpxorq %%zmm28, %%zmm28, %%zmm28\n\tvpxorq %%zmm29, %%zmm29, %%zmm29\n\t"
		                 "vpxorq %%zmm30, %%zmm30, %%zmm30\n\tvpxorq %%zmm31, %%zmm31, %%zmm31" ::
		                     : "memory");
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroall" ::
		                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
		                       "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	else
		__asm__ volatile("pxor %%xmm0, %%xmm0\n\tpxor %%xmm1, %%xmm1\n\tpxor %%xmm2, %%xmm2\n\t"
		                 "pxor %%xmm3, %%xmm3\n\tpxor %%xmm4, %%xmm4\n\tpxor %%xmm5, %%xmm5\n\t"
		                 "pxor %%xmm6, %%xmm6\n\tpxor %%xmm7, %%xmm7\n\tpxor %%xmm8, %%xmm8\n\t"
		                 "pxor %%xmm9, %%xmm9\n\tpxor %%xmm10, %%xmm10\n\tpxor %%xmm11, %%xmm11\n\t"
		                 "pxor %%xmm12, %%xmm12\n\tpxor %%xmm13, %%xmm13\n\tpxor %%xmm14, %%xmm14\n\t"
		                 "pxor %%xmm15, %%xmm15" ::
		                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
		                       "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
#elif defined __aarch64__
	/* The lower halves of v8 to v15 belong to the caller. */
	__asm__ volatile("movi v0.2d, #0\n\tmovi v1.2d, #0\n\tmovi v2.2d, #0\n\tmovi v3.2d, #0\n\t"
	                 "movi v4.2d, #0\n\tmovi v5.2d, #0\n\tmovi v6.2d, #0\n\tmovi v7.2d, #0\n\t"
	                 "movi v16.2d, #0\n\tmovi v17.2d, #0\n\tmovi v18.2d, #0\n\tmovi v19.2d, #0\n\t"
	                 "movi v20.2d, #0\n\tmovi v21.2d, #0\n\tmovi v22.2d, #0\n\tmovi v23.2d, #0\n\t"
	                 "movi v24.2d, #0\n\tmovi v25.2d, #0\n\tmovi v26.2d, #0\n\tmovi v27.2d, #0\n\t"
	                 "movi v28.2d, #0\n\tmovi v29.2d, #0\n\tmovi v30.2d, #0\n\tmovi v31.2d, #0" ::
	                     : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19", "v20",
	                       "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
#endif
}

void vu_secret_forget_work(size_t stack_bytes)
{
	sodium_stackzero(stack_bytes);
	clear_vector_registers();
}
