/*
 * Band levels and minimum-statistics noise floors. The minimum of a smoothed
 * band lies below its mean; FLOOR_BIAS_DB is that distance for white noise, as
 * measured by the unit test of this file.
 */
#include "dsp/vad_bands.h"

#include "dsp/dsp.h"
#include "dsp/fft.h"
#include "dsp/filterbank.h"
#include "dsp/window.h"

#include <math.h>
#include <stdlib.h>

#define BINS    (VU_FFT_SIZE / 2 + 1)
#define LOW_HZ  100.0
#define HIGH_HZ 7000.0
/* The floor is the minimum over 16 blocks of 16 hops; the fast one over the last 2. */
#define BLOCK_HOPS         16
#define BLOCKS             16
#define FAST_BLOCKS        2
#define SMOOTHING          0.5f
#define FLOOR_BIAS_DB      4.5f
#define MARGIN_DB          2.5f
#define BAND_EXCESS_MAX_DB 12.0f
#define STANDS_OUT_DB      3.0f
/* Quieter than this in a band is as good as silence: one bit of 16 spread over the band. */
#define BAND_LOWEST_DBFS (-100.0f)
/* So many equal samples in a row (5 ms) are no sound of a room: a gap, a gate, a stopped device. */
#define GAP_SAMPLES 80
/* Mean square of a frame that holds nothing: below the quantization noise of 16 bits (-101 dBFS). */
#define SILENCE_MEAN_SQUARE 2e-11f

struct vu_vad_bands {
	const vu_fft *fft;
	float *time;
	vu_fft_bin *bins;
	vu_filterbank *filters;
	float window[VU_FRAME_SAMPLES];
	float power[BINS];
	float scale;    /* from |X|^2 to mean square */
	bool any;       /* the floors have learned something */
	bool after_gap; /* smoothing starts again */
	float smoothed[VU_VAD_BANDS];
	float block_minimum[BLOCKS][VU_VAD_BANDS];
	int block;
	int hops_in_block;
	float slow[VU_VAD_BANDS];
	float fast[VU_VAD_BANDS];
};

static void forget(float *levels)
{
	for (int b = 0; b < VU_VAD_BANDS; b++)
		levels[b] = INFINITY;
}

vu_status vu_vad_bands_create(vu_vad_bands **bands_out)
{
	const vu_filterbank_config config = {VU_FILTERBANK_MEL, VU_VAD_BANDS, LOW_HZ, HIGH_HZ, VU_FFT_SIZE};
	vu_status status;
	double square = 0.0;
	vu_vad_bands *bands = calloc(1, sizeof *bands);

	if (!bands)
		return VU_RESOURCE_EXHAUSTED;
	status = vu_fft_get(VU_FFT_SIZE, &bands->fft);
	if (status == VU_OK)
		status = vu_filterbank_create(&config, &bands->filters);
	if (status != VU_OK)
		goto fail;
	bands->time = vu_fft_alloc(VU_FFT_SIZE);
	bands->bins = vu_fft_alloc_bins(BINS);
	if (!bands->time || !bands->bins) {
		status = VU_RESOURCE_EXHAUSTED;
		goto fail;
	}
	vu_window_fill(VU_WINDOW_HANN, bands->window, VU_FRAME_SAMPLES);
	for (int n = 0; n < VU_FRAME_SAMPLES; n++)
		square += (double)bands->window[n] * (double)bands->window[n];
	bands->scale = (float)(2.0 / (VU_FFT_SIZE * square));
	for (int block = 0; block < BLOCKS; block++)
		forget(bands->block_minimum[block]);
	forget(bands->slow);
	forget(bands->fast);
	bands->after_gap = true;
	*bands_out = bands;
	return VU_OK;
fail:
	vu_vad_bands_destroy(bands);
	return status;
}

void vu_vad_bands_destroy(vu_vad_bands *bands)
{
	if (!bands)
		return;
	vu_fft_free(bands->bins);
	vu_fft_free(bands->time);
	vu_filterbank_destroy(bands->filters);
	free(bands);
}

/* Minimum over the `count` newest blocks. */
static void minimum_of_blocks(const vu_vad_bands *bands, int count, float *out)
{
	forget(out);
	for (int i = 0; i < count; i++) {
		const float *block = bands->block_minimum[(bands->block - i + BLOCKS) % BLOCKS];
		for (int b = 0; b < VU_VAD_BANDS; b++) {
			if (block[b] < out[b])
				out[b] = block[b];
		}
	}
}

static void learn(vu_vad_bands *bands)
{
	float *minimum;

	if (bands->hops_in_block == BLOCK_HOPS) {
		bands->block = (bands->block + 1) % BLOCKS;
		bands->hops_in_block = 0;
		forget(bands->block_minimum[bands->block]);
	}
	minimum = bands->block_minimum[bands->block];
	for (int b = 0; b < VU_VAD_BANDS; b++) {
		if (bands->smoothed[b] < minimum[b])
			minimum[b] = bands->smoothed[b];
	}
	if (bands->hops_in_block++ == 0) {
		/* An old block has been dropped: the minima may rise. */
		minimum_of_blocks(bands, BLOCKS, bands->slow);
		minimum_of_blocks(bands, FAST_BLOCKS, bands->fast);
		return;
	}
	for (int b = 0; b < VU_VAD_BANDS; b++) {
		bands->slow[b] = fminf(bands->slow[b], bands->smoothed[b]);
		bands->fast[b] = fminf(bands->fast[b], bands->smoothed[b]);
	}
}

/* A frame with a gap has lower levels than the sound around it and must not teach the floors. */
static bool has_gap(const float *frame)
{
	int run = 1;

	for (int n = 1; n < VU_FRAME_SAMPLES; n++) {
		run = frame[n] == frame[n - 1] ? run + 1 : 1;
		if (run >= GAP_SAMPLES)
			return true;
	}
	return false;
}

void vu_vad_bands_analyze(vu_vad_bands *bands, const float *frame, vu_vad_levels *out)
{
	float mean = 0.0f;
	float square = 0.0f;
	float total = 0.0f;
	float sums[VU_VAD_BANDS];

	for (int n = 0; n < VU_FRAME_SAMPLES; n++)
		mean += frame[n];
	mean /= VU_FRAME_SAMPLES;
	for (int n = 0; n < VU_FRAME_SAMPLES; n++) {
		float sample = frame[n] - mean;
		square += sample * sample;
		bands->time[n] = sample * bands->window[n];
	}
	vu_fft_forward(bands->fft, bands->time, bands->bins);
	vu_fft_power(bands->bins, BINS, bands->power);
	vu_filterbank_apply(bands->filters, bands->power, sums);
	out->silent = square / VU_FRAME_SAMPLES < SILENCE_MEAN_SQUARE;
	for (int b = 0; b < VU_VAD_BANDS; b++) {
		float mean_square = sums[b] * bands->scale;
		float dbfs = mean_square > 1e-10f ? 10.0f * log10f(mean_square) : BAND_LOWEST_DBFS;
		total += mean_square;
		if (bands->after_gap)
			bands->smoothed[b] = dbfs;
		else
			bands->smoothed[b] += SMOOTHING * (dbfs - bands->smoothed[b]);
		out->band_dbfs[b] = bands->smoothed[b];
	}
	out->total_dbfs = total > 1e-10f ? 10.0f * log10f(total) : BAND_LOWEST_DBFS;
	bands->after_gap = out->silent || has_gap(frame);
	if (bands->after_gap)
		return;
	bands->any = true;
	learn(bands);
}

vu_vad_excess vu_vad_bands_excess(const vu_vad_bands *bands, const vu_vad_levels *levels)
{
	vu_vad_excess excess = {0.0f, 0.0f, 0};

	if (!bands->any)
		return excess;
	for (int b = 0; b < VU_VAD_BANDS; b++) {
		float slow = levels->band_dbfs[b] - bands->slow[b] - FLOOR_BIAS_DB - MARGIN_DB;
		float fast = levels->band_dbfs[b] - bands->fast[b] - FLOOR_BIAS_DB - MARGIN_DB;
		if (slow > STANDS_OUT_DB)
			excess.bands_above++;
		excess.slow_db += fminf(fmaxf(slow, 0.0f), BAND_EXCESS_MAX_DB);
		excess.fast_db += fminf(fmaxf(fast, 0.0f), BAND_EXCESS_MAX_DB);
	}
	excess.slow_db /= VU_VAD_BANDS;
	excess.fast_db /= VU_VAD_BANDS;
	return excess;
}

float vu_vad_bands_noise_dbfs(const vu_vad_bands *bands)
{
	float sum = 0.0f;

	if (!bands->any)
		return BAND_LOWEST_DBFS;
	for (int b = 0; b < VU_VAD_BANDS; b++)
		sum += powf(10.0f, 0.1f * (bands->slow[b] + FLOOR_BIAS_DB));
	return 10.0f * log10f(sum);
}
