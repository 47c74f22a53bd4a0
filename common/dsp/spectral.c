/* Spectral shape. Every result is finite for every finite non-negative spectrum. */
#include "dsp/spectral.h"

#include "dsp/dsp.h"

#include <math.h>
#include <string.h>

/* Power that counts as none. */
#define NOTHING 1e-12f
/* Keeps the logarithm of an empty bin finite. */
#define BIN_LEAST 1e-20f

static float total_of(const float *power, size_t bins)
{
	float total = 0.0f;
	for (size_t k = 1; k < bins; k++)
		total += power[k];
	return total;
}

static float flux_of(const float *power, float total, const float *previous, size_t bins)
{
	float previous_total = total_of(previous, bins);
	float flux = 0.0f;

	if (previous_total <= NOTHING)
		return 0.0f;
	for (size_t k = 1; k < bins; k++) {
		float change = power[k] / total - previous[k] / previous_total;
		flux += change * change;
	}
	return flux;
}

void vu_spectral_analyze(const float *power, const float *previous, size_t bins, vu_spectral *out)
{
	float hz_per_bin = VU_SAMPLE_RATE / 2.0f / (float)(bins - 1);
	float total = total_of(power, bins);
	float first = 0.0f;
	float second = 0.0f;
	float logs = 0.0f;
	float below = 0.0f;

	memset(out, 0, sizeof *out);
	if (total <= NOTHING)
		return;
	for (size_t k = 1; k < bins; k++) {
		float share = power[k] / total;
		size_t band = (k - 1) * VU_SPECTRAL_BANDS / (bins - 1);

		first += share * (float)k;
		logs += logf(power[k] + BIN_LEAST);
		out->band_share[band] += share;
		below += share;
		if (below < VU_SPECTRAL_ROLLOFF)
			out->rolloff_hz = (float)(k + 1 < bins ? k + 1 : k) * hz_per_bin;
	}
	if (out->rolloff_hz == 0.0f)
		out->rolloff_hz = hz_per_bin;
	for (size_t k = 1; k < bins; k++) {
		float distance = (float)k - first;
		second += power[k] / total * distance * distance;
	}
	out->centroid_hz = first * hz_per_bin;
	out->spread_hz = sqrtf(second) * hz_per_bin;
	out->flatness = expf(logs / (float)(bins - 1)) / (total / (float)(bins - 1));
	if (previous)
		out->flux = flux_of(power, total, previous, bins);
}
