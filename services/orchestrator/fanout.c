/* Threads for the time of one question. */
#include "fanout.h"

#include <stdbool.h>
#include <uv.h>

#define STACK_BYTES (256 * 1024)

void vu_fanout(void *items, size_t size, size_t count, void (*work)(void *item))
{
	uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK_BYTES};
	uv_thread_t threads[VU_FANOUT_MAX];
	bool started[VU_FANOUT_MAX] = {false};

	/* The first is done here: this thread would only wait. */
	for (size_t i = 1; i < count && i < VU_FANOUT_MAX; i++)
		started[i] = uv_thread_create_ex(&threads[i], &options, work, (char *)items + i * size) == 0;
	for (size_t i = 0; i < count; i++) {
		if (i >= VU_FANOUT_MAX || !started[i])
			work((char *)items + i * size);
	}
	for (size_t i = 1; i < count && i < VU_FANOUT_MAX; i++) {
		if (started[i])
			uv_thread_join(&threads[i]);
	}
}
