/*
 * Letting a template follow its owner's voice: utterances that it accepted
 * with confidence move the voice of the second scorer a little, towards their
 * mean. What enrolment said stays in the template and keeps the greater weight
 * for ever, so adapting can be undone and cannot wander off:
 *
 *   - an utterance counts only when the template as it is accepts it at the
 *     strictest level with VU_ADAPTATION_MARGIN to spare, and the template as
 *     enrolled accepts it at that level too;
 *   - the share of what was adapted is at most VU_ADAPTATION_SHARE_MAX;
 *   - at most VU_ADAPTATIONS_A_DAY, and VU_ADAPTATION_GAP_US apart.
 *
 * The support vectors of the first scorer stay as enrolled. Sections, beside
 * those of template.h, in a template that has adapted (i = space, L = its
 * discriminants):
 *
 *   adapt.facts   1 x 4      how often, when last (wall clock), when the day of
 *                            the count began, how often since (u64)
 *   adapt.mean.i  1 x L      of the utterances' voices (float32)
 *   enrolled.i    1 x (L+2)  voice as enrolled, its strangers' mean and deviation (float32)
 *
 * Pure functions but for what they are given; any thread.
 */
#ifndef VU_ML_ADAPTATION_H
#define VU_ML_ADAPTATION_H

#include "base/status.h"
#include "ml/scorer.h"
#include "ml/template.h"

#include <stdint.h>

/* Above the threshold, natural logarithm: twenty times likelier than what just passes. */
#define VU_ADAPTATION_MARGIN    3.0f
#define VU_ADAPTATION_SHARE_MAX 0.25f
#define VU_ADAPTATION_MEMORY    16 /* utterances over which their mean is taken, about */
#define VU_ADAPTATIONS_A_DAY    3
#define VU_ADAPTATION_GAP_US    (10 * 60 * INT64_C(1000000))

typedef enum vu_adaptation_outcome {
	VU_ADAPTED,
	VU_ADAPTATION_NOT_SURE,     /* the template as it is does not accept with confidence */
	VU_ADAPTATION_NOT_ENROLLED, /* the template as enrolled does not accept */
	VU_ADAPTATION_ENOUGH,       /* of late */
} vu_adaptation_outcome;

/* In words, for a log. Static. */
const char *vu_adaptation_outcome_text(vu_adaptation_outcome outcome);

/*
 * Judges the utterance and, when *outcome_out is VU_ADAPTED, fills `writer`
 * (new, kind template) with the whole adapted template: everything of `from`
 * but the voices. The template must have passed vu_scorer_check_template.
 */
vu_status vu_adaptation_update(const vu_scorer *scorer, const vu_template *from, const vu_probe *probe,
                               int64_t wall_us, vu_model_writer *writer, vu_adaptation_outcome *outcome_out,
                               vu_error *error);

/* Fills `writer` with the template as it was enrolled, nothing adapted. NOT_FOUND: nothing was. */
vu_status vu_adaptation_undo(const vu_template *from, vu_model_writer *writer, vu_error *error);

/* From here on this template scores as enrolled; the file stays what it is. */
void vu_adaptation_set_aside(vu_template *voice_template);

/* For template.c: the sections above, when they are there. DATA_LOSS: one is missing or does not fit. */
vu_status vu_adaptation_open(vu_template *voice_template, vu_error *error);

#endif
