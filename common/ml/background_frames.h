/* One fit of mixture, subspace and the spaces over them; used by background_fit.c only. */
#ifndef VU_ML_BACKGROUND_FRAMES_H
#define VU_ML_BACKGROUND_FRAMES_H

#include "ml/background_train.h"

/* What the fit to vectors has found already. */
typedef struct vu_training_person_data {
	uint32_t count;                /* highest person, plus one */
	const uint32_t *utterances_of; /* by person, without corrupted copies */
	const float *scaler_mean;
	const float *scaler_inverse;
} vu_training_person_data;

/*
 * Fits to the statistics of people for whom use[person] is set and adds the
 * sections ubm, frame and joint. INVALID_ARGUMENT: too few frames for the
 * mixture, or frames that do not vary as speech does.
 */
vu_status vu_background_fit_frames(const vu_training_config *config, const vu_training_utterance *utterances,
                                   size_t count, const bool *use, const vu_training_person_data *people,
                                   vu_model_writer *writer, vu_error *error);

#endif
