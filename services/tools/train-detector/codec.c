/* Codecs of libsndfile over a buffer in memory; speex.c has one more. */
#include "codec.h"

#include "dsp/dsp.h"

#include <sndfile.h>
#include <stdlib.h>
#include <string.h>

typedef struct buffer {
	char *bytes;
	sf_count_t size;
	sf_count_t capacity;
	sf_count_t at;
} buffer;

static sf_count_t get_size(void *user)
{
	return ((buffer *)user)->size;
}

static sf_count_t seek_to(sf_count_t offset, int whence, void *user)
{
	buffer *b = user;
	sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? b->at : b->size;
	if (base + offset < 0)
		return -1;
	return b->at = base + offset;
}

static sf_count_t read_from(void *out, sf_count_t count, void *user)
{
	buffer *b = user;
	sf_count_t left = b->size > b->at ? b->size - b->at : 0;
	if (count > left)
		count = left;
	memcpy(out, b->bytes + b->at, (size_t)count);
	b->at += count;
	return count;
}

static sf_count_t write_to(const void *in, sf_count_t count, void *user)
{
	buffer *b = user;
	sf_count_t end = b->at + count;
	if (end > b->capacity) {
		char *grown = realloc(b->bytes, (size_t)end * 2);
		if (!grown)
			return 0;
		memset(grown + b->capacity, 0, (size_t)(end * 2 - b->capacity));
		b->bytes = grown;
		b->capacity = end * 2;
	}
	memcpy(b->bytes + b->at, in, (size_t)count);
	b->at = end;
	if (end > b->size)
		b->size = end;
	return count;
}

static sf_count_t tell(void *user)
{
	return ((buffer *)user)->at;
}

static int format_of(codec_kind kind)
{
	switch (kind) {
	case CODEC_MP3:
		return SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III;
	case CODEC_OPUS:
		return SF_FORMAT_OGG | SF_FORMAT_OPUS;
	case CODEC_VORBIS:
		return SF_FORMAT_OGG | SF_FORMAT_VORBIS;
	default:
		return SF_FORMAT_WAV | SF_FORMAT_ULAW;
	}
}

vu_status codec_apply(codec_kind kind, double compression, float *samples, size_t count)
{
	SF_VIRTUAL_IO io = {get_size, seek_to, read_from, write_to, tell};
	SF_INFO info = {.samplerate = VU_SAMPLE_RATE, .channels = 1, .format = format_of(kind)};
	buffer bytes = {0};
	SNDFILE *file;
	vu_status status = VU_UNIMPLEMENTED;
	float *decoded;
	sf_count_t got = 0;

	if (kind == CODEC_SPEEX)
		return speex_apply(compression, samples, count);
	file = sf_open_virtual(&io, SFM_WRITE, &info, &bytes);
	decoded = malloc(count * sizeof *decoded);
	if (!file || !decoded)
		goto out;
	sf_command(file, SFC_SET_COMPRESSION_LEVEL, &compression, sizeof compression);
	sf_write_float(file, samples, (sf_count_t)count);
	sf_close(file);
	bytes.at = 0;
	info = (SF_INFO){0};
	file = sf_open_virtual(&io, SFM_READ, &info, &bytes);
	if (!file || info.channels != 1 || info.samplerate != VU_SAMPLE_RATE)
		goto out;
	got = sf_read_float(file, decoded, (sf_count_t)count);
	if (got < (sf_count_t)count / 2)
		goto out;
	memset(decoded + got, 0, (count - (size_t)got) * sizeof *decoded);
	memcpy(samples, decoded, count * sizeof *samples);
	status = VU_OK;
out:
	if (file)
		sf_close(file);
	free(decoded);
	free(bytes.bytes);
	return status;
}
