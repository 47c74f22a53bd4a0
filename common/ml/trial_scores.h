/*
 * Figures of merit of a set of scored trials: pure functions, no I/O.
 *
 * A trial is accepted when its score >= threshold. FRR is the share of target
 * trials refused, FAR the share of others accepted. Shares are fractions of 1.
 * A figure that cannot be computed (no target, or no other trial) is NaN.
 * Everything is deterministic; a vu_scores may be read by many threads at once.
 */
#ifndef VU_ML_TRIAL_SCORES_H
#define VU_ML_TRIAL_SCORES_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vu_scores vu_scores;

/*
 * Sorts `count` trials. NaN scores are INVALID_ARGUMENT: leave trials without
 * a score out and count them; infinite ones are allowed. Free with
 * vu_scores_destroy.
 */
vu_status vu_scores_create(const double *scores, const bool *is_target, size_t count, vu_scores **scores_out,
                           vu_error *error);
void vu_scores_destroy(vu_scores *scores);

size_t vu_scores_targets(const vu_scores *scores);
size_t vu_scores_others(const vu_scores *scores);

/*
 * Equal error rate: where FRR and FAR, drawn as a line through the points of
 * all thresholds, cross. *threshold_out (may be NULL) is the score there.
 */
double vu_scores_eer(const vu_scores *scores, double *threshold_out);

/* FRR at the lowest threshold whose FAR is at most `far`. */
double vu_scores_frr_at_far(const vu_scores *scores, double far);

/*
 * The points of all thresholds, from accepting everybody (FAR 1) to refusing
 * everybody (FRR 1): at most `room` are written, from the beginning; returns
 * how many there are, 0 when a class is missing. Trials + 1 are always enough.
 */
typedef struct vu_scores_point {
	double far;
	double frr;
} vu_scores_point;
size_t vu_scores_curve(const vu_scores *scores, vu_scores_point *points, size_t room);

/*
 * Smallest detection cost over all thresholds, divided by that of the better
 * of accepting or refusing everybody (NIST SRE): Cmiss = Cfa = 1,
 * min over t of p FRR(t) + (1 - p) FAR(t), over min(p, 1 - p).
 */
double vu_scores_min_dcf(const vu_scores *scores, double p_target);

/*
 * Cost of log-likelihood ratios (Brummer and du Preez 2006), in bits: 0 is
 * perfect, 1 is what saying nothing costs. The second is the least that any
 * monotonic calibration of the same scores would reach (pool adjacent
 * violators); the difference is what calibration costs. NaN when out of memory.
 */
double vu_scores_cllr(const vu_scores *scores);
double vu_scores_min_cllr(const vu_scores *scores);

/*
 * Interval of the EER when people, not trials, are drawn with replacement. Per
 * trial, in the order of vu_scores_create: whose template and whose voice, as
 * numbers below `people` (the same number twice when the voice is unknown). A
 * trial counts as often as both were drawn. `confidence` 0.95 leaves 2.5 % on
 * each side. RESOURCE_EXHAUSTED when out of memory, INVALID_ARGUMENT for
 * numbers out of range; the bounds are NaN when there is no EER.
 */
vu_status vu_scores_eer_interval(const vu_scores *scores, const uint32_t *claimed, const uint32_t *speaking,
                                 uint32_t people, unsigned replicates, uint64_t seed, double confidence,
                                 double *low_out, double *high_out, vu_error *error);

/*
 * Joins the log-likelihood ratios of "the claimed person" and "a live voice"
 * into one of "the claimed person, live" against "somebody else, or a fake",
 * both being equally likely: -log(0.5 exp(-speaker) + 0.5 exp(-antispoof)).
 * NaN when one of them is.
 */
double vu_fuse_speaker_antispoof(double speaker, double antispoof);

#endif
