/* Packing and checked unpacking. Bytes are composed one by one: no alignment, no byte order assumed. */
#include "ml/utterance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HASH_OFFSET 12
#define HASH_BYTES  (VU_MODEL_HASH_HEX_SIZE - 1)
/* The place in the subspace has unit length, and no spread is beyond 1. */
#define VALUE_MOST 1.01f

static const uint8_t MAGIC[4] = {'V', 'U', 'U', 'T'};

typedef struct header {
	size_t count;
	size_t frames_bytes;
} header;

static void put_u32(uint8_t *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *in)
{
	return in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

bool vu_utterance_is_placed(const uint8_t *blob, size_t bytes)
{
	return bytes >= sizeof MAGIC && memcmp(blob, MAGIC, sizeof MAGIC) == 0;
}

vu_status vu_utterance_describe(const vu_background *background, const uint8_t *frames, size_t frames_bytes,
                                bool with_frames, uint8_t **blob_out, size_t *bytes_out, vu_error *error)
{
	float place[VU_UTTERANCE_PLACE_MAX];
	size_t count = vu_background_place_size(background);
	size_t carried = with_frames ? frames_bytes : 0;
	size_t bytes = VU_UTTERANCE_HEADER_BYTES + 4 * count + carried;
	uint8_t *blob;
	vu_status status = vu_background_embed(background, frames, frames_bytes, place, error);

	if (status != VU_OK)
		return status;
	blob = calloc(1, bytes);
	if (!blob)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to describe the utterance: out of memory");
	memcpy(blob, MAGIC, sizeof MAGIC);
	blob[4] = VU_UTTERANCE_VERSION;
	blob[6] = (uint8_t)(count & 255u);
	blob[7] = (uint8_t)(count >> 8);
	put_u32(blob + 8, (uint32_t)carried);
	memcpy(blob + HASH_OFFSET, background->id, HASH_BYTES);
	for (size_t i = 0; i < count; i++) {
		uint32_t bits;
		memcpy(&bits, &place[i], sizeof bits);
		put_u32(blob + VU_UTTERANCE_HEADER_BYTES + 4 * i, bits);
	}
	if (carried)
		memcpy(blob + VU_UTTERANCE_HEADER_BYTES + 4 * count, frames, carried);
	*blob_out = blob;
	*bytes_out = bytes;
	return VU_OK;
}

static vu_status read_header(const uint8_t *blob, size_t bytes, header *out, vu_error *error)
{
	unsigned version;

	if (bytes < 6)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to read the description of an utterance: cut off in the header");
	version = blob[4] | (unsigned)blob[5] << 8;
	if (version != VU_UTTERANCE_VERSION)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to read the description of an utterance: features writes version %u, models "
		               "reads %d; install both from one release and restart them",
		               version, VU_UTTERANCE_VERSION);
	if (bytes < VU_UTTERANCE_HEADER_BYTES)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to read the description of an utterance: cut off in the header");
	out->count = blob[6] | (size_t)blob[7] << 8;
	out->frames_bytes = get_u32(blob + 8);
	if (out->count < 1 || out->count > VU_UTTERANCE_PLACE_MAX ||
	    bytes - VU_UTTERANCE_HEADER_BYTES < 4 * out->count ||
	    bytes - VU_UTTERANCE_HEADER_BYTES - 4 * out->count != out->frames_bytes)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to read the description of an utterance: impossible sizes");
	return VU_OK;
}

vu_status vu_utterance_place(const vu_background *background, const uint8_t *blob, size_t bytes, float *out,
                             vu_error *error)
{
	header head;
	vu_status status = read_header(blob, bytes, &head, error);

	if (status != VU_OK)
		return status;
	if (memcmp(blob + HASH_OFFSET, background->id, HASH_BYTES) != 0) {
		/* For the message only what could be a hash. */
		char other[13] = "";
		for (size_t i = 0; i < 12; i++) {
			char c = (char)blob[HASH_OFFSET + i];
			other[i] = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ? c : '?';
		}
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to compare speech described with background model %s by %.12s: features and "
		               "models use different ones; give both the same file and restart them",
		               other, background->id);
	}
	if (head.count != vu_background_place_size(background))
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to read the description of an utterance: %zu values instead of %u", head.count,
		               vu_background_place_size(background));
	for (size_t i = 0; i < head.count; i++) {
		uint32_t bits = get_u32(blob + VU_UTTERANCE_HEADER_BYTES + 4 * i);
		memcpy(&out[i], &bits, sizeof bits);
		if (!(fabsf(out[i]) <= VALUE_MOST))
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "unable to read the description of an utterance: value %zu is out of range",
			               i);
	}
	return VU_OK;
}

vu_status vu_utterance_frames(const uint8_t *blob, size_t bytes, const uint8_t **frames_out, size_t *frames_bytes_out,
                              vu_error *error)
{
	header head;
	vu_status status;

	*frames_out = blob;
	*frames_bytes_out = bytes;
	if (!vu_utterance_is_placed(blob, bytes))
		return VU_OK;
	status = read_header(blob, bytes, &head, error);
	if (status != VU_OK)
		return status;
	*frames_out = blob + VU_UTTERANCE_HEADER_BYTES + 4 * head.count;
	*frames_bytes_out = head.frames_bytes;
	return VU_OK;
}
