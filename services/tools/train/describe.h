/* From a corpus of files to training utterances: every file through the extractor, clean and corrupted. */
#ifndef VU_TRAIN_DESCRIBE_H
#define VU_TRAIN_DESCRIBE_H

#include "augment.h"
#include "corpus.h"
#include "ml/background_train.h"

/* Of each file no more than this is used. */
#define DESCRIBE_SECONDS_MAX 30.0

typedef struct described {
	vu_training_utterance *utterances; /* by person; of a file the clean one first */
	size_t count;
	size_t skipped; /* files that could not be used; each was named on standard error */
	size_t people;  /* who are left */
	double speech_s;
} described;

/*
 * Describes all files. `copies` corrupted versions of each when `corrupt` is
 * given; of people with one recording its halves too, and those of its copies,
 * so that they show how a person varies. RESOURCE_EXHAUSTED without memory; bad files are skipped.
 */
vu_status describe_corpus(const corpus *files, const augmenter *corrupt, unsigned copies, uint64_t seed,
                          void (*progress)(void *context, const char *step, double done), void *context,
                          described *out, vu_error *error);
void described_free(described *d);

#endif
