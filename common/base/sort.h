/*
 * Numbers in ascending order, in place. None may be NaN. Any thread.
 */
#ifndef VU_BASE_SORT_H
#define VU_BASE_SORT_H

#include <stddef.h>

void vu_sort_floats(float *values, size_t count);
void vu_sort_doubles(double *values, size_t count);

/* Sorts, and returns the one that `percent` of them do not exceed. count >= 1. */
float vu_sort_percentile(float *values, size_t count, size_t percent);

#endif
