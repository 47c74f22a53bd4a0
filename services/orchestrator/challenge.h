/*
 * The spoken challenge of level maximum: two of the phrases that the user
 * enrolled with, drawn at random, to be said one after the other. They are
 * drawn when the attempt begins and shown to whoever watches it, live in that
 * attempt alone and end with it: no other attempt, and no repetition of this
 * one, can answer them. Models holds what was said against what it kept of
 * enrolment, on the same features that the voice is judged by.
 *
 * Fails closed: whatever cannot be put or checked is no pass.
 */
#ifndef VU_ORCHESTRATOR_CHALLENGE_H
#define VU_ORCHESTRATOR_CHALLENGE_H

#include "decision.h"
#include "orchestrator.h"

#include "voiceunlock/v1/antispoof.pb-c.h"
#include "voiceunlock/v1/features.pb-c.h"

#include <stdbool.h>

/* Speech has to begin within so long of the challenge, and to be over within so long. */
#define VU_CHALLENGE_BEGIN_MS 8000
/* Between two phrases people draw breath. */
#define VU_CHALLENGE_SILENCE_MS 1400
#define VU_CHALLENGE_WINDOW_US  (20 * 1000000LL)
/* Phrases a user must have enrolled with: fewer leave too little to guess, and nothing to compare with. */
#define VU_CHALLENGE_PHRASES_MIN 3

typedef struct vu_challenge {
	bool put;
	int64_t put_us; /* monotonic */
	char phrases[VU_CHALLENGE_PHRASES][VU_CHALLENGE_PHRASE_SIZE];
	bool checked;
	bool matches;
	float score;    /* how much clearer than needed, 0 on the limit */
	vu_error error; /* why it could not be put or checked */
	char reason[256];
	/* What the answer to the caller points to: anti-spoofing's findings with the challenge among them. */
	Vu__AssessResponse assessment;
	Vu__DetectorResult detector;
	Vu__DetectorResult *detectors[16];
} vu_challenge;

typedef struct vu_challenge_claim {
	const char *name_space;
	const char *user;
	bool playing; /* it is for sound that this machine plays */
	int64_t deadline_us;
	vu_cancel *cancel;
} vu_challenge_claim;

/* Two different numbers below `count` (at least 2), each choice as likely, by `random` (NULL: the system's). */
void vu_challenge_draw(uint32_t count, uint32_t (*random)(uint32_t below), uint32_t drawn[VU_CHALLENGE_PHRASES]);

/*
 * Draws a challenge and shows it to who watches the attempt. Without `put` afterwards, `error` says why:
 * FAILED_PRECONDITION when this user can never be asked, with the remedy.
 */
void vu_challenge_put(vu_orchestrator *orchestrator, const vu_challenge_claim *claim, vu_attempt *attempt,
                      vu_challenge *challenge);

/* Holds an utterance against the challenge that was put. */
void vu_challenge_check(vu_orchestrator *orchestrator, const vu_challenge_claim *claim,
                        const Vu__ExtractResponse *features, vu_challenge *challenge);

/*
 * Joins the challenge with what anti-spoofing found: the check that counts for
 * both. A pass needs both to have passed. The result is in
 * challenge->assessment, which points into `antispoof`.
 */
vu_check vu_challenge_join(vu_challenge *challenge, const Vu__AssessResponse *antispoof, vu_check antispoof_check);

#endif
