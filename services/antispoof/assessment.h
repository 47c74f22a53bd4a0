/*
 * One attempt under assessment: the detectors that its level asks for, fed
 * with samples as they arrive, and their joint verdict.
 *
 * The joint verdict is an AND: bona fide only when every detector that the
 * level asks for could run and none refused. The fused score is below zero
 * when one refused: the smallest distance of a detector's score from its
 * threshold. Above, it is ln(1 + e^s) of the smallest score s, which are all
 * log-likelihood ratios: so zero is the point of refusal whatever the level.
 * What passes is worth its weakest evidence, since one attack shows in one detector:
 * a file of synthetic speech comes through no loudspeaker, and would in a
 * sum be helped by that. An assessment is used by one thread.
 */
#ifndef VU_ANTISPOOF_ASSESSMENT_H
#define VU_ANTISPOOF_ASSESSMENT_H

#include "detector.h"

#define VU_DETECTORS_MAX 8

typedef enum vu_assessment_verdict {
	VU_ASSESSMENT_UNKNOWN = 0, /* numbers as in the protocol's SpoofVerdict */
	VU_ASSESSMENT_BONAFIDE = 1,
	VU_ASSESSMENT_SPOOF = 2,
	VU_ASSESSMENT_UNAVAILABLE = 3,
} vu_assessment_verdict;

typedef struct vu_assessment_detector {
	const char *name;
	vu_detector_result result;
	vu_assessment_verdict verdict;
} vu_assessment_detector;

typedef struct vu_assessment_result {
	vu_assessment_verdict verdict;
	float score; /* fused; 0 refuses just not */
	char reason[VU_DETECTOR_REASON_MAX * 2];
	vu_assessment_detector detectors[VU_DETECTORS_MAX];
	size_t detector_count;
} vu_assessment_result;

/* A detector and its process-wide part; a table of these is what a service can do. */
typedef struct vu_detector_entry {
	const vu_detector_kind *kind;
	void *shared;
} vu_detector_entry;

typedef struct vu_assessment vu_assessment;

/*
 * Creates the detectors of `level`. A detector that cannot be created makes
 * the verdict unavailable, with the reason; it does not make this fail.
 * `entries` and `context` outlive the assessment.
 */
vu_status vu_assessment_create(const vu_detector_entry *entries, size_t entry_count, vu_antispoof_level level,
                               const vu_attempt_context *context, vu_assessment **assessment_out);
void vu_assessment_push(vu_assessment *assessment, const int16_t *samples, size_t count);
void vu_assessment_finish(vu_assessment *assessment, vu_assessment_result *out);
void vu_assessment_destroy(vu_assessment *assessment);

#endif
