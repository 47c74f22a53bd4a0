/* What learns from examples: perceptrons and trees, each by itself, their scores added. */
#ifndef VU_TRAIN_DETECTOR_LEARNER_H
#define VU_TRAIN_DETECTOR_LEARNER_H

#include "examples.h"
#include "ml/voice_detector.h"

typedef struct learning {
	vu_mlp_training mlp;
	vu_trees_training trees;
	float trees_weight;
} learning;

learning learning_default(void);
/* Both draw from it. */
void learning_seed(learning *how, uint64_t seed);

typedef struct learned {
	vu_mlp_owned *mlp;
	vu_trees_owned *trees;
	float trees_weight;
} learned;

/*
 * Trains on the examples whose flag is set. Both classes weigh the same, of
 * genuine speech every corpus. On failure there is nothing to free.
 */
vu_status learn(const file_list *list, const examples *e, const bool *chosen, const learning *how, learned *out);
vu_detector_parts learned_parts(const learned *l);
void learned_free(learned *l);

#endif
