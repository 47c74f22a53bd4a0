/* Conversion of samples. Nothing here fails or allocates. */
#include "audio/pcm.h"

#include <math.h>
#include <string.h>

#define FULL_SCALE 32768.0f

void vu_pcm_from_s16(const int16_t *in, size_t count, float *out)
{
	for (size_t i = 0; i < count; i++)
		out[i] = (float)in[i] / FULL_SCALE;
}

static int16_t s16_of(float sample)
{
	float scaled = sample * FULL_SCALE;

	if (isnan(scaled))
		return 0;
	if (scaled >= 32767.0f)
		return INT16_MAX;
	if (scaled <= -32768.0f)
		return INT16_MIN;
	return (int16_t)lrintf(scaled);
}

void vu_pcm_to_s16(const float *in, size_t count, int16_t *out)
{
	for (size_t i = 0; i < count; i++)
		out[i] = s16_of(in[i]);
}

void vu_pcm_from_s16le(const uint8_t *in, size_t count, float *out)
{
	for (size_t i = 0; i < count; i++)
		out[i] = (float)(int16_t)(uint16_t)(in[2 * i] | in[2 * i + 1] << 8) / FULL_SCALE;
}

void vu_pcm_from_f32le(const uint8_t *in, size_t count, float *out)
{
	for (size_t i = 0; i < count; i++) {
		const uint8_t *bytes = in + 4 * i;
		uint32_t bits =
		    bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
		memcpy(out + i, &bits, sizeof bits);
	}
}

size_t vu_pcm_find_unusable(const float *samples, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!(fabsf(samples[i]) <= VU_PCM_FLOAT_MAX)) /* false for NaN as well */
			return i;
	return count;
}

float vu_pcm_peak(const float *samples, size_t count)
{
	float peak = 0;

	for (size_t i = 0; i < count; i++) {
		float magnitude = fabsf(samples[i]);
		if (magnitude > peak)
			peak = magnitude;
	}
	return peak;
}

float vu_pcm_dbfs(float amplitude)
{
	float level = amplitude > 0 ? 20.0f * log10f(amplitude) : VU_PCM_DBFS_MIN;

	return level > VU_PCM_DBFS_MIN ? level : VU_PCM_DBFS_MIN;
}
