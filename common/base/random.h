/*
 * Randomness that is the same everywhere, for what has to come out alike each
 * time: splitmix64 (Steele, Lea, Flood 2014). The state is any seed; nothing
 * secret may be drawn from it. Each thread has a state of its own.
 */
#ifndef VU_BASE_RANDOM_H
#define VU_BASE_RANDOM_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

static inline uint64_t vu_random_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9E3779B97F4A7C15u);
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

/* In [0, 1). */
static inline double vu_random_uniform(uint64_t *state)
{
	return (double)(vu_random_next(state) >> 11) / 9007199254740992.0;
}

static inline double vu_random_between(uint64_t *state, double low, double high)
{
	return low + (high - low) * vu_random_uniform(state);
}

static inline size_t vu_random_below(uint64_t *state, size_t count)
{
	return (size_t)(vu_random_uniform(state) * (double)count);
}

static inline double vu_random_normal(uint64_t *state)
{
	double a = 1.0 - vu_random_uniform(state);
	return sqrt(-2.0 * log(a)) * cos(6.283185307179586 * vu_random_uniform(state));
}

/* FNV-1a, so that a file's randomness depends on its name and not on its place in a list. */
static inline uint64_t vu_random_hash(const char *text, uint64_t seed)
{
	uint64_t h = 0xcbf29ce484222325u ^ seed;
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3u;
	return h;
}

#endif
