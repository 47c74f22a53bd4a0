/*
 * Energies of bands as the sound arrives; which frames are speech is known
 * only at the end, when the loud ones are, so the energies are kept.
 */
#include "dsp/vocoder_traces.h"

#include "base/sort.h"
#include "dsp/dsp.h"
#include "dsp/fft.h"
#include "dsp/frame.h"
#include "dsp/vocoder_shape.h"
#include "dsp/window.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define BANDS        VU_VOCODER_BANDS
#define WINDOWS      VU_VOCODER_WINDOWS
#define FIGURES      VU_VOCODER_FIGURES
#define WINDOW       64
#define HOP          16
#define FFT          256
#define BAND_BINS    16 /* of 62.5 Hz */
#define FIRST_BIN    2  /* hum and offset are no voice */
#define FRAME_HOP    10 /* windows between frames */
#define SPEECH_BANDS 4
/* A telephone's band has a smaller share of its energy in the bands from here on. */
#define NARROW_BAND  5
#define NARROW_SHARE 1e-5
#define GROWTH       1024
#define SAMPLES_MAX  ((uint64_t)VU_VOCODER_SECONDS_MAX * VU_SAMPLE_RATE)

/* Speech is what lies within 30 dB of the loud frames (the 95th percentile), and is voiced when its low bands pulse.
 */
#define SPEECH_SHARE 1e-3f
#define VOICED       0.4f
/* A deviation is at least the root of this. */
#define VARIANCE_FLOOR 1e-4

struct vu_vocoder_traces {
	vu_framer *framer;
	const vu_fft *fft;
	float window[WINDOW];
	float *time;
	vu_fft_bin *bins;
	float power[FFT / 2 + 1];
	float (*energies)[BANDS];
	size_t count;
	size_t capacity;
	uint64_t samples;
	vu_status failed;
};

vu_status vu_vocoder_traces_create(vu_vocoder_traces **traces_out)
{
	vu_vocoder_traces *t = calloc(1, sizeof *t);

	*traces_out = NULL;
	if (!t)
		return VU_RESOURCE_EXHAUSTED;
	t->time = vu_fft_alloc(FFT);
	t->bins = vu_fft_alloc_bins(FFT / 2 + 1);
	if (!t->time || !t->bins || vu_fft_get(FFT, &t->fft) != VU_OK ||
	    vu_framer_create(WINDOW, HOP, 0, &t->framer) != VU_OK) {
		vu_vocoder_traces_destroy(t);
		return VU_RESOURCE_EXHAUSTED;
	}
	vu_window_fill(VU_WINDOW_HANN, t->window, WINDOW);
	*traces_out = t;
	return VU_OK;
}

void vu_vocoder_traces_destroy(vu_vocoder_traces *t)
{
	if (!t)
		return;
	vu_framer_destroy(t->framer);
	vu_fft_free(t->time);
	vu_fft_free(t->bins);
	free(t->energies);
	free(t);
}

static bool reserve(vu_vocoder_traces *t)
{
	size_t wanted = t->capacity ? t->capacity * 2 : GROWTH;
	void *grown;

	if (t->count < t->capacity)
		return true;
	grown = realloc(t->energies, wanted * sizeof *t->energies);
	if (!grown)
		return false;
	t->energies = grown;
	t->capacity = wanted;
	return true;
}

static void take_window(void *context, const float *samples, uint64_t index)
{
	vu_vocoder_traces *t = context;

	(void)index;
	if (t->failed == VU_OK && !reserve(t))
		t->failed = VU_RESOURCE_EXHAUSTED;
	if (t->failed != VU_OK)
		return;
	/* The rest of `time` stays zero. */
	for (size_t i = 0; i < WINDOW; i++)
		t->time[i] = samples[i] * t->window[i];
	vu_fft_forward(t->fft, t->time, t->bins);
	vu_fft_power(t->bins, FFT / 2 + 1, t->power);
	for (size_t b = 0; b < BANDS; b++) {
		float sum = 0;
		for (size_t i = b == 0 ? FIRST_BIN : 0; i < BAND_BINS; i++)
			sum += t->power[b * BAND_BINS + i];
		t->energies[t->count][b] = sum;
	}
	t->count++;
}

vu_status vu_vocoder_traces_push(vu_vocoder_traces *t, const float *samples, size_t count)
{
	if (count > SAMPLES_MAX - t->samples)
		return VU_OUT_OF_RANGE;
	t->samples += count;
	vu_framer_push(t->framer, samples, count, take_window, t);
	return t->failed;
}

/* The energy of each frame below 4 kHz, and that above which frames are speech. */
static vu_status find_speech(const vu_vocoder_traces *t, size_t frames, float *loudness, float *least_out)
{
	float *sorted = malloc(frames * sizeof *sorted);

	if (!sorted)
		return VU_RESOURCE_EXHAUSTED;
	for (size_t f = 0; f < frames; f++) {
		float sum = 0;
		for (size_t i = 0; i < WINDOWS; i++) {
			for (size_t b = 0; b < SPEECH_BANDS; b++)
				sum += t->energies[f * FRAME_HOP + i][b];
		}
		sorted[f] = loudness[f] = sum;
	}
	vu_sort_floats(sorted, frames);
	*least_out = sorted[frames * 95 / 100] * SPEECH_SHARE;
	free(sorted);
	return VU_OK;
}

/* Means, then deviations, of `width` figures of one kind. */
static float *put(const double *sum, const double *square, size_t width, double count, float *out)
{
	for (size_t i = 0; i < width; i++) {
		double mean = sum[i] / count;
		double variance = square[i] / count - mean * mean;
		out[i] = (float)mean;
		out[width + i] = (float)sqrt(variance > VARIANCE_FLOOR ? variance : VARIANCE_FLOOR);
	}
	return out + 2 * width;
}

bool vu_vocoder_traces_narrow(const vu_vocoder_traces *t)
{
	double above = 0;
	double whole = 0;

	for (size_t i = 0; i < t->count; i++) {
		for (size_t b = 0; b < BANDS; b++) {
			whole += (double)t->energies[i][b];
			above += b >= NARROW_BAND ? (double)t->energies[i][b] : 0;
		}
	}
	return above < whole * NARROW_SHARE;
}

vu_status vu_vocoder_traces_finish(vu_vocoder_traces *t, float vector[VU_VOCODER_TRACES], size_t *frames_out)
{
	static const size_t WIDTHS[] = {BANDS, BANDS, BANDS, BANDS, BANDS, VU_VOCODER_PAIRS, BANDS - 1, BANDS - 1};
	size_t frames = t->count < WINDOWS ? 0 : (t->count - WINDOWS) / FRAME_HOP + 1;
	double sum[FIGURES] = {0};
	double square[FIGURES] = {0};
	float *loudness;
	float *out = vector;
	float least;
	size_t at = 0;
	vu_status status;

	*frames_out = 0;
	if (t->failed != VU_OK)
		return t->failed;
	if (frames < VU_VOCODER_FRAMES_MIN)
		return VU_FAILED_PRECONDITION;
	loudness = malloc(frames * sizeof *loudness);
	if (!loudness)
		return VU_RESOURCE_EXHAUSTED;
	status = find_speech(t, frames, loudness, &least);
	for (size_t f = 0; f < frames && status == VU_OK; f++) {
		float figures[FIGURES];
		if (!(loudness[f] > least) ||
		    vu_vocoder_shape((const float(*)[BANDS])(t->energies + f * FRAME_HOP), figures) <= VOICED)
			continue;
		for (size_t i = 0; i < FIGURES; i++) {
			sum[i] += (double)figures[i];
			square[i] += (double)figures[i] * (double)figures[i];
		}
		++*frames_out;
	}
	free(loudness);
	if (status != VU_OK)
		return status;
	if (*frames_out < VU_VOCODER_FRAMES_MIN)
		return VU_FAILED_PRECONDITION;
	for (size_t k = 0; k < sizeof WIDTHS / sizeof *WIDTHS; k++) {
		out = put(sum + at, square + at, WIDTHS[k], (double)*frames_out, out);
		at += WIDTHS[k];
	}
	return VU_OK;
}

/* ---- as one kind of traces among others ---- */

static vu_status create_any(vu_traces **traces_out)
{
	return vu_vocoder_traces_create((vu_vocoder_traces **)traces_out);
}

static vu_status push_any(vu_traces *traces, const float *samples, size_t count)
{
	return vu_vocoder_traces_push((vu_vocoder_traces *)traces, samples, count);
}

static vu_status finish_any(vu_traces *traces, float *vector, bool *narrow_out)
{
	size_t frames;

	*narrow_out = vu_vocoder_traces_narrow((vu_vocoder_traces *)traces);
	return vu_vocoder_traces_finish((vu_vocoder_traces *)traces, vector, &frames);
}

static void destroy_any(vu_traces *traces)
{
	vu_vocoder_traces_destroy((vu_vocoder_traces *)traces);
}

const vu_traces_kind vu_vocoder_traces_kind = {
    .name = "vocoder",
    .version = VU_VOCODER_TRACES_VERSION,
    .size = VU_VOCODER_TRACES,
    .create = create_any,
    .push = push_any,
    .finish = finish_any,
    .destroy = destroy_any,
};
