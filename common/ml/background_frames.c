/*
 * Fitting the models of frames: mixture, subspace, and the spaces of frames
 * alone and of frames and vector together; one model after the other. Rows of
 * supervectors are by far the largest thing here: some 40 KB an utterance.
 */
#include "ml/background_frames.h"

#include "dsp/mfcc.h"
#include "ml/background_shift.h"
#include "ml/background_space.h"
#include "ml/frames.h"
#include "ml/gmm.h"
#include "ml/pca.h"
#include "ml/scaler.h"
#include "ml/subspace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define D VU_BACKGROUND_DIMENSIONS

/* What is known of the frames of some utterances, row by row. */
typedef struct framed {
	vu_training_rows rows; /* supervectors, later places in the subspace */
	const vu_training_utterance **utterance;
	float *spread; /* rows x VU_FRAMES_DIMENSIONS */
	float mean[VU_FRAMES_DIMENSIONS];
	float inverse[VU_FRAMES_DIMENSIONS];
} framed;

static vu_status out_of_memory(vu_error *error)
{
	return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a background model: out of memory");
}

/* Every so many-th frame of all utterances, at most FRAMES_MAX in all, for the mixture. */
#define FRAMES_MAX 150000

static vu_status gather_frames(vu_frames_kind kind, const vu_training_utterance *utterances, size_t count,
                               const bool *use, float **frames_out, size_t *frame_count_out, vu_error *error)
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
		float spread[VU_FRAMES_DIMENSIONS];
		if (!use[utterances[i].person] || !utterances[i].statistics ||
		    vu_frames_describe(utterances[i].statistics, utterances[i].statistics_bytes, kind, &frames,
		                       &frame_count, spread, NULL) != VU_OK)
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

/* Supervectors of all utterances that have one. */
static vu_status gather_supervectors(const vu_training_config *config, vu_frames_kind kind,
                                     const vu_training_utterance *utterances, size_t count, const bool *use,
                                     const vu_gmm *ubm, framed *out, vu_error *error)
{
	size_t n = ubm->components * ubm->dimensions;
	vu_training_rows *all = &out->rows;

	all->dimensions = n;
	all->values = malloc((count + 1) * n * sizeof *all->values);
	all->person = malloc((count + 1) * sizeof *all->person);
	all->corpus = malloc((count + 1) * sizeof *all->corpus);
	all->whole = malloc((count + 1) * sizeof *all->whole);
	out->utterance = malloc((count + 1) * sizeof *out->utterance);
	out->spread = malloc((count + 1) * VU_FRAMES_DIMENSIONS * sizeof *out->spread);
	if (!all->values || !all->person || !all->corpus || !all->whole || !out->utterance || !out->spread)
		return out_of_memory(error);
	for (size_t i = 0; i < count; i++) {
		float *frames;
		size_t frame_count;
		vu_status status;
		if (!use[utterances[i].person] || !utterances[i].statistics ||
		    vu_frames_describe(utterances[i].statistics, utterances[i].statistics_bytes, kind, &frames,
		                       &frame_count, out->spread + all->count * VU_FRAMES_DIMENSIONS, NULL) != VU_OK)
			continue;
		status = vu_gmm_supervector(ubm, frames, frame_count, (float)config->relevance,
		                            all->values + all->count * n);
		free(frames);
		if (status != VU_OK)
			return out_of_memory(error);
		out->utterance[all->count] = &utterances[i];
		all->person[all->count] = utterances[i].person;
		all->corpus[all->count] = utterances[i].corpus;
		all->whole[all->count++] = !utterances[i].augmented;
	}
	return VU_OK;
}

/* Replaces supervectors by where they lie in the subspace, at unit length. */
static void embed(vu_training_rows *all, const float *mean, const float *basis, size_t rank)
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

/* The basis as it will be read from the file, so that nothing is fitted to what is lost in between. */
static vu_status round_basis(float *basis, uint32_t rank, uint32_t length)
{
	uint8_t *packed = malloc(vu_model_row_bytes(VU_ELEMENT_I8, length));

	if (!packed)
		return VU_RESOURCE_EXHAUSTED;
	for (uint32_t k = 0; k < rank; k++) {
		vu_model_row_pack_i8(basis + (size_t)k * length, length, packed);
		vu_model_row_unpack_i8(packed, length, basis + (size_t)k * length);
	}
	free(packed);
	return VU_OK;
}

static vu_training_names names_of(vu_background_part part, uint32_t model)
{
	vu_training_names names = {"", "", ""};

	vu_background_section(names.mean, part, model, "lda.mean");
	vu_background_section(names.basis, part, model, "lda.basis");
	vu_background_section(names.cohort, part, model, "cohort");
	return names;
}

static void add(vu_model_writer *writer, vu_background_part part, uint32_t model, const char *what,
                vu_model_element element, uint32_t rows, uint32_t columns, const float *values)
{
	char name[VU_MODEL_NAME_SIZE];

	vu_background_section(name, part, model, what);
	vu_model_writer_add_floats(writer, name, element, rows, columns, values);
}

/* Vector, place and spread of every row side by side, as vu_background_join has them, and discriminants of that. */
static vu_status fit_joint(const vu_training_config *config, uint32_t model, const vu_training_person_data *people,
                           framed *all, vu_model_writer *writer, vu_error *error)
{
	vu_training_names names = names_of(VU_PART_JOINT, model);
	float parameters[4] = {(float)config->joint_weight, (float)config->joint_top, 0, 0};
	float spread[2 * VU_FRAMES_DIMENSIONS];
	size_t rank = all->rows.dimensions;
	vu_training_space space = {0};
	/* Whose the rows are is known already: only the values are new. */
	vu_training_rows rows = all->rows;
	vu_status status;

	rows.dimensions = D + rank + VU_FRAMES_DIMENSIONS;
	rows.values = malloc((rows.count + 1) * rows.dimensions * sizeof *rows.values);
	if (!rows.values)
		return out_of_memory(error);
	status = vu_scaler_fit(all->spread, rows.count, VU_FRAMES_DIMENSIONS, all->mean, all->inverse);
	for (size_t i = 0; i < rows.count && status == VU_OK; i++) {
		float *row = rows.values + i * rows.dimensions;
		vu_scaler_apply(people->scaler_mean, people->scaler_inverse, D, all->utterance[i]->whole, row);
		for (size_t d = 0; d < D; d++)
			row[d] *= parameters[0];
		memcpy(row + D, all->rows.values + i * rank, rank * sizeof *row);
		vu_background_standardize(all->mean, all->inverse, all->spread + i * VU_FRAMES_DIMENSIONS,
		                          row + D + rank);
	}
	if (status == VU_OK)
		status = vu_training_fit_lda(config->joint_shrinkage, config->corpus_weight, &rows,
		                             people->utterances_of, true, &space);
	if (status == VU_OK)
		status = vu_training_make_cohort(&rows, people->count, &space);
	if (status == VU_OK)
		status =
		    vu_training_write_space(config, &names, &rows, config->joint_discriminants, true, &space, writer);
	if (status != VU_OK) {
		vu_fail(error, status, "unable to train a background model: the frames do not vary as speech does");
		goto out;
	}
	memcpy(spread, all->mean, sizeof all->mean);
	memcpy(spread + VU_FRAMES_DIMENSIONS, all->inverse, sizeof all->inverse);
	add(writer, VU_PART_JOINT, model, "param", VU_ELEMENT_F32, 1, 4, parameters);
	add(writer, VU_PART_JOINT, model, "spread", VU_ELEMENT_F32, 2, VU_FRAMES_DIMENSIONS, spread);
out:
	vu_training_space_free(&space);
	free(rows.values);
	return status;
}

static vu_status fit_model(const vu_training_config *config, uint32_t model, const vu_training_utterance *utterances,
                           size_t count, const bool *use, const vu_training_person_data *people,
                           vu_model_writer *writer, vu_error *error)
{
	vu_frames_kind kind = (vu_frames_kind)config->frames_kinds[model];
	vu_training_names names = names_of(VU_PART_FRAMES, model);
	vu_model_element element = config->quantize ? VU_ELEMENT_F16 : VU_ELEMENT_F32;
	float parameters[4] = {(float)config->relevance, (float)config->frames_top, (float)kind, 0};
	uint32_t rank = config->rank;
	uint32_t length = config->mixture * VU_FRAMES_DIMENSIONS;
	float *frames = NULL;
	float *mean = NULL;
	float *basis = NULL;
	size_t frame_count = 0;
	vu_gmm *ubm = NULL;
	framed all = {0};
	vu_training_space space = {0};
	vu_status status = gather_frames(kind, utterances, count, use, &frames, &frame_count, error);

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
	status = gather_supervectors(config, kind, utterances, count, use, ubm, &all, error);
	if (status != VU_OK)
		goto out;
	/* Few recordings span few directions. */
	if (rank > VU_SUBSPACE_RANK_MAX)
		rank = VU_SUBSPACE_RANK_MAX;
	if (rank >= all.rows.count / 2)
		rank = (uint32_t)(all.rows.count / 2 > 1 ? all.rows.count / 2 - 1 : 1);
	mean = malloc(length * sizeof *mean);
	basis = malloc((size_t)rank * length * sizeof *basis);
	if (!mean || !basis) {
		status = out_of_memory(error);
		goto out;
	}
	status = vu_subspace_fit(all.rows.values, all.rows.count, length, rank, config->seed, mean, basis);
	if (status == VU_OK && config->quantize)
		status = round_basis(basis, rank, length);
	if (status == VU_OK) {
		embed(&all.rows, mean, basis, rank);
		status =
		    vu_training_fit_lda(config->frames_shrinkage, 0, &all.rows, people->utterances_of, true, &space);
	}
	if (status == VU_OK)
		status = vu_training_make_cohort(&all.rows, people->count, &space);
	if (status == VU_OK)
		status = vu_training_write_space(config, &names, &all.rows, config->frames_discriminants, true,
		                                 &space, writer);
	if (status != VU_OK) {
		vu_fail(error, status, "unable to train a background model: the frames do not vary as speech does");
		goto out;
	}
	add(writer, VU_PART_UBM, model, "weight", VU_ELEMENT_F32, 1, config->mixture, ubm->weight);
	add(writer, VU_PART_UBM, model, "mean", element, config->mixture, VU_FRAMES_DIMENSIONS, ubm->mean);
	add(writer, VU_PART_UBM, model, "precision", element, config->mixture, VU_FRAMES_DIMENSIONS, ubm->precision);
	add(writer, VU_PART_FRAMES, model, "param", VU_ELEMENT_F32, 1, 4, parameters);
	add(writer, VU_PART_FRAMES, model, "mean", element, 1, length, mean);
	add(writer, VU_PART_FRAMES, model, "basis", config->quantize ? VU_ELEMENT_I8 : VU_ELEMENT_F32, rank, length,
	    basis);
	status = fit_joint(config, model, people, &all, writer, error);
	if (status == VU_OK && model == 0)
		status =
		    vu_background_fit_shift(config, ubm, kind, utterances, count, use, people->count, writer, error);
out:
	free(frames);
	free(basis);
	free(mean);
	vu_training_space_free(&space);
	free(all.utterance);
	free(all.spread);
	vu_training_rows_free(&all.rows);
	vu_gmm_destroy(ubm);
	return status;
}

vu_status vu_background_fit_frames(const vu_training_config *config, const vu_training_utterance *utterances,
                                   size_t count, const bool *use, const vu_training_person_data *people,
                                   vu_model_writer *writer, vu_error *error)
{
	vu_status status = VU_OK;

	for (uint32_t model = 0; model < config->frames_models && status == VU_OK; model++)
		status = fit_model(config, model, utterances, count, use, people, writer, error);
	return status;
}
