/* Cohort statistics. Sorting makes the sums independent of the cohort's order. */
#include "ml/cohort.h"

#include <math.h>
#include <stdlib.h>

static int descending(const void *a, const void *b)
{
	float left = *(const float *)a;
	float right = *(const float *)b;
	return left < right ? 1 : left > right ? -1 : 0;
}

/*
 * Moves the `top` largest (0 < top < count) to the front, in no order, by
 * quickselect: sorting all of them takes several times longer. Scores are
 * numbers, never NaN.
 */
static void bring_forward(float *scores, size_t count, size_t top)
{
	size_t first = 0;
	size_t end = count;

	while (end - first > 1) {
		float pivot = scores[first + (end - first) / 2];
		size_t larger = first; /* [first, larger) above the pivot, [larger, at) equal, [smaller, end) below */
		size_t at = first;
		size_t smaller = end;
		while (at < smaller) {
			float one = scores[at];
			if (one > pivot) {
				scores[at++] = scores[larger];
				scores[larger++] = one;
			} else if (one < pivot) {
				scores[at] = scores[--smaller];
				scores[smaller] = one;
			} else {
				at++;
			}
		}
		if (top <= larger)
			end = larger;
		else if (top <= smaller)
			return;
		else
			first = smaller;
	}
}

vu_cohort_statistics vu_cohort_compute(float *scores, size_t count, size_t top)
{
	vu_cohort_statistics result = {0, 1};
	double sum = 0;
	double squares = 0;

	if (count == 0)
		return result;
	if (top > 0 && top < count) {
		bring_forward(scores, count, top);
		count = top;
	}
	qsort(scores, count, sizeof *scores, descending);
	for (size_t i = 0; i < count; i++)
		sum += scores[i];
	sum /= (double)count;
	for (size_t i = 0; i < count; i++)
		squares += (scores[i] - sum) * (scores[i] - sum);
	squares = sqrt(squares / (double)count);
	result.mean = (float)sum;
	result.deviation = squares > VU_COHORT_DEVIATION_MIN ? (float)squares : VU_COHORT_DEVIATION_MIN;
	return result;
}

float vu_cohort_normalize(float score, vu_cohort_statistics strangers)
{
	return (score - strangers.mean) / strangers.deviation;
}

float vu_cohort_normalize_both(float score, vu_cohort_statistics model, vu_cohort_statistics audio, float audio_share)
{
	return (1 - audio_share) * vu_cohort_normalize(score, model) +
	       audio_share * vu_cohort_normalize(score, audio);
}
