/* PCA and LDA by covariance and Jacobi. Nothing is left allocated on failure. */
#include "ml/pca.h"

#include "ml/kernel.h"
#include "ml/linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void mean_of(const float *rows, size_t count, size_t dimensions, double *mean)
{
	memset(mean, 0, dimensions * sizeof *mean);
	for (size_t i = 0; i < count; i++)
		for (size_t d = 0; d < dimensions; d++)
			mean[d] += rows[i * dimensions + d];
	for (size_t d = 0; d < dimensions; d++)
		mean[d] /= (double)count;
}

/* Adds weight * v v^T to the upper triangle. */
static void add_outer(double *matrix, size_t n, const double *v, double weight)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = i; j < n; j++)
			matrix[i * n + j] += weight * v[i] * v[j];
}

static void mirror(double *matrix, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			matrix[j * n + i] = matrix[i * n + j];
}

vu_status vu_pca_fit(const float *rows, size_t count, size_t dimensions, float *mean, float *basis, float *variances)
{
	size_t n = dimensions;
	vu_status status = VU_RESOURCE_EXHAUSTED;
	double *covariance = calloc(n * n, sizeof *covariance);
	double *vectors = malloc(n * n * sizeof *vectors);
	double *values = malloc(n * sizeof *values);
	double *center = malloc(n * sizeof *center);
	double *offset = malloc(n * sizeof *offset);

	if (!covariance || !vectors || !values || !center || !offset)
		goto out;
	if (count < 2 || n > VU_PCA_DIMENSIONS_MAX) {
		status = VU_INVALID_ARGUMENT;
		goto out;
	}
	mean_of(rows, count, n, center);
	for (size_t i = 0; i < count; i++) {
		for (size_t d = 0; d < n; d++)
			offset[d] = rows[i * n + d] - center[d];
		add_outer(covariance, n, offset, 1.0 / (double)(count - 1));
	}
	mirror(covariance, n);
	status = vu_linear_eigen(covariance, n, values, vectors);
	if (status != VU_OK)
		goto out;
	for (size_t d = 0; d < n; d++) {
		mean[d] = (float)center[d];
		variances[d] = (float)(values[d] > 0 ? values[d] : 0);
	}
	for (size_t i = 0; i < n * n; i++)
		basis[i] = (float)vectors[i];
out:
	free(offset);
	free(center);
	free(values);
	free(vectors);
	free(covariance);
	return status;
}

void vu_pca_apply(const float *mean, const float *basis, size_t dimensions, size_t components, const float *values,
                  float *out)
{
	float offset[VU_PCA_DIMENSIONS_MAX];

	for (size_t d = 0; d < dimensions; d++)
		offset[d] = mean ? values[d] - mean[d] : values[d];
	for (size_t i = 0; i < components; i++)
		out[i] = vu_dot(basis + i * dimensions, offset, dimensions);
}

/* Rows per person and their means; returns the number of people who have more than one row. */
static size_t person_means(const float *rows, const uint32_t *labels, size_t count, size_t n, size_t people,
                           double *means, size_t *sizes)
{
	size_t several = 0;

	memset(means, 0, people * n * sizeof *means);
	memset(sizes, 0, people * sizeof *sizes);
	for (size_t i = 0; i < count; i++) {
		sizes[labels[i]]++;
		for (size_t d = 0; d < n; d++)
			means[labels[i] * n + d] += rows[i * n + d];
	}
	for (size_t p = 0; p < people; p++) {
		for (size_t d = 0; d < n && sizes[p]; d++)
			means[p * n + d] /= (double)sizes[p];
		several += sizes[p] > 1;
	}
	return several;
}

/* Adds the covariance of the means of groups, `weight` times; every person counts once in a group. */
static vu_status add_groups(double *within, const uint32_t *labels, const uint32_t *groups, size_t count, size_t n,
                            const double *means, double weight)
{
	size_t sizes[VU_LDA_GROUPS_MAX] = {0};
	size_t present = 0;
	double *sums = calloc(VU_LDA_GROUPS_MAX * n, sizeof *sums);
	double *center = calloc(n, sizeof *center);
	vu_status status = sums && center ? VU_OK : VU_RESOURCE_EXHAUSTED;

	for (size_t i = 0; i < count && status == VU_OK; i++) {
		const double *mean = means + (size_t)labels[i] * n;
		/* The rows of a person lie together. */
		if (i > 0 && labels[i] == labels[i - 1])
			continue;
		if (groups[i] >= VU_LDA_GROUPS_MAX) {
			status = VU_INVALID_ARGUMENT;
			break;
		}
		sizes[groups[i]]++;
		for (size_t d = 0; d < n; d++)
			sums[groups[i] * n + d] += mean[d];
	}
	for (size_t g = 0; g < VU_LDA_GROUPS_MAX && status == VU_OK; g++) {
		present += sizes[g] > 0;
		for (size_t d = 0; d < n && sizes[g]; d++)
			center[d] += sums[g * n + d] /= (double)sizes[g];
	}
	for (size_t g = 0; g < VU_LDA_GROUPS_MAX && status == VU_OK && present > 1; g++) {
		if (!sizes[g])
			continue;
		for (size_t d = 0; d < n; d++)
			sums[g * n + d] -= center[d] / (double)present;
		add_outer(within, n, sums + g * n, weight / (double)(present - 1));
	}
	free(center);
	free(sums);
	return status;
}

vu_status vu_lda_fit(const float *rows, const uint32_t *labels, size_t count, size_t dimensions, double shrinkage,
                     const uint32_t *groups, double group_weight, float *mean, float *basis, float *ratios)
{
	size_t n = dimensions;
	size_t people = 0;
	size_t present = 0;
	size_t within_rows = 0;
	double trace = 0;
	vu_status status = VU_RESOURCE_EXHAUSTED;
	double *between = calloc(n * n, sizeof *between);
	double *within = calloc(n * n, sizeof *within);
	double *vectors = malloc(n * n * sizeof *vectors);
	double *values = malloc(n * sizeof *values);
	double *center = calloc(n, sizeof *center);
	double *offset = malloc(n * sizeof *offset);
	double *means = NULL;
	size_t *sizes = NULL;

	for (size_t i = 0; i < count; i++)
		people = labels[i] >= people ? (size_t)labels[i] + 1 : people;
	means = malloc((people ? people : 1) * n * sizeof *means);
	sizes = malloc((people ? people : 1) * sizeof *sizes);
	if (!between || !within || !vectors || !values || !center || !offset || !means || !sizes)
		goto out;
	status = VU_INVALID_ARGUMENT;
	if (person_means(rows, labels, count, n, people, means, sizes) == 0)
		goto out;
	/* Every person counts once, however much they said. */
	for (size_t p = 0; p < people; p++) {
		present += sizes[p] > 0;
		for (size_t d = 0; d < n && sizes[p]; d++)
			center[d] += means[p * n + d];
	}
	if (present < 2)
		goto out;
	for (size_t d = 0; d < n; d++)
		center[d] /= (double)present;
	for (size_t p = 0; p < people; p++) {
		if (!sizes[p])
			continue;
		for (size_t d = 0; d < n; d++)
			offset[d] = means[p * n + d] - center[d];
		add_outer(between, n, offset, 1.0 / (double)(present - 1));
		within_rows += sizes[p] > 1 ? sizes[p] - 1 : 0;
	}
	for (size_t i = 0; i < count; i++) {
		if (sizes[labels[i]] < 2)
			continue;
		for (size_t d = 0; d < n; d++)
			offset[d] = rows[i * n + d] - means[labels[i] * n + d];
		add_outer(within, n, offset, 1.0 / (double)within_rows);
	}
	status = VU_OK;
	if (groups && group_weight > 0)
		status = add_groups(within, labels, groups, count, n, means, group_weight);
	if (status != VU_OK)
		goto out;
	for (size_t d = 0; d < n; d++)
		trace += within[d * n + d] / (double)n;
	for (size_t i = 0; i < n; i++)
		for (size_t j = i; j < n; j++)
			within[i * n + j] = (1 - shrinkage) * within[i * n + j] + (i == j ? shrinkage * trace : 0);
	mirror(between, n);
	mirror(within, n);
	status = vu_linear_generalized_eigen(between, within, n, 1e-4, values, vectors);
	if (status != VU_OK)
		goto out;
	for (size_t d = 0; d < n; d++) {
		mean[d] = (float)center[d];
		ratios[d] = (float)values[d];
	}
	for (size_t i = 0; i < n * n; i++)
		basis[i] = (float)vectors[i];
out:
	free(sizes);
	free(means);
	free(offset);
	free(center);
	free(values);
	free(vectors);
	free(within);
	free(between);
	return status;
}

void vu_normalize_length(float *values, size_t count)
{
	float length = sqrtf(vu_dot(values, values, count));
	for (size_t i = 0; i < count && length > 0; i++)
		values[i] /= length;
}

float vu_dot(const float *a, const float *b, size_t count)
{
	return vu_kernel_dot(a, b, count);
}
