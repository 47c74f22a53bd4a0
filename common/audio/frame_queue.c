/* Single writer, single reader. Positions only grow; their difference is what the queue holds. */
#include "audio/frame_queue.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct vu_frame_queue {
	uint32_t channels;
	size_t capacity; /* frames, a power of two */
	_Atomic size_t written;
	_Atomic size_t read;
	float *frames;
};

vu_status vu_frame_queue_create(size_t frames, uint32_t channels, vu_frame_queue **queue_out)
{
	vu_frame_queue *queue = calloc(1, sizeof *queue);
	size_t capacity = 1;

	if (!queue)
		return VU_RESOURCE_EXHAUSTED;
	while (capacity < frames)
		capacity *= 2;
	queue->channels = channels;
	queue->capacity = capacity;
	queue->frames = malloc(capacity * channels * sizeof *queue->frames);
	if (!queue->frames) {
		free(queue);
		return VU_RESOURCE_EXHAUSTED;
	}
	*queue_out = queue;
	return VU_OK;
}

void vu_frame_queue_destroy(vu_frame_queue *queue)
{
	if (!queue)
		return;
	free(queue->frames);
	free(queue);
}

size_t vu_frame_queue_write(vu_frame_queue *queue, const float *interleaved, size_t frames)
{
	size_t written = atomic_load_explicit(&queue->written, memory_order_relaxed);
	size_t read = atomic_load_explicit(&queue->read, memory_order_acquire);
	size_t start = written & (queue->capacity - 1);
	size_t first = queue->capacity - start;

	if (frames > queue->capacity - (written - read))
		return 0;
	if (first > frames)
		first = frames;
	memcpy(queue->frames + start * queue->channels, interleaved, first * queue->channels * sizeof *interleaved);
	memcpy(queue->frames, interleaved + first * queue->channels,
	       (frames - first) * queue->channels * sizeof *interleaved);
	atomic_store_explicit(&queue->written, written + frames, memory_order_release);
	return frames;
}

size_t vu_frame_queue_read(vu_frame_queue *queue, float *out, size_t frames_max)
{
	size_t read = atomic_load_explicit(&queue->read, memory_order_relaxed);
	size_t written = atomic_load_explicit(&queue->written, memory_order_acquire);
	size_t start = read & (queue->capacity - 1);
	size_t frames = written - read;
	size_t first = queue->capacity - start;

	if (frames > frames_max)
		frames = frames_max;
	if (first > frames)
		first = frames;
	memcpy(out, queue->frames + start * queue->channels, first * queue->channels * sizeof *out);
	memcpy(out + first * queue->channels, queue->frames, (frames - first) * queue->channels * sizeof *out);
	atomic_store_explicit(&queue->read, read + frames, memory_order_release);
	return frames;
}
