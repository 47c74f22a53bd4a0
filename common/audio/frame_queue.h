/*
 * A lock-free queue of audio frames from one thread to one other: the device's
 * real-time callback writes, which must never wait or allocate, and the thread
 * that owns the microphone reads.
 */
#ifndef VU_AUDIO_FRAME_QUEUE_H
#define VU_AUDIO_FRAME_QUEUE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct vu_frame_queue vu_frame_queue;

/* Room for at least `frames` frames of `channels` floats, rounded up to a power of two. RESOURCE_EXHAUSTED without
 * memory. */
vu_status vu_frame_queue_create(size_t frames, uint32_t channels, vu_frame_queue **queue_out);
/* When neither thread uses it any more. NULL is ignored. */
void vu_frame_queue_destroy(vu_frame_queue *queue);

/* Writer: all `frames` or, when there is no room for them, none. Returns the frames taken. */
size_t vu_frame_queue_write(vu_frame_queue *queue, const float *interleaved, size_t frames);

/* Reader: up to `frames_max` frames into `out`. Returns how many. */
size_t vu_frame_queue_read(vu_frame_queue *queue, float *out, size_t frames_max);

#endif
