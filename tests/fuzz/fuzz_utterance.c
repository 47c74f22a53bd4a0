/*
 * Any bytes as the description of an utterance: refused with a reason, or the
 * place is finite and the frames lie within the bytes.
 */
#include "ml/utterance.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What fits: the bytes choose the hash and the number of dimensions, so that all ways through are found. */
static void fit(vu_background *background, const uint8_t *data, size_t size)
{
	memset(background, 0, sizeof *background);
	if (size >= VU_UTTERANCE_HEADER_BYTES) {
		size_t values = data[6] | (size_t)data[7] << 8;
		memcpy(background->id, data + 12, VU_MODEL_HASH_HEX_SIZE - 1);
		background->model_count = 1;
		background->models[0].rank =
		    values > VU_FRAMES_DIMENSIONS ? (uint32_t)(values - VU_FRAMES_DIMENSIONS) : 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static vu_background background;
	float place[VU_UTTERANCE_PLACE_MAX];
	const uint8_t *frames;
	size_t frames_bytes;
	vu_error error = {VU_OK, ""};
	vu_status status = vu_utterance_frames(data, size, &frames, &frames_bytes, &error);

	if (status != VU_OK && (error.status != status || error.message[0] == '\0'))
		abort();
	if (status == VU_OK && (frames < data || frames + frames_bytes != data + size))
		abort();
	if (!vu_utterance_is_placed(data, size))
		return 0;
	fit(&background, data, size);
	status = vu_utterance_place(&background, data, size, place, &error);
	if (status != VU_OK)
		return 0;
	for (uint32_t i = 0; i < vu_background_place_size(&background); i++)
		if (!isfinite(place[i]))
			abort();
	return 0;
}
