/* Packing and checked unpacking of MFCC frames. Bytes are composed one by one: no alignment, no byte order assumed.
 */
#include "dsp/statistics.h"

#include "dsp/dsp.h"

#include <math.h>
#include <string.h>

#define DIMENSIONS VU_MFCC_COEFFICIENTS
#define STEPS      127.0f
/* A coefficient that never changes still needs a scale. */
#define SCALE_LEAST 1e-6f
/* No coefficient of audio comes near this; what claims to is not ours. */
#define VALUE_MOST 1e6f

static const uint8_t MAGIC[4] = {'V', 'U', 'M', 'F'};

static void put_u16(uint8_t *out, uint16_t value)
{
	out[0] = (uint8_t)(value & 255u);
	out[1] = (uint8_t)(value >> 8);
}

static void put_u32(uint8_t *out, uint32_t value)
{
	put_u16(out, (uint16_t)(value & 0xFFFFu));
	put_u16(out + 2, (uint16_t)(value >> 16));
}

static uint32_t get_u32(const uint8_t *in)
{
	return in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

static void put_float(uint8_t *out, float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof bits);
	put_u32(out, bits);
}

static float get_float(const uint8_t *in)
{
	uint32_t bits = get_u32(in);
	float value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

static float finite_or_zero(float value)
{
	if (!isfinite(value))
		return 0.0f;
	return fminf(fmaxf(value, -VALUE_MOST), VALUE_MOST);
}

size_t vu_statistics_bytes(size_t frames)
{
	return VU_STATISTICS_HEADER_BYTES + frames * (1 + DIMENSIONS);
}

vu_status vu_statistics_pack(const float *mfcc, const uint8_t *follows, size_t frames, uint8_t *out)
{
	uint8_t *links = out + VU_STATISTICS_HEADER_BYTES;
	uint8_t *values = links + frames;

	if (frames > VU_STATISTICS_FRAMES_MAX)
		return VU_OUT_OF_RANGE;
	memcpy(out, MAGIC, sizeof MAGIC);
	put_u16(out + 4, VU_STATISTICS_VERSION);
	put_u16(out + 6, DIMENSIONS);
	put_u32(out + 8, (uint32_t)frames);
	put_u32(out + 12, VU_HOP_SAMPLES);
	for (size_t t = 0; t < frames; t++)
		links[t] = t > 0 && (!follows || follows[t]);
	for (size_t i = 0; i < DIMENSIONS; i++) {
		float low = 0.0f, high = 0.0f, offset, scale;

		for (size_t t = 0; t < frames; t++) {
			float value = finite_or_zero(mfcc[t * DIMENSIONS + i]);
			low = t == 0 || value < low ? value : low;
			high = t == 0 || value > high ? value : high;
		}
		offset = 0.5f * (low + high);
		scale = fmaxf(0.5f * (high - low) / STEPS, SCALE_LEAST);
		put_float(out + 16 + 4 * i, scale);
		put_float(out + 16 + 4 * DIMENSIONS + 4 * i, offset);
		for (size_t t = 0; t < frames; t++) {
			float step = roundf((finite_or_zero(mfcc[t * DIMENSIONS + i]) - offset) / scale);
			values[t * DIMENSIONS + i] = (uint8_t)(int8_t)fminf(fmaxf(step, -STEPS), STEPS);
		}
	}
	return VU_OK;
}

vu_status vu_statistics_open(const void *blob, size_t bytes, vu_statistics_view *view_out, vu_error *error)
{
	const uint8_t *in = blob;
	unsigned version;
	uint32_t frames;

	if (bytes < 8 || memcmp(in, MAGIC, sizeof MAGIC) != 0)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to read speech statistics: not in their format");
	version = in[4] | (unsigned)in[5] << 8;
	if (version != VU_STATISTICS_VERSION)
		return vu_fail(error, VU_UNIMPLEMENTED,
		               "unable to read speech statistics: version %u, this build knows %d", version,
		               VU_STATISTICS_VERSION);
	if (bytes < VU_STATISTICS_HEADER_BYTES)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to read speech statistics: cut off in the header");
	frames = get_u32(in + 8);
	if ((in[6] | in[7] << 8) != DIMENSIONS || get_u32(in + 12) != VU_HOP_SAMPLES ||
	    frames > VU_STATISTICS_FRAMES_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to read speech statistics: impossible sizes");
	if (bytes != vu_statistics_bytes(frames))
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to read speech statistics: %zu bytes instead of %zu", bytes,
		               vu_statistics_bytes(frames));
	for (size_t i = 0; i < DIMENSIONS; i++) {
		float scale = get_float(in + 16 + 4 * i);
		float offset = get_float(in + 16 + 4 * DIMENSIONS + 4 * i);
		if (!(scale > 0.0f && scale <= VALUE_MOST) || !(fabsf(offset) <= VALUE_MOST))
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "unable to read speech statistics: impossible scale of coefficient %zu", i);
		view_out->scale[i] = scale;
		view_out->offset[i] = offset;
	}
	view_out->frames = frames;
	view_out->follows = in + VU_STATISTICS_HEADER_BYTES;
	view_out->values = (const int8_t *)(in + VU_STATISTICS_HEADER_BYTES + frames);
	return VU_OK;
}

void vu_statistics_expand(const vu_statistics_view *view, float *out)
{
	for (size_t t = 0; t < view->frames; t++) {
		for (size_t i = 0; i < DIMENSIONS; i++)
			out[t * DIMENSIONS + i] =
			    view->offset[i] + view->scale[i] * (float)view->values[t * DIMENSIONS + i];
	}
}
