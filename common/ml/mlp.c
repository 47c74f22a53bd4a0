/* Scoring; training is in mlp_train.c. */
#include "ml/mlp.h"

#include <math.h>

float vu_mlp_score(const vu_mlp *mlp, const float *vector)
{
	uint32_t inputs = mlp->shape.inputs;
	uint32_t hidden = mlp->shape.hidden;
	float scaled[VU_MLP_INPUTS_MAX] = {0};
	double total = 0;

	for (uint32_t i = 0; i < inputs; i++) {
		float value = (vector[i] - mlp->mean[i]) * mlp->scale[i];
		if (!isfinite(value))
			return NAN;
		scaled[i] = fminf(fmaxf(value, -VU_MLP_INPUT_LIMIT), VU_MLP_INPUT_LIMIT);
	}
	for (uint32_t m = 0; m < mlp->shape.members; m++) {
		double sum = (double)mlp->offset[m];
		for (uint32_t h = 0; h < hidden; h++) {
			const float *w = mlp->weights + ((size_t)m * hidden + h) * inputs;
			float parts[8] = {mlp->bias[(size_t)m * hidden + h]};
			uint32_t i = 0;
			float activation;
			for (; i + 8 <= inputs; i += 8) {
				for (uint32_t k = 0; k < 8; k++)
					parts[k] += w[i + k] * scaled[i + k];
			}
			for (; i < inputs; i++)
				parts[0] += w[i] * scaled[i];
			activation = ((parts[0] + parts[1]) + (parts[2] + parts[3])) +
			             ((parts[4] + parts[5]) + (parts[6] + parts[7]));
			if (activation > 0)
				sum += (double)(mlp->out[(size_t)m * hidden + h] * activation);
		}
		total += sum;
	}
	return (float)(total / mlp->shape.members);
}
