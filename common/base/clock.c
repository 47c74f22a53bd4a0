/* The real clocks. clock_gettime cannot fail for these identifiers. */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
	struct timespec now;
	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t vu_clock_monotonic_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t vu_clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}

static int64_t system_monotonic_us(void *context)
{
	(void)context;
	return vu_clock_monotonic_us();
}

static int64_t system_wall_us(void *context)
{
	(void)context;
	return vu_clock_wall_us();
}

vu_clock vu_clock_system(void)
{
	vu_clock clock = {system_monotonic_us, system_wall_us, NULL};
	return clock;
}
