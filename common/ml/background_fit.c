/*
 * Fitting: rows are gathered, scaled, and given to PCA and LDA. People with a
 * single utterance widen the spread between people; crops of one utterance say
 * little about how a person varies from day to day, so they count within a
 * person only for people who have several utterances.
 */
#include "ml/background_fit.h"

#include "dsp/mfcc.h"
#include "ml/cohort.h"
#include "ml/frames.h"
#include "ml/gmm.h"
#include "ml/pca.h"
#include "ml/scaler.h"
#include "ml/subspace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define D VU_BACKGROUND_DIMENSIONS

typedef struct rows {
	float *values; /* count x dimensions; vectors are scaled once the scaler is known */
	size_t dimensions;
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
} fitted;

/* Discriminants of a space, and the cohort in it. */
typedef struct fitted_space {
	float *mean;
	float *basis;
	float *ratio;
	float *cohort;
	size_t cohort_count;
} fitted_space;

static vu_status out_of_memory(vu_error *error)
{
	return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a background model: out of memory");
}

static vu_status gather(const vu_training_utterance *utterances, size_t count, const bool *use, rows *all)
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

static void drop_space(fitted_space *space)
{
	free(space->mean);
	free(space->basis);
	free(space->ratio);
	free(space->cohort);
}

/* LDA over all rows of people with several utterances and the first whole of the others. */
static vu_status fit_lda(double shrinkage, const rows *all, const uint32_t *utterances_of, fitted_space *space)
{
	size_t n = all->dimensions;
	size_t used = 0;
	vu_status status = VU_RESOURCE_EXHAUSTED;
	float *values = malloc((all->count + 1) * n * sizeof *values);
	uint32_t *labels = malloc((all->count + 1) * sizeof *labels);

	space->mean = malloc(n * sizeof(float));
	space->basis = malloc(n * n * sizeof(float));
	space->ratio = malloc(n * sizeof(float));
	if (!values || !labels || !space->mean || !space->basis || !space->ratio)
		goto out;
	for (size_t i = 0; i < all->count; i++) {
		bool several = utterances_of[all->person[i]] > 1;
		/* The rows of a person lie together by utterance, the uncorrupted whole first. */
		bool first = i == 0 || all->person[i - 1] != all->person[i];
		if (!several && !first)
			continue;
		memcpy(values + used * n, all->values + i * n, n * sizeof *values);
		labels[used++] = all->person[i];
	}
	status = vu_lda_fit(values, labels, used, n, shrinkage, space->mean, space->basis, space->ratio);
out:
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

/* One row a person, the mean of the uncorrupted wholes; at most VU_COHORT_MAX, evenly chosen. */
static vu_status make_cohort(const rows *all, uint32_t people, fitted_space *space)
{
	size_t n = all->dimensions;
	size_t present = 0;
	size_t at = 0;
	bool *use = calloc(people + 1, sizeof *use);
	double *mean = malloc(n * sizeof *mean);
	vu_status status = VU_RESOURCE_EXHAUSTED;

	space->cohort = malloc((size_t)VU_COHORT_MAX * n * sizeof *space->cohort);
	if (!use || !mean || !space->cohort)
		goto out;
	for (size_t i = 0; i < all->count; i++)
		use[all->person[i]] = true;
	for (uint32_t p = 0; p < people; p++)
		present += use[p];
	for (uint32_t p = 0; p < people; p++) {
		size_t found = 0;
		if (!use[p])
			continue;
		at++;
		if (present > VU_COHORT_MAX && at * VU_COHORT_MAX / present == (at - 1) * VU_COHORT_MAX / present)
			continue;
		memset(mean, 0, n * sizeof *mean);
		for (size_t i = 0; i < all->count; i++) {
			if (all->person[i] != p || !all->whole[i])
				continue;
			for (size_t d = 0; d < n; d++)
				mean[d] += all->values[i * n + d];
			found++;
		}
		for (size_t d = 0; d < n && found; d++)
			space->cohort[space->cohort_count * n + d] = (float)(mean[d] / (double)found);
		space->cohort_count += found > 0;
	}
	status = VU_OK;
out:
	free(mean);
	free(use);
	return status;
}

static void write_sections(const vu_training_config *config, const fitted *fit, const fitted_space *space,
                           const vu_background_tail *tail, vu_model_writer *writer)
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
	vu_model_writer_add_floats(writer, "lda.mean", element, 1, D, space->mean);
	vu_model_writer_add_floats(writer, "lda.basis", element, config->discriminants, D, space->basis);
	vu_model_writer_add_floats(writer, "cohort", element, (uint32_t)space->cohort_count, D, space->cohort);
	vu_model_writer_add_floats(writer, "svm", VU_ELEMENT_F32, 1, 4, svm);
	vu_model_writer_add_floats(writer, "second", VU_ELEMENT_F32, 1, 4, second);
	vu_model_writer_add_floats(writer, "calibration", VU_ELEMENT_F32, VU_TRAINING_CALIBRATIONS,
	                           VU_CALIBRATION_COLUMNS, tail->calibration);
	vu_model_writer_add_floats(writer, "agreement", VU_ELEMENT_F32, 1, 4, tail->agreement);
}

/* ---- frames ---- */

/* Every so many-th frame of the uncorrupted utterances, at most FRAMES_MAX in all, for the mixture. */
#define FRAMES_MAX 150000

static vu_status gather_frames(const vu_training_utterance *utterances, size_t count, const bool *use,
                               float **frames_out, size_t *frame_count_out, vu_error *error)
{
	size_t expected = 0;
	size_t stride;
	size_t used = 0;
	size_t at = 0;
	float *all = malloc((size_t)FRAMES_MAX * VU_FRAMES_DIMENSIONS * sizeof *all);

	if (!all)
		return out_of_memory(error);
	for (size_t i = 0; i < count; i++)
		if (use[utterances[i].person] && utterances[i].statistics)
			expected += utterances[i].statistics_bytes / (VU_MFCC_COEFFICIENTS + 1);
	stride = expected / FRAMES_MAX + 1;
	for (size_t i = 0; i < count; i++) {
		float *frames;
		size_t frame_count;
		if (!use[utterances[i].person] || !utterances[i].statistics ||
		    vu_frames_make(utterances[i].statistics, utterances[i].statistics_bytes, &frames, &frame_count,
		                   NULL) != VU_OK)
			continue;
		for (size_t t = 0; t < frame_count && used < FRAMES_MAX; t++)
			if (at++ % stride == 0)
				memcpy(all + used++ * VU_FRAMES_DIMENSIONS, frames + t * VU_FRAMES_DIMENSIONS,
				       VU_FRAMES_DIMENSIONS * sizeof *all);
		free(frames);
	}
	*frames_out = all;
	*frame_count_out = used;
	return VU_OK;
}

/* Supervectors of all utterances that have one; `all` keeps whose each is. */
static vu_status gather_supervectors(const vu_training_config *config, const vu_training_utterance *utterances,
                                     size_t count, const bool *use, const vu_gmm *ubm, rows *all, vu_error *error)
{
	size_t n = ubm->components * ubm->dimensions;

	all->dimensions = n;
	all->values = malloc((count + 1) * n * sizeof *all->values);
	all->person = malloc((count + 1) * sizeof *all->person);
	all->whole = malloc((count + 1) * sizeof *all->whole);
	if (!all->values || !all->person || !all->whole)
		return out_of_memory(error);
	for (size_t i = 0; i < count; i++) {
		float *frames;
		size_t frame_count;
		vu_status status;
		if (!use[utterances[i].person] || !utterances[i].statistics ||
		    vu_frames_make(utterances[i].statistics, utterances[i].statistics_bytes, &frames, &frame_count,
		                   NULL) != VU_OK)
			continue;
		status = vu_gmm_supervector(ubm, frames, frame_count, (float)config->relevance,
		                            all->values + all->count * n);
		free(frames);
		if (status != VU_OK)
			return out_of_memory(error);
		all->person[all->count] = utterances[i].person;
		all->whole[all->count++] = !utterances[i].augmented;
	}
	return VU_OK;
}

/* Replaces supervectors by where they lie in the subspace, at unit length. */
static void embed(rows *all, const float *mean, const float *basis, size_t rank)
{
	size_t n = all->dimensions;

	for (size_t i = 0; i < all->count; i++) {
		float place[VU_SUBSPACE_RANK_MAX];
		float *row = all->values + i * n;
		for (size_t d = 0; d < n; d++)
			row[d] -= mean[d];
		for (size_t k = 0; k < rank; k++)
			place[k] = vu_dot(basis + k * n, row, n);
		vu_normalize_length(place, rank);
		/* Rows only get shorter, so what is overwritten has been read. */
		memcpy(all->values + i * rank, place, rank * sizeof *place);
	}
	all->dimensions = rank;
}

static vu_status fit_frames(const vu_training_config *config, const vu_training_utterance *utterances, size_t count,
                            const bool *use, const uint32_t *utterances_of, uint32_t people, vu_model_writer *writer,
                            vu_error *error)
{
	vu_model_element element = config->quantize ? VU_ELEMENT_F16 : VU_ELEMENT_F32;
	float parameters[4] = {(float)config->relevance, (float)config->frames_top, 0, 0};
	uint32_t rank = config->rank;
	uint32_t length = config->mixture * VU_FRAMES_DIMENSIONS;
	float *frames = NULL;
	float *mean = NULL;
	float *basis = NULL;
	size_t frame_count = 0;
	vu_gmm *ubm = NULL;
	rows all = {0};
	fitted_space space = {0};
	vu_status status = gather_frames(utterances, count, use, &frames, &frame_count, error);

	if (status != VU_OK)
		goto out;
	status = vu_gmm_train(frames, frame_count, VU_FRAMES_DIMENSIONS, config->mixture, config->iterations, &ubm);
	free(frames);
	frames = NULL;
	if (status != VU_OK) {
		vu_fail(error, status,
		        "unable to train a background model: %zu frames of speech do not make a mixture of %u; "
		        "give more recordings or a smaller mixture (a multiple of 8)",
		        frame_count, config->mixture);
		goto out;
	}
	status = gather_supervectors(config, utterances, count, use, ubm, &all, error);
	if (status != VU_OK)
		goto out;
	/* Few recordings span few directions. */
	if (rank > VU_SUBSPACE_RANK_MAX)
		rank = VU_SUBSPACE_RANK_MAX;
	if (rank >= all.count / 2)
		rank = (uint32_t)(all.count / 2 > 1 ? all.count / 2 - 1 : 1);
	mean = malloc(length * sizeof *mean);
	basis = malloc((size_t)rank * length * sizeof *basis);
	if (!mean || !basis) {
		status = out_of_memory(error);
		goto out;
	}
	status = vu_subspace_fit(all.values, all.count, length, rank, config->seed, mean, basis);
	if (status == VU_OK) {
		embed(&all, mean, basis, rank);
		status = fit_lda(config->frames_shrinkage, &all, utterances_of, &space);
	}
	if (status == VU_OK)
		status = make_cohort(&all, people, &space);
	if (status != VU_OK) {
		vu_fail(error, status, "unable to train a background model: the frames do not vary as speech does");
		goto out;
	}
	vu_model_writer_add_floats(writer, "ubm.weight", VU_ELEMENT_F32, 1, config->mixture, ubm->weight);
	vu_model_writer_add_floats(writer, "ubm.mean", element, config->mixture, VU_FRAMES_DIMENSIONS, ubm->mean);
	vu_model_writer_add_floats(writer, "ubm.precision", element, config->mixture, VU_FRAMES_DIMENSIONS,
	                           ubm->precision);
	vu_model_writer_add_floats(writer, "frame.param", VU_ELEMENT_F32, 1, 4, parameters);
	vu_model_writer_add_floats(writer, "frame.mean", element, 1, length, mean);
	vu_model_writer_add_floats(writer, "frame.basis", element, rank, length, basis);
	vu_model_writer_add_floats(writer, "frame.lda.mean", element, 1, rank, space.mean);
	vu_model_writer_add_floats(writer, "frame.lda.basis", element,
	                           config->frames_discriminants < rank ? config->frames_discriminants : rank, rank,
	                           space.basis);
	vu_model_writer_add_floats(writer, "frame.cohort", element, (uint32_t)space.cohort_count, rank, space.cohort);
out:
	free(frames);
	free(basis);
	free(mean);
	drop_space(&space);
	drop(&all);
	vu_gmm_destroy(ubm);
	return status;
}

vu_status vu_background_fit(const vu_training_config *config, const vu_training_utterance *utterances, size_t count,
                            const bool *use, const vu_background_tail *tail, vu_model_writer *writer, vu_error *error)
{
	uint32_t people = 0;
	rows all = {0};
	fitted *fit = calloc(1, sizeof *fit);
	fitted_space space = {0};
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
		status = fit_lda(config->shrinkage, &all, utterances_of, &space);
	if (status == VU_OK)
		status = fit_weights(config, &all, utterances_of, people, fit);
	if (status == VU_OK)
		status = make_cohort(&all, people, &space);
	if (status != VU_OK) {
		vu_fail(
		    error, status,
		    status == VU_INVALID_ARGUMENT
		        ? "unable to train a background model: it takes at least two people with two recordings each"
		        : "unable to train a background model: the vectors do not vary as speech does");
		goto out;
	}
	write_sections(config, fit, &space, tail, writer);
	if (config->mixture)
		status = fit_frames(config, utterances, count, use, utterances_of, people, writer, error);
out:
	drop_space(&space);
	free(utterances_of);
	free(fit);
	drop(&all);
	return status;
}
