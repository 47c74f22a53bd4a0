/*
 * Session rings in shared memory.
 *
 * Promise: at any instant at which the writing process is killed, every slot
 * is either free or holds one whole record and all samples that it counts.
 * That rests on the order of three stores: samples, then the spare copy of the
 * record, then the sequence number that makes the copy current. Freeing stores
 * sequence 0 first and clears afterwards; what a kill leaves in between is
 * cleared by the next vu_ring_open.
 *
 * The memory was filled by an earlier version of this program, at worst, so
 * records are checked before they are believed; a senseless one costs its
 * session, never the process.
 */
#include "audio/ring.h"

#include "base/log.h"
#include "platform/platform.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define RING_MAGIC 0x31676e6952755676ull /* "vVuRing1" */

/* Changes with the layout of anything below, so that another version's memory is emptied. */
#define RING_LAYOUT (((uint64_t)sizeof(slot_header) << 32) | ((uint64_t)VU_RING_SLOTS << 16) | 1u)

typedef struct slot_header {
	_Atomic uint64_t sequence; /* 0: free; its low bit says which copy is current */
	vu_ring_record copies[2];
} slot_header;

typedef struct ring_header {
	uint64_t magic;
	uint64_t layout;
} ring_header;

_Static_assert(sizeof(slot_header) <= 4096, "a slot's header should cost one small page");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "the sequence must be lock-free to be shared between processes");

struct vu_ring {
	int fd;
	uint8_t *memory;
};

static size_t slot_offset(unsigned slot)
{
	return VU_RING_PAGE_BYTES + (size_t)slot * VU_RING_SLOT_BYTES;
}

static slot_header *header_of(const vu_ring *ring, unsigned slot)
{
	return (slot_header *)(void *)(ring->memory + slot_offset(slot));
}

static int16_t *samples_of(const vu_ring *ring, unsigned slot)
{
	return (int16_t *)(void *)(ring->memory + slot_offset(slot) + VU_RING_PAGE_BYTES);
}

static bool ends_in_nul(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool record_makes_sense(const vu_ring_record *record)
{
	return ends_in_nul(record->id, sizeof record->id) && vu_id_is_hex(record->id) &&
	       ends_in_nul(record->device, sizeof record->device) &&
	       ends_in_nul(record->failure, sizeof record->failure) &&
	       (record->source == VU_RING_MICROPHONE || record->source == VU_RING_UPLOAD) &&
	       record->state >= VU_RING_OPENING && record->state <= VU_RING_FAILED &&
	       record->end_reason <= VU_RING_END_CLOSED && record->failure_status < VU_STATUS_COUNT &&
	       record->total_samples <= VU_RING_SLOT_SAMPLES && record->speech_start <= record->total_samples &&
	       record->speech_end <= record->total_samples && record->speech_samples <= record->total_samples;
}

/* Releasing pages that were never touched costs a microsecond, so free slots need no look at their content. */
static void release_slot(vu_ring *ring, unsigned slot)
{
	vu_platform_shared_memory_release(ring->fd, ring->memory, slot_offset(slot), VU_RING_SLOT_BYTES);
}

static void adopt_slots(vu_ring *ring)
{
	vu_ring_record record;

	for (unsigned slot = 0; slot < VU_RING_SLOTS; slot++) {
		if (!vu_ring_load(ring, slot, &record)) {
			release_slot(ring, slot);
		} else if (!record_makes_sense(&record)) {
			vu_log_warn("a damaged audio session in slot %u was wiped", slot);
			vu_ring_wipe(ring, slot);
		}
	}
}

vu_status vu_ring_open(int fd, vu_ring **ring_out, vu_error *error)
{
	struct stat info;
	vu_ring *ring;
	ring_header *header;
	void *memory;

	if (fstat(fd, &info) != 0)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to use descriptor %d for the audio rings: it is not open; start the suite "
		               "through its supervisor",
		               fd);
	if (info.st_size < 0 || (uint64_t)info.st_size < VU_RING_MEMORY_BYTES)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to use the audio rings: the shared memory has %lld bytes instead of %zu; "
		               "supervisor and capture must be of one version",
		               (long long)info.st_size, VU_RING_MEMORY_BYTES);
	ring = malloc(sizeof *ring);
	if (!ring)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to map the audio rings: out of memory");
	memory = mmap(NULL, VU_RING_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		free(ring);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to map the audio rings: out of address space");
	}
	ring->fd = fd;
	ring->memory = memory;
	header = memory;
	if (header->magic != RING_MAGIC || header->layout != RING_LAYOUT) {
		/* Every slot is emptied before the magic says that slots can be believed. */
		header->magic = 0;
		atomic_thread_fence(memory_order_seq_cst);
		vu_platform_shared_memory_release(fd, memory, VU_RING_PAGE_BYTES,
		                                  VU_RING_MEMORY_BYTES - VU_RING_PAGE_BYTES);
		header->layout = RING_LAYOUT;
		atomic_thread_fence(memory_order_seq_cst);
		header->magic = RING_MAGIC;
	} else {
		adopt_slots(ring);
	}
	*ring_out = ring;
	return VU_OK;
}

void vu_ring_close(vu_ring *ring)
{
	if (!ring)
		return;
	munmap(ring->memory, VU_RING_MEMORY_BYTES);
	free(ring);
}

bool vu_ring_load(const vu_ring *ring, unsigned slot, vu_ring_record *record_out)
{
	slot_header *header = header_of(ring, slot);
	uint64_t sequence = atomic_load_explicit(&header->sequence, memory_order_acquire);

	if (sequence == 0)
		return false;
	*record_out = header->copies[sequence & 1];
	return true;
}

void vu_ring_commit(vu_ring *ring, unsigned slot, const vu_ring_record *record)
{
	slot_header *header = header_of(ring, slot);
	uint64_t next = atomic_load_explicit(&header->sequence, memory_order_relaxed) + 1;

	header->copies[next & 1] = *record;
	atomic_store_explicit(&header->sequence, next, memory_order_release);
}

size_t vu_ring_write(vu_ring *ring, unsigned slot, uint64_t offset, const int16_t *samples, size_t count)
{
	size_t room;

	if (offset >= VU_RING_SLOT_SAMPLES)
		return 0;
	room = (size_t)(VU_RING_SLOT_SAMPLES - offset);
	if (count > room)
		count = room;
	memcpy(samples_of(ring, slot) + offset, samples, count * sizeof *samples);
	return count;
}

const int16_t *vu_ring_samples(const vu_ring *ring, unsigned slot)
{
	return samples_of(ring, slot);
}

void vu_ring_wipe(vu_ring *ring, unsigned slot)
{
	atomic_store_explicit(&header_of(ring, slot)->sequence, 0, memory_order_seq_cst);
	release_slot(ring, slot);
}
