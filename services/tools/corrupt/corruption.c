#include "corruption.h"

#include "audio/load.h"
#include "audio/pcm.h"
#include "base/file.h"
#include "dsp/corrupt.h"
#include "dsp/dsp.h"

#include <stdlib.h>
#include <string.h>

/* Choices of one file must not follow from each other. */
enum { CHOICE_ROOM = 1, CHOICE_NOISE = 2, CHOICE_START = 3 };

#define STARTS_MAX   16 /* noises have pauses of digital silence */
#define HEADER_BYTES 44

static uint64_t choose(const corruption *how, unsigned what, const char *name)
{
	return vu_corrupt_choose(how->seed * 64 + what, name);
}

static vu_status add_noise(const corruption *how, const char *name, float *samples, size_t count, vu_error *error)
{
	const sound *noise;
	vu_status status = sounds_choose(how->noises, choose(how, CHOICE_NOISE, name), &noise, error);

	if (status != VU_OK)
		return status;
	for (unsigned i = 0; i < STARTS_MAX; i++) {
		status = vu_corrupt_noise(samples, count, noise->samples, noise->count,
		                          choose(how, CHOICE_START + i, name), how->snr_db, error);
		if (status != VU_INVALID_ARGUMENT)
			break;
	}
	return status;
}

vu_status corruption_apply(const corruption *how, const char *name, const char *in_path, float **samples_out,
                           size_t *count_out, vu_error *error)
{
	float *samples = NULL;
	size_t count, wanted = (size_t)(how->seconds * VU_SAMPLE_RATE + 0.5);
	vu_status status = vu_audio_load(in_path, SOUND_SECONDS_MAX, &samples, &count, error);

	if (status == VU_OK && count < wanted)
		status = vu_fail(error, VU_OUT_OF_RANGE, "unable to take %g s of %s: it lasts %.2f s", how->seconds,
		                 in_path, (double)count / VU_SAMPLE_RATE);
	if (status == VU_OK && how->rooms) {
		const sound *room;
		status = sounds_choose(how->rooms, choose(how, CHOICE_ROOM, name), &room, error);
		if (status == VU_OK)
			status = vu_corrupt_room(samples, count, room->samples, room->count, error);
	}
	if (status == VU_OK && wanted > 0)
		count = wanted;
	if (status == VU_OK && how->noises)
		status = add_noise(how, name, samples, count, error);
	if (status == VU_OK) {
		vu_corrupt_limit(samples, count);
		*samples_out = samples;
		*count_out = count;
	} else {
		free(samples);
	}
	return status;
}

static void put(uint8_t **at, uint32_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		*(*at)++ = (uint8_t)(value >> (8 * i));
}

/* RIFF as Microsoft and IBM described it in 1991: PCM, one channel, 16 bits. */
static void put_header(uint8_t *header, uint32_t data_bytes)
{
	uint8_t *at = header;

	memcpy(at, "RIFF", 4);
	at += 4;
	put(&at, HEADER_BYTES - 8 + data_bytes, 4);
	memcpy(at, "WAVEfmt ", 8);
	at += 8;
	put(&at, 16, 4);
	put(&at, 1, 2);
	put(&at, 1, 2);
	put(&at, VU_SAMPLE_RATE, 4);
	put(&at, VU_SAMPLE_RATE * 2, 4);
	put(&at, 2, 2);
	put(&at, 16, 2);
	memcpy(at, "data", 4);
	at += 4;
	put(&at, data_bytes, 4);
}

vu_status corruption_make(const corruption *how, const char *in_path, const char *out_path, vu_error *error)
{
	const char *slash = strrchr(in_path, '/');
	float *samples = NULL;
	int16_t *pcm = NULL;
	uint8_t *file = NULL;
	size_t count = 0, bytes;
	vu_status status = corruption_apply(how, slash ? slash + 1 : in_path, in_path, &samples, &count, error);

	if (status != VU_OK)
		return status;
	bytes = HEADER_BYTES + count * sizeof *pcm;
	pcm = malloc((count + 1) * sizeof *pcm);
	file = malloc(bytes);
	if (!pcm || !file) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to write %s: out of memory", out_path);
		goto out;
	}
	vu_pcm_to_s16(samples, count, pcm);
	put_header(file, (uint32_t)(count * sizeof *pcm));
	for (size_t i = 0; i < count; i++) {
		uint8_t *at = file + HEADER_BYTES + 2 * i;
		put(&at, (uint16_t)pcm[i], 2);
	}
	status = vu_file_write_atomically(out_path, file, bytes, error);
out:
	free(file);
	free(pcm);
	free(samples);
	return status;
}
