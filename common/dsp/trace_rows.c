/* The array doubles as it grows. */
#include "dsp/trace_rows.h"

#include "base/sort.h"

#include <math.h>
#include <stdlib.h>

#define LEAST 256

float *vu_trace_rows_add(vu_trace_rows *rows)
{
	if (rows->count == rows->capacity) {
		size_t wanted = rows->capacity ? rows->capacity * 2 : LEAST;
		float *grown = realloc(rows->values, wanted * rows->width * sizeof *grown);
		if (!grown)
			return NULL;
		rows->values = grown;
		rows->capacity = wanted;
	}
	return rows->values + rows->width * rows->count++;
}

void vu_trace_rows_free(vu_trace_rows *rows)
{
	free(rows->values);
	rows->values = NULL;
	rows->count = rows->capacity = 0;
}

vu_status vu_trace_rows_percentile(const vu_trace_rows *rows, size_t column, size_t percent, float *value_out)
{
	float *sorted;

	if (rows->count == 0)
		return VU_FAILED_PRECONDITION;
	sorted = malloc(rows->count * sizeof *sorted);
	if (!sorted)
		return VU_RESOURCE_EXHAUSTED;
	for (size_t i = 0; i < rows->count; i++)
		sorted[i] = vu_trace_row(rows, i)[column];
	*value_out = vu_sort_percentile(sorted, rows->count, percent);
	free(sorted);
	return VU_OK;
}

void vu_trace_sums_add(vu_trace_sums *s, double value)
{
	s->count += 1;
	s->sum += value;
	s->square += value * value;
	s->cube += value * value * value;
}

float vu_trace_sums_mean(const vu_trace_sums *s)
{
	return s->count > 0 ? (float)(s->sum / s->count) : 0;
}

float vu_trace_sums_deviation(const vu_trace_sums *s)
{
	double mean;

	if (!(s->count > 0))
		return 0;
	mean = s->sum / s->count;
	return (float)sqrt(fmax(s->square / s->count - mean * mean, 0));
}

float vu_trace_sums_skew(const vu_trace_sums *s)
{
	double mean;
	double variance;
	double third;

	if (!(s->count > 0))
		return 0;
	mean = s->sum / s->count;
	variance = s->square / s->count - mean * mean;
	if (!(variance > 1e-9))
		return 0;
	third = s->cube / s->count - 3 * mean * s->square / s->count + 2 * mean * mean * mean;
	return (float)(third / (variance * sqrt(variance)));
}
