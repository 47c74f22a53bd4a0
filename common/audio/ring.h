/*
 * The session rings: recorded audio in shared memory that outlives capture.
 *
 * The memory is VU_RING_MEMORY_BYTES of zeroed shared memory, made by
 * vu_platform_shared_memory and held by the supervisor, which hands the
 * descriptor to each capture process (VU_ENV_RING_FD) and never reads it. It
 * is sparse: a slot that holds nothing costs nothing.
 *
 * One slot is one session: a record of plain data and up to 96 s of 16 kHz
 * mono s16 samples. A record is replaced as a whole (two copies and a sequence
 * number that is stored last), so a process killed at any instant leaves the
 * old or the new record, never a mixture; samples are written before the
 * record that counts them. The next process maps the same memory and goes on.
 *
 * One process writes at a time. Within it, different slots may be used by
 * different threads at once; the callers serialise access to one slot.
 */
#ifndef VU_AUDIO_RING_H
#define VU_AUDIO_RING_H

#include "base/id.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_RING_SLOTS 64
/* Largest page of the systems we run on, so that a slot's pages are its own. */
#define VU_RING_PAGE_BYTES   16384u
#define VU_RING_SLOT_SECONDS 96
#define VU_RING_SLOT_SAMPLES (VU_RING_SLOT_SECONDS * 16000u)
#define VU_RING_SLOT_AUDIO_BYTES                                                                                     \
	((VU_RING_SLOT_SAMPLES * 2u + VU_RING_PAGE_BYTES - 1) / VU_RING_PAGE_BYTES * VU_RING_PAGE_BYTES)
#define VU_RING_SLOT_BYTES   (VU_RING_PAGE_BYTES + VU_RING_SLOT_AUDIO_BYTES)
#define VU_RING_MEMORY_BYTES ((size_t)VU_RING_PAGE_BYTES + (size_t)VU_RING_SLOTS * VU_RING_SLOT_BYTES)

#define VU_RING_DEVICE_MAX  128
#define VU_RING_FAILURE_MAX 512

/* The numbers of these three are those of the protocol. */
typedef enum vu_ring_source {
	VU_RING_MICROPHONE = 1,
	VU_RING_UPLOAD = 2,
} vu_ring_source;

typedef enum vu_ring_state {
	VU_RING_OPENING = 1,
	VU_RING_LISTENING = 2,
	VU_RING_SPEECH = 3,
	VU_RING_ENDED = 4,
	VU_RING_FAILED = 5,
} vu_ring_state;

typedef enum vu_ring_end {
	VU_RING_END_NOT_YET = 0,
	VU_RING_END_OF_SPEECH = 1,
	VU_RING_END_OF_UPLOAD = 2,
	VU_RING_END_MAX_DURATION = 3,
	VU_RING_END_NO_SPEECH = 4,
	VU_RING_END_CLOSED = 5,
} vu_ring_end;

/* What is kept of a session beside its samples. Offsets count 16 kHz samples. */
typedef struct vu_ring_record {
	char id[VU_ID_HEX_SIZE];
	char device[VU_RING_DEVICE_MAX];   /* UTF-8, ends in NUL */
	char failure[VU_RING_FAILURE_MAX]; /* UTF-8, ends in NUL; empty unless FAILED */
	uint32_t source;                   /* vu_ring_source */
	uint32_t state;                    /* vu_ring_state */
	uint32_t end_reason;               /* vu_ring_end */
	uint32_t failure_status;           /* vu_status */
	uint32_t source_rate;              /* Hz before resampling */
	uint32_t source_channels;
	uint32_t source_format; /* the protocol's SampleFormat */
	uint32_t whole_upload;  /* 0 or 1 */
	uint32_t timeout_ms;
	uint32_t playing; /* 0 or 1: this machine played sound while the microphone was open */
	float level_dbfs;
	float peak_dbfs;
	uint64_t total_samples;
	uint64_t speech_start;
	uint64_t speech_end;
	uint64_t speech_samples;
	uint64_t first_sample_us; /* monotonic clock of this host */
	uint64_t ended_us;
} vu_ring_record;

typedef struct vu_ring vu_ring;

/*
 * Maps the memory behind `fd` (which stays the caller's and is kept open while
 * the ring is in use). Memory of another layout is emptied first; slots whose
 * record makes no sense are wiped, and so is whatever a killed process left in
 * slots that were already free. FAILED_PRECONDITION when the memory is smaller
 * than VU_RING_MEMORY_BYTES.
 */
vu_status vu_ring_open(int fd, vu_ring **ring_out, vu_error *error);

/* Unmaps; the memory keeps its content. NULL is ignored. */
void vu_ring_close(vu_ring *ring);

/* The record of `slot` into `record_out`; false when the slot is free. */
bool vu_ring_load(const vu_ring *ring, unsigned slot, vu_ring_record *record_out);

/* Replaces the record of `slot` as a whole; a free slot is occupied by it. */
void vu_ring_commit(vu_ring *ring, unsigned slot, const vu_ring_record *record);

/*
 * Copies samples into `slot` from `offset` on; readers see them once a
 * committed record counts them. Returns how many fitted.
 */
size_t vu_ring_write(vu_ring *ring, unsigned slot, uint64_t offset, const int16_t *samples, size_t count);

/* The samples of `slot`, VU_RING_SLOT_SAMPLES of them, valid until the slot is wiped or the ring closed. */
const int16_t *vu_ring_samples(const vu_ring *ring, unsigned slot);

/* Frees the slot, then zeroes its samples and gives their pages back. */
void vu_ring_wipe(vu_ring *ring, unsigned slot);

#endif
