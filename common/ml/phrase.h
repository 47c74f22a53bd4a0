/*
 * Was this said? Finds enrolled phrases in an utterance by dynamic time warping
 * of cepstra (ml/frames.h) against what a template kept of enrolment, so that
 * it needs no dictionary, no language and no training, and knows the phrase
 * only as this person says it.
 *
 * A phrase's distance to an utterance is the mean distance of its frames along
 * the best path through any part of the utterance, between half and twice the
 * speed. The phrases that were asked have to lie in it in the order asked, and
 * each of them nearer than every phrase that was not asked: so neither another
 * phrase, nor another order, nor a recording of all phrases answers.
 *
 * Path and slope: H. Sakoe, S. Chiba, Dynamic programming algorithm
 * optimization for spoken word recognition, IEEE Trans. ASSP 26 (1978) 43-49,
 * symmetric form P = 1, with free ends in the utterance.
 *
 * Pure functions; any thread.
 */
#ifndef VU_ML_PHRASE_H
#define VU_ML_PHRASE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Phrases of one person. */
#define VU_PHRASES_MAX 32
/* Phrases in one challenge. */
#define VU_PHRASES_ASKED_MAX 2
/* Longest utterance looked at: 20 s of speech. What is longer answers no challenge. */
#define VU_PHRASE_FRAMES_MAX 2000
/*
 * Limits of vu_phrase_match, measured with vu-challenge on development people:
 * how far an asked phrase may be, and how much nearer than others it must be.
 */
#define VU_PHRASE_DISTANCE_MAX 0.75F
#define VU_PHRASE_MARGIN_MIN   0.03F

/* One enrolled sample of a phrase: a blob of dsp/statistics.h. */
typedef struct vu_phrase_sample {
	const uint8_t *statistics;
	size_t bytes;
	uint32_t phrase; /* which phrase it is; several samples may be of one */
} vu_phrase_sample;

typedef struct vu_phrase_match {
	float
	    distance; /* of the asked phrase that is farthest, or of all in order when that is more; INFINITY: none */
	/* How much farther the nearest phrase is that was not asked, and how much farther all are in another order:
	 * the smaller one, as a share of the farther distance. */
	float margin;
	bool matches; /* within both limits */
} vu_phrase_match;

/*
 * Looks for the `asked` phrases, in their order, in the utterance. `samples`
 * must have at least one of every asked phrase and at least one of another:
 * without something to compare with there is no answer.
 * Errors: INVALID_ARGUMENT (statistics damaged or too short, too long, numbers
 * out of range, a phrase asked twice), FAILED_PRECONDITION (a phrase without a
 * sample, or no other phrase), RESOURCE_EXHAUSTED.
 */
vu_status vu_phrase_check(const vu_phrase_sample *samples, size_t sample_count, const uint32_t *asked,
                          size_t asked_count, const uint8_t *statistics, size_t bytes, vu_phrase_match *match_out,
                          vu_error *error);

#endif
