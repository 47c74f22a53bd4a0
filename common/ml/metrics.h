/*
 * How good a set of scores is: the usual figures of speaker verification.
 * Higher scores mean "the same person". Any thread.
 */
#ifndef VU_ML_METRICS_H
#define VU_ML_METRICS_H

#include "base/status.h"

#include <stddef.h>

typedef struct vu_metrics {
	double eer;           /* equal error rate, 0 to 1 */
	double frr_at_far_1;  /* false-reject rate where 1 % of strangers are accepted */
	double frr_at_far_01; /* … 0.1 % */
	double min_dcf;       /* normalized, prior of a target 0.01, costs 1 */
	double cllr;          /* bits; only means something for log-likelihood ratios */
} vu_metrics;

/* Sorts both arrays. INVALID_ARGUMENT when one is empty or a score is NaN. */
vu_status vu_metrics_compute(float *targets, size_t target_count, float *strangers, size_t stranger_count,
                             vu_metrics *out);

/* Sorts ascending or descending; for those who need the order as well. */
void vu_metrics_sort(float *scores, size_t count, int descending);

#endif
