/* One fit of scaler, PCA, LDA and cohort to some of the people; used by background_train.c only. */
#ifndef VU_ML_BACKGROUND_FIT_H
#define VU_ML_BACKGROUND_FIT_H

#include "ml/background_train.h"

/* A table of calibration rows, VU_TRAINING_CALIBRATIONS x VU_CALIBRATION_COLUMNS, and the agreement's four values. */
typedef struct vu_background_tail {
	float calibration[VU_TRAINING_CALIBRATIONS * VU_CALIBRATION_COLUMNS];
	float agreement[4];
} vu_background_tail;

/*
 * Fits to the utterances of people for whom use[person] is set and adds all
 * sections to `writer`, with `tail` as calibration.
 */
vu_status vu_background_fit(const vu_training_config *config, const vu_training_utterance *utterances, size_t count,
                            const bool *use, const vu_background_tail *tail, vu_model_writer *writer,
                            vu_error *error);

#endif
