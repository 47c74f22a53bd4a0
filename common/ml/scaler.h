/*
 * The scaler: each dimension of the raw vector to zero mean and unit variance
 * over the background people, limited to +-8 so that one wild value cannot
 * outvote all others. Immutable once made; any thread.
 */
#ifndef VU_ML_SCALER_H
#define VU_ML_SCALER_H

#include "base/status.h"

#include <stddef.h>

#define VU_SCALER_LIMIT 8.0f

/*
 * Fits `mean` and `inverse` (1 / standard deviation), `dimensions` values each,
 * to `count` rows. A dimension that does not vary gets inverse 0: it says
 * nothing. INVALID_ARGUMENT with fewer than two rows.
 */
vu_status vu_scaler_fit(const float *rows, size_t count, size_t dimensions, float *mean, float *inverse);

/* `out` may be `values`. */
void vu_scaler_apply(const float *mean, const float *inverse, size_t dimensions, const float *values, float *out);

#endif
