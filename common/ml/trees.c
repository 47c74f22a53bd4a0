/* Scoring; training is in trees_train.c. */
#include "ml/trees.h"

#include <math.h>

float vu_trees_score(const vu_trees *trees, const float *vector)
{
	uint32_t questions = vu_trees_questions(trees->shape.depth);
	double sum = (double)trees->base;

	for (uint32_t i = 0; i < trees->shape.inputs; i++) {
		if (!isfinite(vector[i]))
			return NAN;
	}
	for (uint32_t t = 0; t < trees->shape.trees; t++) {
		const uint16_t *feature = trees->feature + (size_t)t * questions;
		const float *threshold = trees->threshold + (size_t)t * questions;
		uint32_t at = 0;
		while (at < questions)
			at = 2 * at + 1 + !(vector[feature[at]] < threshold[at]);
		sum += (double)trees->leaf[(size_t)t * (questions + 1) + at - questions];
	}
	return (float)sum;
}
