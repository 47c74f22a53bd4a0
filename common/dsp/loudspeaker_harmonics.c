/* Levels of harmonics by frequency, and of the first ones by number, in voiced frames of 40 ms every 20 ms. */
#include "dsp/loudspeaker_harmonics.h"

#include "dsp/frame.h"
#include "dsp/trace_pitch.h"
#include "dsp/trace_rows.h"

#include <math.h>
#include <stdlib.h>

#define BANDS    VU_LOUDSPEAKER_HARMONIC_BANDS
#define HARMONIC 40
#define FLOOR    1e-14f
/* Voiced frames count that lie within 20 dB of the loud ones. */
#define SHARE 1e-2f

/* In hertz. */
static const float EDGES[BANDS + 1] = {60, 100, 130, 160, 200, 250, 310, 400, 520, 700, 950, 1400, 2200};

#define FIRST VU_LOUDSPEAKER_FIRST_HARMONICS

/* A row: energy, how periodic; of each band level, depth, and of how many harmonics; pitch and the first harmonics.
 */
#define ENERGY   0
#define PERIODIC 1
#define LEVEL    2
#define DEPTH    (LEVEL + BANDS)
#define HAS      (DEPTH + BANDS)
#define PITCH    (HAS + BANDS)
#define SINGLE   (PITCH + 1)
#define WIDTH    (SINGLE + FIRST)

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

/* The strongest of three bins, so that half a bin of error in the pitch does not matter. */
static float peak_at(const float *power, float hertz)
{
	size_t bin = vu_trace_pitch_bin(hertz);
	return fmaxf(power[bin], fmaxf(power[bin - 1], power[bin + 1])) + FLOOR;
}

static void measure(const vu_trace_pitch_frame *frame, float *row)
{
	float whole = FLOOR;
	size_t band = 0;

	for (size_t b = 0; b < BANDS; b++)
		row[LEVEL + b] = row[DEPTH + b] = row[HAS + b] = 0;
	row[PITCH] = logf(frame->hertz);
	for (size_t k = 0; k < FIRST; k++)
		row[SINGLE + k] = logf(peak_at(frame->power, (float)(k + 1) * frame->hertz));
	for (int k = 1; k < HARMONIC && (float)k * frame->hertz < EDGES[BANDS]; k++) {
		float hz = (float)k * frame->hertz;
		float top = peak_at(frame->power, hz);
		float valley = frame->power[vu_trace_pitch_bin(hz + frame->hertz / 2)] + FLOOR;
		whole += top;
		if (hz < EDGES[0])
			continue;
		while (hz >= EDGES[band + 1])
			band++;
		row[LEVEL + band] += logf(top);
		row[DEPTH + band] += logf(top / valley);
		row[HAS + band] += 1;
	}
	for (size_t b = 0; b < BANDS; b++) {
		if (row[HAS + b] < 1)
			continue;
		row[LEVEL + b] = row[LEVEL + b] / row[HAS + b] - logf(whole);
		row[DEPTH + b] /= row[HAS + b];
	}
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

/* Sums for a line through a figure against the pitch. */
typedef struct line {
	double count;
	double x;
	double xx;
	double y;
	double xy;
} line;

static void add_to_line(line *l, double x, double y)
{
	l->count += 1;
	l->x += x;
	l->xx += x * x;
	l->y += y;
	l->xy += x * y;
}

/* Drawn towards nothing where the pitch hardly moves: 0.001 is the variance of half a semitone. */
static float slope_of(const line *l)
{
	double n = fmax(l->count, 1);
	double variance = l->xx / n - l->x / n * l->x / n;
	double covariance = l->xy / n - l->x / n * l->y / n;
	return (float)(covariance / (fmax(variance, 0) + 1e-3));
}

/* The pitch, the steps from each of the first harmonics to the next, and how they change with the pitch. */
static void describe_first(const vu_traces *t, float loud, float *vector)
{
	vu_trace_sums pitch = {0};
	line steps[FIRST - 1] = {0};

	for (size_t f = 0; f < t->rows.count; f++) {
		const float *row = vu_trace_row(&t->rows, f);
		if (!(row[PERIODIC] > VU_TRACE_PITCH_VOICED) || !(row[ENERGY] > loud * SHARE))
			continue;
		vu_trace_sums_add(&pitch, (double)row[PITCH]);
		for (size_t k = 0; k + 1 < FIRST; k++)
			add_to_line(&steps[k], (double)row[PITCH], (double)(row[SINGLE + k] - row[SINGLE + k + 1]));
	}
	vector[0] = vu_trace_sums_mean(&pitch);
	vector[1] = vu_trace_sums_deviation(&pitch);
	for (size_t k = 0; k + 1 < FIRST; k++) {
		vector[2 + 2 * k] = steps[k].count > 0 ? (float)(steps[k].y / steps[k].count) : 0;
		vector[3 + 2 * k] = slope_of(&steps[k]);
	}
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
		vu_trace_sums level = {0};
		vu_trace_sums depth = {0};
		float voiced = 0;
		for (size_t f = 0; f < t->rows.count; f++) {
			const float *row = vu_trace_row(&t->rows, f);
			if (!(row[PERIODIC] > VU_TRACE_PITCH_VOICED) || !(row[ENERGY] > loud * SHARE))
				continue;
			voiced += 1;
			if (row[HAS + b] < 1)
				continue;
			vu_trace_sums_add(&level, (double)row[LEVEL + b]);
			vu_trace_sums_add(&depth, (double)row[DEPTH + b]);
		}
		vector[b] = vu_trace_sums_mean(&level);
		vector[BANDS + b] = vu_trace_sums_deviation(&level);
		vector[2 * BANDS + b] = vu_trace_sums_mean(&depth);
		vector[3 * BANDS + b] = (float)level.count / fmaxf(voiced, 1);
	}
	describe_first(t, loud, vector + 4 * BANDS);
	return VU_OK;
}

const vu_traces_kind vu_loudspeaker_harmonics_kind = {
    .name = "harmonics of loudspeakers",
    .version = "loudspeaker-harmonics/2",
    .size = VU_LOUDSPEAKER_HARMONICS,
    .create = create,
    .push = push,
    .finish = finish,
    .destroy = destroy,
};
