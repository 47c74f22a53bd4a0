/*
 * Fitting: rows are gathered, scaled, and given to PCA and LDA. People with a
 * single utterance widen the spread between people; crops of one utterance say
 * little about how a person varies from day to day, so they count within a
 * person only for people who have several utterances.
 */
#include "ml/background_fit.h"

#include "ml/cohort.h"
#include "ml/pca.h"
#include "ml/scaler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define D VU_BACKGROUND_DIMENSIONS

typedef struct rows {
	float *values; /* count x D, scaled once the scaler is known */
	uint32_t *person;
	bool *whole;
	size_t count;
} rows;

typedef struct fitted {
	float scaler_mean[D];
	float scaler_inverse[D];
	float pca_mean[D];
	float pca_basis[D * D];
	float pca_variance[D];
	float pca_weight[D];
	float lda_mean[D];
	float lda_basis[D * D];
	float lda_ratio[D];
} fitted;

static vu_status out_of_memory(vu_error *error)
{
	return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a background model: out of memory");
}

static vu_status gather(const vu_training_utterance *utterances, size_t count, const bool *use, rows *all)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += use[utterances[i].person] ? 1 + utterances[i].crop_count : 0;
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
			all->whole[all->count] = row == 0;
			all->count++;
		}
	}
	return VU_OK;
}

static void drop(rows *all)
{
	free(all->values);
	free(all->person);
	free(all->whole);
}

/* How many distinct, uncorrupted utterances each person has. */
static void count_utterances(const vu_training_utterance *utterances, size_t count, uint32_t *of_person)
{
	for (size_t i = 0; i < count; i++)
		of_person[utterances[i].person] += !utterances[i].augmented;
}

/* LDA over all rows of people with several utterances and the wholes of the others. */
static vu_status fit_lda(const vu_training_config *config, const rows *all, const uint32_t *utterances_of,
                         fitted *fit)
{
	size_t used = 0;
	vu_status status = VU_RESOURCE_EXHAUSTED;
	float *values = malloc((all->count + 1) * D * sizeof *values);
	uint32_t *labels = malloc((all->count + 1) * sizeof *labels);
	bool *seen = calloc(all->count + 1, sizeof *seen);

	if (!values || !labels || !seen)
		goto out;
	for (size_t i = 0; i < all->count; i++) {
		bool several = utterances_of[all->person[i]] > 1;
		/* The rows of a person lie together by utterance, the uncorrupted whole first. */
		bool first = i == 0 || all->person[i - 1] != all->person[i];
		if (!several && !first)
			continue;
		memcpy(values + used * D, all->values + i * D, D * sizeof *values);
		labels[used++] = all->person[i];
	}
	status =
	    vu_lda_fit(values, labels, used, D, config->shrinkage, fit->lda_mean, fit->lda_basis, fit->lda_ratio);
out:
	free(seen);
	free(labels);
	free(values);
	return status;
}

/* pca.weight: what varies much within a person counts less in the SVM's distances. */
static vu_status fit_weights(const vu_training_config *config, const rows *all, const uint32_t *utterances_of,
                             uint32_t people, fitted *fit)
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
		double deviation = sqrt(within[d] / (double)(freedom ? freedom : 1));
		fit->pca_weight[d] = (float)pow(deviation > 0.05 ? deviation : 0.05, -config->weight_power);
	}
	status = VU_OK;
out:
	free(sizes);
	free(means);
	free(projected);
	return status;
}

/* One scaled vector a person, the mean of the uncorrupted utterances; at most VU_COHORT_MAX, evenly chosen. */
static size_t make_cohort(const vu_training_utterance *utterances, size_t count, const bool *use, uint32_t people,
                          const fitted *fit, float *cohort)
{
	size_t present = 0;
	size_t made = 0;
	size_t at = 0;

	for (uint32_t p = 0; p < people; p++)
		present += use[p];
	for (uint32_t p = 0; p < people; p++) {
		double mean[D] = {0};
		float scaled[D];
		size_t found = 0;
		if (!use[p])
			continue;
		at++;
		if (present > VU_COHORT_MAX && at * VU_COHORT_MAX / present == (at - 1) * VU_COHORT_MAX / present)
			continue;
		for (size_t i = 0; i < count; i++) {
			if (utterances[i].person != p || utterances[i].augmented)
				continue;
			vu_scaler_apply(fit->scaler_mean, fit->scaler_inverse, D, utterances[i].whole, scaled);
			for (size_t d = 0; d < D; d++)
				mean[d] += scaled[d];
			found++;
		}
		if (!found)
			continue;
		for (size_t d = 0; d < D; d++)
			cohort[made * D + d] = (float)(mean[d] / (double)found);
		made++;
	}
	return made;
}

static void write_sections(const vu_training_config *config, const fitted *fit, const float *cohort,
                           size_t cohort_count, const vu_background_tail *tail, vu_model_writer *writer)
{
	vu_model_element element = config->quantize ? VU_ELEMENT_F16 : VU_ELEMENT_F32;
	float svm[4] = {(float)config->svm_nu, (float)config->svm_gamma, (float)config->svm_top, 0};
	float second[4] = {(float)config->second_top, 0, 0, 0};

	vu_model_writer_add_text(writer, "extractor", config->extractor);
	vu_model_writer_add_text(writer, "corpora", config->corpora);
	/* The scaler's range is that of the raw features: it stays float32. */
	vu_model_writer_add_floats(writer, "scaler.mean", VU_ELEMENT_F32, 1, D, fit->scaler_mean);
	vu_model_writer_add_floats(writer, "scaler.inverse", VU_ELEMENT_F32, 1, D, fit->scaler_inverse);
	vu_model_writer_add_floats(writer, "pca.mean", element, 1, D, fit->pca_mean);
	vu_model_writer_add_floats(writer, "pca.basis", element, D, D, fit->pca_basis);
	vu_model_writer_add_floats(writer, "pca.weight", element, 1, D, fit->pca_weight);
	vu_model_writer_add_floats(writer, "lda.mean", element, 1, D, fit->lda_mean);
	vu_model_writer_add_floats(writer, "lda.basis", element, config->discriminants, D, fit->lda_basis);
	vu_model_writer_add_floats(writer, "cohort", element, (uint32_t)cohort_count, D, cohort);
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
	size_t cohort_count;
	rows all = {0};
	fitted *fit = calloc(1, sizeof *fit);
	uint32_t *utterances_of = NULL;
	float *cohort = malloc((size_t)VU_COHORT_MAX * D * sizeof *cohort);
	vu_status status;

	for (size_t i = 0; i < count; i++)
		people = utterances[i].person >= people ? utterances[i].person + 1 : people;
	utterances_of = calloc(people ? people : 1, sizeof *utterances_of);
	if (!fit || !cohort || !utterances_of || gather(utterances, count, use, &all) != VU_OK) {
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
		status = fit_lda(config, &all, utterances_of, fit);
	if (status == VU_OK)
		status = fit_weights(config, &all, utterances_of, people, fit);
	if (status != VU_OK) {
		vu_fail(
		    error, status,
		    status == VU_INVALID_ARGUMENT
		        ? "unable to train a background model: it takes at least two people with two recordings each"
		        : "unable to train a background model: the vectors do not vary as speech does");
		goto out;
	}
	cohort_count = make_cohort(utterances, count, use, people, fit, cohort);
	write_sections(config, fit, cohort, cohort_count, tail, writer);
out:
	free(utterances_of);
	free(cohort);
	free(fit);
	drop(&all);
	return status;
}
