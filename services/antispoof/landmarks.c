/*
 * Landmarks. push() transforms; finish() picks peaks and pairs them, in about
 * a millisecond for ten seconds of audio. Running out of memory is the only
 * failure.
 */
#include "landmarks.h"

#include "dsp/fft.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_SAMPLES 1024
#define FIRST_BIN      16  /* 250 Hz */
#define BIN_COUNT      215 /* to 3600 Hz */
#define FRAMES_MAX     15000
/* A peak is the largest value within so many bins and frames around it. */
#define PEAK_BINS   6
#define PEAK_FRAMES 6
/* Loudest peaks kept, per second of audio: more weakens the hash, fewer loses short cuts. */
#define PEAKS_PER_SECOND 20
#define PAIRS_PER_PEAK   4
#define PAIR_FRAMES_MAX  76
#define PAIR_BINS_MAX    60
/* Peaks further than this below the loudest are noise (natural logarithm of magnitude). */
#define PEAK_RANGE 5.0F

struct vu_landmarker {
	const vu_fft *fft;
	float *input;
	vu_fft_bin *bins;
	float window[WINDOW_SAMPLES];
	float tail[WINDOW_SAMPLES];
	size_t tail_count;
	float *rows; /* frames x BIN_COUNT, log magnitude */
	size_t frames;
	size_t frames_room;
};

typedef struct peak {
	uint32_t frame;
	uint32_t bin;
	float value;
} peak;

vu_status vu_landmarker_create(vu_landmarker **landmarker_out)
{
	vu_landmarker *l = calloc(1, sizeof *l);
	vu_status status;

	if (!l)
		return VU_RESOURCE_EXHAUSTED;
	status = vu_fft_get(WINDOW_SAMPLES, &l->fft);
	if (status == VU_OK) {
		l->input = vu_fft_alloc(WINDOW_SAMPLES);
		l->bins = vu_fft_alloc_bins(WINDOW_SAMPLES / 2 + 1);
		if (!l->input || !l->bins)
			status = VU_RESOURCE_EXHAUSTED;
	}
	if (status != VU_OK) {
		vu_landmarker_destroy(l);
		return status;
	}
	for (size_t i = 0; i < WINDOW_SAMPLES; i++)
		l->window[i] = 0.5F - 0.5F * cosf(2.0F * (float)M_PI * (float)i / WINDOW_SAMPLES);
	*landmarker_out = l;
	return VU_OK;
}

void vu_landmarker_destroy(vu_landmarker *l)
{
	if (!l)
		return;
	vu_fft_free(l->input);
	vu_fft_free(l->bins);
	free(l->rows);
	free(l);
}

/* Adds the spectrum of the full tail as one row. */
static vu_status add_row(vu_landmarker *l)
{
	float power[BIN_COUNT];
	float *row;

	if (l->frames == FRAMES_MAX)
		return VU_RESOURCE_EXHAUSTED;
	if (l->frames == l->frames_room) {
		size_t room = l->frames_room ? l->frames_room * 2 : 256;
		float *rows = realloc(l->rows, room * BIN_COUNT * sizeof *rows);
		if (!rows)
			return VU_RESOURCE_EXHAUSTED;
		l->rows = rows;
		l->frames_room = room;
	}
	for (size_t i = 0; i < WINDOW_SAMPLES; i++)
		l->input[i] = l->tail[i] * l->window[i];
	vu_fft_forward(l->fft, l->input, l->bins);
	vu_fft_power(l->bins + FIRST_BIN, BIN_COUNT, power);
	row = l->rows + l->frames * BIN_COUNT;
	for (size_t b = 0; b < BIN_COUNT; b++)
		row[b] = 0.5F * logf(power[b] + 1e-9F);
	l->frames++;
	return VU_OK;
}

vu_status vu_landmarker_push(vu_landmarker *l, const int16_t *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		l->tail[l->tail_count++] = (float)samples[i] / 32768.0F;
		if (l->tail_count == WINDOW_SAMPLES) {
			vu_status status = add_row(l);
			if (status != VU_OK)
				return status;
			memmove(l->tail, l->tail + VU_LANDMARK_HOP_SAMPLES,
			        (WINDOW_SAMPLES - VU_LANDMARK_HOP_SAMPLES) * sizeof l->tail[0]);
			l->tail_count = WINDOW_SAMPLES - VU_LANDMARK_HOP_SAMPLES;
		}
	}
	return VU_OK;
}

/* Takes each frequency's mean away, so that only what changes is left. */
static void remove_steady(vu_landmarker *l)
{
	for (size_t b = 0; b < BIN_COUNT; b++) {
		double sum = 0;
		for (size_t f = 0; f < l->frames; f++)
			sum += l->rows[f * BIN_COUNT + b];
		float mean = (float)(sum / (double)l->frames);
		for (size_t f = 0; f < l->frames; f++)
			l->rows[f * BIN_COUNT + b] -= mean;
	}
}

static bool is_peak(const vu_landmarker *l, size_t frame, size_t bin)
{
	float value = l->rows[frame * BIN_COUNT + bin];
	size_t f0 = frame > PEAK_FRAMES ? frame - PEAK_FRAMES : 0;
	size_t f1 = frame + PEAK_FRAMES < l->frames ? frame + PEAK_FRAMES : l->frames - 1;
	size_t b0 = bin > PEAK_BINS ? bin - PEAK_BINS : 0;
	size_t b1 = bin + PEAK_BINS < BIN_COUNT ? bin + PEAK_BINS : BIN_COUNT - 1;

	for (size_t f = f0; f <= f1; f++) {
		for (size_t b = b0; b <= b1; b++) {
			if (l->rows[f * BIN_COUNT + b] > value)
				return false;
		}
	}
	return true;
}

static int louder_first(const void *a, const void *b)
{
	float x = ((const peak *)a)->value;
	float y = ((const peak *)b)->value;
	return (x < y) - (x > y);
}

static int earlier_first(const void *a, const void *b)
{
	const peak *x = a;
	const peak *y = b;
	if (x->frame != y->frame)
		return x->frame < y->frame ? -1 : 1;
	return (x->bin > y->bin) - (x->bin < y->bin);
}

/* The loudest peaks in order of time; returns how many. The caller frees *peaks_out. */
static size_t find_peaks(const vu_landmarker *l, peak **peaks_out)
{
	size_t room = 1024;
	size_t count = 0;
	size_t keep = 1 + l->frames * VU_LANDMARK_HOP_SAMPLES * PEAKS_PER_SECOND / 16000;
	peak *peaks = malloc(room * sizeof *peaks);
	float loudest = -1e9F;

	*peaks_out = peaks;
	if (!peaks)
		return 0;
	for (size_t i = 0; i < l->frames * BIN_COUNT; i++)
		loudest = l->rows[i] > loudest ? l->rows[i] : loudest;
	for (size_t f = 0; f < l->frames; f++) {
		for (size_t b = 0; b < BIN_COUNT; b++) {
			float value = l->rows[f * BIN_COUNT + b];
			if (value < 0.5F || value < loudest - PEAK_RANGE || !is_peak(l, f, b))
				continue;
			if (count == room) {
				peak *grown = realloc(peaks, room * 2 * sizeof *peaks);
				if (!grown)
					return 0;
				peaks = *peaks_out = grown;
				room *= 2;
			}
			peaks[count++] = (peak){(uint32_t)f, (uint32_t)b, value};
		}
	}
	qsort(peaks, count, sizeof *peaks, louder_first);
	if (count > keep)
		count = keep;
	qsort(peaks, count, sizeof *peaks, earlier_first);
	return count;
}

size_t vu_landmarker_finish(vu_landmarker *l, vu_landmark *out)
{
	peak *peaks = NULL;
	size_t peak_count;
	size_t written = 0;

	if (l->frames == 0)
		return 0;
	remove_steady(l);
	peak_count = find_peaks(l, &peaks);
	for (size_t i = 0; i < peak_count; i++) {
		unsigned pairs = 0;
		for (size_t j = i + 1; j < peak_count && pairs < PAIRS_PER_PEAK; j++) {
			uint32_t frames = peaks[j].frame - peaks[i].frame;
			int bins = (int)peaks[j].bin - (int)peaks[i].bin;
			if (frames == 0 || abs(bins) > PAIR_BINS_MAX)
				continue;
			if (frames > PAIR_FRAMES_MAX || written == VU_LANDMARKS_MAX)
				break;
			out[written].pair = peaks[i].bin << 14 | (uint32_t)(bins + 128) << 6 | (frames + 1) / 2;
			out[written].frame = peaks[i].frame;
			written++;
			pairs++;
		}
	}
	free(peaks);
	return written;
}
