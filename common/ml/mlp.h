/*
 * A small ensemble of multi-layer perceptrons that says how much more likely a
 * vector comes from genuine speech than from an attack.
 *
 * Each member scales the vector (value less mean over deviation, cut at ±5),
 * passes it through one hidden layer of rectified linear units and sums to one
 * number, log-odds of bona fide; the score is the mean over members.
 *
 * A model is read-only and may be used by any number of threads.
 */
#ifndef VU_ML_MLP_H
#define VU_ML_MLP_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define VU_MLP_INPUTS_MAX  2048
#define VU_MLP_HIDDEN_MAX  256
#define VU_MLP_MEMBERS_MAX 32
/* Scaled inputs are cut here, so that one absurd value cannot decide. */
#define VU_MLP_INPUT_LIMIT 5.0f

typedef struct vu_mlp_shape {
	uint32_t inputs;
	uint32_t hidden; /* units of each member */
	uint32_t members;
} vu_mlp_shape;

/* Parameters as they lie in memory; all arrays are borrowed. */
typedef struct vu_mlp {
	vu_mlp_shape shape;
	const float *mean;    /* inputs */
	const float *scale;   /* inputs: one over the deviation */
	const float *weights; /* members x hidden x inputs */
	const float *bias;    /* members x hidden */
	const float *out;     /* members x hidden */
	const float *offset;  /* members */
} vu_mlp;

/* `vector` has shape.inputs values. A value that is not finite makes the score NaN. No memory is taken. */
float vu_mlp_score(const vu_mlp *mlp, const float *vector);

/* ---- training ---- */

typedef struct vu_mlp_example {
	const float *vector;
	float target; /* 1 = bona fide, 0 = attack */
	float weight;
} vu_mlp_example;

typedef struct vu_mlp_training {
	uint32_t hidden;
	uint32_t members;
	uint32_t epochs;
	uint32_t batch;
	float rate;    /* of Adam, falling to nothing by a half cosine */
	float decay;   /* of weights, decoupled (Loshchilov and Hutter, 2019) */
	float dropout; /* of inputs and of hidden units */
	float mixing;  /* share of each example that may come from another (mixup, Zhang et al., 2018); 0 = none */
	uint64_t seed;
} vu_mlp_training;

vu_mlp_training vu_mlp_training_default(void);

typedef struct vu_mlp_owned vu_mlp_owned;

/*
 * Deterministic by seed: the same examples in the same order give the same
 * model on the same machine. INVALID_ARGUMENT without examples of both kinds
 * or for a shape out of range; RESOURCE_EXHAUSTED without memory.
 */
vu_status vu_mlp_train(const vu_mlp_training *how, uint32_t inputs, const vu_mlp_example *examples, size_t count,
                       vu_mlp_owned **mlp_out);
const vu_mlp *vu_mlp_owned_get(const vu_mlp_owned *owned);
void vu_mlp_owned_destroy(vu_mlp_owned *owned);

#endif
