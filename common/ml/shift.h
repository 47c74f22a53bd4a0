/*
 * How a voice shifts the means of the mixture: GMM-UBM with linear scoring
 * (Glembek, Burget, Dehak, Brummer, Kenny 2009). The spaces of background.h
 * keep what tells background people apart; this keeps all directions, so what
 * it gets wrong is not what they get wrong.
 *
 * For a mixture of M components over F dimensions, with zeroth statistics n and
 * whitened first statistics s of vu_gmm_statistics:
 *
 *   voice  s / (n + relevance) - mean, at unit length, of all of an enrolment
 *   heard  s / (frames), of one utterance
 *   score  voice . heard, normalized on both sides as in cohort.h: by what the
 *          cohort's voices score with what was heard, and by what cohort
 *          people would score with the voice
 *
 * Pure functions; any thread.
 */
#ifndef VU_ML_SHIFT_H
#define VU_ML_SHIFT_H

#include "ml/cohort.h"
#include "ml/frames.h"
#include "ml/model_file.h"

#include <stddef.h>
#include <stdint.h>

/* Of larger mixtures shifts are not used: voices would not fit templates. */
#define VU_SHIFT_COMPONENTS_MAX 256
#define VU_SHIFT_LENGTH_MAX     (VU_SHIFT_COMPONENTS_MAX * VU_FRAMES_DIMENSIONS)
/* Values of vu_shift_hear: what was heard, then mean and deviation of what the cohort scores with it. */
#define VU_SHIFT_HEARD_MAX (VU_SHIFT_LENGTH_MAX + 2)

/* What scoring by shifts needs of the background; length 0: it has none. */
typedef struct vu_shift_model {
	uint32_t length; /* M x F */
	uint32_t components;
	float relevance;
	float audio_share;       /* of vu_cohort_normalize_both */
	uint32_t top;            /* cohort members that count */
	float frames;            /* that a cohort member was heard for, in the middle */
	float *mean;             /* of the cohort's voices before they had unit length; owned by the background */
	vu_model_section cohort; /* people x length, unit length; used as it lies in the file */
	const float *lengths;    /* what each had before; mapped */
	const float *weight;     /* of the mixture; borrowed */
} vu_shift_model;

/* A voice from the statistics of an enrolment: `length` values, at unit length. */
void vu_shift_voice(const vu_shift_model *model, const float *zeroth, const float *first, float *voice);

/* What was heard, and how the cohort fares with it: length + 2 values, none beyond +-1 in speech. */
void vu_shift_hear(const vu_shift_model *model, const float *zeroth, const float *first, float *heard);

/* What cohort people would score with a voice. */
vu_cohort_statistics vu_shift_strangers(const vu_shift_model *model, const float *voice);

/* `voice` as a section of one row; `heard` as vu_shift_hear made it. */
float vu_shift_score(const vu_shift_model *model, const vu_model_section *voice, vu_cohort_statistics strangers,
                     const float *heard);

#endif
