/* Discriminants and cohort of one space, fitted to rows of people; used by background_fit.c and background_frames.c
 * only. */
#ifndef VU_ML_BACKGROUND_SPACE_H
#define VU_ML_BACKGROUND_SPACE_H

#include "ml/background_train.h"
#include "ml/model_file.h"

/* What is known of some people, one row a stretch of speech; the rows of a person lie together. */
typedef struct vu_training_rows {
	float *values; /* count x dimensions; vectors are scaled once the scaler is known */
	size_t dimensions;
	uint32_t *person;
	uint32_t *corpus; /* NULL: corpora are not told apart */
	bool *whole;      /* all of an uncorrupted utterance */
	size_t count;
} vu_training_rows;

/* Discriminants of a space, and the cohort in it. */
typedef struct vu_training_space {
	float *mean;
	float *basis;
	float *ratio;
	float *cohort; /* cohort_count x the rows' dimensions */
	size_t cohort_count;
} vu_training_space;

void vu_training_rows_free(vu_training_rows *rows);
void vu_training_space_free(vu_training_space *space);

/*
 * Linear discriminants. Of people with one utterance all rows count when
 * `everybody` is set (corrupted copies then show what channels do), else the
 * first alone. `corpus_weight` as in background_train.h. INVALID_ARGUMENT or INTERNAL: the rows do not vary as speech
 * does.
 */
vu_status vu_training_fit_lda(double shrinkage, double corpus_weight, const vu_training_rows *rows,
                              const uint32_t *utterances_of, bool everybody, vu_training_space *space);

/* One row a person of `people`, the mean of the uncorrupted wholes; at most VU_COHORT_MAX, evenly chosen. */
vu_status vu_training_make_cohort(const vu_training_rows *rows, uint32_t people, vu_training_space *space);

/* What the sections are called. */
typedef struct vu_training_names {
	char mean[VU_MODEL_NAME_SIZE];
	char basis[VU_MODEL_NAME_SIZE];
	char cohort[VU_MODEL_NAME_SIZE];
} vu_training_names;

/*
 * Adds mean and basis with `discriminants` rows at most, and the cohort: as it
 * is, or where it lies among the discriminants. RESOURCE_EXHAUSTED.
 */
vu_status vu_training_write_space(const vu_training_config *config, const vu_training_names *names,
                                  const vu_training_rows *rows, uint32_t discriminants, bool discriminated,
                                  const vu_training_space *space, vu_model_writer *writer);

#endif
