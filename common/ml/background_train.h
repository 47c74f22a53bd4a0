/*
 * Trains a background model from vectors of labelled people: scaler, PCA, LDA,
 * cohort from everybody; calibration and thresholds by cross-validation, so
 * that the people whose scores set a threshold had no part in the model that
 * scored them.
 *
 * Deterministic: the same utterances in the same order with the same seed give
 * the same bytes. One thread; takes seconds to a minute.
 */
#ifndef VU_ML_BACKGROUND_TRAIN_H
#define VU_ML_BACKGROUND_TRAIN_H

#include "base/status.h"
#include "ml/background.h"
#include "ml/model_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A stretch of one person's speech. */
typedef struct vu_training_utterance {
	uint32_t person; /* from 0 */
	uint32_t corpus; /* recorded alike: from 0, below VU_LDA_GROUPS_MAX of pca.h */
	bool augmented;  /* a corrupted copy or a part, after its original: widens scaler, PCA and LDA, is not in the
	                cohort, does not enrol; the first one of each is tried */
	const float *whole; /* VU_BACKGROUND_DIMENSIONS raw values */
	uint32_t speech_ms;
	float snr_db;       /* 0: not known */
	const float *crops; /* crop_count x VU_BACKGROUND_DIMENSIONS */
	const uint32_t *crop_ms;
	size_t crop_count;
	const uint8_t *statistics; /* of dsp/statistics.h; NULL when frames are not to be modelled */
	size_t statistics_bytes;
} vu_training_utterance;

typedef struct vu_training_config {
	const char *extractor;
	const char *corpora; /* kept as the section "corpora" */
	uint64_t seed;
	unsigned folds;         /* at least 2; at most as many as there are people */
	unsigned enrol_samples; /* utterances a person enrols with in cross-validation; the rest are trials */
	unsigned discriminants; /* L */
	unsigned mixture;       /* components of the mixture; 0: frames are not modelled */
	unsigned frames_models; /* 1 to VU_FRAMES_MODELS_MAX, all of the same sizes */
	unsigned frames_kinds[VU_FRAMES_MODELS_MAX]; /* vu_frames_kind of each */
	unsigned iterations;                         /* of the mixture's training, at each size */
	unsigned rank;                               /* E, of the subspace of supervectors */
	double relevance;
	unsigned frames_discriminants;
	double frames_shrinkage;
	unsigned frames_top;
	double joint_weight; /* of the scaled vector beside the place of frames */
	double joint_shrinkage;
	unsigned joint_top;
	unsigned joint_discriminants;
	/*
	 * How much the spread between corpora counts as spread within a person, in the joint spaces: what sets whole
	 * corpora apart is rooms and microphones, not people. 0: not at all.
	 */
	double corpus_weight;
	unsigned shift_cohort; /* people that shifts are compared with; 0: shifts are not used */
	double shift_relevance;
	unsigned shift_top;
	double shift_audio_share;
	double shift_trust;  /* in the weights learned for shifts, 0 to 1; see background_calibrate.c */
	double shift_frames; /* that a cohort member counts as heard for, see shift.h */
	double shrinkage;    /* of LDA's within-person covariance */
	/* pca.weight = (within-person deviation)^-weight_power x (between / all variance)^share_power */
	double weight_power;
	double share_power;
	double prior;   /* of calibration.h */
	double caution; /* thresholds: 0 as of all folds' strangers together, 1 as of the strictest fold */
	double svm_nu;
	double svm_gamma; /* times components */
	unsigned svm_top;
	unsigned second_top;
	double audio_share; /* of the s-norm, see cohort.h; 0: half */
	bool quantize;      /* store as float16, bases of supervectors as int8 */
	/* Called between steps, done in 0 to 1; may be NULL. */
	void (*progress)(void *context, const char *step, double done);
	void *context;
} vu_training_config;

/* Good values for all but extractor and corpora. */
vu_training_config vu_training_config_default(void);

/* Figures of merit as in trial_scores.h. */
typedef struct vu_training_rates {
	double eer;
	double frr_at_far_1;  /* FAR 1 % */
	double frr_at_far_01; /* FAR 0.1 % */
	double min_dcf;
	double cllr;
} vu_training_rates;

/* What cross-validation found for one number of components. */
typedef struct vu_training_figures {
	uint32_t components;
	size_t target_trials;
	size_t stranger_trials;
	vu_training_rates svm;
	vu_training_rates spaces[VU_SPACES_MAX]; /* cosine in each; no better than chance where it is not modelled */
	vu_training_rates shift;
	vu_training_rates fused;
	vu_training_rates corrupted; /* fused, of corrupted trials alone; NaN when there are none */
	float thresholds[VU_BACKGROUND_LEVELS];
	bool extrapolated[VU_BACKGROUND_LEVELS];
	double false_rejects[VU_BACKGROUND_LEVELS];
	double false_accepts[VU_BACKGROUND_LEVELS];
} vu_training_figures;

/* The numbers of components that get a calibration of their own. */
#define VU_TRAINING_CALIBRATIONS 7
extern const uint32_t vu_training_components[VU_TRAINING_CALIBRATIONS];

/*
 * Adds all sections to `writer` (kind background). `figures` has
 * VU_TRAINING_CALIBRATIONS entries. INVALID_ARGUMENT: fewer than four people
 * with at least two utterances (without corrupted copies), since then nothing
 * can be said about how people differ.
 */
vu_status vu_background_train(const vu_training_config *config, const vu_training_utterance *utterances, size_t count,
                              vu_model_writer *writer, vu_training_figures *figures, vu_error *error);

#endif
