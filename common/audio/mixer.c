/* Channel mixing by blocks. After creation nothing fails or allocates. */
#include "audio/mixer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SECONDS_INVERSE 100  /* 10 ms */
#define DEAD_RATIO            1e-4 /* energy, -40 dB */

struct vu_mixer {
	uint32_t channels;
	size_t block_frames;
	float *block; /* interleaved */
	size_t filled;
	double energy[VU_MIXER_CHANNELS_MAX]; /* since the start */
	double mixed_energy;                  /* of the plain average of live channels */
	float weights[VU_MIXER_CHANNELS_MAX];
	bool started;
};

vu_status vu_mixer_create(uint32_t sample_rate, uint32_t channels, vu_mixer **mixer_out, vu_error *error)
{
	vu_mixer *mixer;

	if (channels == 0 || channels > VU_MIXER_CHANNELS_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to mix %u channels: 1 to %u are supported; mix the audio down first", channels,
		               VU_MIXER_CHANNELS_MAX);
	mixer = calloc(1, sizeof *mixer);
	if (!mixer)
		goto no_memory;
	mixer->channels = channels;
	mixer->block_frames = sample_rate / BLOCK_SECONDS_INVERSE;
	if (mixer->block_frames == 0)
		mixer->block_frames = 1;
	mixer->block = calloc(mixer->block_frames * channels, sizeof *mixer->block);
	if (!mixer->block)
		goto no_memory;
	*mixer_out = mixer;
	return VU_OK;
no_memory:
	vu_mixer_destroy(mixer);
	return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to mix channels: out of memory");
}

void vu_mixer_destroy(vu_mixer *mixer)
{
	if (!mixer)
		return;
	free(mixer->block);
	free(mixer);
}

size_t vu_mixer_output_max(const vu_mixer *mixer, size_t frames)
{
	return frames + mixer->block_frames;
}

/* Counts the block's energy per channel and that of the average of `live` channels. */
static void account(vu_mixer *mixer, const bool *live, size_t live_count)
{
	for (size_t i = 0; i < mixer->filled; i++) {
		const float *frame = mixer->block + i * mixer->channels;
		double sum = 0;
		for (uint32_t c = 0; c < mixer->channels; c++)
			if (live[c])
				sum += frame[c];
		sum /= (double)live_count;
		mixer->mixed_energy += sum * sum;
	}
}

static void choose_weights(vu_mixer *mixer, float *weights)
{
	bool live[VU_MIXER_CHANNELS_MAX];
	size_t live_count = 0;
	uint32_t loudest = 0;

	for (size_t i = 0; i < mixer->filled; i++) {
		const float *frame = mixer->block + i * mixer->channels;
		for (uint32_t c = 0; c < mixer->channels; c++)
			mixer->energy[c] += (double)frame[c] * (double)frame[c];
	}
	for (uint32_t c = 1; c < mixer->channels; c++)
		if (mixer->energy[c] > mixer->energy[loudest])
			loudest = c;
	for (uint32_t c = 0; c < mixer->channels; c++) {
		live[c] = mixer->energy[c] >= DEAD_RATIO * mixer->energy[loudest];
		live_count += live[c];
	}
	account(mixer, live, live_count);
	if (mixer->mixed_energy < DEAD_RATIO * mixer->energy[loudest]) {
		memset(live, 0, sizeof live);
		live[loudest] = true;
		live_count = 1;
	}
	for (uint32_t c = 0; c < mixer->channels; c++)
		weights[c] = live[c] ? 1.0f / (float)live_count : 0.0f;
}

/* Writes the block that was gathered, moving from the old weights to the new ones. */
static size_t mix_block(vu_mixer *mixer, float *out)
{
	float target[VU_MIXER_CHANNELS_MAX];
	size_t frames = mixer->filled;

	choose_weights(mixer, target);
	if (!mixer->started)
		memcpy(mixer->weights, target, sizeof mixer->weights);
	mixer->started = true;
	for (size_t i = 0; i < frames; i++) {
		const float *frame = mixer->block + i * mixer->channels;
		float moved = (float)(i + 1) / (float)mixer->block_frames;
		float sum = 0;
		for (uint32_t c = 0; c < mixer->channels; c++)
			sum += frame[c] * (mixer->weights[c] + moved * (target[c] - mixer->weights[c]));
		out[i] = sum;
	}
	memcpy(mixer->weights, target, sizeof mixer->weights);
	mixer->filled = 0;
	return frames;
}

size_t vu_mixer_push(vu_mixer *mixer, const float *interleaved, size_t frames, bool last, float *out)
{
	size_t written = 0;

	if (mixer->channels == 1 && frames > 0)
		memcpy(out, interleaved, frames * sizeof *out);
	if (mixer->channels == 1)
		return frames;
	while (frames > 0) {
		size_t take = mixer->block_frames - mixer->filled;
		if (take > frames)
			take = frames;
		memcpy(mixer->block + mixer->filled * mixer->channels, interleaved,
		       take * mixer->channels * sizeof *interleaved);
		mixer->filled += take;
		interleaved += take * mixer->channels;
		frames -= take;
		if (mixer->filled == mixer->block_frames)
			written += mix_block(mixer, out + written);
	}
	if (last && mixer->filled > 0)
		written += mix_block(mixer, out + written);
	return written;
}
