/*
 * The one place where an accept is made.
 *
 * Every check of an attempt leaves a mark in vu_evidence; vu_decide turns the
 * marks into a verdict. It is a pure function, its table is tested in full, and
 * nothing else in the program may answer VERDICT_ACCEPT.
 *
 * Precedence when several hold: locked > not_enrolled > unavailable >
 * no_speech > spoof > reject > accept. What did not run counts as unavailable,
 * except that speech which was not there, or not asked for, need not have been
 * scored.
 */
#ifndef VU_ORCHESTRATOR_DECISION_H
#define VU_ORCHESTRATOR_DECISION_H

#include "voiceunlock/v1/orchestrator.pb-c.h"

typedef enum vu_check {
	VU_CHECK_NOT_RUN = 0, /* so that forgotten checks never pass */
	VU_CHECK_PASSED,
	VU_CHECK_REFUSED,
	VU_CHECK_FAILED, /* was tried and gave no answer */
	VU_CHECK_EXEMPT, /* the rules excuse this attempt: allowed for lockout, antispoof and record only */
} vu_check;

#define VU_CHECK_COUNT 5

typedef struct vu_evidence {
	vu_check lockout;   /* refused: the user is locked out */
	vu_check enrolled;  /* refused: no such user */
	vu_check quality;   /* refused: no speech that can be judged */
	vu_check antispoof; /* refused: not a live person */
	vu_check speaker;   /* refused: somebody else */
	vu_check record;    /* failed: the attempt could not be stored */
	vu_check
	    challenge; /* refused: one is needed and none can be put, so nobody was asked to speak; else not run */
} vu_evidence;

Vu__Verdict vu_decide(const vu_evidence *evidence);

/* "accept", "no_speech", …; "unknown" for anything else. Static. */
const char *vu_verdict_name(Vu__Verdict verdict);

#endif
