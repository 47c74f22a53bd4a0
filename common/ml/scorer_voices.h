/* What scoring and training of templates share; used by scorer.c and scorer_train.c only. */
#ifndef VU_ML_SCORER_VOICES_H
#define VU_ML_SCORER_VOICES_H

#include "ml/scorer.h"

#include <stddef.h>
#include <stdint.h>

/* A raw vector, VU_BACKGROUND_DIMENSIONS values, at the scale of the background. */
void vu_scorer_scale(const vu_scorer *scorer, const float *raw, float *scaled);

/*
 * Where a voice lies in every space, and, unless `heard` is NULL, how it
 * shifts, as a vu_probe has it. INVALID_ARGUMENT for missing or unusable
 * statistics.
 */
vu_status vu_scorer_voices_of(const vu_scorer *scorer, const float *raw, const uint8_t *statistics,
                              size_t statistics_bytes, float voices[VU_SPACES_MAX][VU_BACKGROUND_DISCRIMINANTS_MAX],
                              float *heard, vu_error *error);

/* What the cohort scores against a voice of this space. */
vu_cohort_statistics vu_scorer_strangers_of(const vu_voice_space *space, const float *voice);

#endif
