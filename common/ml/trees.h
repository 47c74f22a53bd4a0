/*
 * A sum of small decision trees that says how much more likely a vector comes
 * from genuine speech than from an attack (gradient boosting: Friedman, 2001).
 *
 * Every tree is complete: `depth` questions "is value f below t?" lead to one
 * of 2^depth leaves, and the score is the sum of the leaves reached plus a
 * base, log-odds of bona fide. A question that a tree does not need has a
 * threshold of FLT_MAX: everything is below it.
 *
 * A model is read-only and may be used by any number of threads.
 */
#ifndef VU_ML_TREES_H
#define VU_ML_TREES_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define VU_TREES_INPUTS_MAX 2048
#define VU_TREES_MAX        2000
#define VU_TREES_DEPTH_MAX  6

typedef struct vu_trees_shape {
	uint32_t inputs;
	uint32_t trees;
	uint32_t depth;
} vu_trees_shape;

/*
 * Parameters as they lie in memory; all arrays are borrowed. Questions of a tree
 * lie by level: that at place q is followed by 2q + 1 (below) and 2q + 2.
 */
typedef struct vu_trees {
	vu_trees_shape shape;
	const uint16_t *feature; /* trees x (2^depth - 1), each below `inputs` */
	const float *threshold;  /* the same */
	const float *leaf;       /* trees x 2^depth */
	float base;
} vu_trees;

static inline uint32_t vu_trees_questions(uint32_t depth)
{
	return (1u << depth) - 1;
}

/* `vector` has shape.inputs values. A value that is not finite makes the score NaN. No memory is taken. */
float vu_trees_score(const vu_trees *trees, const float *vector);

/* ---- training ---- */

typedef struct vu_trees_example {
	const float *vector; /* finite */
	float target;        /* 1 = bona fide, 0 = attack */
	float weight;
} vu_trees_example;

typedef struct vu_trees_training {
	uint32_t trees;
	uint32_t depth;
	float rate;    /* what each tree adds of what it found */
	float smooth;  /* added to the curvature of each leaf: draws small leaves to nothing */
	float least;   /* curvature that either side of a question needs */
	float columns; /* share of the values that each tree may ask about */
	float rows;    /* share of the examples that each tree is made from */
	uint64_t seed;
} vu_trees_training;

vu_trees_training vu_trees_training_default(void);

typedef struct vu_trees_owned vu_trees_owned;

/*
 * Minimizes the weighted logistic loss. Deterministic by seed: the same examples
 * in the same order give the same model on the same machine. INVALID_ARGUMENT
 * without examples of both kinds or for a shape out of range; RESOURCE_EXHAUSTED
 * without memory.
 */
vu_status vu_trees_train(const vu_trees_training *how, uint32_t inputs, const vu_trees_example *examples,
                         size_t count, vu_trees_owned **trees_out);
const vu_trees *vu_trees_owned_get(const vu_trees_owned *owned);
void vu_trees_owned_destroy(vu_trees_owned *owned);

#endif
