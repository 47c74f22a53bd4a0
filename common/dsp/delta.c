/* Regression deltas. */
#include "dsp/delta.h"

#include <string.h>

void vu_delta_compute(const float *in, size_t frames, size_t dimensions, unsigned reach, float *out)
{
	float norm = 0.0f;

	for (unsigned k = 1; k <= reach; k++)
		norm += 2.0f * (float)(k * k);
	memset(out, 0, frames * dimensions * sizeof(float));
	for (size_t t = 0; t < frames; t++) {
		float *d = out + t * dimensions;
		for (size_t k = 1; k <= reach; k++) {
			const float *after = in + (t + k < frames ? t + k : frames - 1) * dimensions;
			const float *before = in + (t >= k ? t - k : 0) * dimensions;
			float weight = (float)k / norm;
			for (size_t i = 0; i < dimensions; i++)
				d[i] += weight * (after[i] - before[i]);
		}
	}
}
