/*
 * The few directions in which very long vectors vary most, found without ever
 * forming their covariance (randomized subspace iteration; Halko, Martinsson,
 * Tropp 2011). Deterministic. One thread.
 */
#ifndef VU_ML_SUBSPACE_H
#define VU_ML_SUBSPACE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define VU_SUBSPACE_RANK_MAX 240

/*
 * `rows` is count x dimensions; `mean` gets their mean, `basis` (rank x
 * dimensions) orthonormal rows in descending order of variance. INVALID_ARGUMENT
 * unless rank is 1 to VU_SUBSPACE_RANK_MAX and there are more rows than that.
 */
vu_status vu_subspace_fit(const float *rows, size_t count, size_t dimensions, size_t rank, uint64_t seed, float *mean,
                          float *basis);

#endif
