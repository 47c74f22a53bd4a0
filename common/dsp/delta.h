/*
 * Regression over time (HTK): d[t] = sum_k k (c[t+k] - c[t-k]) / (2 sum_k k^2),
 * k = 1 to `reach`, with the first and last frame repeated beyond the ends.
 * Applied twice it gives the second differences.
 */
#ifndef VU_DSP_DELTA_H
#define VU_DSP_DELTA_H

#include <stddef.h>

/* `in` and `out` are frames x dimensions, by frame, and do not overlap. reach is 1 to 8. */
void vu_delta_compute(const float *in, size_t frames, size_t dimensions, unsigned reach, float *out);

#endif
