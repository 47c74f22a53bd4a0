/*
 * Loading the background. Shapes and values are checked here once, so that
 * scoring needs no checks. On failure nothing stays allocated.
 */
#include "ml/background.h"

#include "ml/cohort.h"
#include "ml/frames.h"
#include "ml/kernel.h"
#include "ml/pca.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define D VU_BACKGROUND_DIMENSIONS
/* Deviations from the mean, of one dimension of the spread. */
#define SPREAD_MOST 6.0f

static_assert(VU_BACKGROUND_DISCRIMINANTS_MAX <= VU_PCA_DIMENSIONS_MAX, "spaces are larger than PCA can apply");

/* A section of numbers as newly allocated float32. */
static vu_status load_floats(const vu_model_file *file, const char *name, uint32_t rows, uint32_t columns,
                             float **out, vu_model_section *section, vu_error *error)
{
	vu_status status = vu_model_file_require(file, name, 0, rows, columns, section, error);
	float *values;

	if (status != VU_OK)
		return status;
	values = malloc(((size_t)section->rows * section->columns + 1) * sizeof *values);
	if (!values)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load model %s: out of memory",
		               vu_model_file_name(file));
	status = vu_model_section_floats(file, section, values, error);
	if (status != VU_OK) {
		free(values);
		return status;
	}
	*out = values;
	return VU_OK;
}

/* The same into an array that is there. */
static vu_status read_floats(const vu_model_file *file, const char *name, uint32_t rows, uint32_t columns, float *out,
                             vu_error *error)
{
	vu_model_section section;
	vu_status status = vu_model_file_require(file, name, 0, rows, columns, &section, error);

	return status == VU_OK ? vu_model_section_floats(file, &section, out, error) : status;
}

static vu_status bad(const vu_background *background, const char *what, vu_error *error)
{
	return vu_fail(error, VU_DATA_LOSS, "unable to use background model %s: %s; train it again",
	               vu_model_file_name(background->file), what);
}

static vu_status load_parameters(vu_background *background, vu_error *error)
{
	float svm[4];
	float second[4];
	float agreement[4];
	vu_model_section section;
	vu_status status = read_floats(background->file, "svm", 1, 4, svm, error);

	if (status == VU_OK)
		status = read_floats(background->file, "second", 1, 4, second, error);
	if (status == VU_OK)
		status = read_floats(background->file, "agreement", 1, 4, agreement, error);
	if (status == VU_OK)
		status =
		    vu_model_file_require(background->file, "calibration", VU_ELEMENT_F32, 0, 0, &section, error);
	if (status == VU_OK && section.columns != VU_CALIBRATION_COLUMNS)
		status = bad(background, "it is of an earlier or later version of this program", error);
	if (status != VU_OK)
		return status;
	if (!(svm[0] > 0 && svm[0] <= 1) || !(svm[1] > 0) || !(svm[2] >= 1) || !(second[0] >= 1) ||
	    svm[2] > VU_COHORT_MAX || second[0] > VU_COHORT_MAX || !(second[1] >= 0 && second[1] <= 1))
		return bad(background, "a parameter of its scorers is out of range", error);
	if (section.rows == 0)
		return bad(background, "it has no calibration", error);
	background->svm_nu = svm[0];
	background->svm_gamma = svm[1];
	background->svm_top = (uint32_t)svm[2];
	background->spaces[VU_SPACE_VECTOR].top = (uint32_t)second[0];
	background->audio_share = second[1] > 0 ? second[1] : 0.5f;
	background->agreement_constant = agreement[0];
	background->agreement_weight = agreement[1];
	background->agreement_lowest = agreement[2];
	background->calibration_count = section.rows;
	background->calibrations = section.data;
	for (size_t i = 0; i < (size_t)section.rows * VU_CALIBRATION_COLUMNS; i++)
		if (!isfinite(background->calibrations[i]))
			return bad(background, "a value of its calibration is not a number", error);
	return VU_OK;
}

/* Discriminants and cohort of a space; `prefix` is "" or "frame.". */
static vu_status load_space(const vu_background *background, const char *prefix, uint32_t dimensions,
                            vu_voice_space *space, vu_error *error)
{
	char name[VU_MODEL_NAME_SIZE];
	float *cohort = NULL;
	vu_model_section section;
	vu_status status;

	space->dimensions = dimensions;
	snprintf(name, sizeof name, "%slda.mean", prefix);
	status = load_floats(background->file, name, 1, dimensions, &space->mean, &section, error);
	if (status != VU_OK)
		return status;
	snprintf(name, sizeof name, "%slda.basis", prefix);
	status = load_floats(background->file, name, 0, dimensions, &space->basis, &section, error);
	if (status != VU_OK)
		return status;
	space->discriminants = section.rows;
	if (section.rows < 1 || section.rows > dimensions)
		return bad(background, "it has too few or too many discriminants", error);
	snprintf(name, sizeof name, "%scohort", prefix);
	status = load_floats(background->file, name, 0, dimensions, &cohort, &section, error);
	if (status != VU_OK)
		return status;
	if (section.rows < 2 || section.rows > VU_COHORT_MAX) {
		status = bad(background, "its cohort has too few or too many people", error);
		goto out;
	}
	space->cohort_count = section.rows;
	space->cohort = malloc((size_t)section.rows * space->discriminants * sizeof(float));
	if (!space->cohort) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load the background model: out of memory");
		goto out;
	}
	for (uint32_t i = 0; i < section.rows; i++)
		vu_background_discriminate(space, cohort + (size_t)i * dimensions,
		                           space->cohort + (size_t)i * space->discriminants);
out:
	free(cohort);
	return status;
}

static vu_status load_ubm(vu_background *background, vu_error *error)
{
	vu_model_section section;
	uint32_t components;
	vu_status status =
	    vu_model_file_require(background->file, "ubm.weight", VU_ELEMENT_F32, 1, 0, &section, error);

	if (status != VU_OK)
		return status;
	components = section.columns;
	status = vu_gmm_create(components, VU_FRAMES_DIMENSIONS, &background->ubm);
	if (status == VU_INVALID_ARGUMENT)
		return bad(background, "its mixture has an impossible size", error);
	if (status != VU_OK)
		return vu_fail(error, status, "unable to load the background model: out of memory");
	status = vu_model_section_floats(background->file, &section, background->ubm->weight, error);
	if (status == VU_OK)
		status = read_floats(background->file, "ubm.mean", components, VU_FRAMES_DIMENSIONS,
		                     background->ubm->mean, error);
	if (status == VU_OK)
		status = read_floats(background->file, "ubm.precision", components, VU_FRAMES_DIMENSIONS,
		                     background->ubm->precision, error);
	if (status == VU_OK && vu_gmm_prepare(background->ubm) != VU_OK)
		status = bad(background, "its mixture is none", error);
	return status;
}

/* One row of the basis as float32; the largest part of the model stays in the file. */
static vu_status read_basis_row(const vu_background *background, uint32_t index, float *row, vu_error *error)
{
	vu_model_section one = background->frames_basis;

	one.rows = 1;
	one.data = (const uint8_t *)one.data + index * vu_model_row_bytes(one.element, one.columns);
	return vu_model_section_floats(background->file, &one, row, error);
}

static vu_status open_basis(vu_background *background, uint32_t length, vu_model_section *section, vu_error *error)
{
	float *row;
	vu_status status = vu_model_file_require(background->file, "frame.basis", 0, 0, length, section, error);

	if (status != VU_OK)
		return status;
	background->frames_basis = *section;
	row = malloc(length * sizeof *row);
	if (!row)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load the background model: out of memory");
	for (uint32_t i = 0; i < section->rows && status == VU_OK; i++)
		status = read_basis_row(background, i, row, error);
	free(row);
	return status;
}

/* What vector and frames say together. */
static vu_status load_joint(vu_background *background, vu_error *error)
{
	float parameters[4];
	float spread[2 * VU_FRAMES_DIMENSIONS];
	vu_status status = read_floats(background->file, "joint.param", 1, 4, parameters, error);

	if (status == VU_OK)
		status = read_floats(background->file, "joint.spread", 2, VU_FRAMES_DIMENSIONS, spread, error);
	if (status != VU_OK)
		return status;
	if (!(parameters[0] > 0) || !(parameters[1] >= 1) || parameters[1] > VU_COHORT_MAX)
		return bad(background, "a parameter of its joint space is out of range", error);
	background->joint_weight = parameters[0];
	memcpy(background->spread_mean, spread, sizeof background->spread_mean);
	memcpy(background->spread_inverse, spread + VU_FRAMES_DIMENSIONS, sizeof background->spread_inverse);
	background->spaces[VU_SPACE_JOINT].top = (uint32_t)parameters[1];
	return load_space(background, "joint.", D + vu_background_place_size(background),
	                  &background->spaces[VU_SPACE_JOINT], error);
}

/* Everything about frames, when the file has it. */
static vu_status load_frames(vu_background *background, vu_error *error)
{
	float parameters[4];
	vu_model_section section;
	uint32_t length;
	vu_status status;

	background->space_count = 1;
	if (!vu_model_file_find(background->file, "ubm.weight", &section))
		return VU_OK;
	status = load_ubm(background, error);
	if (status == VU_OK)
		status = read_floats(background->file, "frame.param", 1, 4, parameters, error);
	if (status != VU_OK)
		return status;
	if (!(parameters[0] > 0) || !(parameters[1] >= 1) || parameters[1] > VU_COHORT_MAX)
		return bad(background, "a parameter of its frames is out of range", error);
	background->relevance = parameters[0];
	if (!(parameters[2] >= 0) || !(parameters[2] < VU_FRAMES_KINDS) || parameters[2] != floorf(parameters[2]))
		return bad(background, "its frames are of a kind that this version does not know", error);
	background->frames_kind = (vu_frames_kind)parameters[2];
	length = (uint32_t)background->ubm->components * VU_FRAMES_DIMENSIONS;
	status = load_floats(background->file, "frame.mean", 1, length, &background->frames_mean, &section, error);
	if (status == VU_OK)
		status = open_basis(background, length, &section, error);
	if (status != VU_OK)
		return status;
	if (section.rows < 1 || section.rows > VU_SUBSPACE_RANK_MAX)
		return bad(background, "its subspace has an impossible size", error);
	status = load_space(background, "frame.", section.rows, &background->spaces[VU_SPACE_FRAMES], error);
	background->spaces[VU_SPACE_FRAMES].top = (uint32_t)parameters[1];
	background->space_count = VU_SPACES_MAX;
	return status == VU_OK ? load_joint(background, error) : status;
}

static size_t memory_of(const vu_background *background)
{
	size_t bytes = sizeof *background + vu_model_file_bytes(background->file);

	for (uint32_t i = 0; i < background->space_count; i++) {
		const vu_voice_space *space = &background->spaces[i];
		bytes +=
		    ((size_t)space->discriminants * (space->dimensions + space->cohort_count) + space->dimensions) *
		    sizeof(float);
	}
	if (background->ubm) {
		size_t length = background->ubm->components * background->ubm->dimensions;
		bytes += vu_gmm_bytes(background->ubm);
		bytes += length * sizeof(float);
	}
	return bytes;
}

vu_status vu_background_create(vu_model_file *file, vu_background **background_out, vu_error *error)
{
	vu_background *background = calloc(1, sizeof *background);
	vu_status status;

	if (!background) {
		vu_model_file_close(file);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load the background model: out of memory");
	}
	background->file = file;
	vu_model_file_hash_hex(file, background->id);
	status = vu_model_file_text(file, "extractor", background->extractor, sizeof background->extractor, error);
	if (status == VU_OK)
		status = load_parameters(background, error);
	if (status == VU_OK)
		status = load_space(background, "", D, &background->spaces[VU_SPACE_VECTOR], error);
	if (status == VU_OK)
		status = load_frames(background, error);
	if (status != VU_OK) {
		vu_background_destroy(background);
		return status;
	}
	background->bytes = memory_of(background);
	*background_out = background;
	return VU_OK;
}

vu_status vu_background_open(const char *path, bool map, vu_background **background_out, vu_error *error)
{
	vu_model_file *file;
	vu_status status = vu_model_file_open(path, VU_MODEL_BACKGROUND, map, &file, error);

	return status == VU_OK ? vu_background_create(file, background_out, error) : status;
}

void vu_background_destroy(vu_background *background)
{
	if (!background)
		return;
	for (int i = 0; i < VU_SPACES_MAX; i++) {
		free(background->spaces[i].cohort);
		free(background->spaces[i].basis);
		free(background->spaces[i].mean);
	}
	free(background->frames_mean);
	vu_gmm_destroy(background->ubm);
	vu_model_file_close(background->file);
	free(background);
}

vu_status vu_background_load_scaler(const vu_background *background, vu_background_scaler **scaler_out,
                                    vu_error *error)
{
	vu_background_scaler *scaler = malloc(sizeof *scaler);
	vu_status status;

	if (!scaler)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load the scaler: out of memory");
	status = read_floats(background->file, "scaler.mean", 1, D, scaler->mean, error);
	if (status == VU_OK)
		status = read_floats(background->file, "scaler.inverse", 1, D, scaler->inverse, error);
	if (status != VU_OK) {
		free(scaler);
		return status;
	}
	*scaler_out = scaler;
	return VU_OK;
}

size_t vu_background_projection_bytes(uint32_t components)
{
	return sizeof(vu_background_projection) + (size_t)components * D * sizeof(float);
}

vu_status vu_background_load_projection(const vu_background *background, uint32_t components,
                                        vu_background_projection **projection_out, vu_error *error)
{
	vu_model_section section;
	vu_background_projection *projection = NULL;
	float *basis = NULL;
	float weights[D];
	vu_status status;

	if (components < VU_BACKGROUND_COMPONENTS_MIN || components > VU_BACKGROUND_COMPONENTS_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to project to %u components: give %d to %d",
		               components, VU_BACKGROUND_COMPONENTS_MIN, VU_BACKGROUND_COMPONENTS_MAX);
	projection = malloc(vu_background_projection_bytes(components));
	if (!projection)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load the projection: out of memory");
	projection->components = components;
	status = load_floats(background->file, "pca.basis", D, D, &basis, &section, error);
	if (status == VU_OK)
		status = read_floats(background->file, "pca.mean", 1, D, projection->mean, error);
	if (status == VU_OK)
		status = read_floats(background->file, "pca.weight", 1, D, weights, error);
	if (status != VU_OK)
		goto out;
	for (uint32_t i = 0; i < components; i++)
		for (uint32_t d = 0; d < D; d++)
			projection->basis[i * D + d] = weights[i] * basis[i * D + d];
	*projection_out = projection;
	projection = NULL;
out:
	free(basis);
	free(projection);
	return status;
}

const float *vu_background_calibration(const vu_background *background, uint32_t components)
{
	const float *best = background->calibrations;

	for (uint32_t i = 1; i < background->calibration_count; i++) {
		const float *row = background->calibrations + (size_t)i * VU_CALIBRATION_COLUMNS;
		if (fabsf(row[VU_CALIBRATION_COMPONENTS] - (float)components) <
		    fabsf(best[VU_CALIBRATION_COMPONENTS] - (float)components))
			best = row;
	}
	return best;
}

vu_status vu_background_load_cohort(const vu_background *background, float *out, vu_error *error)
{
	return read_floats(background->file, "cohort", background->spaces[VU_SPACE_VECTOR].cohort_count, D, out,
	                   error);
}

void vu_background_discriminate(const vu_voice_space *space, const float *values, float *voice)
{
	vu_pca_apply(space->mean, space->basis, space->dimensions, space->discriminants, values, voice);
	vu_normalize_length(voice, space->discriminants);
}

static float dot_basis(const vu_model_section *basis, uint32_t index, const float *supervector, size_t length)
{
	const uint8_t *row =
	    (const uint8_t *)basis->data + index * vu_model_row_bytes(basis->element, basis->columns);
	float scale;

	switch (basis->element) {
	case VU_ELEMENT_F16:
		return vu_kernel_dot_half((const vu_float16 *)(const void *)row, supervector, length);
	case VU_ELEMENT_I8:
		memcpy(&scale, row, sizeof scale);
		return scale * vu_kernel_dot_i8((const int8_t *)row + sizeof scale, supervector, length);
	default:
		return vu_kernel_dot((const float *)(const void *)row, supervector, length);
	}
}

vu_status vu_background_embed(const vu_background *background, const uint8_t *statistics, size_t bytes, float *out,
                              vu_error *error)
{
	const vu_gmm *ubm = background->ubm;
	size_t length = ubm->components * ubm->dimensions;
	float *frames = NULL;
	float *supervector = NULL;
	float spread[VU_FRAMES_DIMENSIONS];
	size_t count;
	vu_status status =
	    vu_frames_describe(statistics, bytes, background->frames_kind, &frames, &count, spread, error);

	if (status != VU_OK)
		return status;
	supervector = malloc(length * sizeof *supervector);
	if (!supervector || vu_gmm_supervector(ubm, frames, count, background->relevance, supervector) != VU_OK) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to take the speech statistics: out of memory");
		goto out;
	}
	for (size_t i = 0; i < length; i++)
		supervector[i] -= background->frames_mean[i];
	for (uint32_t k = 0; k < background->spaces[VU_SPACE_FRAMES].dimensions; k++) {
		out[k] = dot_basis(&background->frames_basis, k, supervector, length);
	}
	vu_normalize_length(out, background->spaces[VU_SPACE_FRAMES].dimensions);
	vu_background_standardize(background->spread_mean, background->spread_inverse, spread,
	                          out + background->spaces[VU_SPACE_FRAMES].dimensions);
out:
	free(supervector);
	free(frames);
	return status;
}

uint32_t vu_background_place_size(const vu_background *background)
{
	return background->space_count > 1 ? background->spaces[VU_SPACE_FRAMES].dimensions + VU_FRAMES_DIMENSIONS
	                                   : 0;
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

void vu_background_join(const vu_background *background, const float *scaled, const float *place, float *out)
{
	for (size_t d = 0; d < D; d++)
		out[d] = background->joint_weight * scaled[d];
	memcpy(out + D, place, vu_background_place_size(background) * sizeof *out);
}

void vu_background_project(const vu_background_projection *projection, const float *scaled, float *out)
{
	vu_pca_apply(projection->mean, projection->basis, D, projection->components, scaled, out);
}
