/*
 * Clocks. The one that measures is monotonic and shared by all processes of a
 * host; the one that predicts and dates is wall time. Policy takes a vu_clock
 * so that tests can move time.
 */
#ifndef VU_BASE_CLOCK_H
#define VU_BASE_CLOCK_H

#include <stdint.h>

/* Microseconds since boot; Never goes back. */
int64_t vu_clock_monotonic_us(void);

/* Microseconds since 1970-01-01 UTC. */
int64_t vu_clock_wall_us(void);

typedef struct vu_clock {
	int64_t (*monotonic_us)(void *context);
	int64_t (*wall_us)(void *context);
	void *context;
} vu_clock;

/* The real clocks. */
vu_clock vu_clock_system(void);

#endif
