/* CMVN. Sums run in double precision, so ten minutes of frames lose nothing. */
#include "dsp/cmvn.h"

#include <math.h>

void vu_cmvn_apply(float *values, size_t frames, size_t dimensions, bool variance)
{
	for (size_t i = 0; i < dimensions && frames > 0; i++) {
		double sum = 0.0;
		double square = 0.0;
		float mean, scale = 1.0f;

		for (size_t t = 0; t < frames; t++)
			sum += (double)values[t * dimensions + i];
		mean = (float)(sum / (double)frames);
		for (size_t t = 0; t < frames; t++) {
			float *v = &values[t * dimensions + i];
			*v -= mean;
			square += (double)*v * (double)*v;
		}
		if (variance) {
			float deviation = (float)sqrt(square / (double)frames);
			if (deviation > VU_CMVN_DEVIATION_MIN)
				scale = 1.0f / deviation;
		}
		for (size_t t = 0; t < frames && variance; t++)
			values[t * dimensions + i] *= scale;
	}
}
