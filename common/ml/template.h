/*
 * A person's template: one model file (kind template) with what the scorers
 * trained and what is kept of enrolment to train again. The scorers' sections
 * are written by scorer.h; the owner of templates adds its own (who, when).
 *
 *   scorer        text      "ocsvm+cosine/3"
 *   extractor     text      what made the vectors
 *   background    text      hash of the background model it was trained against
 *   svm.vectors   S x C     support vectors, C principal components
 *   svm.alpha     1 x S     coefficients (float32)
 *   svm.param     1 x 4     gamma, rho, strangers' mean and deviation (float32)
 *   voice         1 x L     discriminants at unit length
 *   voice.norm    1 x 2     strangers' mean and deviation (float32)
 *   frames.voice, frames.norm   the same of frames, where the background models them
 *   joint.voice, joint.norm     the same of both together
 *   frames2.voice, frames2.norm, joint2.voice, joint2.norm   the same by the second model of frames, where the
 *                           background has one
 *   shift.voice   1 x MF    how the voice shifts the mixture (bytes with a scale), where the background has shifts
 *   shift.norm    1 x 2     strangers' mean and deviation (float32)
 *   kept          M x D     raw vectors of enrolment (float16)
 *   kept.sample   1 x M     which sample each is of (bytes); a sample's first is the whole of it
 *   kept.frames   1 x B     statistics of each sample, shortened, one after the other (bytes); may be absent
 *   kept.lengths  1 x K     their lengths (u64)
 *
 * Immutable once opened; any thread.
 */
#ifndef VU_ML_TEMPLATE_H
#define VU_ML_TEMPLATE_H

#include "base/status.h"
#include "ml/background.h"
#include "ml/cohort.h"
#include "ml/model_file.h"
#include "ml/ocsvm.h"

#include <stddef.h>
#include <stdint.h>

#define VU_TEMPLATE_SCORER    "ocsvm+cosine/3"
#define VU_TEMPLATE_BYTES_MAX 65536
/* Sections of each space's voice and norm. */
extern const char *const vu_template_voices[VU_SPACES_MAX][2];
/* Most vectors kept of an enrolment, whole samples and crops together. */
#define VU_TEMPLATE_KEPT_MAX 64
/* Most bytes of frames kept of an enrolment. */
#define VU_TEMPLATE_KEPT_FRAMES_MAX 22000

/* How often a template has adapted, as its file has it; wall clock. */
typedef struct vu_template_facts {
	uint64_t count;
	uint64_t last_us;
	uint64_t day_us; /* when the day began in which of_day are counted */
	uint64_t of_day;
} vu_template_facts;

/* Of a template that has adapted: see adaptation.h. */
typedef struct vu_template_adapted {
	vu_template_facts facts;
	float voice[VU_SPACES_MAX][VU_BACKGROUND_DISCRIMINANTS_MAX]; /* as enrolled */
	vu_cohort_statistics strangers[VU_SPACES_MAX];
	float mean[VU_SPACES_MAX][VU_BACKGROUND_DISCRIMINANTS_MAX]; /* of what was heard since */
} vu_template_adapted;

typedef struct vu_template {
	vu_model_file *file; /* owned */
	char extractor[VU_EXTRACTOR_NAME_SIZE];
	char background[VU_MODEL_HASH_HEX_SIZE];
	vu_ocsvm svm;
	vu_cohort_statistics svm_strangers;
	uint32_t space_count;
	struct {
		uint32_t discriminants;
		float voice[VU_BACKGROUND_DISCRIMINANTS_MAX];
		vu_cohort_statistics strangers;
	} spaces[VU_SPACES_MAX];
	uint32_t shift_length;  /* 0: it has no shift */
	vu_model_section shift; /* used as it lies in the file */
	vu_cohort_statistics shift_strangers;
	vu_template_adapted *adapted; /* NULL: it is as enrolled */
	uint32_t kept_count;
	const uint8_t *kept_sample;
	uint32_t kept_frames_count; /* samples whose frames were kept; 0 or all of them */
	const uint8_t *kept_frames;
	const uint64_t *kept_lengths;
} vu_template;

/*
 * Takes `file` over, also on failure. DATA_LOSS: a section is missing or does
 * not fit. FAILED_PRECONDITION: it is for scorers this program does not have.
 */
vu_status vu_template_create(vu_model_file *file, vu_template **template_out, vu_error *error);
void vu_template_destroy(vu_template *voice_template);

/* The kept raw vectors, kept_count x D. */
vu_status vu_template_load_kept(const vu_template *voice_template, float *out, vu_error *error);

#endif
