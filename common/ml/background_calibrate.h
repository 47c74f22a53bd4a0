/*
 * Calibration and thresholds from the trials of cross-validation, and what they
 * reach. A part of the training of background models; see background_train.h
 * for what the figures and settings mean, background.h for the columns of a
 * calibration. Errors: RESOURCE_EXHAUSTED without memory, and those of
 * vu_calibration_fit for trials that cannot be calibrated.
 */
#ifndef VU_ML_BACKGROUND_CALIBRATE_H
#define VU_ML_BACKGROUND_CALIBRATE_H

#include "ml/background_train.h"

#include <stddef.h>
#include <stdint.h>

/* One comparison: what calibration takes in, and the truth. */
typedef struct vu_training_trial {
	float inputs[VU_CALIBRATION_INPUTS];
	float second;
	uint8_t target;
	uint8_t fold;
	uint8_t augmented;
	uint8_t alike; /* both recorded alike, that is, of one corpus */
} vu_training_trial;

/* Whoever adds frees `all`. */
typedef struct vu_training_trials {
	vu_training_trial *all;
	size_t count;
	size_t room;
} vu_training_trials;

vu_status vu_training_add_trial(vu_training_trials *list, const vu_training_trial *one);

/*
 * Strangers recorded otherwise are told apart by rooms and microphones: they
 * would make people look easier to tell apart than they are. They go, unless
 * there are no others.
 */
void vu_training_keep_alike(vu_training_trials *list);

/* Fills a row of calibration for this number of components, VU_CALIBRATION_COLUMNS values, and its figures. */
vu_status vu_training_calibrate(const vu_training_config *config, unsigned folds, const vu_training_trials *list,
                                uint32_t components, float *row, vu_training_figures *figures);

/* Constant, weight and threshold of whether samples of one enrolment agree, into 3 values. */
vu_status vu_training_calibrate_agreement(const vu_training_trials *list, float *agreement);

#endif
