/* The queue between the device's callback and the microphone's thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audio/frame_queue.h"

#include <pthread.h>
#include <sched.h>

static void test_all_or_nothing(void **state)
{
	vu_frame_queue *queue = NULL;
	float frames[20];
	float out[20];

	(void)state;
	for (int i = 0; i < 20; i++)
		frames[i] = (float)i;
	assert_int_equal(vu_frame_queue_create(5, 2, &queue), VU_OK);
	/* 5 is rounded up to 8 frames. */
	assert_int_equal(vu_frame_queue_write(queue, frames, 9), 0);
	assert_int_equal(vu_frame_queue_write(queue, frames, 6), 6);
	assert_int_equal(vu_frame_queue_write(queue, frames, 3), 0);
	assert_int_equal(vu_frame_queue_read(queue, out, 4), 4);
	for (int i = 0; i < 8; i++)
		assert_true(out[i] == (float)i);
	/* Across the end of the memory. */
	assert_int_equal(vu_frame_queue_write(queue, frames, 6), 6);
	assert_int_equal(vu_frame_queue_read(queue, out, 10), 8);
	assert_true(out[0] == 8 && out[3] == 11 && out[4] == 0 && out[15] == 11);
	assert_int_equal(vu_frame_queue_read(queue, out, 10), 0);
	vu_frame_queue_destroy(queue);
	vu_frame_queue_destroy(NULL);
}

#define TOTAL 400000u

static void *write_all(void *context)
{
	vu_frame_queue *queue = context;
	float chunk[97];

	for (uint32_t next = 0; next < TOTAL;) {
		uint32_t count = next % 97 + 1;
		if (count > TOTAL - next)
			count = TOTAL - next;
		for (uint32_t i = 0; i < count; i++)
			chunk[i] = (float)(next + i);
		if (vu_frame_queue_write(queue, chunk, count) == count)
			next += count;
		else
			sched_yield();
	}
	return NULL;
}

static void test_two_threads_lose_nothing(void **state)
{
	vu_frame_queue *queue = NULL;
	pthread_t writer;
	float out[61];
	uint32_t expected = 0;

	(void)state;
	assert_int_equal(vu_frame_queue_create(256, 1, &queue), VU_OK);
	assert_int_equal(pthread_create(&writer, NULL, write_all, queue), 0);
	while (expected < TOTAL) {
		size_t count = vu_frame_queue_read(queue, out, 61);
		for (size_t i = 0; i < count; i++, expected++)
			if (out[i] != (float)expected)
				fail_msg("frame %u is %g", expected, (double)out[i]);
		if (count == 0)
			sched_yield();
	}
	pthread_join(writer, NULL);
	assert_int_equal(vu_frame_queue_read(queue, out, 61), 0);
	vu_frame_queue_destroy(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_or_nothing),
	    cmocka_unit_test(test_two_threads_lose_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
