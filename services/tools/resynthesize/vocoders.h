/*
 * Simple vocoders of our own, to make attacks to train on. Each takes the
 * speech apart, throws away what vocoders throw away, and puts it together.
 */
#ifndef VU_RESYNTHESIZE_VOCODERS_H
#define VU_RESYNTHESIZE_VOCODERS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct vocoder {
	const char *name;
	const char *what;
	vu_status (*apply)(uint64_t seed, float *samples, size_t count);
} vocoder;

extern const vocoder VOCODERS[];
extern const size_t VOCODER_COUNT;

#endif
