/*
 * Injection traces, gathered as audio arrives. Memory is bounded: the hashes of
 * at most BLOCKS_MAX blocks are remembered and one average spectrum kept.
 */
#include "injection.h"

#include "resampling.h"

#include "dsp/fft.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE             16000
#define ZERO_RUN_SAMPLES 320 /* 20 ms */
#define BLOCK_SAMPLES    320
#define BLOCKS_MAX       8192 /* a power of two; 160 s of blocks */
#define FFT_SAMPLES      512
/* A block that stays within so many levels is silence or constant, whose repetition means nothing. */
#define BLOCK_RANGE_MIN 24
/* A step is a jump when it is so many times larger than the largest step in the 4 ms around it. */
#define JUMP_RATIO  6
#define JUMP_MIN    2500
#define JUMP_HALF   32
#define JUMP_WINDOW (2 * JUMP_HALF + 1)

/* How much each trace is worth, in nats; chosen on background people, see tests. */
#define PRIOR 2.5F
/* A cliff of less may be the end of a quiet voice. */
#define BAND_DROP_DB         25
#define ZERO_WEIGHT          1.2F
#define REPEAT_WEIGHT        1.6F
#define BAND_WEIGHT          1.0F
#define JUMP_WEIGHT          0.8F
#define DEVICE_WEIGHT        1.4F /* in place of BAND_WEIGHT */
#define FLOOR_WEIGHT         0.9F
#define HUM_WEIGHT           1.0F
#define INTERPOLATION_WEIGHT 1.5F
/* Of 343 genuine utterances none had more than 1.2. */
#define INTERPOLATION_MIN 1.3

typedef struct block {
	uint64_t hash; /* 0 = free */
	uint64_t position;
} block;

struct vu_injection {
	uint64_t position;
	/* zeros */
	uint64_t zero_run;
	uint64_t zero_samples;
	/* repeated blocks: a rolling hash over every position looks up hashes of aligned blocks */
	int16_t recent[BLOCK_SAMPLES];
	uint64_t rolling;
	uint64_t rolling_power;
	block *blocks;
	unsigned block_count;
	uint64_t repeat_until;
	uint64_t repeated_samples;
	/* average power spectrum */
	const vu_fft *fft;
	float window[FFT_SAMPLES];
	float *frame;
	vu_fft_bin *bins;
	size_t frame_count;
	double power[FFT_SAMPLES / 2 + 1];
	uint64_t frames;
	/* jumps */
	int32_t steps[JUMP_WINDOW];
	int16_t last;
	unsigned jumps;
	uint64_t last_jump;
	vu_splice *splice;
	vu_resampling *resampling;
};

#define HASH_BASE 0x100000001B3ULL

vu_status vu_injection_create(vu_injection **injection_out)
{
	vu_injection *in = calloc(1, sizeof *in);
	vu_status status = VU_RESOURCE_EXHAUSTED;

	if (!in)
		return status;
	in->blocks = calloc(BLOCKS_MAX, sizeof *in->blocks);
	if (!in->blocks)
		goto fail;
	status = vu_fft_get(FFT_SAMPLES, &in->fft);
	if (status != VU_OK)
		goto fail;
	in->frame = vu_fft_alloc(FFT_SAMPLES);
	in->bins = vu_fft_alloc_bins(FFT_SAMPLES / 2 + 1);
	if (!in->frame || !in->bins) {
		status = VU_RESOURCE_EXHAUSTED;
		goto fail;
	}
	in->splice = vu_splice_create();
	status = in->splice ? vu_resampling_create(&in->resampling) : VU_RESOURCE_EXHAUSTED;
	if (status != VU_OK)
		goto fail;
	for (size_t i = 0; i < FFT_SAMPLES; i++) {
		/* Blackman: its side lobes lie 58 dB down, below the cliffs that are looked for. */
		double phase = 2 * M_PI * (double)i / FFT_SAMPLES;
		in->window[i] = (float)(0.42 - 0.5 * cos(phase) + 0.08 * cos(2 * phase));
	}
	in->rolling_power = 1;
	for (int i = 0; i < BLOCK_SAMPLES; i++)
		in->rolling_power *= HASH_BASE;
	*injection_out = in;
	return VU_OK;
fail:
	vu_injection_destroy(in);
	return status;
}

void vu_injection_destroy(vu_injection *in)
{
	if (!in)
		return;
	vu_splice_destroy(in->splice);
	vu_resampling_destroy(in->resampling);
	vu_fft_free(in->frame);
	vu_fft_free(in->bins);
	free(in->blocks);
	free(in);
}

static void count_zero(vu_injection *in, int16_t sample)
{
	if (sample == 0) {
		in->zero_run++;
		if (in->zero_run == ZERO_RUN_SAMPLES)
			in->zero_samples += ZERO_RUN_SAMPLES;
		else if (in->zero_run > ZERO_RUN_SAMPLES)
			in->zero_samples++;
	} else {
		in->zero_run = 0;
	}
}

static int block_is_silent(const vu_injection *in)
{
	int low = 32767;
	int high = -32768;
	for (int i = 0; i < BLOCK_SAMPLES; i++) {
		low = in->recent[i] < low ? in->recent[i] : low;
		high = in->recent[i] > high ? in->recent[i] : high;
	}
	return high - low < BLOCK_RANGE_MIN;
}

static block *find_block(vu_injection *in, uint64_t hash)
{
	size_t at = (size_t)(hash * 0x9E3779B97F4A7C15ULL >> 51) & (BLOCKS_MAX - 1);
	while (in->blocks[at].hash != 0 && in->blocks[at].hash != hash)
		at = (at + 1) & (BLOCKS_MAX - 1);
	return &in->blocks[at];
}

/*
 * Looks at the 20 ms that end here. A stretch is repeated when an aligned
 * earlier block, at least one block away, has the same 64-bit hash.
 */
static void look_for_repeat(vu_injection *in, int16_t sample)
{
	size_t slot = (size_t)(in->position % BLOCK_SAMPLES);
	uint64_t old = (uint16_t)in->recent[slot];
	uint64_t hash;
	block *known;

	in->rolling = in->rolling * HASH_BASE + ((uint16_t)sample + 1);
	if (in->position >= BLOCK_SAMPLES)
		in->rolling -= (old + 1) * in->rolling_power;
	in->recent[slot] = sample;
	if (in->position + 1 < BLOCK_SAMPLES)
		return;
	hash = in->rolling ? in->rolling : 1;
	known = find_block(in, hash);
	if (known->hash == hash && known->position + BLOCK_SAMPLES <= in->position &&
	    in->position >= in->repeat_until && !block_is_silent(in)) {
		in->repeated_samples += BLOCK_SAMPLES;
		in->repeat_until = in->position + BLOCK_SAMPLES;
	}
	if (known->hash == 0 && slot == BLOCK_SAMPLES - 1 && in->block_count < BLOCKS_MAX / 2) {
		known->hash = hash;
		known->position = in->position;
		in->block_count++;
	}
}

static void add_to_spectrum(vu_injection *in, int16_t sample)
{
	float power[FFT_SAMPLES / 2 + 1];

	in->frame[in->frame_count++] = (float)sample / 32768.0F;
	if (in->frame_count < FFT_SAMPLES)
		return;
	for (size_t i = 0; i < FFT_SAMPLES; i++)
		in->frame[i] *= in->window[i];
	vu_fft_forward(in->fft, in->frame, in->bins);
	vu_fft_power(in->bins, FFT_SAMPLES / 2 + 1, power);
	for (size_t b = 0; b <= FFT_SAMPLES / 2; b++)
		in->power[b] += (double)power[b];
	in->frames++;
	in->frame_count = 0;
}

static void look_for_jump(vu_injection *in, int16_t sample)
{
	int32_t largest = 1;
	int32_t middle;
	size_t centre;

	in->steps[in->position % JUMP_WINDOW] = abs((int32_t)sample - in->last);
	in->last = sample;
	if (in->position < JUMP_WINDOW)
		return;
	centre = (size_t)((in->position + JUMP_WINDOW - JUMP_HALF) % JUMP_WINDOW);
	middle = in->steps[centre];
	if (middle < JUMP_MIN)
		return;
	for (size_t i = 0; i < JUMP_WINDOW; i++) {
		if (i != centre && in->steps[i] > largest)
			largest = in->steps[i];
	}
	if (middle > JUMP_RATIO * largest && in->position > in->last_jump + RATE / 50) {
		in->jumps++;
		in->last_jump = in->position;
	}
}

vu_status vu_injection_push(vu_injection *in, const int16_t *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		count_zero(in, samples[i]);
		look_for_repeat(in, samples[i]);
		add_to_spectrum(in, samples[i]);
		look_for_jump(in, samples[i]);
		vu_splice_push(in->splice, samples[i]);
		vu_resampling_push(in->resampling, samples[i]);
		in->position++;
	}
	return VU_OK;
}

/*
 * The cliff: the frequency at which the average spectrum falls most within
 * 250 Hz, provided that nothing comes back above it.
 */
static void find_band_limit(const vu_injection *in, vu_injection_traces *out)
{
	const size_t step = 8; /* 250 Hz */
	double level[FFT_SAMPLES / 2 + 1];

	out->band_limit_hz = RATE / 2.0;
	out->band_drop_db = 0;
	if (in->frames == 0)
		return;
	for (size_t b = 0; b <= FFT_SAMPLES / 2; b++)
		level[b] = 10 * log10(in->power[b] / (double)in->frames + 1e-12);
	for (size_t b = 64; b + 2 * step <= FFT_SAMPLES / 2; b++) {
		double below = 0;
		double above = -300;
		for (size_t i = 0; i < step; i++)
			below += level[b - 1 - i] / (double)step;
		for (size_t i = b + step; i <= FFT_SAMPLES / 2; i++)
			above = level[i] > above ? level[i] : above;
		if (below - above > out->band_drop_db) {
			out->band_drop_db = below - above;
			out->band_limit_hz = (double)b * RATE / FFT_SAMPLES;
		}
	}
	if (out->band_drop_db < 12)
		out->band_limit_hz = RATE / 2.0;
}

void vu_injection_finish(vu_injection *in, vu_injection_traces *out)
{
	memset(out, 0, sizeof *out);
	out->seconds = (double)in->position / RATE;
	out->zero_share = in->position ? (double)in->zero_samples / (double)in->position : 0;
	out->repeated_ms = (unsigned)(in->repeated_samples * 1000 / RATE);
	out->jumps = in->jumps;
	find_band_limit(in, out);
	vu_splice_finish(in->splice, &out->splice);
	out->resampled = vu_resampling_finish(in->resampling, &out->resampled_hz);
}

double vu_injection_band_hz(const vu_injection_traces *traces)
{
	return traces->band_drop_db > BAND_DROP_DB ? traces->band_limit_hz : RATE / 2.0;
}

static void add_reason(char *reason, size_t size, const char *text)
{
	size_t used = strlen(reason);
	snprintf(reason + used, size - used, "%s%s", used ? "; " : "", text);
}

float vu_injection_score(const vu_injection_traces *t, uint32_t source_rate_hz, char *reason, size_t reason_size)
{
	float score = PRIOR;
	char text[96];

	reason[0] = '\0';
	if (t->zero_share > 0.02) {
		score -= ZERO_WEIGHT * (float)fmin(1, 0.5 + t->zero_share * 5);
		snprintf(text, sizeof text, "%.0f %% exact digital silence", t->zero_share * 100);
		add_reason(reason, reason_size, text);
	}
	if (t->repeated_ms > 0) {
		score -= REPEAT_WEIGHT * (float)fmin(1, 0.5 + t->repeated_ms / 200.0);
		snprintf(text, sizeof text, "%u ms repeat an earlier stretch to the sample", t->repeated_ms);
		add_reason(reason, reason_size, text);
	}
	if (t->device_hz > 0) {
		score -= DEVICE_WEIGHT;
		snprintf(text, sizeof text, "nothing above %.1f kHz, where this device had sound before",
		         t->band_limit_hz / 1000);
		add_reason(reason, reason_size, text);
	} else if (t->band_drop_db > BAND_DROP_DB && t->band_limit_hz < 7200 &&
	           (source_rate_hz == 0 || t->band_limit_hz < source_rate_hz * 0.42)) {
		score -= BAND_WEIGHT * (float)fmin(1, (t->band_drop_db - 15) / 25);
		snprintf(text, sizeof text, "nothing above %.1f kHz", t->band_limit_hz / 1000);
		add_reason(reason, reason_size, text);
	}
	if (t->jumps > 0) {
		score -= JUMP_WEIGHT * (float)fmin(1, 0.4 + t->jumps / 4.0);
		snprintf(text, sizeof text, "%u jump%s of the waveform", t->jumps, t->jumps == 1 ? "" : "s");
		add_reason(reason, reason_size, text);
	}
	if (t->splice.floor_steps > 0) {
		score -= FLOOR_WEIGHT * (float)fmin(1, 0.3 + (t->splice.floor_step_db - 5) / 8);
		snprintf(text, sizeof text, "the noise steps by %.0f dB within a pause", t->splice.floor_step_db);
		add_reason(reason, reason_size, text);
	}
	if (t->splice.hum_breaks > 0) {
		score -= HUM_WEIGHT * (float)fmin(1, 0.5 + t->splice.hum_breaks / 4.0);
		snprintf(text, sizeof text, "the hum of %.0f Hz breaks", t->splice.hum_hz);
		add_reason(reason, reason_size, text);
	}
	if (t->resampled > INTERPOLATION_MIN) {
		score -= INTERPOLATION_WEIGHT * (float)fmin(1, 0.5 + (t->resampled - INTERPOLATION_MIN) / 2);
		add_reason(reason, reason_size, "samples are interpolated");
	}
	return score;
}
