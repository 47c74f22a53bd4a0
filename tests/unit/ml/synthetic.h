/*
 * People made of numbers, for tests of recognition: each has a centre, each
 * utterance an offset from it, each crop another. Deterministic.
 */
#ifndef VU_TESTS_SYNTHETIC_H
#define VU_TESTS_SYNTHETIC_H

#include "ml/background_train.h"

#define SYNTHETIC_EXTRACTOR "synthetic/1"
#define SYNTHETIC_CROPS     4

/* Fills 100 raw values for a crop (0 = the whole) of an utterance of a person. */
void synthetic_vector(unsigned person, unsigned utterance, unsigned crop, float *out);

/* A number in [0, 1) from a state that is advanced. */
double synthetic_random(uint64_t *state);

typedef struct synthetic_people {
	vu_training_utterance *utterances;
	size_t count;
	float *values;
	uint32_t *crop_ms;
} synthetic_people;

void synthetic_people_make(unsigned people, unsigned utterances, synthetic_people *out);
void synthetic_people_free(synthetic_people *people);

/* A small background model trained on synthetic people, written to `path`. */
void synthetic_background_save(const char *path, unsigned people, const char *extractor);

#endif
