/* Sums in the order of the mixture; the cohort is read as it lies in the file. */
#include "ml/shift.h"

#include "ml/kernel.h"
#include "ml/pca.h"
#include "ml/rows.h"

#include <math.h>
#include <string.h>

#define F VU_FRAMES_DIMENSIONS
/* No cosine is larger; what is, was not made here. */
#define SCORE_MOST 1.0f

void vu_shift_voice(const vu_shift_model *model, const float *zeroth, const float *first, float *voice)
{
	for (uint32_t m = 0; m < model->components; m++)
		for (uint32_t d = 0; d < F; d++)
			voice[m * F + d] = first[m * F + d] / (zeroth[m] + model->relevance) - model->mean[m * F + d];
	vu_normalize_length(voice, model->length);
}

void vu_shift_hear(const vu_shift_model *model, const float *zeroth, const float *first, float *heard)
{
	float scores[VU_COHORT_MAX];
	vu_cohort_statistics fares;
	double frames = 0;
	float scale;

	for (uint32_t m = 0; m < model->components; m++)
		frames += zeroth[m];
	scale = frames > 0 ? (float)(1 / frames) : 0;
	for (uint32_t i = 0; i < model->length; i++)
		heard[i] = fminf(fmaxf(scale * first[i], -1), 1);
	for (uint32_t p = 0; p < model->cohort.rows; p++)
		scores[p] = vu_rows_dot(&model->cohort, p, heard);
	fares = vu_cohort_compute(scores, model->cohort.rows, model->top);
	heard[model->length] = fminf(fmaxf(fares.mean, -SCORE_MOST), SCORE_MOST);
	heard[model->length + 1] = fminf(fares.deviation, SCORE_MOST);
}

/*
 * Of cohort members only their voices are kept. What was heard of one is its
 * voice with the weights of the adaptation taken back, as if it had been heard
 * for so many frames, spread over the mixture as speech mostly is.
 */
vu_cohort_statistics vu_shift_strangers(const vu_shift_model *model, const float *voice)
{
	float scores[VU_COHORT_MAX];
	float weighted[VU_SHIFT_LENGTH_MAX];
	float of_mean;

	for (uint32_t m = 0; m < model->components; m++) {
		float weight = model->weight[m] + model->relevance / model->frames;
		for (uint32_t d = 0; d < F; d++)
			weighted[m * F + d] = weight * voice[m * F + d];
	}
	of_mean = vu_kernel_dot(weighted, model->mean, model->length);
	for (uint32_t p = 0; p < model->cohort.rows; p++)
		scores[p] = model->lengths[p] * vu_rows_dot(&model->cohort, p, weighted) + of_mean;
	return vu_cohort_compute(scores, model->cohort.rows, model->top);
}

float vu_shift_score(const vu_shift_model *model, const vu_model_section *voice, vu_cohort_statistics strangers,
                     const float *heard)
{
	const float *fares = heard + model->length;
	/* It came from another process. */
	vu_cohort_statistics audio = {fares[0], fmaxf(fares[1], VU_COHORT_DEVIATION_MIN)};

	return vu_cohort_normalize_both(vu_rows_dot(voice, 0, heard), strangers, audio, model->audio_share);
}
