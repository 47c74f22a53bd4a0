/* How deep the spectrum falls between harmonics, in frames of 40 ms every 20 ms. */
#include "dsp/synthetic_traces.h"

#include "dsp/frame.h"
#include "dsp/trace_pitch.h"
#include "dsp/trace_rows.h"

#include <math.h>
#include <stdlib.h>

#define BANDS    8
#define BAND_HZ  1000.0f
#define HARMONIC 60
#define HIGHEST  7900.0f
#define FLOOR    1e-14f
/* Voiced frames count that lie within 20 dB of the loud ones. */
#define SHARE 1e-2f

/* A row: energy, how periodic, depth of each band, and of how many harmonics. */
#define ENERGY   0
#define PERIODIC 1
#define DEPTH    2
#define HAS      (DEPTH + BANDS)
#define WIDTH    (HAS + BANDS)

struct vu_traces {
	vu_framer *framer;
	vu_trace_pitch *pitch;
	vu_trace_rows rows;
	vu_status failed;
};

static void destroy(vu_traces *t)
{
	if (!t)
		return;
	vu_framer_destroy(t->framer);
	vu_trace_pitch_destroy(t->pitch);
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
	if (vu_trace_pitch_create(&t->pitch) != VU_OK ||
	    vu_framer_create(VU_TRACE_PITCH_FRAME, VU_TRACE_PITCH_HOP, 0, &t->framer) != VU_OK) {
		destroy(t);
		return VU_RESOURCE_EXHAUSTED;
	}
	*traces_out = t;
	return VU_OK;
}

static void measure(const vu_trace_pitch_frame *frame, float *row)
{
	for (size_t b = 0; b < BANDS; b++)
		row[DEPTH + b] = row[HAS + b] = 0;
	for (int k = 1; k < HARMONIC && (float)k * frame->hertz < HIGHEST; k++) {
		float hz = (float)k * frame->hertz;
		size_t band = (size_t)(hz / BAND_HZ);
		float top = frame->power[vu_trace_pitch_bin(hz)] + FLOOR;
		float valley = frame->power[vu_trace_pitch_bin(hz + frame->hertz / 2)] + FLOOR;
		row[DEPTH + band] += logf(top / valley);
		row[HAS + band] += 1;
	}
	for (size_t b = 0; b < BANDS; b++)
		row[DEPTH + b] /= fmaxf(row[HAS + b], 1);
}

static void take_frame(void *context, const float *samples, uint64_t index)
{
	vu_traces *t = context;
	float *row = t->failed == VU_OK ? vu_trace_rows_add(&t->rows) : NULL;
	vu_trace_pitch_frame frame;

	(void)index;
	if (!row) {
		t->failed = VU_RESOURCE_EXHAUSTED;
		return;
	}
	vu_trace_pitch_measure(t->pitch, samples, &frame);
	row[ENERGY] = frame.energy;
	row[PERIODIC] = frame.periodic;
	if (frame.periodic > VU_TRACE_PITCH_VOICED)
		measure(&frame, row);
}

static vu_status push(vu_traces *t, const float *samples, size_t count)
{
	vu_framer_push(t->framer, samples, count, take_frame, t);
	return t->failed;
}

static vu_status finish(vu_traces *t, float *vector, bool *narrow_out)
{
	float loud = 0;
	vu_status status = t->failed;

	*narrow_out = false;
	if (status == VU_OK)
		status = vu_trace_rows_percentile(&t->rows, ENERGY, 95, &loud);
	if (status != VU_OK)
		return status;
	for (size_t b = 0; b < BANDS; b++) {
		vu_trace_sums depth = {0};
		vu_trace_sums step = {0};
		float last = 0;
		for (size_t f = 0; f < t->rows.count; f++) {
			const float *row = vu_trace_row(&t->rows, f);
			if (!(row[PERIODIC] > VU_TRACE_PITCH_VOICED) || !(row[ENERGY] > loud * SHARE) ||
			    row[HAS + b] < 1)
				continue;
			if (depth.count > 0)
				vu_trace_sums_add(&step, fabs((double)row[DEPTH + b] - (double)last));
			last = row[DEPTH + b];
			vu_trace_sums_add(&depth, (double)last);
		}
		vector[3 * b] = vu_trace_sums_mean(&depth);
		vector[3 * b + 1] = vu_trace_sums_deviation(&depth);
		vector[3 * b + 2] = step.count > 1 ? logf(vu_trace_sums_mean(&step) + 1e-2f) : 0;
	}
	return VU_OK;
}

const vu_traces_kind vu_harmonic_traces_kind = {
    .name = "harmonics",
    .version = "harmonic-traces/1",
    .size = VU_HARMONIC_TRACES,
    .create = create,
    .push = push,
    .finish = finish,
    .destroy = destroy,
};
