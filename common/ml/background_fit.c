/*
 * Fitting: rows are gathered, scaled, and given to PCA and LDA. People with a
 * single utterance widen the spread between people; crops of one utterance say
 * little about how a person varies from day to day, so they count within a
 * person only for people who have several utterances.
 */
#include "ml/background_fit.h"

#include "ml/background_frames.h"
#include "ml/background_space.h"
#include "ml/pca.h"
#include "ml/scaler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define D VU_BACKGROUND_DIMENSIONS

typedef struct fitted {
	float scaler_mean[D];
	float scaler_inverse[D];
	float pca_mean[D];
	float pca_basis[D * D];
	float pca_variance[D];
	float pca_weight[D];
} fitted;

static vu_status out_of_memory(vu_error *error)
{
	return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a background model: out of memory");
}

static vu_status gather(const vu_training_utterance *utterances, size_t count, const bool *use, vu_training_rows *all)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += use[utterances[i].person] ? 1 + utterances[i].crop_count : 0;
	all->dimensions = D;
	all->values = calloc((total + 1) * D, sizeof *all->values);
	all->person = malloc((total + 1) * sizeof *all->person);
	all->whole = malloc((total + 1) * sizeof *all->whole);
	if (!all->values || !all->person || !all->whole)
		return VU_RESOURCE_EXHAUSTED;
	for (size_t i = 0; i < count; i++) {
		const vu_training_utterance *utterance = &utterances[i];
		if (!use[utterance->person])
			continue;
		for (size_t row = 0; row <= utterance->crop_count; row++) {
			memcpy(all->values + all->count * D,
			       row ? utterance->crops + (row - 1) * D : utterance->whole, D * sizeof(float));
			all->person[all->count] = utterance->person;
			all->whole[all->count] = row == 0 && !utterance->augmented;
			all->count++;
		}
	}
	return VU_OK;
}

/* How many distinct, uncorrupted utterances each person has. */
static void count_utterances(const vu_training_utterance *utterances, size_t count, uint32_t *of_person)
{
	for (size_t i = 0; i < count; i++)
		of_person[utterances[i].person] += !utterances[i].augmented;
}

/* pca.weight: what varies much within a person counts less in the SVM's distances. */
static vu_status fit_weights(const vu_training_config *config, const vu_training_rows *all,
                             const uint32_t *utterances_of, uint32_t people, fitted *fit)
{
	double within[D] = {0};
	size_t freedom = 0;
	vu_status status = VU_RESOURCE_EXHAUSTED;
	float *projected = malloc((all->count + 1) * D * sizeof *projected);
	double *means = calloc((size_t)people * D, sizeof *means);
	size_t *sizes = calloc(people, sizeof *sizes);

	if (!projected || !means || !sizes)
		goto out;
	for (size_t i = 0; i < all->count; i++) {
		uint32_t person = all->person[i];
		vu_pca_apply(fit->pca_mean, fit->pca_basis, D, D, all->values + i * D, projected + i * D);
		sizes[person]++;
		for (size_t d = 0; d < D; d++)
			means[person * D + d] += projected[i * D + d];
	}
	for (size_t i = 0; i < all->count; i++) {
		uint32_t person = all->person[i];
		if (utterances_of[person] < 2)
			continue;
		for (size_t d = 0; d < D; d++) {
			double offset = projected[i * D + d] - means[person * D + d] / (double)sizes[person];
			within[d] += offset * offset;
		}
		freedom++;
	}
	for (size_t d = 0; d < D; d++) {
		double within_variance = within[d] / (double)(freedom ? freedom : 1);
		double mean = 0;
		double between = 0;
		size_t present = 0;
		double share;
		for (uint32_t p = 0; p < people; p++) {
			if (!sizes[p])
				continue;
			mean += means[p * D + d] / (double)sizes[p];
			between += pow(means[p * D + d] / (double)sizes[p], 2);
			present++;
		}
		mean /= (double)present;
		between = between / (double)present - mean * mean;
		/* How much of what is seen in this direction tells people apart. */
		share = between / (between + within_variance + 1e-9);
		within_variance = within_variance > 0.0025 ? within_variance : 0.0025;
		fit->pca_weight[d] =
		    (float)(pow(within_variance, -config->weight_power / 2) * pow(share, config->share_power));
	}
	status = VU_OK;
out:
	free(sizes);
	free(means);
	free(projected);
	return status;
}

static void write_sections(const vu_training_config *config, const vu_training_rows *all, const fitted *fit,
                           const vu_training_space *space, const vu_background_tail *tail, vu_model_writer *writer)
{
	vu_model_element element = config->quantize ? VU_ELEMENT_F16 : VU_ELEMENT_F32;
	float svm[4] = {(float)config->svm_nu, (float)config->svm_gamma, (float)config->svm_top, 0};
	float second[4] = {(float)config->second_top, (float)config->audio_share, 0, 0};

	vu_model_writer_add_text(writer, "extractor", config->extractor);
	vu_model_writer_add_text(writer, "corpora", config->corpora);
	/* The scaler's range is that of the raw features: it stays float32. */
	vu_model_writer_add_floats(writer, "scaler.mean", VU_ELEMENT_F32, 1, D, fit->scaler_mean);
	vu_model_writer_add_floats(writer, "scaler.inverse", VU_ELEMENT_F32, 1, D, fit->scaler_inverse);
	vu_model_writer_add_floats(writer, "pca.mean", element, 1, D, fit->pca_mean);
	vu_model_writer_add_floats(writer, "pca.basis", element, D, D, fit->pca_basis);
	vu_model_writer_add_floats(writer, "pca.weight", element, 1, D, fit->pca_weight);
	/* The SVM needs the cohort's vectors: nothing is allocated that could be missing. */
	vu_training_write_space(config, &(vu_training_names){"lda.mean", "lda.basis", "cohort"}, all,
	                        config->discriminants, false, space, writer);
	vu_model_writer_add_floats(writer, "svm", VU_ELEMENT_F32, 1, 4, svm);
	vu_model_writer_add_floats(writer, "second", VU_ELEMENT_F32, 1, 4, second);
	vu_model_writer_add_floats(writer, "calibration", VU_ELEMENT_F32, VU_TRAINING_CALIBRATIONS,
	                           VU_CALIBRATION_COLUMNS, tail->calibration);
	vu_model_writer_add_floats(writer, "agreement", VU_ELEMENT_F32, 1, 4, tail->agreement);
}

vu_status vu_background_fit(const vu_training_config *config, const vu_training_utterance *utterances, size_t count,
                            const bool *use, const vu_background_tail *tail, vu_model_writer *writer, vu_error *error)
{
	uint32_t people = 0;
	vu_training_rows all = {0};
	fitted *fit = calloc(1, sizeof *fit);
	vu_training_space space = {0};
	uint32_t *utterances_of = NULL;
	vu_status status;

	for (size_t i = 0; i < count; i++)
		people = utterances[i].person >= people ? utterances[i].person + 1 : people;
	utterances_of = calloc(people ? people : 1, sizeof *utterances_of);
	if (!fit || !utterances_of || gather(utterances, count, use, &all) != VU_OK) {
		status = out_of_memory(error);
		goto out;
	}
	count_utterances(utterances, count, utterances_of);
	status = vu_scaler_fit(all.values, all.count, D, fit->scaler_mean, fit->scaler_inverse);
	if (status == VU_OK) {
		for (size_t i = 0; i < all.count; i++)
			vu_scaler_apply(fit->scaler_mean, fit->scaler_inverse, D, all.values + i * D,
			                all.values + i * D);
		status = vu_pca_fit(all.values, all.count, D, fit->pca_mean, fit->pca_basis, fit->pca_variance);
	}
	if (status == VU_OK)
		status = vu_training_fit_lda(config->shrinkage, 0, &all, utterances_of, false, &space);
	if (status == VU_OK)
		status = fit_weights(config, &all, utterances_of, people, fit);
	if (status == VU_OK)
		status = vu_training_make_cohort(&all, people, &space);
	if (status != VU_OK) {
		vu_fail(
		    error, status,
		    status == VU_INVALID_ARGUMENT
		        ? "unable to train a background model: it takes at least two people with two recordings each"
		        : "unable to train a background model: the vectors do not vary as speech does");
		goto out;
	}
	write_sections(config, &all, fit, &space, tail, writer);
	if (config->mixture)
		status = vu_background_fit_frames(
		    config, utterances, count, use,
		    &(vu_training_person_data){people, utterances_of, fit->scaler_mean, fit->scaler_inverse}, writer,
		    error);
out:
	vu_training_space_free(&space);
	free(utterances_of);
	free(fit);
	vu_training_rows_free(&all);
	return status;
}
