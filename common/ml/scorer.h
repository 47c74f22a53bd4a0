/*
 * The seam between recognition and the model-server: train a template from
 * samples, prepare an utterance once, compare it with templates. What is
 * inside may be replaced; the server does not know.
 *
 * Today three scorers that err differently are joined:
 *   svm     a one-class SVM per person on weighted principal components; its
 *           log ratio, z-normalized by the background people nearest to it
 *   second  cosine between linear discriminants, adaptively s-normalized; of
 *           the vector, and where the background models frames also, by each
 *           of its models, of the utterance's frames and of both joined (that
 *           of the first model is the one shown)
 *   shift   how voice and utterance shift the means of the first model's mixture (shift.h)
 * Logistic regression fuses them into a log-likelihood ratio (natural
 * logarithm); thresholds by level come from background people held out.
 *
 * Everything here is a pure function of its arguments: no I/O, no state, any
 * thread.
 */
#ifndef VU_ML_SCORER_H
#define VU_ML_SCORER_H

#include "base/config.h"
#include "base/status.h"
#include "ml/background.h"
#include "ml/model_file.h"
#include "ml/template.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values of larger magnitude are not features of speech. */
#define VU_SCORER_VALUE_MAX   1e6f
#define VU_SCORER_SAMPLES_MAX 32
#define VU_SCORER_CROPS_MAX   64

/* What scoring needs of the background; borrowed. */
typedef struct vu_scorer {
	const vu_background *background;
	const vu_background_scaler *scaler;
	const vu_background_projection *projection;
} vu_scorer;

/* One stretch of speech as the extractor describes it. */
typedef struct vu_scorer_input {
	const float *vector;       /* VU_BACKGROUND_DIMENSIONS values, checked by vu_scorer_check_vector */
	const uint8_t *statistics; /* of ml/utterance.h or dsp/statistics.h; needed where frames are modelled */
	size_t statistics_bytes;
	uint32_t speech_ms; /* 0: not known */
	float snr_db;       /* 0 or less: not known */
} vu_scorer_input;

/* One enrolment sample: the whole and crops of it. */
typedef struct vu_scorer_sample {
	vu_scorer_input whole;
	const float *crops; /* crop_count x VU_BACKGROUND_DIMENSIONS, checked too */
	size_t crop_count;
} vu_scorer_sample;

typedef struct vu_scorer_options {
	bool quantize;            /* store support vectors as float16 */
	double prune;             /* share of support vectors dropped, 0 to 0.9 */
	vu_model_element element; /* 0: as `quantize` says; else what the numbers are stored as */
} vu_scorer_options;

typedef struct vu_scorer_trained {
	uint32_t support_vectors;
	uint32_t samples;
	/* How each sample agrees with the others, as vu_scorer_agreement. */
	float agreement[VU_SCORER_SAMPLES_MAX];
	bool agrees[VU_SCORER_SAMPLES_MAX];
} vu_scorer_trained;

/* INVALID_ARGUMENT unless there are `count` = 100 finite values within +-1e6. */
vu_status vu_scorer_check_vector(const float *values, size_t count, vu_error *error);

/*
 * Trains on 1 to 32 samples and adds the scorers' sections to `writer` (kind
 * template). INVALID_ARGUMENT: too few vectors, or vectors without spread.
 */
vu_status vu_scorer_train(const vu_scorer *scorer, const vu_scorer_sample *samples, size_t count,
                          const vu_scorer_options *options, vu_model_writer *writer, vu_scorer_trained *out,
                          vu_error *error);

/* The same from what a template kept of enrolment, for another background or number of components. */
vu_status vu_scorer_retrain(const vu_scorer *scorer, const vu_template *from, const vu_scorer_options *options,
                            vu_model_writer *writer, vu_scorer_trained *out, vu_error *error);

/*
 * OK when the template can be scored by this scorer as it is.
 * FAILED_PRECONDITION: made of another extractor's vectors (enrol again), or
 * against another background or number of components (*retrainable_out is set:
 * vu_scorer_retrain helps).
 */
vu_status vu_scorer_check_template(const vu_scorer *scorer, const vu_template *voice_template, bool *retrainable_out,
                                   vu_error *error);

/* An utterance made ready for any number of comparisons. */
typedef struct vu_probe {
	float components[VU_BACKGROUND_COMPONENTS_MAX];
	float voices[VU_SPACES_MAX][VU_BACKGROUND_DISCRIMINANTS_MAX];
	vu_cohort_statistics strangers[VU_SPACES_MAX];
	float heard[VU_SHIFT_HEARD_MAX]; /* where the background has shifts */
	float log_duration;              /* log(speech / 3 s), within 0.3 to 10 s */
	float snr;                       /* (SNR - 20 dB) / 10 dB, within 0 to 30 dB; 0 when not known */
	float noise;                     /* 0 at 25 dB and above and when not known, 1 at 10 dB and below */
} vu_probe;

/* INVALID_ARGUMENT: statistics are needed and are missing, damaged, or of too little speech. */
vu_status vu_scorer_prepare(const vu_scorer *scorer, const vu_scorer_input *input, vu_probe *probe, vu_error *error);

typedef struct vu_score {
	float svm;
	float second;
	float fused;                         /* log-likelihood ratio */
	float threshold;                     /* fused >= threshold accepts at the level asked */
	float inputs[VU_CALIBRATION_INPUTS]; /* what was fused, in the order of vu_background's calibration */
} vu_score;

/* The template must have passed vu_scorer_check_template. */
void vu_scorer_compare(const vu_scorer *scorer, const vu_template *voice_template, const vu_probe *probe,
                       vu_level level, vu_score *out);

/* What vu_score.fused of this utterance must reach, by vu_level. */
void vu_scorer_thresholds(const vu_scorer *scorer, const vu_probe *probe, float thresholds_out[VU_BACKGROUND_LEVELS]);

/*
 * How well `sample` fits the others: 1 as samples of one person do, 0 as
 * strangers do, and whether that is enough. With no others: 1, true. Errors as
 * vu_scorer_prepare.
 */
vu_status vu_scorer_agreement(const vu_scorer *scorer, const vu_scorer_sample *others, size_t count,
                              const vu_scorer_sample *sample, float *agreement_out, bool *agrees_out,
                              vu_error *error);

#endif
