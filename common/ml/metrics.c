/* Error rates by walking both sorted score lists once. */
#include "ml/metrics.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
	float left = *(const float *)a;
	float right = *(const float *)b;
	return left < right ? -1 : left > right ? 1 : 0;
}

void vu_metrics_sort(float *scores, size_t count, int descending)
{
	qsort(scores, count, sizeof *scores, ascending);
	for (size_t i = 0; descending && i < count / 2; i++) {
		float score = scores[i];
		scores[i] = scores[count - 1 - i];
		scores[count - 1 - i] = score;
	}
}

static double bits(double z)
{
	/* log2(1 + e^z) without overflow */
	return (z > 0 ? z + log1p(exp(-z)) : log1p(exp(z))) / log(2.0);
}

/* Share of targets refused at the lowest threshold that lets at most `far` of the strangers in. */
static double frr_at(const float *targets, size_t target_count, const float *strangers, size_t stranger_count,
                     double far)
{
	size_t allowed = (size_t)(far * (double)stranger_count);
	float threshold = allowed < stranger_count ? strangers[stranger_count - 1 - allowed] : -INFINITY;
	size_t refused = 0;

	/* The stranger at `threshold` must not pass, so a target has to exceed it. */
	while (refused < target_count && targets[refused] <= threshold)
		refused++;
	return (double)refused / (double)target_count;
}

vu_status vu_metrics_compute(float *targets, size_t target_count, float *strangers, size_t stranger_count,
                             vu_metrics *out)
{
	const double prior = 0.01;
	size_t i = 0; /* targets below the threshold */
	size_t j = 0; /* strangers below it */
	double best_gap = 2;
	double sum = 0;

	if (target_count == 0 || stranger_count == 0)
		return VU_INVALID_ARGUMENT;
	for (size_t k = 0; k < target_count; k++)
		if (isnan(targets[k]))
			return VU_INVALID_ARGUMENT;
	for (size_t k = 0; k < stranger_count; k++)
		if (isnan(strangers[k]))
			return VU_INVALID_ARGUMENT;
	vu_metrics_sort(targets, target_count, 0);
	vu_metrics_sort(strangers, stranger_count, 0);
	out->min_dcf = 1;
	for (;;) {
		double frr = (double)i / (double)target_count;
		double far = (double)(stranger_count - j) / (double)stranger_count;
		double cost = (prior * frr + (1 - prior) * far) / prior;
		float next;
		if (fabs(frr - far) < best_gap) {
			best_gap = fabs(frr - far);
			out->eer = (frr + far) / 2;
		}
		if (cost < out->min_dcf)
			out->min_dcf = cost;
		if (i == target_count && j == stranger_count)
			break;
		if (j == stranger_count || (i < target_count && targets[i] < strangers[j]))
			next = targets[i];
		else
			next = strangers[j];
		while (i < target_count && targets[i] <= next)
			i++;
		while (j < stranger_count && strangers[j] <= next)
			j++;
	}
	out->frr_at_far_1 = frr_at(targets, target_count, strangers, stranger_count, 0.01);
	out->frr_at_far_01 = frr_at(targets, target_count, strangers, stranger_count, 0.001);
	for (size_t k = 0; k < target_count; k++)
		sum += bits(-targets[k]) / (double)target_count;
	for (size_t k = 0; k < stranger_count; k++)
		sum += bits(strangers[k]) / (double)stranger_count;
	out->cllr = sum / 2;
	return VU_OK;
}
