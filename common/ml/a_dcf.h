/*
 * The architecture-agnostic detection cost (a-DCF; Shim, Jung, Kinnunen et al.,
 * Odyssey 2024) of one score that must keep out both other people and fakes:
 *
 *   a-DCF(t) = Cmiss Ptarget Pmiss(t) + Cfa_other Pother Pfa_other(t) + Cfa_spoof Pspoof Pfa_spoof(t)
 *
 * over the lesser of the costs of refusing and of accepting everybody.
 */
#ifndef VU_ML_A_DCF_H
#define VU_ML_A_DCF_H

#include "base/status.h"

#include <stddef.h>

typedef enum vu_trial_class { VU_TRIAL_TARGET, VU_TRIAL_OTHER, VU_TRIAL_SPOOF } vu_trial_class;

typedef struct vu_a_dcf_costs {
	double p_target, p_other, p_spoof; /* priors, of sum 1 */
	double miss, false_other, false_spoof;
} vu_a_dcf_costs;

/*
 * The costs that the authors propose: of 20 trials one is another person's and
 * one a fake, of which the first costs 10 and the second 20 times a miss.
 */
extern const vu_a_dcf_costs VU_A_DCF_COSTS;

/*
 * The least of all thresholds. A trial is accepted when its score >= threshold.
 * NaN when one of the three classes is missing. INVALID_ARGUMENT: a NaN score,
 * an unknown class. RESOURCE_EXHAUSTED without memory.
 */
vu_status vu_min_a_dcf(const double *scores, const vu_trial_class *classes, size_t count, const vu_a_dcf_costs *costs,
                       double *least_out, vu_error *error);

#endif
