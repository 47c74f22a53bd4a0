/* Randomized subspace iteration. Products are sums of scaled rows. */
#include "ml/subspace.h"

#include "base/random.h"
#include "ml/kernel.h"
#include "ml/linear.h"
#include "ml/pca.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OVERSAMPLING 12
#define PASSES       3
/* So many rows go through the basis at a time: it is larger than caches are. */
#define TOGETHER 8

static void add_scaled(float *out, const float *row, float scale, size_t count)
{
	vu_kernel_add_two(out, row, scale, row, 0, count);
}

/* Modified Gram-Schmidt, twice for accuracy. A row that vanishes becomes zero. */
static void orthonormalize(float *basis, size_t rank, size_t dimensions)
{
	for (size_t i = 0; i < rank; i++) {
		float *row = basis + i * dimensions;
		for (int twice = 0; twice < 2; twice++)
			for (size_t j = 0; j < i; j++)
				add_scaled(row, basis + j * dimensions,
				           -vu_dot(row, basis + j * dimensions, dimensions), dimensions);
		vu_normalize_length(row, dimensions);
	}
}

/* next = sum over rows of (basis (row - mean))^T (row - mean); `scores` gets basis (row - mean) of each row. */
static void pass(const float *rows, size_t count, size_t dimensions, const float *mean, const float *basis,
                 size_t rank, float *centered, float *scores, float *next)
{
	if (next)
		memset(next, 0, rank * dimensions * sizeof *next);
	for (size_t first = 0; first < count; first += TOGETHER) {
		size_t some = count - first < TOGETHER ? count - first : TOGETHER;
		/* An odd one is paired with zeros. */
		memset(centered, 0, TOGETHER * dimensions * sizeof *centered);
		for (size_t r = 0; r < some; r++)
			for (size_t d = 0; d < dimensions; d++)
				centered[r * dimensions + d] = rows[(first + r) * dimensions + d] - mean[d];
		for (size_t k = 0; k < rank; k++) {
			float score[TOGETHER] = {0};
			for (size_t r = 0; r < some; r++) {
				score[r] = vu_dot(basis + k * dimensions, centered + r * dimensions, dimensions);
				scores[(first + r) * rank + k] = score[r];
			}
			for (size_t r = 0; r < some && next; r += 2)
				vu_kernel_add_two(next + k * dimensions, centered + r * dimensions, score[r],
				                  centered + (r + 1) * dimensions, score[r + 1], dimensions);
		}
	}
}

/* Turns the basis so that its rows are the principal directions of the scores. */
static vu_status rotate(float *basis, float *turned, const float *scores, size_t count, size_t rank, size_t wanted,
                        size_t dimensions)
{
	double *covariance = calloc(rank * rank, sizeof *covariance);
	double *vectors = malloc(rank * rank * sizeof *vectors);
	double *values = malloc(rank * sizeof *values);
	vu_status status = VU_RESOURCE_EXHAUSTED;

	if (!covariance || !vectors || !values)
		goto out;
	for (size_t r = 0; r < count; r++)
		for (size_t i = 0; i < rank; i++)
			for (size_t j = 0; j < rank; j++)
				covariance[i * rank + j] += (double)scores[r * rank + i] * scores[r * rank + j];
	status = vu_linear_eigen(covariance, rank, values, vectors);
	if (status != VU_OK)
		goto out;
	memset(turned, 0, wanted * dimensions * sizeof *turned);
	for (size_t i = 0; i < wanted; i++)
		for (size_t j = 0; j < rank; j++)
			add_scaled(turned + i * dimensions, basis + j * dimensions, (float)vectors[i * rank + j],
			           dimensions);
out:
	free(values);
	free(vectors);
	free(covariance);
	return status;
}

vu_status vu_subspace_fit(const float *rows, size_t count, size_t dimensions, size_t rank, uint64_t seed, float *mean,
                          float *basis)
{
	size_t wide = rank + OVERSAMPLING;
	float *current = NULL;
	float *next = NULL;
	float *scores = NULL;
	float *centered = NULL;
	double *sum = NULL;
	vu_status status = VU_RESOURCE_EXHAUSTED;

	if (rank == 0 || rank > VU_SUBSPACE_RANK_MAX || count <= rank || dimensions <= rank)
		return VU_INVALID_ARGUMENT;
	if (wide > dimensions)
		wide = dimensions;
	current = malloc(wide * dimensions * sizeof *current);
	next = malloc(wide * dimensions * sizeof *next);
	scores = malloc(count * wide * sizeof *scores);
	centered = malloc(TOGETHER * dimensions * sizeof *centered);
	sum = calloc(dimensions, sizeof *sum);
	if (!current || !next || !scores || !centered || !sum)
		goto out;
	for (size_t r = 0; r < count; r++)
		for (size_t d = 0; d < dimensions; d++)
			sum[d] += rows[r * dimensions + d];
	for (size_t d = 0; d < dimensions; d++)
		mean[d] = (float)(sum[d] / (double)count);
	for (size_t i = 0; i < wide * dimensions; i++)
		current[i] = (float)(2 * vu_random_uniform(&seed) - 1);
	orthonormalize(current, wide, dimensions);
	for (int p = 0; p < PASSES; p++) {
		float *swap = current;
		pass(rows, count, dimensions, mean, current, wide, centered, scores, next);
		orthonormalize(next, wide, dimensions);
		current = next;
		next = swap;
	}
	pass(rows, count, dimensions, mean, current, wide, centered, scores, NULL);
	status = rotate(current, basis, scores, count, wide, rank, dimensions);
out:
	free(sum);
	free(centered);
	free(scores);
	free(next);
	free(current);
	return status;
}
