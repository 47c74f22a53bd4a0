/* Synthetic frames. Ends the process when it cannot do its work: a test that lacks its material has failed. */
#include "synthetic_frames.h"

#include "synthetic.h"

#include "dsp/statistics.h"

#include <stdio.h>
#include <stdlib.h>

#define SOUNDS     12
#define UTTERANCES 5
#define FRAMES     200

/* Every person has an own way to make each of a few sounds; that is all that tells them apart in frames. */
uint8_t *synthetic_frames(unsigned person, unsigned utterance, size_t frames, size_t *bytes_out)
{
	float *mfcc = malloc(frames * VU_MFCC_COEFFICIENTS * sizeof *mfcc);
	uint8_t *blob = malloc(vu_statistics_bytes(frames));
	uint64_t words = (person + 1) * 7919u + (utterance + 1) * 104729u;

	if (!mfcc || !blob)
		abort();
	for (size_t t = 0; t < frames; t++) {
		uint64_t place = (t / 5 + (uint64_t)(synthetic_random(&words) < 0.1)) % SOUNDS;
		uint64_t sound = place * 31 + 5;
		uint64_t accent = (person + 1) * 1000003u + place * 17u;
		for (int i = 0; i < 4; i++)
			synthetic_random(&accent);
		for (size_t d = 0; d < VU_MFCC_COEFFICIENTS; d++)
			mfcc[t * VU_MFCC_COEFFICIENTS + d] =
			    (float)(8 * synthetic_random(&sound) + 2 * synthetic_random(&accent) +
			            synthetic_random(&words));
	}
	if (vu_statistics_pack(mfcc, NULL, frames, blob) != VU_OK)
		abort();
	*bytes_out = vu_statistics_bytes(frames);
	free(mfcc);
	return blob;
}

void synthetic_frames_background_save(const char *path, unsigned people, const char *extractor)
{
	vu_training_config config = vu_training_config_default();
	vu_training_figures figures[VU_TRAINING_CALIBRATIONS];
	synthetic_people all;
	vu_model_writer *writer;
	vu_error error = {0};

	config.extractor = extractor;
	config.folds = 2;
	config.enrol_samples = 4;
	config.discriminants = 20;
	config.mixture = 16;
	config.rank = 20;
	config.frames_discriminants = 12;
	synthetic_people_make(people, UTTERANCES, &all);
	for (size_t i = 0; i < all.count; i++)
		all.utterances[i].statistics =
		    synthetic_frames((unsigned)(i / UTTERANCES), (unsigned)(i % UTTERANCES), FRAMES,
		                     &all.utterances[i].statistics_bytes);
	if (vu_model_writer_create(VU_MODEL_BACKGROUND, &writer) != VU_OK ||
	    vu_background_train(&config, all.utterances, all.count, writer, figures, &error) != VU_OK ||
	    vu_model_writer_save(writer, path, &error) != VU_OK) {
		fprintf(stderr, "%s\n", error.message);
		abort();
	}
	vu_model_writer_destroy(writer);
	for (size_t i = 0; i < all.count; i++)
		free((void *)(uintptr_t)all.utterances[i].statistics);
	synthetic_people_free(&all);
}
