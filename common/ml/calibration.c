/* Logistic regression by Newton's method, and thresholds from the tail of strangers' scores. */
#include "ml/calibration.h"

#include "ml/linear.h"

#include <math.h>
#include <string.h>

#define ITERATIONS_MAX 100
#define N_MAX          (VU_CALIBRATION_INPUTS_MAX + 1)

/* The penalized negative log-likelihood, its gradient and Hessian at `w`. */
static double evaluate(const float *x, const uint8_t *labels, size_t count, size_t inputs, double ridge,
                       const double *class_weight, double shift, const double *w, double *gradient, double *hessian)
{
	size_t n = inputs + 1;
	double loss = 0;

	memset(gradient, 0, n * sizeof *gradient);
	memset(hessian, 0, n * n * sizeof *hessian);
	for (size_t i = 0; i < count; i++) {
		double row[N_MAX] = {1};
		double z = w[0] + shift;
		double weight = class_weight[labels[i] != 0];
		double p;
		double sign = labels[i] ? 1 : -1;
		for (size_t k = 0; k < inputs; k++) {
			row[k + 1] = x[i * inputs + k];
			z += w[k + 1] * row[k + 1];
		}
		loss += weight * (sign * z > 0 ? log1p(exp(-sign * z)) : -sign * z + log1p(exp(sign * z)));
		p = z > 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
		for (size_t a = 0; a < n; a++) {
			gradient[a] += weight * (p - (labels[i] ? 1 : 0)) * row[a];
			for (size_t b = 0; b <= a; b++)
				hessian[a * n + b] += weight * p * (1 - p) * row[a] * row[b];
		}
	}
	for (size_t a = 0; a < n; a++) {
		double penalty = a ? ridge : 1e-9;
		loss += 0.5 * penalty * w[a] * w[a];
		gradient[a] += penalty * w[a];
		hessian[a * n + a] += penalty;
		for (size_t b = 0; b < a; b++)
			hessian[b * n + a] = hessian[a * n + b];
	}
	return loss;
}

vu_status vu_calibration_fit(const float *x, const uint8_t *labels, size_t count, size_t inputs, double ridge,
                             double prior, float *weights)
{
	size_t n = inputs + 1;
	size_t positives = 0;
	double class_weight[2];
	double w[N_MAX] = {0};
	double gradient[N_MAX];
	double hessian[N_MAX * N_MAX];
	double loss;
	double shift;

	if (!(prior > 0 && prior < 1) || inputs == 0 || inputs > VU_CALIBRATION_INPUTS_MAX)
		return VU_INVALID_ARGUMENT;
	for (size_t i = 0; i < count; i++) {
		positives += labels[i] != 0;
		for (size_t k = 0; k < inputs; k++)
			if (!isfinite(x[i * inputs + k]))
				return VU_INVALID_ARGUMENT;
	}
	if (positives == 0 || positives == count)
		return VU_INVALID_ARGUMENT;
	shift = log(prior / (1 - prior));
	class_weight[1] = 2 * prior / (double)positives;
	class_weight[0] = 2 * (1 - prior) / (double)(count - positives);
	loss = evaluate(x, labels, count, inputs, ridge, class_weight, shift, w, gradient, hessian);
	for (int iteration = 0; iteration < ITERATIONS_MAX; iteration++) {
		double step[N_MAX];
		double next[N_MAX];
		double scale = 1;
		double before = loss;
		memcpy(step, gradient, n * sizeof *step);
		if (vu_linear_solve(hessian, step, n) != VU_OK)
			return VU_INTERNAL;
		/* Halve the step until it does not make things worse. */
		do {
			for (size_t a = 0; a < n; a++)
				next[a] = w[a] - scale * step[a];
			loss =
			    evaluate(x, labels, count, inputs, ridge, class_weight, shift, next, gradient, hessian);
			scale /= 2;
		} while (!(loss <= before) && scale > 1e-6);
		if (!(loss <= before))
			break;
		memcpy(w, next, sizeof w);
		if (before - loss < 1e-12)
			break;
	}
	for (size_t a = 0; a < n; a++)
		weights[a] = (float)w[a];
	return VU_OK;
}

float vu_calibration_apply(const float *weights, const float *x, size_t inputs)
{
	float sum = weights[0];
	for (size_t k = 0; k < inputs; k++)
		sum += weights[k + 1] * x[k];
	return sum;
}

float vu_calibration_threshold(const float *strangers_descending, size_t count, double far, int *extrapolated_out)
{
	size_t allowed = (size_t)(far * (double)count);
	size_t tail = count / 100;
	double base;
	double mean_excess = 0;

	*extrapolated_out = 0;
	if (count == 0) {
		*extrapolated_out = 1;
		return INFINITY;
	}
	if (allowed >= VU_CALIBRATION_COUNTED)
		return nextafterf(strangers_descending[allowed], INFINITY);
	*extrapolated_out = 1;
	if (tail < VU_CALIBRATION_COUNTED)
		tail = count < 2 * VU_CALIBRATION_COUNTED ? count / 2 : VU_CALIBRATION_COUNTED;
	if (tail == 0)
		return nextafterf(strangers_descending[0], INFINITY);
	base = strangers_descending[tail];
	for (size_t i = 0; i < tail; i++)
		mean_excess += (strangers_descending[i] - base) / (double)tail;
	return (float)(base + mean_excess * log((double)tail / (double)count / far));
}
