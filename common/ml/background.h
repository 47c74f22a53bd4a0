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
 *   calibration    R x 21       see the enumeration below (float32)
 *   agreement      1 x 4        constant, weight of the second scorer's value, lowest ratio that agrees, 0
 *
 * and, where frames are modelled too (all of these or none), F = 39 dimensions
 * of a frame, M components of the mixture, E dimensions of the subspace, L
 * discriminants:
 *
 *   ubm.weight     1 x M        see gmm.h (float32)
 *   ubm.mean       M x F
 *   ubm.precision  M x F
 *   frame.param    1 x 4        relevance, cohort's top number for s-norm, vu_frames_kind, 0
 *   frame.mean     1 x MF       mean supervector
 *   frame.basis    E x MF       see subspace.h; int8, a scale a row, when it is written small
 *   frame.lda.mean, frame.lda.basis   as above, over E dimensions
 *   frame.cohort   N x L        discriminants of background people at unit length
 *   joint.param    1 x 4        weight of the scaled vector, cohort's top number for s-norm, 0, 0
 *   joint.spread   2 x F        mean and inverse deviation of the frames' spread (float32)
 *   joint.lda.mean, joint.lda.basis, joint.cohort   the same over D + E + F dimensions: the scaled vector times
 *                               its weight, the place in the subspace, the spread; what all three say together
 *
 * A second model of frames, of another kind, has sections of the same shapes
 * whose names begin with ubm2, fram2 and join2. What it gets wrong is not what
 * the first gets wrong.
 *
 * How voices shift the first model's mixture (shift.h), where it is small
 * enough for that; all of these or none:
 *
 *   shift.param    1 x 4        relevance, cohort's top number, share of the audio's norm, frames heard of one
 *   shift.mean     1 x MF       of the cohort's voices
 *   shift.cohort   N x MF       voices of some background people at unit length
 *   shift.length   1 x N        what their lengths were (float32)
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
#include "ml/shift.h"
#include "ml/subspace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_BACKGROUND_DIMENSIONS 100
#define VU_FRAMES_MODELS_MAX     2
/* Where one model of frames has an utterance: E dimensions of the subspace, then F of the frames' spread. */
#define VU_BACKGROUND_ONE_PLACE_MAX (VU_SUBSPACE_RANK_MAX + VU_FRAMES_DIMENSIONS)
/* The place of an utterance's frames: where each of the models has it, one after the other, then how it shifts. */
#define VU_BACKGROUND_PLACE_MAX         (VU_FRAMES_MODELS_MAX * VU_BACKGROUND_ONE_PLACE_MAX + VU_SHIFT_HEARD_MAX)
#define VU_BACKGROUND_DISCRIMINANTS_MAX (VU_BACKGROUND_DIMENSIONS + VU_BACKGROUND_ONE_PLACE_MAX)
#define VU_BACKGROUND_COMPONENTS_MIN    10
#define VU_BACKGROUND_COMPONENTS_MAX    100
#define VU_BACKGROUND_LEVELS            3
#define VU_EXTRACTOR_NAME_SIZE          64

/* The spaces in which voices are compared by cosine; those of the second model of frames follow the first's. */
enum {
	VU_SPACE_VECTOR,
	VU_SPACE_FRAMES,
	VU_SPACE_JOINT,
	VU_SPACES_MAX = 1 + 2 * VU_FRAMES_MODELS_MAX,
};
#define VU_SPACE_FRAMES_OF(model) (VU_SPACE_FRAMES + 2 * (model))
#define VU_SPACE_JOINT_OF(model)  (VU_SPACE_JOINT + 2 * (model))

/* What is fused: the SVM, the cosine of every space, the shift; what is not there counts as 0. */
#define VU_CALIBRATION_SCORERS (2 + VU_SPACES_MAX)
#define VU_CALIBRATION_INPUTS  (2 * VU_CALIBRATION_SCORERS + 2)

/* Columns of the section "calibration". */
enum {
	VU_CALIBRATION_COMPONENTS,
	VU_CALIBRATION_CONSTANT,
	VU_CALIBRATION_SVM,                                           /* weight of the SVM */
	VU_CALIBRATION_COSINE,                                        /* weights of the spaces */
	VU_CALIBRATION_SHIFT = VU_CALIBRATION_COSINE + VU_SPACES_MAX, /* weight of the shift */
	VU_CALIBRATION_DURATION,                                      /* log duration */
	VU_CALIBRATION_SNR,
	VU_CALIBRATION_NOISY, /* what is added to the weights of the scorers, in the order above, times the noise */
	VU_CALIBRATION_THRESHOLDS = VU_CALIBRATION_NOISY + VU_CALIBRATION_SCORERS, /* three, by vu_level */
	VU_CALIBRATION_COLUMNS = VU_CALIBRATION_THRESHOLDS + VU_BACKGROUND_LEVELS,
};

typedef struct vu_voice_space {
	uint32_t dimensions; /* what goes in */
	uint32_t discriminants;
	float *mean;
	vu_model_section basis;  /* discriminants x dimensions; used as it lies in the file, like the next */
	vu_model_section cohort; /* cohort_count x discriminants, unit length */
	float *made_cohort;      /* of VU_SPACE_VECTOR, what `cohort` points to; else NULL */
	uint32_t cohort_count;
	uint32_t top; /* cohort members that s-norm looks at */
} vu_voice_space;

/* One model of frames: from an utterance's frames to its place in a subspace. */
typedef struct vu_frames_model {
	vu_gmm *ubm;
	float *mean;            /* of supervectors */
	vu_model_section basis; /* used as it lies in the file */
	uint32_t rank;          /* E, the rows of it */
	vu_frames_kind kind;
	float relevance;
	float joint_weight; /* of the scaled vector in the joint space */
	float spread_mean[VU_FRAMES_DIMENSIONS];
	float spread_inverse[VU_FRAMES_DIMENSIONS];
} vu_frames_model;

typedef struct vu_background {
	vu_model_file *file; /* owned */
	char id[VU_MODEL_HASH_HEX_SIZE];
	char extractor[VU_EXTRACTOR_NAME_SIZE];
	uint32_t model_count; /* of frames; 0: they are not modelled */
	vu_frames_model models[VU_FRAMES_MODELS_MAX];
	uint32_t space_count; /* 1 + 2 x model_count */
	vu_voice_space spaces[VU_SPACES_MAX];
	vu_shift_model shift; /* length 0: there is none */
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
/*
 * The same for who only asks for places (vu_background_place_size,
 * vu_background_embed): the spaces stay empty, which spares most of the memory.
 */
vu_status vu_background_open_for_places(const char *path, bool map, vu_background **background_out, vu_error *error);
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

/* The space that tells most by itself: what the first model of frames and the vector say together, or the vector. */
uint32_t vu_background_main_space(const vu_background *background);

/* Discriminants of what lies in a space's dimensions, at unit length. `voice` has room for `discriminants` values. */
void vu_background_discriminate(const vu_voice_space *space, const float *values, float *voice);

/* How many values vu_background_embed gives; 0 where frames are not modelled. */
uint32_t vu_background_place_size(const vu_background *background);

/*
 * The place of an utterance's statistics: for each model of frames the
 * dimensions of its subspace at unit length, then the spread of its frames,
 * standardized, each within +-1; last, where there are shifts, what
 * vu_shift_hear gives. `out` has room for VU_BACKGROUND_PLACE_MAX.
 * Only where frames are modelled. Errors as vu_frames_make.
 */
vu_status vu_background_embed(const vu_background *background, const uint8_t *statistics, size_t bytes, float *out,
                              vu_error *error);

/* What members of the cohort score against a voice: cohort_count values. */
void vu_background_ask_cohort(const vu_voice_space *space, const float *voice, float *scores);

/* Where in a place that of one model begins. */
const float *vu_background_place_of(const vu_background *background, uint32_t model, const float *place);

/* Where in a place the shift begins; NULL without one. */
const float *vu_background_heard_of(const vu_background *background, const float *place);

/* The dimensions of a model's joint space for a scaled vector and the place that this model gives. */
void vu_background_join(const vu_frames_model *model, const float *scaled, const float *place, float *out);

/* The standardized spread of frames as a place holds it. */
void vu_background_standardize(const float *mean, const float *inverse, const float *spread, float *out);

/* The name of a section of a model of frames, as above: of its mixture, its frames, or both together. */
typedef enum vu_background_part { VU_PART_UBM, VU_PART_FRAMES, VU_PART_JOINT } vu_background_part;
void vu_background_section(char name[VU_MODEL_NAME_SIZE], vu_background_part part, uint32_t model, const char *what);

/* Weighted principal components of a scaled vector. */
void vu_background_project(const vu_background_projection *projection, const float *scaled, float *out);

#endif
