/*
 * The background model: what is known about people in general before anyone
 * enrols. One file (kind background), from which three things are loaded
 * separately so that each can be cached and counted: the background itself
 * (discriminants, cohort, calibration), the scaler, and the projection to a
 * number of principal components.
 *
 * Sections, D = 100 dimensions:
 *   extractor      text         what made the vectors it was trained on
 *   corpora        text         what it was trained on, one line each
 *   scaler.mean    1 x D        see scaler.h
 *   scaler.inverse 1 x D
 *   pca.mean       1 x D        over scaled vectors
 *   pca.basis      D x D        rows in descending order of variance
 *   pca.weight     1 x D        factor per component for the SVM's distances
 *   lda.mean       1 x D        over scaled vectors
 *   lda.basis      L x D
 *   cohort         N x D        scaled vectors of background people, one each
 *   svm            1 x 4        nu, gamma x components, cohort's top share for z-norm, 0
 *   second         1 x 4        cohort's top number for s-norm, 0, 0, 0
 *   calibration    R x 8        components, constant, weight of svm, second, log duration,
 *                               threshold convenient, standard, strict (float32)
 *   agreement      1 x 4        constant, weight of the second scorer's value, lowest ratio that agrees, 0
 *
 * All are immutable once loaded and may be used by any thread.
 */
#ifndef VU_ML_BACKGROUND_H
#define VU_ML_BACKGROUND_H

#include "base/config.h"
#include "base/status.h"
#include "ml/model_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_BACKGROUND_DIMENSIONS        100
#define VU_BACKGROUND_DISCRIMINANTS_MAX VU_BACKGROUND_DIMENSIONS
#define VU_BACKGROUND_COMPONENTS_MIN    10
#define VU_BACKGROUND_COMPONENTS_MAX    100
#define VU_BACKGROUND_LEVELS            3
#define VU_EXTRACTOR_NAME_SIZE          64

/* Columns of the section "calibration". */
enum {
	VU_CALIBRATION_COMPONENTS,
	VU_CALIBRATION_CONSTANT,
	VU_CALIBRATION_SVM,
	VU_CALIBRATION_SECOND,
	VU_CALIBRATION_DURATION,
	VU_CALIBRATION_THRESHOLDS, /* three, by vu_level */
	VU_CALIBRATION_COLUMNS = 8,
};

typedef struct vu_background {
	vu_model_file *file; /* owned */
	char id[VU_MODEL_HASH_HEX_SIZE];
	char extractor[VU_EXTRACTOR_NAME_SIZE];
	uint32_t discriminants;
	float *lda_mean;
	float *lda_basis;
	uint32_t cohort_count;
	float *cohort_voices; /* cohort_count x discriminants, unit length */
	double svm_nu;
	double svm_gamma; /* times the number of components */
	uint32_t svm_top; /* cohort members that z-norm looks at */
	uint32_t second_top;
	uint32_t calibration_count;
	const float *calibrations; /* calibration_count x VU_CALIBRATION_COLUMNS, mapped */
	float agreement_constant;
	float agreement_weight;
	float agreement_lowest;
	size_t bytes; /* of memory, the file included */
} vu_background;

typedef struct vu_background_scaler {
	float mean[VU_BACKGROUND_DIMENSIONS];
	float inverse[VU_BACKGROUND_DIMENSIONS];
} vu_background_scaler;

typedef struct vu_background_projection {
	uint32_t components;
	float mean[VU_BACKGROUND_DIMENSIONS];
	float basis[]; /* components x D, weights included */
} vu_background_projection;

/* Takes `file` over, also on failure. DATA_LOSS: a section is missing or does not fit. */
vu_status vu_background_create(vu_model_file *file, vu_background **background_out, vu_error *error);
/* Opens and creates in one step; errors as vu_model_file_open. */
vu_status vu_background_open(const char *path, bool map, vu_background **background_out, vu_error *error);
void vu_background_destroy(vu_background *background);

/* The caller frees with free(). */
vu_status vu_background_load_scaler(const vu_background *background, vu_background_scaler **scaler_out,
                                    vu_error *error);
/* OUT_OF_RANGE unless components is 10 to 100. The caller frees with free(). */
vu_status vu_background_load_projection(const vu_background *background, uint32_t components,
                                        vu_background_projection **projection_out, vu_error *error);
size_t vu_background_projection_bytes(uint32_t components);

/* The row of the calibration made for the number of components nearest to this. */
const float *vu_background_calibration(const vu_background *background, uint32_t components);

/* The cohort's scaled vectors, cohort_count x D, into `out`. */
vu_status vu_background_load_cohort(const vu_background *background, float *out, vu_error *error);

/* Discriminants of a scaled vector, at unit length. `voice` has room for `discriminants` values. */
void vu_background_discriminate(const vu_background *background, const float *scaled, float *voice);

/* Weighted principal components of a scaled vector. */
void vu_background_project(const vu_background_projection *projection, const float *scaled, float *out);

#endif
