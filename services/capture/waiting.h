/*
 * Calls that wait for audio: long-polling reads, and openings of the
 * microphone that wait for its first samples. No thread waits with them; they
 * are answered by whoever adds samples to the session, and by the timekeeper
 * when their time is over. Every call is answered exactly once.
 *
 * A list belongs to one session and is used under that session's lock.
 */
#ifndef CAPTURE_WAITING_H
#define CAPTURE_WAITING_H

#include "audio/ring.h"
#include "base/status.h"
#include "rpc/server.h"

#include <stdbool.h>
#include <stdint.h>

/* A read answers at most this many samples, which is 1 MiB. */
#define CAPTURE_READ_SAMPLES_MAX     524288u
#define CAPTURE_READ_SAMPLES_DEFAULT 32768u
/* Nobody is kept waiting longer than this, so that dead readers are forgotten. */
#define CAPTURE_READ_WAIT_MS_MAX 30000u

typedef struct waiting_call waiting_call;
typedef struct waiting_list {
	waiting_call *first;
} waiting_list;

typedef struct waiting_read {
	uint64_t offset;
	uint32_t max_samples;
	uint32_t min_samples;
	int64_t due_us; /* answer with what there is at this time of the monotonic clock */
} waiting_read;

/*
 * Answers `call` at once when the session is ready for it, else remembers it
 * and returns true. OUT_OF_RANGE is answered when the offset lies beyond what was recorded.
 */
bool waiting_add_read(waiting_list *list, vu_rpc_call *call, const waiting_read *read, const vu_ring_record *record,
                      const int16_t *samples);

/* The same for an opening, which is ready when the session is no longer OPENING. */
bool waiting_add_open(waiting_list *list, vu_rpc_call *call, const vu_ring_record *record);

/* Answers every call that is ready after the session changed. */
void waiting_answer_ready(waiting_list *list, const vu_ring_record *record, const int16_t *samples);

/* Answers every call whose time is over or whose caller has gone; returns when to look again, INT64_MAX for never. */
int64_t waiting_answer_due(waiting_list *list, int64_t now_us, const vu_ring_record *record, const int16_t *samples);

/* Answers every call with an error. */
void waiting_refuse(waiting_list *list, vu_status status, const char *message);

#endif
