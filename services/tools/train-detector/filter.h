/* What microphones, loudspeakers and rooms do to frequencies. */
#ifndef VU_TRAIN_DETECTOR_FILTER_H
#define VU_TRAIN_DETECTOR_FILTER_H

#include "base/status.h"

#include <stddef.h>

#define FILTER_RIPPLES_MAX 8
/* Of power against frequency: 8 falls by 24 dB an octave. */
#define FILTER_LOW_POWER  8.0
#define FILTER_HIGH_POWER 60.0

typedef struct sound {
	float *samples;
	size_t count;
} sound;

typedef struct ripple {
	double hz;
	double octaves; /* half width */
	double db;
} ripple;

typedef struct filter {
	double low_hz;     /* half power at the lower edge; 0 = none */
	double high_hz;    /* at the upper; 0 = none */
	double low_power;  /* how steep; 0 = FILTER_LOW_POWER */
	double high_power; /* 0 = FILTER_HIGH_POWER */
	double tilt_db;    /* over the whole band, in the middle 0 */
	ripple ripples[FILTER_RIPPLES_MAX];
	size_t ripple_count;
	const sound *room; /* impulse response, borrowed; may be NULL */
} filter;

/* RESOURCE_EXHAUSTED without memory. Any thread. */
vu_status filter_apply(const filter *f, float *samples, size_t count);

#endif
