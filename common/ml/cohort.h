/*
 * Score normalisation against a cohort of background people: what a score is
 * worth depends on how strangers score with the same model and the same audio.
 * Any thread.
 */
#ifndef VU_ML_COHORT_H
#define VU_ML_COHORT_H

#include <stddef.h>

#define VU_COHORT_MAX 400

typedef struct vu_cohort_statistics {
	float mean;
	float deviation; /* at least VU_COHORT_DEVIATION_MIN */
} vu_cohort_statistics;

#define VU_COHORT_DEVIATION_MIN 1e-4f

/*
 * Mean and deviation of the `top` largest of `count` scores (all of them when
 * top is 0 or larger); `scores` is reordered. With no score: 0 and 1.
 */
vu_cohort_statistics vu_cohort_compute(float *scores, size_t count, size_t top);

/* z-norm: (score - mean) / deviation. */
float vu_cohort_normalize(float score, vu_cohort_statistics strangers);

/*
 * Both norms: by the model's strangers (z-norm) and, with the weight `audio_share` of 1, by the audio's (t-norm
 * side). 0.5 is the symmetric norm; the audio, of one utterance in unknown conditions, has more that can be wrong
 * with it.
 */
float vu_cohort_normalize_both(float score, vu_cohort_statistics model, vu_cohort_statistics audio,
                               float audio_share);

#endif
