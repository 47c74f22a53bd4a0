/* The models of frames of a background: loading them, and where they have an utterance. See background.h. */
#include "ml/background_models.h"

#include "ml/cohort.h"
#include "ml/pca.h"
#include "ml/rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define D VU_BACKGROUND_DIMENSIONS
/* Deviations from the mean, of one dimension of the spread. */
#define SPREAD_MOST 6.0f

/* What the sections of a model of frames begin with. */
static const struct {
	const char *ubm;
	const char *frames;
	const char *joint;
} PREFIXES[VU_FRAMES_MODELS_MAX] = {{"ubm", "frame", "joint"}, {"ubm2", "fram2", "join2"}};

void vu_background_section(char name[VU_MODEL_NAME_SIZE], vu_background_part part, uint32_t model, const char *what)
{
	const char *prefix = part == VU_PART_UBM      ? PREFIXES[model].ubm
	                     : part == VU_PART_FRAMES ? PREFIXES[model].frames
	                                              : PREFIXES[model].joint;

	snprintf(name, VU_MODEL_NAME_SIZE, "%s.%s", prefix, what);
}

/* One of the two spaces of a model of frames. */
static vu_status load_space(const vu_background *background, vu_background_part part, uint32_t model,
                            uint32_t dimensions, vu_voice_space *space, vu_error *error)
{
	char mean[VU_MODEL_NAME_SIZE];
	char basis[VU_MODEL_NAME_SIZE];
	char cohort[VU_MODEL_NAME_SIZE];
	vu_status status;

	vu_background_section(mean, part, model, "lda.mean");
	vu_background_section(basis, part, model, "lda.basis");
	vu_background_section(cohort, part, model, "cohort");
	status = vu_background_load_discriminants(background, mean, basis, dimensions, space, error);
	if (status == VU_OK)
		status = vu_model_file_require(background->file, cohort, 0, 0, space->discriminants, &space->cohort,
		                               error);
	if (status == VU_OK)
		status = vu_background_check_cohort(background, space->cohort.rows, error);
	if (status == VU_OK)
		status = vu_background_check_rows(background, &space->cohort, error);
	space->cohort_count = space->cohort.rows;
	return status;
}

static vu_status load_ubm(const vu_background *background, uint32_t index, vu_frames_model *model, vu_error *error)
{
	char name[VU_MODEL_NAME_SIZE];
	vu_model_section section;
	uint32_t components;
	vu_status status;

	vu_background_section(name, VU_PART_UBM, index, "weight");
	status = vu_model_file_require(background->file, name, VU_ELEMENT_F32, 1, 0, &section, error);
	if (status != VU_OK)
		return status;
	components = section.columns;
	status = vu_gmm_create(components, VU_FRAMES_DIMENSIONS, &model->ubm);
	if (status == VU_INVALID_ARGUMENT)
		return vu_background_refuse(background, "its mixture has an impossible size", error);
	if (status != VU_OK)
		return vu_fail(error, status, "unable to load the background model: out of memory");
	status = vu_model_section_floats(background->file, &section, model->ubm->weight, error);
	vu_background_section(name, VU_PART_UBM, index, "mean");
	if (status == VU_OK)
		status = vu_background_read_floats(background->file, name, components, VU_FRAMES_DIMENSIONS,
		                                   model->ubm->mean, error);
	vu_background_section(name, VU_PART_UBM, index, "precision");
	if (status == VU_OK)
		status = vu_background_read_floats(background->file, name, components, VU_FRAMES_DIMENSIONS,
		                                   model->ubm->precision, error);
	if (status == VU_OK && vu_gmm_prepare(model->ubm) != VU_OK)
		status = vu_background_refuse(background, "its mixture is none", error);
	return status;
}

static vu_status open_basis(const vu_background *background, uint32_t index, vu_frames_model *model, vu_error *error)
{
	uint32_t length = (uint32_t)model->ubm->components * VU_FRAMES_DIMENSIONS;
	char name[VU_MODEL_NAME_SIZE];
	vu_status status;

	vu_background_section(name, VU_PART_FRAMES, index, "basis");
	status = vu_model_file_require(background->file, name, 0, 0, length, &model->basis, error);
	if (status != VU_OK)
		return status;
	model->rank = model->basis.rows;
	if (model->rank < 1 || model->rank > VU_SUBSPACE_RANK_MAX)
		return vu_background_refuse(background, "its subspace has an impossible size", error);
	return vu_background_check_rows(background, &model->basis, error);
}

/* What places are made with; `tops_out` gets the cohort's top numbers of the two spaces. */
static vu_status load_model(const vu_background *background, uint32_t index, vu_frames_model *model,
                            uint32_t tops_out[2], vu_error *error)
{
	float frames[4];
	float joint[4];
	float spread[2 * VU_FRAMES_DIMENSIONS];
	char name[VU_MODEL_NAME_SIZE];
	vu_model_section section;
	vu_status status = load_ubm(background, index, model, error);

	vu_background_section(name, VU_PART_FRAMES, index, "param");
	if (status == VU_OK)
		status = vu_background_read_floats(background->file, name, 1, 4, frames, error);
	vu_background_section(name, VU_PART_JOINT, index, "param");
	if (status == VU_OK)
		status = vu_background_read_floats(background->file, name, 1, 4, joint, error);
	vu_background_section(name, VU_PART_JOINT, index, "spread");
	if (status == VU_OK)
		status = vu_background_read_floats(background->file, name, 2, VU_FRAMES_DIMENSIONS, spread, error);
	if (status != VU_OK)
		return status;
	if (!(frames[0] > 0) || !(frames[1] >= 1) || frames[1] > VU_COHORT_MAX)
		return vu_background_refuse(background, "a parameter of its frames is out of range", error);
	if (!(frames[2] >= 0) || !(frames[2] < VU_FRAMES_KINDS) || frames[2] != floorf(frames[2]))
		return vu_background_refuse(background, "its frames are of a kind that this version does not know",
		                            error);
	if (!(joint[0] > 0) || !(joint[1] >= 1) || joint[1] > VU_COHORT_MAX)
		return vu_background_refuse(background, "a parameter of its joint space is out of range", error);
	model->relevance = frames[0];
	model->kind = (vu_frames_kind)frames[2];
	model->joint_weight = joint[0];
	memcpy(model->spread_mean, spread, sizeof model->spread_mean);
	memcpy(model->spread_inverse, spread + VU_FRAMES_DIMENSIONS, sizeof model->spread_inverse);
	tops_out[0] = (uint32_t)frames[1];
	tops_out[1] = (uint32_t)joint[1];
	vu_background_section(name, VU_PART_FRAMES, index, "mean");
	status = vu_background_load_floats(background->file, name, 1,
	                                   (uint32_t)model->ubm->components * VU_FRAMES_DIMENSIONS, &model->mean,
	                                   &section, error);
	return status == VU_OK ? open_basis(background, index, model, error) : status;
}

/* What shifts of the first model's mixture are compared by. */
static vu_status load_shift(vu_background *background, vu_error *error)
{
	vu_shift_model *shift = &background->shift;
	const vu_gmm *ubm = background->models[0].ubm;
	uint32_t length = (uint32_t)ubm->components * VU_FRAMES_DIMENSIONS;
	float parameters[4];
	vu_model_section section;
	vu_status status;

	if (!vu_model_file_find(background->file, "shift.cohort", &section))
		return VU_OK;
	if (ubm->components > VU_SHIFT_COMPONENTS_MAX)
		return vu_background_refuse(background, "its mixture is too large for shifts", error);
	status = vu_background_read_floats(background->file, "shift.param", 1, 4, parameters, error);
	if (status == VU_OK)
		status = vu_background_load_floats(background->file, "shift.mean", 1, length, &shift->mean, &section,
		                                   error);
	if (status == VU_OK)
		status = vu_model_file_require(background->file, "shift.cohort", 0, 0, length, &shift->cohort, error);
	if (status == VU_OK)
		status = vu_background_check_cohort(background, shift->cohort.rows, error);
	if (status == VU_OK)
		status = vu_background_check_rows(background, &shift->cohort, error);
	if (status == VU_OK)
		status = vu_model_file_require(background->file, "shift.length", VU_ELEMENT_F32, 1,
		                               shift->cohort.rows, &section, error);
	if (status != VU_OK)
		return status;
	if (!(parameters[0] > 0) || !(parameters[1] >= 1) || parameters[1] > VU_COHORT_MAX ||
	    !(parameters[2] >= 0 && parameters[2] <= 1) || !(parameters[3] >= 1))
		return vu_background_refuse(background, "a parameter of its shifts is out of range", error);
	shift->lengths = section.data;
	for (uint32_t p = 0; p < shift->cohort.rows; p++)
		if (!(shift->lengths[p] > 0 && isfinite(shift->lengths[p])))
			return vu_background_refuse(background, "the length of a voice is out of range", error);
	shift->relevance = parameters[0];
	shift->top = (uint32_t)parameters[1];
	shift->audio_share = parameters[2];
	shift->frames = parameters[3];
	shift->components = (uint32_t)ubm->components;
	shift->weight = ubm->weight;
	shift->length = length;
	return VU_OK;
}

/* The models of frames that the file has, and, unless only places are wanted, their spaces. */
vu_status vu_background_load_models(vu_background *background, bool only_places, vu_error *error)
{
	vu_status status = VU_OK;

	for (uint32_t i = 0; i < VU_FRAMES_MODELS_MAX && status == VU_OK; i++) {
		vu_frames_model *model = &background->models[i];
		vu_voice_space *frames = &background->spaces[VU_SPACE_FRAMES_OF(i)];
		vu_voice_space *joint = &background->spaces[VU_SPACE_JOINT_OF(i)];
		uint32_t tops[2] = {0, 0};
		char name[VU_MODEL_NAME_SIZE];
		vu_model_section section;
		vu_background_section(name, VU_PART_UBM, i, "weight");
		if (!vu_model_file_find(background->file, name, &section))
			break;
		background->model_count = i + 1;
		status = load_model(background, i, model, tops, error);
		frames->top = tops[0];
		joint->top = tops[1];
		if (only_places || status != VU_OK)
			continue;
		status = load_space(background, VU_PART_FRAMES, i, model->rank, frames, error);
		if (status == VU_OK)
			status = load_space(background, VU_PART_JOINT, i, D + model->rank + VU_FRAMES_DIMENSIONS,
			                    joint, error);
	}
	background->space_count = 1 + 2 * background->model_count;
	if (status == VU_OK && background->model_count > 0)
		status = load_shift(background, error);
	return status;
}

/* `shift` may be NULL; else what is heard goes to `heard`. */
static vu_status embed_one(const vu_frames_model *model, const vu_shift_model *shift, const uint8_t *statistics,
                           size_t bytes, float *out, float *heard, vu_error *error)
{
	size_t length = model->ubm->components * model->ubm->dimensions;
	float *frames = NULL;
	float *zeroth = NULL;
	float *supervector = NULL;
	float spread[VU_FRAMES_DIMENSIONS];
	size_t count;
	vu_status status = vu_frames_describe(statistics, bytes, model->kind, &frames, &count, spread, error);

	if (status != VU_OK)
		return status;
	zeroth = malloc(model->ubm->components * sizeof *zeroth);
	supervector = malloc(length * sizeof *supervector);
	if (!zeroth || !supervector) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to take the speech statistics: out of memory");
		goto out;
	}
	vu_gmm_statistics(model->ubm, frames, count, zeroth, supervector);
	if (shift)
		vu_shift_hear(shift, zeroth, supervector, heard);
	vu_gmm_supervector_of(model->ubm, zeroth, supervector, model->relevance, supervector);
	for (size_t i = 0; i < length; i++)
		supervector[i] -= model->mean[i];
	for (uint32_t k = 0; k < model->rank; k++)
		out[k] = vu_rows_dot(&model->basis, k, supervector);
	vu_normalize_length(out, model->rank);
	vu_background_standardize(model->spread_mean, model->spread_inverse, spread, out + model->rank);
out:
	free(supervector);
	free(zeroth);
	free(frames);
	return status;
}

/* Without what is heard. */
static uint32_t places_size(const vu_background *background)
{
	uint32_t size = 0;

	for (uint32_t i = 0; i < background->model_count; i++)
		size += background->models[i].rank + VU_FRAMES_DIMENSIONS;
	return size;
}

vu_status vu_background_embed(const vu_background *background, const uint8_t *statistics, size_t bytes, float *out,
                              vu_error *error)
{
	float *heard = out + places_size(background);
	vu_status status = VU_OK;

	for (uint32_t i = 0; i < background->model_count && status == VU_OK; i++) {
		const vu_shift_model *shift = i == 0 && background->shift.length ? &background->shift : NULL;
		status = embed_one(&background->models[i], shift, statistics, bytes, out, heard, error);
		out += background->models[i].rank + VU_FRAMES_DIMENSIONS;
	}
	return status;
}

uint32_t vu_background_place_size(const vu_background *background)
{
	return places_size(background) + (background->shift.length ? background->shift.length + 2 : 0);
}

const float *vu_background_heard_of(const vu_background *background, const float *place)
{
	return background->shift.length ? place + places_size(background) : NULL;
}

const float *vu_background_place_of(const vu_background *background, uint32_t model, const float *place)
{
	for (uint32_t i = 0; i < model; i++)
		place += background->models[i].rank + VU_FRAMES_DIMENSIONS;
	return place;
}

/* Together as long as a place in the subspace when they are as they mostly are; none counts for more than it may. */
void vu_background_standardize(const float *mean, const float *inverse, const float *spread, float *out)
{
	const float share = 1 / sqrtf(VU_FRAMES_DIMENSIONS);

	for (size_t d = 0; d < VU_FRAMES_DIMENSIONS; d++) {
		float value = (spread[d] - mean[d]) * inverse[d];
		out[d] = fminf(fmaxf(value, -SPREAD_MOST), SPREAD_MOST) * share;
	}
}

void vu_background_join(const vu_frames_model *model, const float *scaled, const float *place, float *out)
{
	for (size_t d = 0; d < D; d++)
		out[d] = model->joint_weight * scaled[d];
	memcpy(out + D, place, (model->rank + VU_FRAMES_DIMENSIONS) * sizeof *out);
}
