/* Texture of the spectrum in windows of 32 ms every 10 ms: what moves how fast, and how rough it is. */
#include "dsp/synthetic_traces.h"

#include "dsp/dsp.h"
#include "dsp/fft.h"
#include "dsp/filterbank.h"
#include "dsp/trace_rows.h"
#include "dsp/trace_spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BANDS           8
#define FFT             VU_FFT_SIZE
#define BINS            (FFT / 2 + 1)
#define FIRST           4 /* bin */
#define BAND_BINS       31
#define FLOOR           1e-10f
#define CEPSTRA         20
#define CEPSTRA_LOW_HZ  4000
#define CEPSTRA_HIGH_HZ 7950
/* Speech lies within 30 dB of the loud frames; faint are the lowest three tenths. */
#define SPEECH_SHARE  1e-3f
#define FAINT_PERCENT 30
/* Movement of bands: stretches of 2.56 s, every half of it; nothing counts 50 dB below the loudest. */
#define STRETCH     256
#define RATES       7
#define FRAME_RATE  100
#define LEAST_SHARE 1e-5f
/* Slopes of cepstra are taken over two frames to either side. */
#define REACH 2

/* A row. */
#define ENERGY   0
#define BAND     1
#define SCATTER  (BAND + BANDS)
#define SKEW     (SCATTER + BANDS)
#define STEP     (SKEW + BANDS)
#define EXCESS   (STEP + BANDS)
#define MOVED    (EXCESS + BANDS)
#define CEPSTRUM (MOVED + BANDS)
#define WIDTH    (CEPSTRUM + CEPSTRA)

#define FIGURES 6

struct vu_traces {
	vu_trace_spectrum *spectrum;
	vu_filterbank *filters;
	float cosines[CEPSTRA][CEPSTRA];
	float *time; /* of a stretch, and its transform */
	vu_fft_bin *bins;
	float power[BINS];
	float level[BINS]; /* log power of this frame, and of the one before */
	float before[BINS];
	vu_trace_rows rows;
	vu_status failed;
};

static void destroy(vu_traces *t)
{
	if (!t)
		return;
	vu_trace_spectrum_free(t->spectrum);
	vu_filterbank_destroy(t->filters);
	vu_fft_free(t->time);
	vu_fft_free(t->bins);
	vu_trace_rows_free(&t->rows);
	free(t);
}

static vu_status create(vu_traces **traces_out)
{
	const vu_filterbank_config filters = {VU_FILTERBANK_LINEAR, CEPSTRA, CEPSTRA_LOW_HZ, CEPSTRA_HIGH_HZ, FFT};
	vu_traces *t = calloc(1, sizeof *t);

	*traces_out = NULL;
	if (!t)
		return VU_RESOURCE_EXHAUSTED;
	t->rows.width = WIDTH;
	t->time = vu_fft_alloc(STRETCH);
	t->bins = vu_fft_alloc_bins(STRETCH / 2 + 1);
	if (!t->time || !t->bins || vu_trace_spectrum_create(FFT, VU_HOP_SAMPLES, &t->spectrum) != VU_OK ||
	    vu_filterbank_create(&filters, &t->filters) != VU_OK) {
		destroy(t);
		return VU_RESOURCE_EXHAUSTED;
	}
	for (size_t n = 0; n < CEPSTRA; n++) {
		for (size_t i = 0; i < CEPSTRA; i++)
			t->cosines[n][i] = (float)(sqrt((n == 0 ? 1.0 : 2.0) / CEPSTRA) *
			                           cos(M_PI * (double)n * ((double)i + 0.5) / CEPSTRA));
	}
	*traces_out = t;
	return VU_OK;
}

/* Of one band of one frame: how the log spectrum scatters about a line through it. */
static void measure_band(const float *level, float *row)
{
	const float middle = (BAND_BINS - 1) / 2.0f;
	float mean = 0;
	float slope = 0;
	float span = 0;
	float square = 0;
	float cube = 0;
	float step = 0;
	float exponential = 0;
	float last = 0;

	for (size_t i = 0; i < BAND_BINS; i++) {
		mean += level[i] / BAND_BINS;
		slope += level[i] * ((float)i - middle);
		span += ((float)i - middle) * ((float)i - middle);
	}
	slope /= span;
	for (size_t i = 0; i < BAND_BINS; i++) {
		float z = level[i] - mean - slope * ((float)i - middle);
		square += z * z / BAND_BINS;
		cube += z * z * z / BAND_BINS;
		exponential += expf(z) / BAND_BINS;
		step += i > 0 ? fabsf(z - last) / (BAND_BINS - 1) : 0;
		last = z;
	}
	row[SCATTER] = sqrtf(square);
	row[SKEW] = cube / (square * row[SCATTER] + 1e-6f);
	row[STEP] = step;
	row[EXCESS] = logf(exponential);
}

static void measure_cepstrum(const vu_traces *t, float *cepstrum)
{
	float sums[CEPSTRA];

	vu_filterbank_apply(t->filters, t->power, sums);
	for (size_t i = 0; i < CEPSTRA; i++)
		sums[i] = logf(sums[i] + FLOOR);
	for (size_t n = 0; n < CEPSTRA; n++) {
		cepstrum[n] = 0;
		for (size_t i = 0; i < CEPSTRA; i++)
			cepstrum[n] += t->cosines[n][i] * sums[i];
	}
}

static void take_frame(void *context, const float *power, uint64_t index)
{
	vu_traces *t = context;
	float *row = t->failed == VU_OK ? vu_trace_rows_add(&t->rows) : NULL;

	if (!row) {
		t->failed = VU_RESOURCE_EXHAUSTED;
		return;
	}
	memcpy(t->before, t->level, sizeof t->before);
	for (size_t k = 0; k < BINS; k++) {
		t->power[k] = power[k] + FLOOR;
		t->level[k] = logf(t->power[k]);
	}
	row[ENERGY] = 0;
	for (size_t k = FIRST; k < BINS; k++)
		row[ENERGY] += t->power[k];
	for (size_t b = 0; b < BANDS; b++) {
		size_t from = FIRST + b * BAND_BINS;
		row[BAND + b] = row[MOVED + b] = 0;
		for (size_t k = from; k < from + BAND_BINS; k++) {
			row[BAND + b] += t->power[k];
			row[MOVED + b] += index > 0 ? fabsf(t->level[k] - t->before[k]) / BAND_BINS : 0;
		}
		measure_band(t->level + from, row + b);
	}
	measure_cepstrum(t, row + CEPSTRUM);
}

static vu_status push(vu_traces *t, const float *samples, size_t count)
{
	vu_trace_spectrum_push(t->spectrum, samples, count, take_frame, t);
	return t->failed;
}

/* ---- movement of bands ---- */

/* Adds the power of each rate of change in the stretch from row `from` on. */
static void add_stretch(vu_traces *t, size_t from, size_t count, size_t band, float least, double sums[RATES])
{
	static const double EDGES[RATES + 1] = {1, 2, 4, 8, 16, 25, 35, 50};
	const vu_fft *fft;
	float mean = 0;

	if (vu_fft_get(STRETCH, &fft) != VU_OK) {
		t->failed = VU_RESOURCE_EXHAUSTED;
		return;
	}
	for (size_t i = 0; i < STRETCH; i++) {
		t->time[i] = i < count ? logf(fmaxf(vu_trace_row(&t->rows, from + i)[BAND + band], least)) : 0;
		mean += t->time[i];
	}
	mean /= (float)count;
	for (size_t i = 0; i < count; i++)
		t->time[i] =
		    (t->time[i] - mean) * (0.5f - 0.5f * cosf(2 * (float)M_PI * ((float)i + 0.5f) / (float)count));
	vu_fft_forward(fft, t->time, t->bins);
	vu_fft_power(t->bins, STRETCH / 2 + 1, t->power);
	for (size_t k = 0; k <= STRETCH / 2; k++) {
		double hz = (double)k * FRAME_RATE / STRETCH;
		for (size_t r = 0; r < RATES; r++)
			sums[r] += hz >= EDGES[r] && hz < EDGES[r + 1] ? (double)t->power[k] : 0;
	}
}

static void describe_movement(vu_traces *t, float *vector)
{
	for (size_t b = 0; b < BANDS; b++) {
		double sums[RATES] = {0};
		double whole = 0;
		float most = FLOOR;
		size_t from = 0;
		for (size_t f = 0; f < t->rows.count; f++)
			most = fmaxf(most, vu_trace_row(&t->rows, f)[BAND + b]);
		do {
			size_t left = t->rows.count - from;
			add_stretch(t, from, left < STRETCH ? left : STRETCH, b, most * LEAST_SHARE, sums);
			from += STRETCH / 2;
		} while (from + STRETCH <= t->rows.count);
		for (size_t r = 0; r < RATES; r++)
			whole += sums[r] + 1e-6;
		for (size_t r = 0; r < RATES; r++)
			vector[r * BANDS + b] = (float)log((sums[r] + 1e-6) / whole);
	}
}

/* ---- roughness ---- */

static void describe_faint(const vu_traces *t, float faint, float *vector)
{
	for (size_t b = 0; b < BANDS; b++) {
		vu_trace_sums scatter = {0};
		vu_trace_sums skew = {0};
		vu_trace_sums step = {0};
		vu_trace_sums excess = {0};
		float *out = vector + FIGURES * b;
		for (size_t f = 0; f < t->rows.count; f++) {
			const float *row = vu_trace_row(&t->rows, f);
			if (!(row[ENERGY] <= faint))
				continue;
			vu_trace_sums_add(&scatter, (double)row[SCATTER + b]);
			vu_trace_sums_add(&skew, (double)row[SKEW + b]);
			vu_trace_sums_add(&step, (double)row[STEP + b]);
			vu_trace_sums_add(&excess, (double)row[EXCESS + b]);
		}
		out[0] = vu_trace_sums_mean(&scatter);
		out[1] = vu_trace_sums_deviation(&scatter);
		out[2] = vu_trace_sums_mean(&skew);
		out[3] = vu_trace_sums_deviation(&skew);
		out[4] = vu_trace_sums_mean(&step);
		out[5] = vu_trace_sums_mean(&excess);
	}
}

static void describe_steps(const vu_traces *t, float speech, float faint, float *vector)
{
	for (size_t b = 0; b < BANDS; b++) {
		vu_trace_sums loud = {0};
		vu_trace_sums low = {0};
		for (size_t f = 1; f < t->rows.count; f++) {
			const float *row = vu_trace_row(&t->rows, f);
			if (row[ENERGY] > speech)
				vu_trace_sums_add(&loud, (double)row[MOVED + b]);
			if (row[ENERGY] <= faint)
				vu_trace_sums_add(&low, (double)row[MOVED + b]);
		}
		vector[b] = vu_trace_sums_mean(&loud);
		vector[BANDS + b] = vu_trace_sums_mean(&low);
	}
}

/* ---- cepstra ---- */

/* Slope at row `f`, which has REACH rows to either side. */
static float slope_at(const vu_traces *t, size_t f, size_t column)
{
	const float *at = vu_trace_row(&t->rows, f) + column;
	const ptrdiff_t one = WIDTH;
	return (2 * (at[2 * one] - at[-2 * one]) + at[one] - at[-one]) / 10;
}

static void describe_cepstra(const vu_traces *t, float speech, float *vector)
{
	size_t count = t->rows.count;

	for (size_t n = 0; n < CEPSTRA; n++) {
		size_t column = CEPSTRUM + n;
		vu_trace_sums still = {0};
		vu_trace_sums slope = {0};
		vu_trace_sums bend = {0};
		float deviation;
		float steep;
		float curved;
		for (size_t f = 0; f < count; f++) {
			if (!(vu_trace_row(&t->rows, f)[ENERGY] > speech))
				continue;
			vu_trace_sums_add(&still, (double)vu_trace_row(&t->rows, f)[column]);
			if (f >= REACH && f + REACH < count)
				vu_trace_sums_add(&slope, (double)slope_at(t, f, column));
			if (f >= 2 * REACH && f + 2 * REACH < count)
				vu_trace_sums_add(
				    &bend,
				    (2 * ((double)slope_at(t, f + 2, column) - (double)slope_at(t, f - 2, column)) +
				     (double)slope_at(t, f + 1, column) - (double)slope_at(t, f - 1, column)) /
				        10);
		}
		deviation = vu_trace_sums_deviation(&still);
		steep = vu_trace_sums_deviation(&slope);
		curved = vu_trace_sums_deviation(&bend);
		vector[n] = 0.5f * logf((steep * steep + 1e-6f) / (deviation * deviation + 1e-6f));
		vector[CEPSTRA + n] = 0.5f * logf((curved * curved + 1e-6f) / (steep * steep + 1e-6f));
	}
}

static vu_status finish(vu_traces *t, float *vector, bool *narrow_out)
{
	float loud = 0;
	float faint = 0;
	vu_status status = t->failed;

	*narrow_out = false;
	if (status == VU_OK)
		status = vu_trace_rows_percentile(&t->rows, ENERGY, 95, &loud);
	if (status == VU_OK)
		status = vu_trace_rows_percentile(&t->rows, ENERGY, FAINT_PERCENT, &faint);
	if (status != VU_OK)
		return status;
	describe_movement(t, vector);
	vector += RATES * BANDS;
	describe_faint(t, faint, vector);
	vector += FIGURES * BANDS;
	describe_steps(t, loud * SPEECH_SHARE, faint, vector);
	vector += 2 * BANDS;
	describe_cepstra(t, loud * SPEECH_SHARE, vector);
	return t->failed;
}

const vu_traces_kind vu_texture_traces_kind = {
    .name = "texture",
    .version = "texture-traces/1",
    .size = VU_TEXTURE_TRACES,
    .create = create,
    .push = push,
    .finish = finish,
    .destroy = destroy,
};
