/*
 * Loading the background. Shapes and values are checked here once, so that
 * scoring needs no checks. On failure nothing stays allocated.
 */
#include "ml/background.h"

#include "ml/cohort.h"
#include "ml/pca.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define D VU_BACKGROUND_DIMENSIONS

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
		status = vu_model_file_require(background->file, "calibration", VU_ELEMENT_F32, 0,
		                               VU_CALIBRATION_COLUMNS, &section, error);
	if (status != VU_OK)
		return status;
	if (!(svm[0] > 0 && svm[0] <= 1) || !(svm[1] > 0) || !(svm[2] >= 1) || !(second[0] >= 1) ||
	    svm[2] > VU_COHORT_MAX || second[0] > VU_COHORT_MAX)
		return bad(background, "a parameter of its scorers is out of range", error);
	if (section.rows == 0)
		return bad(background, "it has no calibration", error);
	background->svm_nu = svm[0];
	background->svm_gamma = svm[1];
	background->svm_top = (uint32_t)svm[2];
	background->second_top = (uint32_t)second[0];
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

static vu_status load_cohort_voices(vu_background *background, vu_error *error)
{
	float *cohort = NULL;
	vu_model_section section;
	vu_status status = load_floats(background->file, "cohort", 0, D, &cohort, &section, error);

	if (status != VU_OK)
		return status;
	if (section.rows < 2 || section.rows > VU_COHORT_MAX) {
		status = bad(background, "its cohort has too few or too many people", error);
		goto out;
	}
	background->cohort_count = section.rows;
	background->cohort_voices = malloc((size_t)section.rows * background->discriminants * sizeof(float));
	if (!background->cohort_voices) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load the background model: out of memory");
		goto out;
	}
	for (uint32_t i = 0; i < section.rows; i++)
		vu_background_discriminate(background, cohort + (size_t)i * D,
		                           background->cohort_voices + (size_t)i * background->discriminants);
out:
	free(cohort);
	return status;
}

vu_status vu_background_create(vu_model_file *file, vu_background **background_out, vu_error *error)
{
	vu_model_section section;
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
		status = load_floats(file, "lda.mean", 1, D, &background->lda_mean, &section, error);
	if (status == VU_OK)
		status = load_floats(file, "lda.basis", 0, D, &background->lda_basis, &section, error);
	if (status != VU_OK)
		goto out;
	background->discriminants = section.rows;
	if (section.rows < 1 || section.rows > VU_BACKGROUND_DISCRIMINANTS_MAX) {
		status = bad(background, "it has too few or too many discriminants", error);
		goto out;
	}
	status = load_parameters(background, error);
	if (status == VU_OK)
		status = load_cohort_voices(background, error);
	if (status != VU_OK)
		goto out;
	background->bytes = sizeof *background + vu_model_file_bytes(file) +
	                    ((size_t)background->discriminants * (D + background->cohort_count) + D) * sizeof(float);
	*background_out = background;
	background = NULL;
out:
	vu_background_destroy(background);
	return status;
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
	free(background->cohort_voices);
	free(background->lda_basis);
	free(background->lda_mean);
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
	return read_floats(background->file, "cohort", background->cohort_count, D, out, error);
}

void vu_background_discriminate(const vu_background *background, const float *scaled, float *voice)
{
	vu_pca_apply(background->lda_mean, background->lda_basis, D, background->discriminants, scaled, voice);
	vu_normalize_length(voice, background->discriminants);
}

void vu_background_project(const vu_background_projection *projection, const float *scaled, float *out)
{
	vu_pca_apply(projection->mean, projection->basis, D, projection->components, scaled, out);
}
