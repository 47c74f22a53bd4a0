/*
 * From scores to a log-likelihood ratio (natural logarithm), and from the
 * ratios that strangers reach to thresholds that mean a false-accept rate.
 * Any thread.
 */
#ifndef VU_ML_CALIBRATION_H
#define VU_ML_CALIBRATION_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define VU_CALIBRATION_INPUTS_MAX 16

/*
 * Fits weights[0] + sum weights[1+k] x[k] to be the log-likelihood ratio of
 * "the same person" (label 1) against "another" (label 0), by logistic
 * regression. `prior` (0 to 1) says where it has to be good: 0.5 at the equal
 * error rate, 0.01 where false accepts are rare; it does not enter the ratio.
 * `x` is count x inputs. `ridge` is the penalty on the weights (not on the
 * constant) relative to one unit of weight per class.
 * INVALID_ARGUMENT when a class is missing or a value is not finite.
 */
vu_status vu_calibration_fit(const float *x, const uint8_t *labels, size_t count, size_t inputs, double ridge,
                             double prior, float *weights);

float vu_calibration_apply(const float *weights, const float *x, size_t inputs);

/*
 * The score that a share `far` of strangers' scores (sorted descending)
 * reaches or exceeds. Where fewer than VU_CALIBRATION_COUNTED of them would,
 * it is extrapolated: the tail above the 1 % point is taken to be exponential
 * (peaks over threshold), and *extrapolated_out is set.
 */
#define VU_CALIBRATION_COUNTED 10
float vu_calibration_threshold(const float *strangers_descending, size_t count, double far, int *extrapolated_out);

#endif
