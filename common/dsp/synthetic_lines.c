/* Fine lines of the long-term spectrum, in windows of 128 ms every 32 ms. */
#include "dsp/synthetic_traces.h"

#include "dsp/dsp.h"
#include "dsp/trace_rows.h"
#include "dsp/trace_spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BANDS     8
#define FFT       2048
#define HOP       512
#define BINS      (FFT / 2 + 1)
#define BAND_BINS 128
#define SKIP      3  /* bins at the lower end of a band, where DC leaks */
#define REACH     10 /* of the running median, to either side */
#define FLOOR     1e-10f
#define ROWS_MAX  (30 * VU_SAMPLE_RATE / HOP)
#define ROWS_MIN  5
#define FIGURES   4
#define LESSER    3 /* how many lines stick out further than the lesser one looked at */

/* A row: energy, then the log spectrum. */
#define WIDTH (1 + BINS)

struct vu_traces {
	vu_trace_spectrum *spectrum;
	vu_trace_rows rows;
	vu_status failed;
};

static void destroy(vu_traces *t)
{
	if (!t)
		return;
	vu_trace_spectrum_free(t->spectrum);
	vu_trace_rows_free(&t->rows);
	free(t);
}

static vu_status create(vu_traces **traces_out)
{
	vu_traces *t = calloc(1, sizeof *t);

	*traces_out = NULL;
	if (!t)
		return VU_RESOURCE_EXHAUSTED;
	t->rows.width = WIDTH;
	if (vu_trace_spectrum_create(FFT, HOP, &t->spectrum) != VU_OK) {
		destroy(t);
		return VU_RESOURCE_EXHAUSTED;
	}
	*traces_out = t;
	return VU_OK;
}

static void take_window(void *context, const float *power, uint64_t index)
{
	vu_traces *t = context;
	float *row;

	if (t->failed != VU_OK || index >= ROWS_MAX)
		return;
	row = vu_trace_rows_add(&t->rows);
	if (!row) {
		t->failed = VU_RESOURCE_EXHAUSTED;
		return;
	}
	row[0] = 0;
	for (size_t k = 0; k < BINS; k++) {
		row[0] += power[k];
		row[1 + k] = logf(power[k] + FLOOR);
	}
}

static vu_status push(vu_traces *t, const float *samples, size_t count)
{
	vu_trace_spectrum_push(t->spectrum, samples, count, take_window, t);
	return t->failed;
}

static void sort(float *values, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		float value = values[i];
		size_t at = i;
		for (; at > 0 && values[at - 1] > value; at--)
			values[at] = values[at - 1];
		values[at] = value;
	}
}

/* Of the bins within REACH, cut at the ends of the spectrum. */
static float median_about(const float *values, size_t at)
{
	float sorted[2 * REACH + 1];
	size_t from = at > REACH ? at - REACH : 0;
	size_t to = at + REACH < BINS ? at + REACH + 1 : BINS;

	memcpy(sorted, values + from, (to - from) * sizeof *sorted);
	sort(sorted, to - from);
	return sorted[(to - from) / 2];
}

static void describe_band(float *lines, size_t count, float *figures)
{
	vu_trace_sums sums = {0};

	for (size_t i = 0; i < count; i++)
		vu_trace_sums_add(&sums, (double)lines[i]);
	sort(lines, count);
	figures[0] = logf(vu_trace_sums_deviation(&sums) + 1e-4f);
	figures[1] = lines[count - 1];
	figures[2] = lines[count - 1 - LESSER] - lines[count / 2];
	figures[3] = vu_trace_sums_skew(&sums);
}

/* Over the windows whose energy is `least` or more. */
static void describe(const vu_traces *t, float least, float *vector)
{
	float mean[BINS] = {0};
	float lines[BINS];
	float windows = 0;

	for (size_t f = 0; f < t->rows.count; f++) {
		const float *row = vu_trace_row(&t->rows, f);
		if (row[0] < least)
			continue;
		windows += 1;
		for (size_t k = 0; k < BINS; k++)
			mean[k] += row[1 + k];
	}
	for (size_t k = 0; k < BINS; k++)
		mean[k] /= fmaxf(windows, 1);
	for (size_t k = 0; k < BINS; k++)
		lines[k] = mean[k] - median_about(mean, k);
	for (size_t b = 0; b < BANDS; b++)
		describe_band(lines + b * BAND_BINS + SKIP, BAND_BINS - SKIP, vector + FIGURES * b);
}

static vu_status finish(vu_traces *t, float *vector, bool *narrow_out)
{
	float middle;
	vu_status status = t->failed;

	*narrow_out = false;
	memset(vector, 0, VU_LINE_TRACES * sizeof *vector);
	if (status != VU_OK || t->rows.count < ROWS_MIN)
		return status;
	status = vu_trace_rows_percentile(&t->rows, 0, 50, &middle);
	if (status == VU_OK)
		describe(t, middle, vector);
	return status;
}

const vu_traces_kind vu_line_traces_kind = {
    .name = "lines",
    .version = "line-traces/1",
    .size = VU_LINE_TRACES,
    .create = create,
    .push = push,
    .finish = finish,
    .destroy = destroy,
};
