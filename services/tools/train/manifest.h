/* The manifest beside a trained model: where it comes from and what it reached. JSON, stable order. */
#ifndef VU_TRAIN_MANIFEST_H
#define VU_TRAIN_MANIFEST_H

#include "base/status.h"
#include "ml/background_train.h"

#include <stddef.h>
#include <stdint.h>

typedef struct manifest {
	const char *model_path;
	const char *const *corpora; /* "name: licence" */
	size_t corpus_count;
	const vu_training_config *config;
	unsigned copies;
	size_t files;
	size_t skipped;
	size_t people;
	double speech_s;
	char corpus_hash[65]; /* BLAKE2b-256 over names and bytes of all files, in order */
	const vu_training_figures *figures;
} manifest;

vu_status manifest_write(const manifest *m, const char *path, vu_error *error);

/* Hash over what the files hold. Names count from the corpus folder on, so that it does not matter where that lies.
 */
vu_status manifest_hash_files(char *const *paths, const char *const *names, size_t count, char hex[65],
                              vu_error *error);

#endif
