/*
 * Mixtures. The hot loop computes all components of a frame side by side, so
 * that any compiler turns it into vector instructions without reordering sums.
 */
#include "ml/gmm.h"

#include "ml/kernel.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define VARIANCE_MIN 0.01f
/* Components this much less likely than the best add nothing: e^-12. */
#define NEGLIGIBLE 12.0f

vu_status vu_gmm_create(size_t components, size_t dimensions, vu_gmm **gmm_out)
{
	vu_gmm *gmm;
	size_t size = components * dimensions;

	if (components == 0 || components % 8 != 0 || components > VU_GMM_COMPONENTS_MAX || dimensions == 0 ||
	    dimensions > VU_GMM_DIMENSIONS_MAX)
		return VU_INVALID_ARGUMENT;
	gmm = calloc(1, sizeof *gmm);
	if (!gmm)
		return VU_RESOURCE_EXHAUSTED;
	gmm->components = components;
	gmm->dimensions = dimensions;
	gmm->weight = malloc((2 * components + 4 * size) * sizeof(float));
	if (!gmm->weight) {
		free(gmm);
		return VU_RESOURCE_EXHAUSTED;
	}
	gmm->constant = gmm->weight + components;
	gmm->mean = gmm->constant + components;
	gmm->precision = gmm->mean + size;
	gmm->quadratic = gmm->precision + size;
	gmm->linear = gmm->quadratic + size;
	*gmm_out = gmm;
	return VU_OK;
}

void vu_gmm_destroy(vu_gmm *gmm)
{
	if (!gmm)
		return;
	free(gmm->weight);
	free(gmm);
}

size_t vu_gmm_bytes(const vu_gmm *gmm)
{
	return sizeof *gmm + (2 * gmm->components + 4 * gmm->components * gmm->dimensions) * sizeof(float);
}

/* log w N(x) = constant + sum_d linear x + quadratic x^2 */
vu_status vu_gmm_prepare(vu_gmm *gmm)
{
	size_t n = gmm->components;

	for (size_t m = 0; m < n; m++) {
		double constant = log(gmm->weight[m]) - 0.5 * (double)gmm->dimensions * log(6.283185307179586);
		if (!(gmm->weight[m] > 0))
			return VU_INVALID_ARGUMENT;
		for (size_t d = 0; d < gmm->dimensions; d++) {
			float mean = gmm->mean[m * gmm->dimensions + d];
			float precision = gmm->precision[m * gmm->dimensions + d];
			if (!(precision > 0) || !isfinite(precision) || !isfinite(mean))
				return VU_INVALID_ARGUMENT;
			constant += 0.5 * (log(precision) - (double)mean * mean * precision);
			gmm->quadratic[d * n + m] = -0.5f * precision;
			gmm->linear[d * n + m] = mean * precision;
		}
		gmm->constant[m] = (float)constant;
	}
	return VU_OK;
}

/* Posteriors of one frame into `posterior`; returns the log-likelihood. */
static float posteriors(const vu_gmm *gmm, const float *frame, float *posterior)
{
	size_t n = gmm->components;
	float largest;
	float sum = 0;

	memcpy(posterior, gmm->constant, n * sizeof *posterior);
	for (size_t d = 0; d < gmm->dimensions; d++)
		vu_kernel_add_two(posterior, gmm->linear + d * n, frame[d], gmm->quadratic + d * n,
		                  frame[d] * frame[d], n);
	largest = posterior[0];
	for (size_t m = 1; m < n; m++)
		largest = posterior[m] > largest ? posterior[m] : largest;
	for (size_t m = 0; m < n; m++) {
		float below = posterior[m] - largest;
		posterior[m] = below > -NEGLIGIBLE ? expf(below) : 0;
		sum += posterior[m];
	}
	for (size_t m = 0; m < n; m++)
		posterior[m] /= sum;
	/* The largest of them adds one: the sum is above zero. */
	/* cppcheck-suppress invalidFunctionArg */
	return largest + logf(sum);
}

double vu_gmm_accumulate(const vu_gmm *gmm, const float *frames, size_t count, float *zeroth, float *first)
{
	float posterior[VU_GMM_COMPONENTS_MAX];
	double total = 0;

	for (size_t t = 0; t < count; t++) {
		const float *frame = frames + t * gmm->dimensions;
		total += posteriors(gmm, frame, posterior);
		for (size_t m = 0; m < gmm->components; m++) {
			float p = posterior[m];
			float *sum = first + m * gmm->dimensions;
			if (p == 0)
				continue;
			zeroth[m] += p;
			for (size_t d = 0; d < gmm->dimensions; d++)
				sum[d] += p * frame[d];
		}
	}
	return count ? total / (double)count : 0;
}

/* One step of expectation and maximization; double sums, since there may be millions of frames. */
static vu_status improve(vu_gmm *gmm, size_t active, const float *frames, size_t count, double *sums)
{
	size_t n = gmm->dimensions;
	float posterior[VU_GMM_COMPONENTS_MAX];
	double *zeroth = sums;
	double *first = sums + gmm->components;
	double *second = first + gmm->components * n;

	memset(sums, 0, gmm->components * (1 + 2 * n) * sizeof *sums);
	for (size_t t = 0; t < count; t++) {
		const float *frame = frames + t * n;
		posteriors(gmm, frame, posterior);
		for (size_t m = 0; m < active; m++) {
			double p = posterior[m];
			if (p < 1e-4)
				continue;
			zeroth[m] += p;
			for (size_t d = 0; d < n; d++) {
				double weighted = p * frame[d];
				first[m * n + d] += weighted;
				second[m * n + d] += weighted * frame[d];
			}
		}
	}
	for (size_t m = 0; m < active; m++) {
		/* A component that nothing belongs to stays where it is, with hardly any weight. */
		gmm->weight[m] = (float)((zeroth[m] + 1e-3) / ((double)count + 1e-3 * (double)active));
		if (zeroth[m] < 2)
			continue;
		for (size_t d = 0; d < n; d++) {
			double mean = first[m * n + d] / zeroth[m];
			double variance = second[m * n + d] / zeroth[m] - mean * mean;
			gmm->mean[m * n + d] = (float)mean;
			gmm->precision[m * n + d] = (float)(1 / (variance > VARIANCE_MIN ? variance : VARIANCE_MIN));
		}
	}
	return vu_gmm_prepare(gmm);
}

/* Unused components have no weight worth the name and the place of the first. */
static void park(vu_gmm *gmm, size_t active)
{
	size_t n = gmm->dimensions;

	for (size_t m = active; m < gmm->components; m++) {
		gmm->weight[m] = 1e-30f;
		memcpy(gmm->mean + m * n, gmm->mean, n * sizeof(float));
		memcpy(gmm->precision + m * n, gmm->precision, n * sizeof(float));
	}
}

/* Makes component `at` one half of component `from`, a step aside along its deviations. */
static void split_one(vu_gmm *gmm, size_t from, size_t at)
{
	size_t n = gmm->dimensions;

	gmm->weight[from] /= 2;
	gmm->weight[at] = gmm->weight[from];
	for (size_t d = 0; d < n; d++) {
		float precision = gmm->precision[from * n + d];
		/* Signs that differ by dimension and component, or symmetric data would never be told apart. */
		uint32_t hash = ((uint32_t)at * 31u + (uint32_t)d) * 2654435761u;
		float step = (hash >> 31 ? 0.2f : -0.2f) / sqrtf(precision);
		gmm->precision[at * n + d] = precision;
		gmm->mean[at * n + d] = gmm->mean[from * n + d] - step;
		gmm->mean[from * n + d] += step;
	}
}

static size_t heaviest_of(const vu_gmm *gmm, size_t count, const bool *except)
{
	size_t heaviest = count;

	for (size_t m = 0; m < count; m++)
		if (!except[m] && (heaviest == count || gmm->weight[m] > gmm->weight[heaviest]))
			heaviest = m;
	return heaviest;
}

/* Splits the heaviest components until there are `wanted`, or twice as many. */
static void split(vu_gmm *gmm, size_t *active, size_t wanted)
{
	size_t before = *active;
	bool done[VU_GMM_COMPONENTS_MAX] = {false};

	while (*active < wanted && *active < 2 * before) {
		size_t heaviest = heaviest_of(gmm, before, done);
		done[heaviest] = true;
		split_one(gmm, heaviest, (*active)++);
	}
}

/* Components that hardly anything belongs to become halves of the heaviest. */
static void revive(vu_gmm *gmm, size_t active)
{
	bool done[VU_GMM_COMPONENTS_MAX] = {false};

	for (size_t m = 0; m < active; m++) {
		size_t heaviest;
		if (gmm->weight[m] * (float)active > 0.05f)
			continue;
		done[m] = true;
		heaviest = heaviest_of(gmm, active, done);
		if (heaviest == active)
			return;
		done[heaviest] = true;
		split_one(gmm, heaviest, m);
	}
}

vu_status vu_gmm_train(const float *frames, size_t count, size_t dimensions, size_t components, unsigned iterations,
                       vu_gmm **gmm_out)
{
	vu_gmm *gmm = NULL;
	double *sums = NULL;
	size_t active = 1;
	vu_status status;

	if (count < 10 * components)
		return VU_INVALID_ARGUMENT;
	status = vu_gmm_create(components, dimensions, &gmm);
	if (status != VU_OK)
		return status;
	sums = malloc(components * (1 + 2 * dimensions) * sizeof *sums);
	if (!sums) {
		status = VU_RESOURCE_EXHAUSTED;
		goto out;
	}
	for (size_t d = 0; d < dimensions; d++) {
		gmm->mean[d] = 0;
		gmm->precision[d] = 1;
	}
	gmm->weight[0] = 1;
	park(gmm, active);
	status = vu_gmm_prepare(gmm);
	if (status == VU_OK)
		status = improve(gmm, active, frames, count, sums);
	while (status == VU_OK && active < components) {
		size_t stride;
		split(gmm, &active, components);
		park(gmm, active);
		status = vu_gmm_prepare(gmm);
		/* Few components need few frames: every so many-th is enough until the last size. */
		stride = active < components ? count / (active * 400) : 1;
		for (unsigned i = 0; i < iterations && status == VU_OK; i++) {
			if (i > 0 && i < iterations / 2) {
				revive(gmm, active);
				status = vu_gmm_prepare(gmm);
				if (status != VU_OK)
					break;
			}
			if (stride > 1) {
				size_t used = count / stride;
				float *some = malloc(used * dimensions * sizeof *some);
				if (!some) {
					status = VU_RESOURCE_EXHAUSTED;
					break;
				}
				for (size_t t = 0; t < used; t++)
					memcpy(some + t * dimensions, frames + t * stride * dimensions,
					       dimensions * sizeof *some);
				status = improve(gmm, active, some, used, sums);
				free(some);
			} else {
				status = improve(gmm, active, frames, count, sums);
			}
		}
	}
out:
	free(sums);
	if (status == VU_OK)
		*gmm_out = gmm;
	else
		vu_gmm_destroy(gmm);
	return status;
}

void vu_gmm_statistics(const vu_gmm *gmm, const float *frames, size_t count, float *zeroth, float *first)
{
	size_t n = gmm->dimensions;

	memset(zeroth, 0, gmm->components * sizeof *zeroth);
	memset(first, 0, gmm->components * n * sizeof *first);
	vu_gmm_accumulate(gmm, frames, count, zeroth, first);
	for (size_t m = 0; m < gmm->components; m++)
		for (size_t d = 0; d < n; d++) {
			float *value = &first[m * n + d];
			*value = (*value - zeroth[m] * gmm->mean[m * n + d]) * sqrtf(gmm->precision[m * n + d]);
		}
}

void vu_gmm_supervector_of(const vu_gmm *gmm, const float *zeroth, const float *first, float relevance, float *out)
{
	size_t n = gmm->dimensions;

	for (size_t m = 0; m < gmm->components; m++) {
		float scale = sqrtf(gmm->weight[m]) / (zeroth[m] + relevance);
		for (size_t d = 0; d < n; d++)
			out[m * n + d] = first[m * n + d] * scale;
	}
}

vu_status vu_gmm_supervector(const vu_gmm *gmm, const float *frames, size_t count, float relevance, float *out)
{
	float *zeroth = malloc(gmm->components * sizeof *zeroth);

	if (!zeroth)
		return VU_RESOURCE_EXHAUSTED;
	vu_gmm_statistics(gmm, frames, count, zeroth, out);
	vu_gmm_supervector_of(gmm, zeroth, out, relevance, out);
	free(zeroth);
	return VU_OK;
}
