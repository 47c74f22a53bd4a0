/* Weights by logistic regression, thresholds from the strangers' scores, figures of what these reach. */
#include "ml/background_calibrate.h"

#include "ml/calibration.h"
#include "ml/trial_scores.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double FALSE_ACCEPT_RATES[VU_BACKGROUND_LEVELS] = {0.01, 0.001, 0.0001};

/* Where in the inputs of a trial the shift is, and what is added to it in noise. */
#define SHIFT_INPUT       (VU_CALIBRATION_SHIFT - VU_CALIBRATION_SVM)
#define SHIFT_INPUT_NOISY (VU_CALIBRATION_NOISY - VU_CALIBRATION_SVM + SHIFT_INPUT)

vu_status vu_training_add_trial(vu_training_trials *list, const vu_training_trial *one)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 4096;
		vu_training_trial *all = realloc(list->all, room * sizeof *all);
		if (!all)
			return VU_RESOURCE_EXHAUSTED;
		list->all = all;
		list->room = room;
	}
	list->all[list->count++] = *one;
	return VU_OK;
}

/*
 * Rates of one column of the trials, either of those of recordings as they are
 * or of corrupted ones: `values` is its first value, `stride` the distance to
 * the next.
 */
static vu_status measure(const vu_training_trials *list, bool corrupted, const float *values, size_t stride,
                         vu_training_rates *out)
{
	vu_status status = VU_RESOURCE_EXHAUSTED;
	vu_scores *scores = NULL;
	size_t count = 0;
	double *all = malloc((list->count + 1) * sizeof *all);
	bool *targets = malloc((list->count + 1) * sizeof *targets);

	if (!all || !targets)
		goto out;
	for (size_t i = 0; i < list->count; i++) {
		if (list->all[i].augmented != corrupted)
			continue;
		all[count] = values[i * stride];
		targets[count++] = list->all[i].target;
	}
	status = vu_scores_create(all, targets, count, &scores, NULL);
	if (status != VU_OK)
		goto out;
	out->eer = vu_scores_eer(scores, NULL);
	out->frr_at_far_1 = vu_scores_frr_at_far(scores, 0.01);
	out->frr_at_far_01 = vu_scores_frr_at_far(scores, 0.001);
	out->min_dcf = vu_scores_min_dcf(scores, 0.01);
	out->cllr = vu_scores_cllr(scores);
out:
	vu_scores_destroy(scores);
	free(targets);
	free(all);
	return status;
}

void vu_training_keep_alike(vu_training_trials *list)
{
	size_t kept = 0;
	size_t alike = 0;

	for (size_t i = 0; i < list->count; i++)
		alike += !list->all[i].target && list->all[i].alike;
	for (size_t i = 0; i < list->count && alike > 0; i++)
		if (list->all[i].target || list->all[i].alike)
			list->all[kept++] = list->all[i];
	if (alike > 0)
		list->count = kept;
}

static int descending(const void *a, const void *b)
{
	float left = *(const float *)a;
	float right = *(const float *)b;
	return left < right ? 1 : left > right ? -1 : 0;
}

/*
 * Thresholds for one fold's strangers, or for all (fold -1), into `thresholds`.
 * Returns the number of strangers.
 */
static size_t fold_thresholds(const vu_training_trials *list, const float *fused, int fold, float *scores,
                              float *thresholds, bool *extrapolated)
{
	size_t strangers = 0;

	for (size_t i = 0; i < list->count; i++)
		if (!list->all[i].target && (fold < 0 || list->all[i].fold == fold))
			scores[strangers++] = fused[i];
	qsort(scores, strangers, sizeof *scores, descending);
	for (int level = 0; level < VU_BACKGROUND_LEVELS; level++) {
		int estimated;
		thresholds[level] =
		    vu_calibration_threshold(scores, strangers, FALSE_ACCEPT_RATES[level], &estimated);
		extrapolated[level] = estimated != 0;
	}
	return strangers;
}

/*
 * A level has to hold for people who are not here. Folds are groups of people
 * who had no part in each other's models, so how much they differ says how much
 * the next group may: thresholds lie between that of all together and that of
 * the strictest fold, config->caution of the way.
 */
static vu_status set_thresholds(const vu_training_config *config, const vu_training_trials *list, unsigned folds,
                                const float *fused, float *row, vu_training_figures *figures)
{
	float *scores = malloc((list->count + 1) * sizeof *scores);
	float *thresholds = row + VU_CALIBRATION_THRESHOLDS;
	float strictest[VU_BACKGROUND_LEVELS];

	if (!scores)
		return VU_RESOURCE_EXHAUSTED;
	fold_thresholds(list, fused, -1, scores, thresholds, figures->extrapolated);
	memcpy(strictest, thresholds, sizeof strictest);
	figures->target_trials = 0;
	figures->stranger_trials = 0;
	for (size_t i = 0; i < list->count; i++) {
		figures->target_trials += list->all[i].target && !list->all[i].augmented;
		figures->stranger_trials += !list->all[i].target && !list->all[i].augmented;
	}
	for (unsigned fold = 0; fold < folds; fold++) {
		float of_fold[VU_BACKGROUND_LEVELS];
		bool estimated[VU_BACKGROUND_LEVELS];
		if (fold_thresholds(list, fused, (int)fold, scores, of_fold, estimated) == 0)
			continue;
		for (int level = 0; level < VU_BACKGROUND_LEVELS; level++)
			if (of_fold[level] > strictest[level])
				strictest[level] = of_fold[level];
	}
	for (int level = 0; level < VU_BACKGROUND_LEVELS; level++)
		thresholds[level] += (float)config->caution * (strictest[level] - thresholds[level]);
	for (int level = 0; level < VU_BACKGROUND_LEVELS; level++) {
		size_t refused = 0;
		size_t accepted = 0;
		/* A stricter level is never more lenient, even where the tail was estimated. */
		if (level > 0 && thresholds[level] < thresholds[level - 1])
			thresholds[level] = thresholds[level - 1];
		for (size_t i = 0; i < list->count; i++) {
			if (list->all[i].augmented)
				continue;
			refused += list->all[i].target && fused[i] < thresholds[level];
			accepted += !list->all[i].target && fused[i] >= thresholds[level];
		}
		figures->thresholds[level] = thresholds[level];
		figures->false_rejects[level] = (double)refused / (double)figures->target_trials;
		figures->false_accepts[level] = (double)accepted / (double)figures->stranger_trials;
	}
	free(scores);
	return VU_OK;
}

/*
 * Weights are learned from recordings as they are and from corrupted ones
 * together: what a scorer is worth in noise has weights of its own, so that the
 * one does not spoil the other, and a bad recording is not overrated.
 *
 * Nothing of the shift makes up for the channel, and here everybody has the
 * same: among people recorded otherwise it is worth less than it is here. So
 * the weights lie between those with it and those without, config->shift_trust
 * of the way.
 */
static vu_status fit_weights(const vu_training_config *config, const vu_training_trials *list, float *weights)
{
	float *inputs = malloc((list->count + 1) * VU_CALIBRATION_INPUTS * sizeof *inputs);
	uint8_t *labels = malloc(list->count + 1);
	float without[VU_CALIBRATION_INPUTS + 1];
	vu_status status = VU_RESOURCE_EXHAUSTED;

	if (!inputs || !labels)
		goto out;
	for (size_t i = 0; i < list->count; i++) {
		memcpy(inputs + VU_CALIBRATION_INPUTS * i, list->all[i].inputs, sizeof list->all[i].inputs);
		labels[i] = list->all[i].target;
	}
	status = vu_calibration_fit(inputs, labels, list->count, VU_CALIBRATION_INPUTS, 1e-4, config->prior, weights);
	for (size_t i = 0; i < list->count; i++) {
		inputs[VU_CALIBRATION_INPUTS * i + SHIFT_INPUT] = 0;
		inputs[VU_CALIBRATION_INPUTS * i + SHIFT_INPUT_NOISY] = 0;
	}
	if (status == VU_OK)
		status = vu_calibration_fit(inputs, labels, list->count, VU_CALIBRATION_INPUTS, 1e-4, config->prior,
		                            without);
	for (size_t k = 0; k <= VU_CALIBRATION_INPUTS && status == VU_OK; k++)
		weights[k] = (float)(config->shift_trust * weights[k] + (1 - config->shift_trust) * without[k]);
out:
	free(labels);
	free(inputs);
	return status;
}

vu_status vu_training_calibrate(const vu_training_config *config, unsigned folds, const vu_training_trials *list,
                                uint32_t components, float *row, vu_training_figures *figures)
{
	float *fused = malloc((list->count + 1) * sizeof *fused);
	vu_status status = VU_RESOURCE_EXHAUSTED;

	if (!fused)
		return status;
	status = fit_weights(config, list, row + VU_CALIBRATION_CONSTANT);
	if (status != VU_OK)
		goto out;
	row[VU_CALIBRATION_COMPONENTS] = (float)components;
	for (size_t i = 0; i < list->count; i++)
		fused[i] =
		    vu_calibration_apply(row + VU_CALIBRATION_CONSTANT, list->all[i].inputs, VU_CALIBRATION_INPUTS);
	figures->components = components;
	/* In the order of a trial's inputs. */
	for (size_t k = 0; k < VU_CALIBRATION_SCORERS && status == VU_OK; k++)
		status = measure(list, false, &list->all[0].inputs[k], sizeof(vu_training_trial) / sizeof(float),
		                 k == 0               ? &figures->svm
		                 : k <= VU_SPACES_MAX ? &figures->spaces[k - 1]
		                                      : &figures->shift);
	if (status == VU_OK)
		status = measure(list, false, fused, 1, &figures->fused);
	if (status == VU_OK)
		status = measure(list, true, fused, 1, &figures->corrupted);
	if (status == VU_OK)
		status = set_thresholds(config, list, folds, fused, row, figures);
out:
	free(fused);
	return status;
}

/* Samples agree when their ratio is above what 98 % of a person's own reach. */
vu_status vu_training_calibrate_agreement(const vu_training_trials *list, float *agreement)
{
	size_t targets = 0;
	float *values = malloc((list->count + 1) * sizeof *values);
	uint8_t *labels = malloc(list->count + 1);
	vu_status status = VU_RESOURCE_EXHAUSTED;

	if (!values || !labels)
		goto out;
	for (size_t i = 0; i < list->count; i++) {
		values[i] = list->all[i].second;
		labels[i] = list->all[i].target;
	}
	status = vu_calibration_fit(values, labels, list->count, 1, 1e-4, 0.5, agreement);
	if (status != VU_OK)
		goto out;
	for (size_t i = 0; i < list->count; i++)
		if (labels[i])
			values[targets++] = agreement[0] + agreement[1] * list->all[i].second;
	qsort(values, targets, sizeof *values, descending);
	agreement[2] = values[targets - 1 - targets / 50];
	/* What looks more like the same person than like strangers always agrees. */
	if (agreement[2] > 0)
		agreement[2] = 0;
out:
	free(labels);
	free(values);
	return status;
}
