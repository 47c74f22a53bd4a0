/* Shares of counted events: how sure they are, and how they are drawn. Pure functions. */
#ifndef VU_ML_RATES_H
#define VU_ML_RATES_H

#include <stddef.h>

/*
 * Interval of the share behind `events` of `trials` (Wilson 1927): unlike the
 * simple one it says something when nothing was counted. `confidence` 0.95
 * leaves 2.5 % on each side. NaN without trials. It takes trials to be
 * independent; those of one person are not, so it is a lower bound on doubt.
 */
void vu_wilson_interval(size_t events, size_t trials, double confidence, double *low_out, double *high_out);

/*
 * The normal deviate of a share: the x of which a share `p` of a standard
 * normal distribution lies below. -inf at 0, inf at 1, NaN outside. Exact to
 * 1e-9 between 1e-12 and 1 - 1e-12 (Acklam's rational approximation with one
 * step of Halley's method).
 */
double vu_normal_deviate(double p);

#endif
