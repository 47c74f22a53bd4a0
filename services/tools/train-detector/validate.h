/*
 * What the detector reaches on what it has not seen: cross-validation in which
 * whole groups (repositories, vocoders, people) are left out, and in which
 * whole corpora of genuine speech are.
 */
#ifndef VU_TRAIN_DETECTOR_VALIDATE_H
#define VU_TRAIN_DETECTOR_VALIDATE_H

#include "examples.h"
#include "ml/mlp.h"
#include "ml/voice_detector.h"

/* Trains on the examples whose flag is set; both classes weigh the same. */
vu_status train_on(const file_list *list, const examples *e, const bool *chosen, const vu_mlp_training *how,
                   vu_mlp_owned **mlp_out);

/* scores[i] of example i by a model that saw nothing of its group. */
vu_status validate_groups(const file_list *list, const examples *e, const vu_mlp_training *how, unsigned folds,
                          float *scores);
/*
 * scores[i] of a genuine example by a model that saw no other of its kind
 * (corpus) and no attack made of it, for kinds of at least `least` files; the
 * others stay as they are.
 */
vu_status validate_corpora(const file_list *list, const examples *e, const vu_mlp_training *how, size_t least,
                           float *scores);

/* Share of attack files passed and of genuine files refused at a threshold, as they are. */
typedef struct kind_rate {
	const char *kind; /* borrowed from the list */
	bool spoof;
	size_t files;
	size_t wrong;
} kind_rate;

#define KINDS_MAX 256
size_t rates_by_kind(const file_list *list, const examples *e, const float *scores, float threshold, kind_rate *out);

/* Pooled EER: as they are (copy 0) or through channels; all attacks, or only those whose group names a repository. */
double pooled_eer(const file_list *list, const examples *e, const float *scores, bool altered, bool repositories);

/* The threshold that refuses `share` of the genuine examples that have `copy` 0 (or above 0 with `altered`). */
float threshold_for(const file_list *list, const examples *e, const float *scores, bool altered, double share);

#endif
