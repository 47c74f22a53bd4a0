#include "ml/rates.h"

#include <math.h>

static double polynomial(const double *coefficients, size_t count, double x)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum = sum * x + coefficients[i];
	return sum;
}

#define POLYNOMIAL(coefficients, x) polynomial(coefficients, sizeof(coefficients) / sizeof *(coefficients), x)

double vu_normal_deviate(double p)
{
	static const double A[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
	                           1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
	static const double B[] = {-5.447609879822406e+01, 1.615858368580409e+02,  -1.556989798598866e+02,
	                           6.680131188771972e+01,  -1.328068155288572e+01, 1.0};
	static const double C[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
	                           -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
	static const double D[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
	                           3.754408661907416e+00, 1.0};
	const double tail = 0.02425;
	double x, error, u;

	if (isnan(p) || p < 0 || p > 1)
		return NAN;
	if (p == 0 || p == 1)
		return p == 0 ? -INFINITY : INFINITY;
	/* The upper half mirrors the lower, where small shares keep their digits. */
	if (p > 0.5)
		return -vu_normal_deviate(1 - p);
	if (p < tail) {
		double q = sqrt(-2 * log(p));
		x = POLYNOMIAL(C, q) / POLYNOMIAL(D, q);
	} else {
		double q = p - 0.5;
		x = q * POLYNOMIAL(A, q * q) / POLYNOMIAL(B, q * q);
	}
	error = 0.5 * erfc(-x / sqrt(2.0)) - p;
	u = error * sqrt(2 * acos(-1.0)) * exp(x * x / 2);
	return x - u / (1 + x * u / 2);
}

void vu_wilson_interval(size_t events, size_t trials, double confidence, double *low_out, double *high_out)
{
	double z = -vu_normal_deviate((1 - confidence) / 2);
	double n = (double)trials, p, centre, half;

	*low_out = *high_out = NAN;
	if (trials == 0 || events > trials || !(confidence > 0 && confidence < 1))
		return;
	p = (double)events / n;
	centre = (p + z * z / (2 * n)) / (1 + z * z / n);
	half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
	/* The ends are known where nothing or all was counted; rounding must not move them. */
	*low_out = events == 0 ? 0.0 : fmax(0.0, centre - half);
	*high_out = events == trials ? 1.0 : fmin(1.0, centre + half);
}
