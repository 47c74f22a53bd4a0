/* See vocoder_traces.h for what the figures mean. Every one is bounded, whatever the energies. */
#include "dsp/vocoder_shape.h"

#include <math.h>

#define BANDS   VU_VOCODER_BANDS
#define WINDOWS VU_VOCODER_WINDOWS

/* Lags of a pitch period, and the longest between bands, in ms. */
#define PERIOD_MIN 3
#define PERIOD_MAX 14
#define LAG_MAX    3

/* The root of one band's energy less its mean, of unit length; and the figures of this band alone. */
static void shape_band(const float (*energies)[BANDS], size_t band, float *roots, float *figures)
{
	float sum = 1e-20f;
	float square = 1e-30f;
	float mean = 0;
	float most = 0;
	float least = INFINITY;
	float length = 1e-20f;
	float step2 = 1e-12f;
	float step3 = 0;
	float periodic = -1;

	for (size_t i = 0; i < WINDOWS; i++) {
		float e = energies[i][band];
		sum += e;
		square += e * e;
		most = fmaxf(most, e);
		least = fminf(least, e);
		roots[i] = sqrtf(e);
		mean += roots[i] / WINDOWS;
	}
	for (size_t i = 0; i < WINDOWS; i++) {
		roots[i] -= mean;
		length += roots[i] * roots[i];
	}
	length = 1 / sqrtf(length);
	for (size_t i = 0; i < WINDOWS; i++)
		roots[i] *= length;
	for (size_t i = 1; i < WINDOWS; i++) {
		float step = roots[i] - roots[i - 1];
		step2 += step * step / (WINDOWS - 1);
		step3 += step * step * step / (WINDOWS - 1);
	}
	for (size_t lag = PERIOD_MIN; lag <= PERIOD_MAX; lag++) {
		float product = 0;
		for (size_t i = lag; i < WINDOWS; i++)
			product += roots[i] * roots[i - lag];
		periodic = fmaxf(periodic, product * WINDOWS / (float)(WINDOWS - lag));
	}
	figures[0 * BANDS + band] = logf(square / sum / sum * WINDOWS + 1e-6f);
	figures[1 * BANDS + band] = logf(most * WINDOWS / sum + 1e-6f);
	figures[2 * BANDS + band] = logf(least * WINDOWS / sum + 1e-4f);
	figures[3 * BANDS + band] = periodic;
	figures[4 * BANDS + band] = step3 / (step2 * sqrtf(step2));
}

static float product_at(const float *a, const float *b, int lag)
{
	float product = 0;
	for (int i = lag > 0 ? lag : 0; i < WINDOWS + (lag < 0 ? lag : 0); i++)
		product += a[i] * b[i - lag];
	return product;
}

float vu_vocoder_shape(const float (*energies)[BANDS], float figures[VU_VOCODER_FIGURES])
{
	float roots[BANDS][WINDOWS];
	float *pairs = figures + 5 * BANDS;
	float *lags = pairs + VU_VOCODER_PAIRS;

	for (size_t b = 0; b < BANDS; b++)
		shape_band(energies, b, roots[b], figures);
	for (size_t a = 0; a < BANDS; a++) {
		for (size_t b = a + 1; b < BANDS; b++)
			*pairs++ = product_at(roots[a], roots[b], 0);
	}
	for (size_t a = 0; a + 1 < BANDS; a++) {
		float together = product_at(roots[a], roots[a + 1], 0);
		float best = together;
		lags[a] = 0;
		for (int lag = -LAG_MAX; lag <= LAG_MAX; lag++) {
			float product = product_at(roots[a], roots[a + 1], lag);
			if (product > best) {
				best = product;
				lags[a] = (float)lag;
			}
		}
		lags[BANDS - 1 + a] = best - together;
	}
	return fmaxf(figures[3 * BANDS], figures[3 * BANDS + 1]);
}
