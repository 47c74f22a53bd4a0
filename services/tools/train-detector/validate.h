/*
 * What the detector reaches on what it has not seen: cross-validation in which
 * whole groups (repositories, vocoders, people) are left out, and in which
 * whole corpora of genuine speech are.
 */
#ifndef VU_TRAIN_DETECTOR_VALIDATE_H
#define VU_TRAIN_DETECTOR_VALIDATE_H

#include "learner.h"

/* scores[i] of example i by a model that saw nothing of its group. */
vu_status validate_groups(const file_list *list, const examples *e, const learning *how, unsigned folds,
                          float *scores);
/*
 * scores[i] of a file of genuine speech, however presented, by a model that saw no other of its kind
 * (corpus) and no attack made of it, for kinds of at least `least` files; the
 * others stay as they are.
 */
vu_status validate_corpora(const file_list *list, const examples *e, const learning *how, size_t least,
                           float *scores);

/* Share of attack files passed and of genuine files refused at a threshold, as they are; what loudspeakers play, as
 * measured. */
typedef struct kind_rate {
	const char *kind; /* borrowed from the list */
	bool spoof;
	size_t files;
	size_t wrong;
} kind_rate;

#define KINDS_MAX 256
/* `thresholds` of wide and of narrow sound. */
size_t rates_by_kind(const file_list *list, const examples *e, const float *scores, const float thresholds[2],
                     kind_rate *out);

/* Pooled EER of one role; of all attacks, or only of those whose group names a repository. */
double pooled_eer(const file_list *list, const examples *e, const float *scores, example_role role,
                  bool repositories);

/* EER of each repository's attacks, as files are or as measured, against all genuine speech. */
typedef struct repository_eer {
	const char *name; /* borrowed from the list */
	size_t files;
	double eer;
} repository_eer;

#define REPOSITORIES_MAX 128
size_t eer_by_repository(const file_list *list, const examples *e, const float *scores, example_role role,
                         repository_eer out[REPOSITORIES_MAX]);

/* The threshold that refuses `share` of the genuine examples of a role and band; infinite when there are too few. */
float threshold_for(const examples *e, const float *scores, example_role role, bool narrow, double share);

#endif
