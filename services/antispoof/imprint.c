/* Imprints. push() transforms, make() reduces; memory is the only thing that can run out. */
#include "imprint.h"

#include "base/sort.h"
#include "dsp/fft.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define RATE           16000.0
#define WINDOW_SAMPLES 1024
#define FIRST_HZ       300.0
#define BINS_KEPT      256 /* to 4 kHz: the highest band, 10 % up */
/* Half the width of a band's triangle, at least so many bins of the transform. */
#define HALF_WIDTH_BINS_MIN 1.4
/* The floor under a band: a share of the energy that 5 % of its rows exceed, or, over noise, above most of that. */
#define LOUD_QUANTILE  0.95
#define FLOOR_SHARE    0.01F
#define QUIET_QUANTILE 0.2
#define QUIET_FACTOR   4.0F
/* How far the means reach that are taken away, to either side. */
#define MEAN_ROWS  20
#define MEAN_BANDS 8
/* Cells per neper. */
#define CELL_SCALE 4.0F
/* A peak is the highest cell within so many rows and bands, and at least so many nepers high. */
#define PEAK_ROWS        2
#define PEAK_BANDS       2
#define PEAK_MIN         0.4F
#define PEAKS_PER_SECOND 24
#define ONSET_ROWS       3

struct vu_imprinter {
	const vu_fft *fft;
	float *input;
	vu_fft_bin *bins;
	float window[WINDOW_SAMPLES];
	float tail[WINDOW_SAMPLES];
	size_t tail_count;
	float *power; /* rows x BINS_KEPT */
	size_t rows;
	size_t room;
};

vu_status vu_imprinter_create(vu_imprinter **imprinter_out)
{
	vu_imprinter *p = calloc(1, sizeof *p);
	vu_status status;

	if (!p)
		return VU_RESOURCE_EXHAUSTED;
	status = vu_fft_get(WINDOW_SAMPLES, &p->fft);
	if (status == VU_OK) {
		p->input = vu_fft_alloc(WINDOW_SAMPLES);
		p->bins = vu_fft_alloc_bins(WINDOW_SAMPLES / 2 + 1);
		if (!p->input || !p->bins)
			status = VU_RESOURCE_EXHAUSTED;
	}
	if (status != VU_OK) {
		vu_imprinter_destroy(p);
		return status;
	}
	for (size_t i = 0; i < WINDOW_SAMPLES; i++)
		p->window[i] = 0.5F - 0.5F * cosf(2.0F * (float)M_PI * (float)i / WINDOW_SAMPLES);
	*imprinter_out = p;
	return VU_OK;
}

void vu_imprinter_destroy(vu_imprinter *p)
{
	if (!p)
		return;
	vu_fft_free(p->input);
	vu_fft_free(p->bins);
	free(p->power);
	free(p);
}

/* Adds the power spectrum of the full tail as one row. */
static vu_status add_row(vu_imprinter *p)
{
	if (p->rows == VU_IMPRINT_ROWS_MAX)
		return VU_OK;
	if (p->rows == p->room) {
		size_t room = p->room ? p->room * 2 : 256;
		float *power = realloc(p->power, room * BINS_KEPT * sizeof *power);
		if (!power)
			return VU_RESOURCE_EXHAUSTED;
		p->power = power;
		p->room = room;
	}
	for (size_t i = 0; i < WINDOW_SAMPLES; i++)
		p->input[i] = p->tail[i] * p->window[i];
	vu_fft_forward(p->fft, p->input, p->bins);
	vu_fft_power(p->bins, BINS_KEPT, p->power + p->rows * BINS_KEPT);
	p->rows++;
	return VU_OK;
}

vu_status vu_imprinter_push(vu_imprinter *p, const int16_t *samples, size_t count)
{
	while (count > 0) {
		size_t part = WINDOW_SAMPLES - p->tail_count;
		if (part > count)
			part = count;
		for (size_t i = 0; i < part; i++)
			p->tail[p->tail_count + i] = (float)samples[i] / 32768.0F;
		p->tail_count += part;
		samples += part;
		count -= part;
		if (p->tail_count == WINDOW_SAMPLES) {
			vu_status status = add_row(p);
			if (status != VU_OK)
				return status;
			memmove(p->tail, p->tail + VU_IMPRINT_HOP_SAMPLES,
			        (WINDOW_SAMPLES - VU_IMPRINT_HOP_SAMPLES) * sizeof p->tail[0]);
			p->tail_count = WINDOW_SAMPLES - VU_IMPRINT_HOP_SAMPLES;
		}
	}
	return VU_OK;
}

/* The energy of band `b` in every row, through a triangle on the bins. */
static void measure_band(const vu_imprinter *p, size_t b, double pitch_scale, float *energy)
{
	double centre = FIRST_HZ * exp2((double)b / 12) * pitch_scale * WINDOW_SAMPLES / RATE;
	double half = fmax(centre * (exp2(1.0 / 12) - 1), HALF_WIDTH_BINS_MIN);
	size_t first = (size_t)ceil(centre - half);
	size_t last = (size_t)floor(centre + half);

	if (last >= BINS_KEPT)
		last = BINS_KEPT - 1;
	for (size_t r = 0; r < p->rows; r++)
		energy[r] = 0;
	for (size_t k = first; k <= last; k++) {
		float weight = (float)(1 - fabs((double)k - centre) / half);
		for (size_t r = 0; r < p->rows; r++)
			energy[r] += weight * p->power[r * BINS_KEPT + k];
	}
}

/* One column of the picture: logarithms over the floor, less their moving mean. */
static void make_column(const float *energy, size_t rows, float *sorted, float *column, size_t stride)
{
	float floor_energy;
	double sum = 0;
	size_t from = 0;
	size_t to = 0;

	memcpy(sorted, energy, rows * sizeof *sorted);
	vu_sort_floats(sorted, rows);
	floor_energy = fmaxf(sorted[(size_t)((double)(rows - 1) * LOUD_QUANTILE)] * FLOOR_SHARE,
	                     sorted[(size_t)((double)(rows - 1) * QUIET_QUANTILE)] * QUIET_FACTOR) +
	               1e-12F;
	for (size_t r = 0; r < rows; r++)
		sorted[r] = 0.5F * logf(1 + energy[r] / floor_energy);
	for (size_t r = 0; r < rows; r++) {
		while (to < rows && to <= r + MEAN_ROWS)
			sum += (double)sorted[to++];
		while (from + MEAN_ROWS < r)
			sum -= (double)sorted[from++];
		column[r * stride] = sorted[r] - (float)(sum / (double)(to - from));
	}
}

/* Takes from each cell of a row the mean of the bands around, and rounds. */
static void make_cells(float *row, int8_t *cells)
{
	float flat[VU_IMPRINT_BANDS];

	for (size_t b = 0; b < VU_IMPRINT_BANDS; b++) {
		size_t from = b > MEAN_BANDS ? b - MEAN_BANDS : 0;
		size_t to = b + MEAN_BANDS < VU_IMPRINT_BANDS ? b + MEAN_BANDS : VU_IMPRINT_BANDS - 1;
		float sum = 0;

		for (size_t k = from; k <= to; k++)
			sum += row[k];
		flat[b] = row[b] - sum / (float)(to - from + 1);
		cells[b] =
		    (int8_t)fmaxf(-VU_IMPRINT_CELL_MAX, fminf(VU_IMPRINT_CELL_MAX, roundf(flat[b] * CELL_SCALE)));
	}
	memcpy(row, flat, sizeof flat);
}

static bool is_peak(const float *picture, size_t rows, size_t row, size_t band)
{
	float value = picture[row * VU_IMPRINT_BANDS + band];
	size_t r0 = row > PEAK_ROWS ? row - PEAK_ROWS : 0;
	size_t r1 = row + PEAK_ROWS < rows ? row + PEAK_ROWS : rows - 1;
	size_t b0 = band > PEAK_BANDS ? band - PEAK_BANDS : 0;
	size_t b1 = band + PEAK_BANDS < VU_IMPRINT_BANDS ? band + PEAK_BANDS : VU_IMPRINT_BANDS - 1;

	for (size_t r = r0; r <= r1; r++) {
		for (size_t b = b0; b <= b1; b++) {
			if (picture[r * VU_IMPRINT_BANDS + b] > value)
				return false;
		}
	}
	return true;
}

typedef struct peak {
	vu_imprint_peak at;
	float value;
} peak;

static int higher_first(const void *a, const void *b)
{
	float x = ((const peak *)a)->value;
	float y = ((const peak *)b)->value;
	return (x < y) - (x > y);
}

static int earlier_first(const void *a, const void *b)
{
	const vu_imprint_peak *x = &((const peak *)a)->at;
	const vu_imprint_peak *y = &((const peak *)b)->at;
	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return (x->band > y->band) - (x->band < y->band);
}

/*
 * Half of what was there three rows ago is taken from each cell: a room
 * lengthens every sound, and so moves its peak, but not where it sets in.
 */
static void favour_onsets(float *picture, size_t rows)
{
	for (size_t r = rows; r-- > ONSET_ROWS;) {
		const float *before = picture + (r - ONSET_ROWS) * VU_IMPRINT_BANDS;
		for (size_t b = 0; b < VU_IMPRINT_BANDS; b++)
			picture[r * VU_IMPRINT_BANDS + b] -= 0.5F * before[b];
	}
}

/* The highest peaks of the picture, so many a second. */
static vu_status find_peaks(const float *picture, size_t rows, vu_imprint *out)
{
	size_t room = rows * VU_IMPRINT_BANDS / 4 + 16;
	size_t keep = 1 + rows * VU_IMPRINT_HOP_SAMPLES * PEAKS_PER_SECOND / (size_t)RATE;
	peak *peaks = malloc(room * sizeof *peaks);
	size_t count = 0;

	if (!peaks)
		return VU_RESOURCE_EXHAUSTED;
	for (size_t r = 0; r < rows; r++) {
		for (size_t b = 0; b < VU_IMPRINT_BANDS && count < room; b++) {
			float value = picture[r * VU_IMPRINT_BANDS + b];
			if (value >= PEAK_MIN && is_peak(picture, rows, r, b))
				peaks[count++] = (peak){{(uint16_t)r, (uint16_t)b}, value};
		}
	}
	qsort(peaks, count, sizeof *peaks, higher_first);
	if (count > keep)
		count = keep;
	if (count > VU_IMPRINT_PEAKS_MAX)
		count = VU_IMPRINT_PEAKS_MAX;
	qsort(peaks, count, sizeof *peaks, earlier_first);
	for (size_t i = 0; i < count; i++)
		out->peaks[i] = peaks[i].at;
	out->peak_count = count;
	free(peaks);
	return VU_OK;
}

vu_status vu_imprinter_make(const vu_imprinter *p, double pitch_scale, vu_imprint **imprint_out)
{
	vu_imprint *out = calloc(1, sizeof *out);
	size_t room = p->rows ? p->rows : 1;
	float *energy = malloc(room * sizeof *energy);
	float *sorted = malloc(room * sizeof *sorted);
	float *picture = malloc(room * VU_IMPRINT_BANDS * sizeof *picture);
	vu_status status = VU_RESOURCE_EXHAUSTED;

	*imprint_out = NULL;
	if (!out || !energy || !sorted || !picture)
		goto out;
	status = vu_imprint_make_room(out, p->rows);
	if (status != VU_OK)
		goto out;
	for (size_t b = 0; b < VU_IMPRINT_BANDS && p->rows > 0; b++) {
		measure_band(p, b, pitch_scale, energy);
		make_column(energy, p->rows, sorted, picture + b, VU_IMPRINT_BANDS);
	}
	for (size_t r = 0; r < p->rows; r++)
		make_cells(picture + r * VU_IMPRINT_BANDS, out->cells + r * VU_IMPRINT_STRIDE);
	vu_imprint_measure(out);
	favour_onsets(picture, p->rows);
	status = find_peaks(picture, p->rows, out);
	if (status == VU_OK) {
		*imprint_out = out;
		out = NULL;
	}
out:
	free(picture);
	free(sorted);
	free(energy);
	vu_imprint_destroy(out);
	return status;
}

vu_status vu_imprint_make_room(vu_imprint *imprint, size_t rows)
{
	imprint->cells = calloc(rows + 1, VU_IMPRINT_STRIDE);
	imprint->powers = calloc(rows + 1, sizeof *imprint->powers);
	imprint->roots = calloc(rows + 1, sizeof *imprint->roots);
	imprint->rows = rows;
	return imprint->cells && imprint->powers && imprint->roots ? VU_OK : VU_RESOURCE_EXHAUSTED;
}

void vu_imprint_measure(vu_imprint *imprint)
{
	for (size_t r = 0; r < imprint->rows; r++) {
		const int8_t *cells = imprint->cells + r * VU_IMPRINT_STRIDE;
		int32_t power = 0;
		for (size_t i = 0; i < VU_IMPRINT_STRIDE; i++)
			power += cells[i] * cells[i];
		imprint->powers[r] = power;
		imprint->roots[r] = sqrtf((float)power);
	}
}

void vu_imprint_destroy(vu_imprint *imprint)
{
	if (!imprint)
		return;
	free(imprint->roots);
	free(imprint->powers);
	free(imprint->cells);
	free(imprint);
}
