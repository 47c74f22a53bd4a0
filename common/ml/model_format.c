/* Names, sizes and packed rows of what a model file holds, and its hash. */
#include "ml/model_format.h"

#include <math.h>
#include <sodium.h>
#include <string.h>

const char *vu_model_kind_name(vu_model_kind kind)
{
	switch (kind) {
	case VU_MODEL_BACKGROUND:
		return "background";
	case VU_MODEL_TEMPLATE:
		return "template";
	case VU_MODEL_DETECTOR:
		return "detector";
	default:
		return "unknown";
	}
}

const char *vu_model_element_name(vu_model_element element)
{
	switch (element) {
	case VU_ELEMENT_BYTES:
		return "bytes";
	case VU_ELEMENT_I8:
		return "i8";
	case VU_ELEMENT_F16:
		return "f16";
	case VU_ELEMENT_F32:
		return "f32";
	case VU_ELEMENT_U64:
		return "u64";
	}
	return "unknown";
}

size_t vu_model_element_bytes(vu_model_element element)
{
	switch (element) {
	case VU_ELEMENT_BYTES:
	case VU_ELEMENT_I8:
		return 1;
	case VU_ELEMENT_F16:
		return 2;
	case VU_ELEMENT_F32:
		return 4;
	case VU_ELEMENT_U64:
		return 8;
	}
	return 0;
}

size_t vu_model_row_bytes(vu_model_element element, uint32_t columns)
{
	return (element == VU_ELEMENT_I8 ? sizeof(float) : 0) + columns * vu_model_element_bytes(element);
}

void vu_model_row_pack_i8(const float *row, uint32_t columns, uint8_t *out)
{
	float largest = 0;
	float scale;

	for (uint32_t i = 0; i < columns; i++)
		largest = fabsf(row[i]) > largest ? fabsf(row[i]) : largest;
	scale = largest / 127;
	memcpy(out, &scale, sizeof scale);
	for (uint32_t i = 0; i < columns; i++) {
		/* A scale too small to divide by belongs to a row of zeros, as far as anybody can tell. */
		float value = scale > 0 ? roundf(row[i] / scale) : 0;
		int8_t byte = (int8_t)fminf(fmaxf(value, -127), 127);
		memcpy(out + sizeof scale + i, &byte, 1);
	}
}

void vu_model_row_unpack_i8(const void *packed, uint32_t columns, float *row)
{
	const int8_t *values = (const int8_t *)packed + sizeof(float);
	float scale;

	memcpy(&scale, packed, sizeof scale);
	for (uint32_t i = 0; i < columns; i++)
		row[i] = scale * values[i];
}

void vu_model_compute_hash(const void *data, size_t bytes, uint8_t hash[VU_MODEL_HASH_BYTES])
{
	vu_model_header header;
	crypto_generichash_state state;

	memcpy(&header, data, sizeof header);
	memset(header.hash, 0, sizeof header.hash);
	crypto_generichash_init(&state, NULL, 0, VU_MODEL_HASH_BYTES);
	crypto_generichash_update(&state, (const uint8_t *)&header, sizeof header);
	crypto_generichash_update(&state, (const uint8_t *)data + sizeof header, bytes - sizeof header);
	crypto_generichash_final(&state, hash, VU_MODEL_HASH_BYTES);
}
