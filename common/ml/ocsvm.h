/*
 * The one-class SVM with an RBF kernel: libsvm trains it, and a dense float32
 * loop over the support vectors as they lie in the mapped file scores it.
 */
#ifndef VU_ML_OCSVM_H
#define VU_ML_OCSVM_H

#include "base/status.h"
#include "ml/model_file.h"

#include <stddef.h>
#include <stdint.h>

#define VU_OCSVM_DIMENSIONS_MAX 128
#define VU_OCSVM_VECTORS_MAX    4096

/* A trained machine, as arrays that somebody else owns. */
typedef struct vu_ocsvm {
	vu_model_element element;  /* of `vectors`: f16, f32 or i8 */
	const void *vectors;       /* count x dimensions, as in a model file */
	const float *coefficients; /* count, positive, summing to 1 */
	uint32_t count;
	uint32_t dimensions;
	float gamma;
	float rho; /* positive, for coefficients summing to 1 */
} vu_ocsvm;

/* A machine with arrays of its own. */
typedef struct vu_ocsvm_trained {
	vu_ocsvm machine;
	float *vectors;
	float *coefficients;
} vu_ocsvm_trained;

/*
 * Trains on `count` rows of `dimensions`. nu in (0, 1], gamma positive.
 * `prune` (0 to 0.9) drops that share of the support vectors, those of the
 * smallest coefficients first; the rest is scaled to sum to 1 again.
 * INVALID_ARGUMENT says what libsvm objects to. Free with vu_ocsvm_trained_free.
 * Any thread.
 */
vu_status vu_ocsvm_train(const float *rows, size_t count, size_t dimensions, double nu, double gamma, double prune,
                         vu_ocsvm_trained *out, vu_error *error);
void vu_ocsvm_trained_free(vu_ocsvm_trained *trained);

/*
 * sum_i coefficient_i exp(-gamma |v_i - x|^2) - rho: positive inside. libsvm's
 * decision value with coefficients scaled to sum 1 (divided by nu l).
 */
float vu_ocsvm_decision(const vu_ocsvm *machine, const float *x);

/*
 * log(sum_i coefficient_i exp(-gamma |v_i - x|^2)) - log(rho): of the same
 * sign as the decision value, but where that saturates at -rho for all who are
 * far away, this still tells far from farther.
 */
float vu_ocsvm_log_ratio(const vu_ocsvm *machine, const float *x);

#endif
