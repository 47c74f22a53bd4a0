/* Synthetic people. Ends the process when it cannot do its work: a test that lacks its material has failed. */
#include "synthetic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double synthetic_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (double)(*state >> 11) / 9007199254740992.0;
}

static double normal(uint64_t *state)
{
	double u = synthetic_random(state) + 1e-12;
	double v = synthetic_random(state);
	return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static uint64_t seed_of(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t state = (a * 1000003u + b) * 1000003u + c + 12345u;
	for (int i = 0; i < 8; i++)
		synthetic_random(&state);
	return state;
}

void synthetic_vector(unsigned person, unsigned utterance, unsigned crop, float *out)
{
	uint64_t who = seed_of(person + 1, 0, 0);
	uint64_t when = seed_of(person + 1, utterance + 1, 0);
	uint64_t piece = seed_of(person + 1, utterance + 1, crop + 1);

	for (int d = 0; d < VU_BACKGROUND_DIMENSIONS; d++) {
		/* Early dimensions tell people apart, late ones are mostly noise; scales differ as those of real
		 * features do. */
		double between = d < 40 ? 1.0 : 0.2;
		double value = between * normal(&who) + 0.4 * normal(&when) + (crop ? 0.3 : 0.1) * normal(&piece);
		out[d] = (float)(value * (1 + d % 7) + d);
	}
}

void synthetic_people_make(unsigned people, unsigned utterances, synthetic_people *out)
{
	size_t rows = 1 + SYNTHETIC_CROPS;

	out->count = (size_t)people * utterances;
	out->utterances = calloc(out->count, sizeof *out->utterances);
	out->values = calloc(out->count * rows * VU_BACKGROUND_DIMENSIONS, sizeof *out->values);
	out->crop_ms = calloc(SYNTHETIC_CROPS, sizeof *out->crop_ms);
	if (!out->utterances || !out->values || !out->crop_ms)
		abort();
	for (int c = 0; c < SYNTHETIC_CROPS; c++)
		out->crop_ms[c] = 2000;
	for (size_t i = 0; i < out->count; i++) {
		float *values = out->values + i * rows * VU_BACKGROUND_DIMENSIONS;
		for (unsigned crop = 0; crop < rows; crop++)
			synthetic_vector((unsigned)(i / utterances), (unsigned)(i % utterances), crop,
			                 values + crop * VU_BACKGROUND_DIMENSIONS);
		out->utterances[i] = (vu_training_utterance){
		    .person = (uint32_t)(i / utterances),
		    .whole = values,
		    .speech_ms = 3000,
		    .crops = values + VU_BACKGROUND_DIMENSIONS,
		    .crop_ms = out->crop_ms,
		    .crop_count = SYNTHETIC_CROPS,
		};
	}
}

void synthetic_people_free(synthetic_people *people)
{
	free(people->utterances);
	free(people->values);
	free(people->crop_ms);
	memset(people, 0, sizeof *people);
}

void synthetic_background_save(const char *path, unsigned people, const char *extractor)
{
	synthetic_people who;
	vu_training_config config = vu_training_config_default();
	vu_training_figures figures[VU_TRAINING_CALIBRATIONS];
	vu_model_writer *writer;
	vu_error error = {0};

	config.extractor = extractor;
	config.corpora = "synthetic\n";
	config.folds = 2;
	config.enrol_samples = 4;
	config.discriminants = 40;
	synthetic_people_make(people, 6, &who);
	if (vu_model_writer_create(VU_MODEL_BACKGROUND, &writer) != VU_OK ||
	    vu_background_train(&config, who.utterances, who.count, writer, figures, &error) != VU_OK ||
	    vu_model_writer_save(writer, path, &error) != VU_OK) {
		fprintf(stderr, "synthetic background: %s\n", error.message);
		abort();
	}
	vu_model_writer_destroy(writer);
	synthetic_people_free(&who);
}
