/*
 * An example of a custom loader: it takes the background model from a file
 * whose name is compiled in. A real one would fetch it from where the
 * model-server cannot: an archive, a key in hardware, another format.
 *
 * To use it, list it with its hash (sha256sum prints it)
 *
 *   ml:
 *     loaders:
 *       - {kind: background, object: /path/to/example-loader.so, sha256: …}
 *
 * and activate it: jarvis-voice-unlock call models/Activate '{"kind":"background"}'
 */
#include "ml/vu_loader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef EXAMPLE_MODEL
#define EXAMPLE_MODEL "/usr/local/share/voice-unlock/background.vum"
#endif

/* The length goes before the bytes, which begin where the alignment of the largest number allows. */
typedef union block {
	uint64_t bytes;
	long double alignment;
} block;

static long file_bytes(FILE *file)
{
	return fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
}

static uint64_t predict_size(const char *kind)
{
	FILE *file = strcmp(kind, "background") == 0 ? fopen(EXAMPLE_MODEL, "rb") : NULL;
	long bytes = file ? file_bytes(file) : -1;

	if (file)
		fclose(file);
	return bytes > 0 ? (uint64_t)bytes : 0;
}

static void *load(const char *kind)
{
	uint64_t bytes = predict_size(kind);
	block *model = bytes > 0 ? malloc(sizeof *model + (size_t)bytes) : NULL;
	FILE *file = model ? fopen(EXAMPLE_MODEL, "rb") : NULL;

	if (!file || fread(model + 1, 1, (size_t)bytes, file) != (size_t)bytes) {
		free(model);
		model = NULL;
	}
	if (file)
		fclose(file);
	if (!model)
		return NULL;
	model->bytes = bytes;
	return model + 1;
}

static uint64_t size(const void *model)
{
	return ((const block *)model - 1)->bytes;
}

static void unload(void *model)
{
	free((block *)model - 1);
}

const vu_loader *vu_loader_get(void)
{
	static const vu_loader LOADER = {VU_LOADER_ABI, predict_size, load, size, unload};
	return &LOADER;
}
