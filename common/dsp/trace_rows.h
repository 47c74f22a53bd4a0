/*
 * Rows of figures, one a frame, kept until an utterance ends, and what is
 * asked of them then. One object is used by one thread.
 */
#ifndef VU_DSP_TRACE_ROWS_H
#define VU_DSP_TRACE_ROWS_H

#include "base/status.h"

#include <stddef.h>

typedef struct vu_trace_rows {
	float *values; /* count x width */
	size_t width;
	size_t count;
	size_t capacity;
} vu_trace_rows;

/* A new row, not set, for the caller to fill; NULL without memory. Rows may move. */
float *vu_trace_rows_add(vu_trace_rows *rows);
void vu_trace_rows_free(vu_trace_rows *rows);

static inline const float *vu_trace_row(const vu_trace_rows *rows, size_t index)
{
	return rows->values + index * rows->width;
}

/*
 * The value of one column that `percent` of the rows do not exceed.
 * RESOURCE_EXHAUSTED without memory, FAILED_PRECONDITION without rows.
 */
vu_status vu_trace_rows_percentile(const vu_trace_rows *rows, size_t column, size_t percent, float *value_out);

/* Sums of a figure, for its mean, deviation and skew. */
typedef struct vu_trace_sums {
	double count;
	double sum;
	double square;
	double cube;
} vu_trace_sums;

void vu_trace_sums_add(vu_trace_sums *sums, double value);
/* 0 of nothing. */
float vu_trace_sums_mean(const vu_trace_sums *sums);
float vu_trace_sums_deviation(const vu_trace_sums *sums);
/* Third moment over the third power of the deviation, 0 where there is none. */
float vu_trace_sums_skew(const vu_trace_sums *sums);

#endif
