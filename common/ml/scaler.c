/* Mean and variance per dimension. Sums are in double, so order and size of the data do not matter. */
#include "ml/scaler.h"

#include <math.h>

vu_status vu_scaler_fit(const float *rows, size_t count, size_t dimensions, float *mean, float *inverse)
{
	if (count < 2)
		return VU_INVALID_ARGUMENT;
	for (size_t d = 0; d < dimensions; d++) {
		double sum = 0;
		double squares = 0;
		for (size_t i = 0; i < count; i++)
			sum += rows[i * dimensions + d];
		sum /= (double)count;
		for (size_t i = 0; i < count; i++) {
			double offset = rows[i * dimensions + d] - sum;
			squares += offset * offset;
		}
		squares = sqrt(squares / (double)(count - 1));
		mean[d] = (float)sum;
		inverse[d] = squares > 1e-6 * (1.0 + fabs(sum)) ? (float)(1.0 / squares) : 0.0f;
	}
	return VU_OK;
}

void vu_scaler_apply(const float *mean, const float *inverse, size_t dimensions, const float *values, float *out)
{
	for (size_t d = 0; d < dimensions; d++) {
		float scaled = (values[d] - mean[d]) * inverse[d];
		out[d] = scaled > VU_SCALER_LIMIT    ? VU_SCALER_LIMIT
		         : scaled < -VU_SCALER_LIMIT ? -VU_SCALER_LIMIT
		                                     : scaled;
	}
}
