/*
 * Principal components, and linear discriminants over labelled people. Both
 * give a basis whose rows come in order of importance, so that a prefix of the
 * rows is the projection to fewer components. Any thread.
 */
#ifndef VU_ML_PCA_H
#define VU_ML_PCA_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define VU_PCA_DIMENSIONS_MAX 512

/*
 * Fits to `count` rows of `dimensions`: `mean` (dimensions), `basis`
 * (dimensions x dimensions, orthonormal rows), `variances` (dimensions,
 * descending). INVALID_ARGUMENT with fewer than two rows or too many
 * dimensions.
 */
vu_status vu_pca_fit(const float *rows, size_t count, size_t dimensions, float *mean, float *basis, float *variances);

/* out[i] = basis row i . (values - mean), for the first `components` rows; `mean` NULL = zero. */
void vu_pca_apply(const float *mean, const float *basis, size_t dimensions, size_t components, const float *values,
                  float *out);

#define VU_LDA_GROUPS_MAX 256

/*
 * Linear discriminants: directions that tell people apart, whitened by what
 * varies within one person (LDA and WCCN in one). `labels` number people from
 * 0; a person with one row adds to the spread between people only. `shrinkage`
 * (0 to 1) mixes the within-person covariance with its diagonal mean, against
 * few data. What sets groups of people apart (`groups` by row, below
 * VU_LDA_GROUPS_MAX; a person is of one group; NULL: one group) is taken for
 * `group_weight` times their covariance within a person. Outputs as vu_pca_fit. INVALID_ARGUMENT with fewer than two
 * people, or when nobody has two rows.
 */
vu_status vu_lda_fit(const float *rows, const uint32_t *labels, size_t count, size_t dimensions, double shrinkage,
                     const uint32_t *groups, double group_weight, float *mean, float *basis, float *ratios);

/* Scales to unit length; a zero vector stays zero. */
void vu_normalize_length(float *values, size_t count);

/* Dot product. */
float vu_dot(const float *a, const float *b, size_t count);

#endif
