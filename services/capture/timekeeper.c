/* Sleeping is relative to the monotonic clock, as uv_cond_timedwait does on every system. */
#include "timekeeper.h"

#include "base/clock.h"

#include <stdlib.h>

#define STACK_BYTES (128 * 1024)

struct timekeeper {
	capture_sessions *sessions;
	uv_thread_t thread;
	uv_mutex_t lock;
	uv_cond_t changed;
	int64_t expected_us; /* the soonest that was announced since the last look */
	bool stopping;
};

/* Under the lock. Sleeps until `due_us` or what is expected sooner; false when it is time to end. */
static bool sleep_until(timekeeper *keeper, int64_t due_us)
{
	if (keeper->expected_us > due_us)
		keeper->expected_us = due_us;
	while (!keeper->stopping) {
		int64_t left_us;
		if (keeper->expected_us == INT64_MAX) {
			uv_cond_wait(&keeper->changed, &keeper->lock);
			continue;
		}
		left_us = keeper->expected_us - vu_clock_monotonic_us();
		if (left_us <= 0)
			break;
		uv_cond_timedwait(&keeper->changed, &keeper->lock, (uint64_t)left_us * 1000);
	}
	/* Whatever is announced from here on is newer than the look that follows. */
	keeper->expected_us = INT64_MAX;
	return !keeper->stopping;
}

static void run(void *context)
{
	timekeeper *keeper = context;
	bool going = true;

	while (going) {
		int64_t due_us = sessions_sweep(keeper->sessions, vu_clock_monotonic_us());
		uv_mutex_lock(&keeper->lock);
		going = sleep_until(keeper, due_us);
		uv_mutex_unlock(&keeper->lock);
	}
}

vu_status timekeeper_start(capture_sessions *sessions, timekeeper **keeper_out, vu_error *error)
{
	uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK_BYTES};
	timekeeper *keeper = calloc(1, sizeof *keeper);

	if (!keeper)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start the timekeeper: out of memory");
	keeper->sessions = sessions;
	keeper->expected_us = INT64_MAX;
	uv_mutex_init(&keeper->lock);
	uv_cond_init(&keeper->changed);
	if (uv_thread_create_ex(&keeper->thread, &options, run, keeper) != 0) {
		uv_cond_destroy(&keeper->changed);
		uv_mutex_destroy(&keeper->lock);
		free(keeper);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start the timekeeper: too many threads");
	}
	*keeper_out = keeper;
	return VU_OK;
}

void timekeeper_expect(timekeeper *keeper, int64_t due_us)
{
	uv_mutex_lock(&keeper->lock);
	if (due_us < keeper->expected_us) {
		keeper->expected_us = due_us;
		uv_cond_signal(&keeper->changed);
	}
	uv_mutex_unlock(&keeper->lock);
}

void timekeeper_stop(timekeeper *keeper)
{
	if (!keeper)
		return;
	uv_mutex_lock(&keeper->lock);
	keeper->stopping = true;
	uv_cond_signal(&keeper->changed);
	uv_mutex_unlock(&keeper->lock);
	uv_thread_join(&keeper->thread);
	uv_cond_destroy(&keeper->changed);
	uv_mutex_destroy(&keeper->lock);
	free(keeper);
}
