/* Jacobi rotations, whitening, Cholesky. A failure leaves outputs undefined and nothing allocated. */
#include "ml/linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SWEEPS_MAX 60

static void rotate(double *matrix, double *vectors, size_t n, size_t p, size_t q)
{
	double apq = matrix[p * n + q];
	double theta = (matrix[q * n + q] - matrix[p * n + p]) / (2.0 * apq);
	double t = (theta >= 0 ? 1.0 : -1.0) / (fabs(theta) + sqrt(theta * theta + 1.0));
	double c = 1.0 / sqrt(t * t + 1.0);
	double s = t * c;

	for (size_t k = 0; k < n; k++) {
		double akp = matrix[k * n + p];
		double akq = matrix[k * n + q];
		matrix[k * n + p] = c * akp - s * akq;
		matrix[k * n + q] = s * akp + c * akq;
	}
	for (size_t k = 0; k < n; k++) {
		double apk = matrix[p * n + k];
		double aqk = matrix[q * n + k];
		matrix[p * n + k] = c * apk - s * aqk;
		matrix[q * n + k] = s * apk + c * aqk;
	}
	for (size_t k = 0; k < n; k++) {
		double vp = vectors[p * n + k];
		double vq = vectors[q * n + k];
		vectors[p * n + k] = c * vp - s * vq;
		vectors[q * n + k] = s * vp + c * vq;
	}
}

static void sort_descending(double *values, double *vectors, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		size_t best = i;
		for (size_t j = i + 1; j < n; j++)
			if (values[j] > values[best])
				best = j;
		if (best == i)
			continue;
		double value = values[i];
		values[i] = values[best];
		values[best] = value;
		for (size_t k = 0; k < n; k++) {
			double component = vectors[i * n + k];
			vectors[i * n + k] = vectors[best * n + k];
			vectors[best * n + k] = component;
		}
	}
}

static void fix_signs(double *vectors, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double *row = vectors + i * n;
		size_t largest = 0;
		for (size_t k = 1; k < n; k++)
			if (fabs(row[k]) > fabs(row[largest]) * (1.0 + 1e-9))
				largest = k;
		if (row[largest] < 0)
			for (size_t k = 0; k < n; k++)
				row[k] = -row[k];
	}
}

vu_status vu_linear_eigen(double *matrix, size_t n, double *values, double *vectors)
{
	double scale = 0;

	memset(vectors, 0, n * n * sizeof *vectors);
	for (size_t i = 0; i < n; i++) {
		vectors[i * n + i] = 1.0;
		for (size_t j = 0; j < n; j++)
			scale += matrix[i * n + j] * matrix[i * n + j];
	}
	if (!isfinite(scale))
		return VU_INTERNAL;
	for (int sweep = 0;; sweep++) {
		double off = 0;
		for (size_t p = 0; p < n; p++)
			for (size_t q = p + 1; q < n; q++)
				off += matrix[p * n + q] * matrix[p * n + q];
		if (off <= scale * 1e-26)
			break;
		if (sweep == SWEEPS_MAX)
			return VU_INTERNAL;
		for (size_t p = 0; p + 1 < n; p++)
			for (size_t q = p + 1; q < n; q++)
				if (fabs(matrix[p * n + q]) > 1e-300)
					rotate(matrix, vectors, n, p, q);
	}
	for (size_t i = 0; i < n; i++)
		values[i] = matrix[i * n + i];
	sort_descending(values, vectors, n);
	fix_signs(vectors, n);
	return VU_OK;
}

/* out (n x n) = a (n x n) times b (n x n), or a times b transposed. */
static void multiply(const double *a, const double *b, size_t n, int transposed, double *out)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			double sum = 0;
			for (size_t k = 0; k < n; k++)
				sum += a[i * n + k] * (transposed ? b[j * n + k] : b[k * n + j]);
			out[i * n + j] = sum;
		}
	}
}

vu_status vu_linear_generalized_eigen(double *between, double *within, size_t n, double floor_share, double *values,
                                      double *basis)
{
	vu_status status = VU_RESOURCE_EXHAUSTED;
	double *whitener = malloc(n * n * sizeof *whitener);
	double *work = malloc(n * n * sizeof *work);
	double *product = malloc(n * n * sizeof *product);
	double mean = 0;

	if (!whitener || !work || !product)
		goto out;
	status = vu_linear_eigen(within, n, values, whitener);
	if (status != VU_OK)
		goto out;
	for (size_t i = 0; i < n; i++)
		mean += values[i] / (double)n;
	if (!(mean > 0)) {
		status = VU_INTERNAL;
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		double deviation = sqrt(values[i] > mean * floor_share ? values[i] : mean * floor_share);
		for (size_t k = 0; k < n; k++)
			whitener[i * n + k] /= deviation;
	}
	/* The between-class matrix as seen in the whitened space. */
	multiply(whitener, between, n, 0, work);
	multiply(work, whitener, n, 1, product);
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			product[j * n + i] = product[i * n + j] = (product[i * n + j] + product[j * n + i]) / 2;
	status = vu_linear_eigen(product, n, values, work);
	if (status != VU_OK)
		goto out;
	multiply(work, whitener, n, 0, basis);
out:
	free(product);
	free(work);
	free(whitener);
	return status;
}

vu_status vu_linear_solve(double *a, double *b, size_t n)
{
	for (size_t j = 0; j < n; j++) {
		for (size_t i = j; i < n; i++) {
			double sum = a[i * n + j];
			for (size_t k = 0; k < j; k++)
				sum -= a[i * n + k] * a[j * n + k];
			if (i == j) {
				if (!(sum > 0))
					return VU_INTERNAL;
				a[j * n + j] = sqrt(sum);
			} else {
				a[i * n + j] = sum / a[j * n + j];
			}
		}
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++)
			b[i] -= a[i * n + k] * b[k];
		b[i] /= a[i * n + i];
	}
	for (size_t i = n; i-- > 0;) {
		for (size_t k = i + 1; k < n; k++)
			b[i] -= a[k * n + i] * b[k];
		b[i] /= a[i * n + i];
	}
	return VU_OK;
}
