/*
 * Model files of hostile content: the bytes as they are, and with the right
 * magic, version, length and hash put in, so that the parsers behind the hash
 * are reached too. Whatever opens is used as the services use it.
 */
#include "ml/model_format.h"
#include "ml/scorer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_background(vu_background *background)
{
	vu_background_scaler *scaler = NULL;
	vu_background_projection *projection = NULL;
	static const float zeros[VU_BACKGROUND_DIMENSIONS];
	vu_scorer_input input = {.vector = zeros, .speech_ms = 3000};
	vu_probe probe;
	vu_error error;

	if (vu_background_load_scaler(background, &scaler, &error) == VU_OK &&
	    vu_background_load_projection(background, 10, &projection, &error) == VU_OK) {
		vu_scorer scorer = {background, scaler, projection};
		vu_scorer_prepare(&scorer, &input, &probe, &error);
	}
	free(projection);
	free(scaler);
}

static void use_template(const vu_template *t)
{
	float x[VU_BACKGROUND_COMPONENTS_MAX] = {0};
	float kept[VU_TEMPLATE_KEPT_MAX * VU_BACKGROUND_DIMENSIONS];
	vu_error error;

	vu_ocsvm_log_ratio(&t->svm, x);
	vu_template_load_kept(t, kept, &error);
}

static void try_bytes(const void *data, size_t size)
{
	vu_model_file *file;
	vu_background *background;
	vu_template *t;
	vu_error error;

	if (vu_model_file_from_memory(data, size, "fuzz", VU_MODEL_ANY, &file, &error) != VU_OK)
		return;
	switch (vu_model_file_kind(file)) {
	case VU_MODEL_BACKGROUND:
		if (vu_background_create(file, &background, &error) == VU_OK) {
			use_background(background);
			vu_background_destroy(background);
		}
		break;
	case VU_MODEL_TEMPLATE:
		if (vu_template_create(file, &t, &error) == VU_OK) {
			use_template(t);
			vu_template_destroy(t);
		}
		break;
	default:
		vu_model_file_close(file);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room = (size + VU_MODEL_ALIGNMENT) / VU_MODEL_ALIGNMENT * VU_MODEL_ALIGNMENT;
	uint8_t *copy = aligned_alloc(VU_MODEL_ALIGNMENT, room);

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	try_bytes(copy, size);
	if (size >= sizeof(vu_model_header)) {
		vu_model_header header;
		memcpy(&header, copy, sizeof header);
		memcpy(header.magic, VU_MODEL_MAGIC, sizeof header.magic);
		header.version = VU_MODEL_FILE_VERSION;
		header.kind = (uint16_t)(1 + header.kind % 3);
		header.file_bytes = size;
		memcpy(copy, &header, sizeof header);
		vu_model_compute_hash(copy, size, header.hash);
		memcpy(copy, &header, sizeof header);
		try_bytes(copy, size);
	}
	free(copy);
	return 0;
}
