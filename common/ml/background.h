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
 *   second         1 x 4        cohort's top number for s-norm, share of the audio's norm (0: half), 0, 0
 *   calibration    R x 11       components, constant, weight of svm, cosine, cosine of frames, joint cosine,
 *                               log duration, SNR, threshold convenient, standard, strict (float32)
 *   agreement      1 x 4        constant, weight of the second scorer's value, lowest ratio that agrees, 0
 *
 * and, where frames are modelled too (all of these or none), F = 39 dimensions
 * of a frame, M components of the mixture, E dimensions of the subspace:
 *
 *   ubm.weight     1 x M        see gmm.h (float32)
 *   ubm.mean       M x F
 *   ubm.precision  M x F
 *   frame.param    1 x 4        relevance, cohort's top number for s-norm, vu_frames_kind, 0
 *   frame.mean     1 x MF       mean supervector
 *   frame.basis    E x MF       see subspace.h
 *   frame.lda.mean, frame.lda.basis, frame.cohort   as above, over E dimensions
 *   joint.param    1 x 4        weight of the scaled vector, cohort's top number for s-norm, 0, 0
 *   joint.spread   2 x F        mean and inverse deviation of the frames' spread (float32)
 *   joint.lda.mean, joint.lda.basis, joint.cohort   as above, over D + E + F dimensions: the scaled vector times
 *                               its weight, the place in the subspace, the spread; what all three say together
 *
 * All are immutable once loaded and may be used by any thread.
 */
#ifndef VU_ML_BACKGROUND_H
#define VU_ML_BACKGROUND_H

#include "base/config.h"
#include "base/status.h"
#include "ml/frames.h"
#include "ml/gmm.h"
#include "ml/model_file.h"
#include "ml/subspace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_BACKGROUND_DIMENSIONS 100
/* The place of an utterance's frames: E dimensions of the subspace, then F of their spread. */
#define VU_BACKGROUND_PLACE_MAX         (VU_SUBSPACE_RANK_MAX + VU_FRAMES_DIMENSIONS)
#define VU_BACKGROUND_DISCRIMINANTS_MAX (VU_BACKGROUND_DIMENSIONS + VU_BACKGROUND_PLACE_MAX)
#define VU_BACKGROUND_COMPONENTS_MIN    10
#define VU_BACKGROUND_COMPONENTS_MAX    100
#define VU_BACKGROUND_LEVELS            3
#define VU_EXTRACTOR_NAME_SIZE          64

/* Columns of the section "calibration". */
enum {
	VU_CALIBRATION_COMPONENTS,
	VU_CALIBRATION_CONSTANT,
	VU_CALIBRATION_SVM,
	VU_CALIBRATION_COSINE,
	VU_CALIBRATION_FRAMES,
	VU_CALIBRATION_JOINT,
	VU_CALIBRATION_DURATION,
	VU_CALIBRATION_SNR,
	VU_CALIBRATION_NOISY, /* four: what is added to the weights of the scorers, in the order above, times the
	                         noise */
	VU_CALIBRATION_THRESHOLDS = VU_CALIBRATION_NOISY + 4, /* three, by vu_level */
	VU_CALIBRATION_COLUMNS = VU_CALIBRATION_THRESHOLDS + 3,
};
#define VU_CALIBRATION_SCORERS 4
#define VU_CALIBRATION_INPUTS  (2 * VU_CALIBRATION_SCORERS + 2)

/* The spaces in which voices are compared by cosine. */
enum { VU_SPACE_VECTOR, VU_SPACE_FRAMES, VU_SPACE_JOINT, VU_SPACES_MAX };

typedef struct vu_voice_space {
	uint32_t dimensions; /* what goes in */
	uint32_t discriminants;
	float *mean;
	float *basis;  /* discriminants x dimensions */
	float *cohort; /* cohort_count x discriminants, unit length */
	uint32_t cohort_count;
	uint32_t top; /* cohort members that s-norm looks at */
} vu_voice_space;

typedef struct vu_background {
	vu_model_file *file; /* owned */
	char id[VU_MODEL_HASH_HEX_SIZE];
	char extractor[VU_EXTRACTOR_NAME_SIZE];
	uint32_t space_count; /* 1, or all when frames are modelled too */
	vu_voice_space spaces[VU_SPACES_MAX];
	vu_gmm *ubm;                   /* NULL unless frames are modelled, like the next two */
	float *frames_mean;            /* of supervectors */
	vu_model_section frames_basis; /* spaces[VU_SPACE_FRAMES].dimensions rows, used as they lie in the file */
	vu_frames_kind frames_kind;
	float relevance;
	float joint_weight; /* of the scaled vector in VU_SPACE_JOINT */
	float spread_mean[VU_FRAMES_DIMENSIONS];
	float spread_inverse[VU_FRAMES_DIMENSIONS];
	double svm_nu;
	double svm_gamma; /* times the number of components */
	uint32_t svm_top; /* cohort members that z-norm looks at */
	uint32_t second_top;
	float audio_share; /* of vu_cohort_normalize_both */
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

/* The cohort's scaled vectors, spaces[VU_SPACE_VECTOR].cohort_count x D, into `out`. */
vu_status vu_background_load_cohort(const vu_background *background, float *out, vu_error *error);

/* Discriminants of what lies in a space's dimensions, at unit length. `voice` has room for `discriminants` values. */
void vu_background_discriminate(const vu_voice_space *space, const float *values, float *voice);

/* How many values vu_background_embed gives; 0 where frames are not modelled. */
uint32_t vu_background_place_size(const vu_background *background);

/*
 * The place of an utterance's statistics: the dimensions of VU_SPACE_FRAMES at
 * unit length, then the spread of its frames, standardized, each within +-1;
 * `out` has room for VU_BACKGROUND_PLACE_MAX. Only where frames are modelled.
 * Errors as vu_frames_make.
 */
vu_status vu_background_embed(const vu_background *background, const uint8_t *statistics, size_t bytes, float *out,
                              vu_error *error);

/* The dimensions of VU_SPACE_JOINT for a scaled vector and a place: D + place size of them. */
void vu_background_join(const vu_background *background, const float *scaled, const float *place, float *out);

/* The standardized spread of frames as a place holds it. */
void vu_background_standardize(const float *mean, const float *inverse, const float *spread, float *out);

/* Weighted principal components of a scaled vector. */
void vu_background_project(const vu_background_projection *projection, const float *scaled, float *out);

#endif
