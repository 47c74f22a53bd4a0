/* The cohort that shifts of a mixture are compared with; used by background_frames.c only. */
#ifndef VU_ML_BACKGROUND_SHIFT_H
#define VU_ML_BACKGROUND_SHIFT_H

#include "ml/background_train.h"
#include "ml/gmm.h"

/*
 * Chooses config->shift_cohort of the people for whom use[person] is set, those with several recordings first,
 * and adds the sections of shift.h to `writer`. Adds nothing where shifts are not wanted or not possible: a cohort
 * of less than two, a mixture that is too large. RESOURCE_EXHAUSTED.
 */
vu_status vu_background_fit_shift(const vu_training_config *config, const vu_gmm *ubm, vu_frames_kind kind,
                                  const vu_training_utterance *utterances, size_t count, const bool *use,
                                  uint32_t people, vu_model_writer *writer, vu_error *error);

#endif
