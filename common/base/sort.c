/* By the C library's qsort: equal numbers are alike, so that it need not be stable. */
#include "base/sort.h"

#include <stdlib.h>

static int compare_floats(const void *a, const void *b)
{
	float x = *(const float *)a;
	float y = *(const float *)b;
	return (x > y) - (x < y);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

void vu_sort_floats(float *values, size_t count)
{
	qsort(values, count, sizeof *values, compare_floats);
}

void vu_sort_doubles(double *values, size_t count)
{
	qsort(values, count, sizeof *values, compare_doubles);
}

float vu_sort_percentile(float *values, size_t count, size_t percent)
{
	vu_sort_floats(values, count);
	return values[(count - 1) * percent / 100];
}
