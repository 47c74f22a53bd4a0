/*
 * Loading the background. Shapes and values are checked here once, so that
 * scoring needs no checks. On failure nothing stays allocated.
 */
#include "ml/background.h"

#include "ml/background_models.h"
#include "ml/calibration.h"
#include "ml/cohort.h"
#include "ml/kernel.h"
#include "ml/pca.h"
#include "ml/rows.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define D VU_BACKGROUND_DIMENSIONS

static_assert(VU_CALIBRATION_INPUTS <= VU_CALIBRATION_INPUTS_MAX, "there are more scorers than can be calibrated");
static_assert(VU_BACKGROUND_DISCRIMINANTS_MAX <= VU_PCA_DIMENSIONS_MAX, "spaces are larger than PCA can apply");

/* A section of numbers as newly allocated float32. */
vu_status vu_background_load_floats(const vu_model_file *file, const char *name, uint32_t rows, uint32_t columns,
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
vu_status vu_background_read_floats(const vu_model_file *file, const char *name, uint32_t rows, uint32_t columns,
                                    float *out, vu_error *error)
{
	vu_model_section section;
	vu_status status = vu_model_file_require(file, name, 0, rows, columns, &section, error);

	return status == VU_OK ? vu_model_section_floats(file, &section, out, error) : status;
}

vu_status vu_background_refuse(const vu_background *background, const char *what, vu_error *error)
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
	vu_status status = vu_background_read_floats(background->file, "svm", 1, 4, svm, error);

	if (status == VU_OK)
		status = vu_background_read_floats(background->file, "second", 1, 4, second, error);
	if (status == VU_OK)
		status = vu_background_read_floats(background->file, "agreement", 1, 4, agreement, error);
	if (status == VU_OK)
		status =
		    vu_model_file_require(background->file, "calibration", VU_ELEMENT_F32, 0, 0, &section, error);
	if (status == VU_OK && section.columns != VU_CALIBRATION_COLUMNS)
		status =
		    vu_background_refuse(background, "it is of an earlier or later version of this program", error);
	if (status != VU_OK)
		return status;
	if (!(svm[0] > 0 && svm[0] <= 1) || !(svm[1] > 0) || !(svm[2] >= 1) || !(second[0] >= 1) ||
	    svm[2] > VU_COHORT_MAX || second[0] > VU_COHORT_MAX || !(second[1] >= 0 && second[1] <= 1))
		return vu_background_refuse(background, "a parameter of its scorers is out of range", error);
	if (section.rows == 0)
		return vu_background_refuse(background, "it has no calibration", error);
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
			return vu_background_refuse(background, "a value of its calibration is not a number", error);
	return VU_OK;
}

/* Every row, through one of them as float32, so that what is used from the file needs no checks any more. */
vu_status vu_background_check_rows(const vu_background *background, const vu_model_section *section, vu_error *error)
{
	float *row = malloc(((size_t)section->columns + 1) * sizeof *row);
	vu_status status = VU_OK;

	if (!row)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load the background model: out of memory");
	for (uint32_t i = 0; i < section->rows && status == VU_OK; i++) {
		vu_model_section one = *section;
		float scale;
		one.rows = 1;
		one.data = (const uint8_t *)one.data + i * vu_model_row_bytes(one.element, one.columns);
		if (one.element != VU_ELEMENT_I8) {
			status = vu_model_section_floats(background->file, &one, row, error);
			continue;
		}
		/* Any byte is a number: there is nothing else to check. */
		memcpy(&scale, one.data, sizeof scale);
		if (!isfinite(scale))
			status = vu_background_refuse(background, "a value of it is not a number", error);
	}
	free(row);
	return status;
}

vu_status vu_background_load_discriminants(const vu_background *background, const char *mean, const char *basis,
                                           uint32_t dimensions, vu_voice_space *space, vu_error *error)
{
	vu_model_section section;
	vu_status status =
	    vu_background_load_floats(background->file, mean, 1, dimensions, &space->mean, &section, error);

	space->dimensions = dimensions;
	if (status == VU_OK)
		status = vu_model_file_require(background->file, basis, 0, 0, dimensions, &space->basis, error);
	if (status != VU_OK)
		return status;
	space->discriminants = space->basis.rows;
	if (space->basis.rows < 1 || space->basis.rows > dimensions)
		return vu_background_refuse(background, "it has too few or too many discriminants", error);
	return vu_background_check_rows(background, &space->basis, error);
}

vu_status vu_background_check_cohort(const vu_background *background, uint32_t people, vu_error *error)
{
	return people < 2 || people > VU_COHORT_MAX
	           ? vu_background_refuse(background, "its cohort has too few or too many people", error)
	           : VU_OK;
}

/* Its cohort is kept as vectors, since the SVM asks for these too. */
static vu_status load_vector_space(vu_background *background, vu_error *error)
{
	vu_voice_space *space = &background->spaces[VU_SPACE_VECTOR];
	float *cohort = NULL;
	vu_model_section section;
	vu_status status = vu_background_load_discriminants(background, "lda.mean", "lda.basis", D, space, error);

	if (status == VU_OK)
		status = vu_background_load_floats(background->file, "cohort", 0, D, &cohort, &section, error);
	if (status == VU_OK)
		status = vu_background_check_cohort(background, section.rows, error);
	if (status != VU_OK)
		goto out;
	space->cohort_count = section.rows;
	space->made_cohort = malloc((size_t)section.rows * space->discriminants * sizeof(float));
	if (!space->made_cohort) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load the background model: out of memory");
		goto out;
	}
	for (uint32_t i = 0; i < section.rows; i++)
		vu_background_discriminate(space, cohort + (size_t)i * D,
		                           space->made_cohort + (size_t)i * space->discriminants);
	space->cohort = (vu_model_section){.element = VU_ELEMENT_F32,
	                                   .rows = section.rows,
	                                   .columns = space->discriminants,
	                                   .data = space->made_cohort};
out:
	free(cohort);
	return status;
}

static size_t memory_of(const vu_background *background)
{
	size_t bytes = sizeof *background + vu_model_file_bytes(background->file);

	for (uint32_t i = 0; i < background->space_count; i++) {
		const vu_voice_space *space = &background->spaces[i];
		bytes += space->dimensions * sizeof(float);
		if (space->made_cohort)
			bytes += (size_t)space->discriminants * space->cohort_count * sizeof(float);
	}
	bytes += background->shift.length * sizeof(float);
	for (uint32_t i = 0; i < background->model_count; i++) {
		const vu_gmm *ubm = background->models[i].ubm;
		bytes += vu_gmm_bytes(ubm) + ubm->components * ubm->dimensions * sizeof(float);
	}
	return bytes;
}

static vu_status create(vu_model_file *file, bool only_places, vu_background **background_out, vu_error *error)
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
	if (status == VU_OK && !only_places)
		status = load_vector_space(background, error);
	if (status == VU_OK)
		status = vu_background_load_models(background, only_places, error);
	if (status != VU_OK) {
		vu_background_destroy(background);
		return status;
	}
	background->bytes = memory_of(background);
	*background_out = background;
	return VU_OK;
}

vu_status vu_background_create(vu_model_file *file, vu_background **background_out, vu_error *error)
{
	return create(file, false, background_out, error);
}

vu_status vu_background_open_for_places(const char *path, bool map, vu_background **background_out, vu_error *error)
{
	vu_model_file *file;
	vu_status status = vu_model_file_open(path, VU_MODEL_BACKGROUND, map, &file, error);

	return status == VU_OK ? create(file, true, background_out, error) : status;
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
		free(background->spaces[i].made_cohort);
		free(background->spaces[i].mean);
	}
	free(background->shift.mean);
	for (int i = 0; i < VU_FRAMES_MODELS_MAX; i++) {
		free(background->models[i].mean);
		vu_gmm_destroy(background->models[i].ubm);
	}
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
	status = vu_background_read_floats(background->file, "scaler.mean", 1, D, scaler->mean, error);
	if (status == VU_OK)
		status = vu_background_read_floats(background->file, "scaler.inverse", 1, D, scaler->inverse, error);
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
	status = vu_background_load_floats(background->file, "pca.basis", D, D, &basis, &section, error);
	if (status == VU_OK)
		status = vu_background_read_floats(background->file, "pca.mean", 1, D, projection->mean, error);
	if (status == VU_OK)
		status = vu_background_read_floats(background->file, "pca.weight", 1, D, weights, error);
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
	return vu_background_read_floats(background->file, "cohort", background->spaces[VU_SPACE_VECTOR].cohort_count,
	                                 D, out, error);
}

void vu_background_discriminate(const vu_voice_space *space, const float *values, float *voice)
{
	float centered[VU_BACKGROUND_DISCRIMINANTS_MAX];

	for (uint32_t d = 0; d < space->dimensions; d++)
		centered[d] = values[d] - space->mean[d];
	for (uint32_t k = 0; k < space->discriminants; k++)
		voice[k] = vu_rows_dot(&space->basis, k, centered);
	vu_normalize_length(voice, space->discriminants);
}

void vu_background_ask_cohort(const vu_voice_space *space, const float *voice, float *scores)
{
	for (uint32_t i = 0; i < space->cohort_count; i++)
		scores[i] = vu_rows_dot(&space->cohort, i, voice);
}

uint32_t vu_background_main_space(const vu_background *background)
{
	return background->model_count ? VU_SPACE_JOINT : VU_SPACE_VECTOR;
}

void vu_background_project(const vu_background_projection *projection, const float *scaled, float *out)
{
	vu_pca_apply(projection->mean, projection->basis, D, projection->components, scaled, out);
}
