#include "ml/a_dcf.h"

#include <math.h>
#include <stdlib.h>

const vu_a_dcf_costs VU_A_DCF_COSTS = {
    .p_target = 0.9, .p_other = 0.05, .p_spoof = 0.05, .miss = 1, .false_other = 10, .false_spoof = 20};

typedef struct scored {
	double score;
	vu_trial_class class;
} scored;

static int compare(const void *a, const void *b)
{
	const scored *x = a, *y = b;

	return x->score < y->score ? -1 : x->score > y->score;
}

vu_status vu_min_a_dcf(const double *scores, const vu_trial_class *classes, size_t count, const vu_a_dcf_costs *costs,
                       double *least_out, vu_error *error)
{
	scored *sorted = calloc(count > 0 ? count : 1, sizeof *sorted);
	size_t total[3] = {0}, below[3] = {0};
	double refuse_all = costs->miss * costs->p_target;
	double accept_all = costs->false_other * costs->p_other + costs->false_spoof * costs->p_spoof;
	double least = accept_all; /* with the threshold below all scores */
	vu_status status = VU_OK;

	*least_out = NAN;
	if (!sorted)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to judge the scores: out of memory");
	for (size_t i = 0; i < count; i++) {
		if (isnan(scores[i]) || (unsigned)classes[i] > VU_TRIAL_SPOOF) {
			status = vu_fail(error, VU_INVALID_ARGUMENT, "unable to judge the scores: number %zu is %s",
			                 i, isnan(scores[i]) ? "NaN" : "of no known class");
			goto out;
		}
		sorted[i] = (scored){scores[i], classes[i]};
		total[classes[i]]++;
	}
	if (total[VU_TRIAL_TARGET] == 0 || total[VU_TRIAL_OTHER] == 0 || total[VU_TRIAL_SPOOF] == 0)
		goto out;
	qsort(sorted, count, sizeof *sorted, compare);
	for (size_t i = 0; i < count;) {
		double score = sorted[i].score, cost;
		for (; i < count && sorted[i].score == score; i++)
			below[sorted[i].class]++;
		cost = refuse_all * (double)below[VU_TRIAL_TARGET] / (double)total[VU_TRIAL_TARGET] +
		       costs->false_other * costs->p_other *
		           (1 - (double)below[VU_TRIAL_OTHER] / (double)total[VU_TRIAL_OTHER]) +
		       costs->false_spoof * costs->p_spoof *
		           (1 - (double)below[VU_TRIAL_SPOOF] / (double)total[VU_TRIAL_SPOOF]);
		least = fmin(least, cost);
	}
	*least_out = least / fmin(refuse_all, accept_all);
out:
	free(sorted);
	return status;
}
