/* An attempt to authenticate on its way to the verdict. Used by authenticate.c and voice_claim.c only. */
#ifndef VU_ORCHESTRATOR_VOICE_CLAIM_H
#define VU_ORCHESTRATOR_VOICE_CLAIM_H

#include "challenge.h"
#include "listen.h"
#include "orchestrator.h"
#include "settle.h"
#include "users.h"

typedef struct vu_voice_claim {
	vu_orchestrator *orchestrator;
	const Vu__AuthenticateRequest *request;
	vu_policy policy;
	vu_level level;
	vu_antispoof_level antispoof;
	bool isolated;
	bool upload;
	bool playing; /* this machine plays sound, which could be what is heard */
	bool needs_challenge;
	uint32_t speech_timeout_ms;
	int64_t started_us;
	int64_t deadline_us;
	char fingerprint[VU_ATTEMPT_FINGERPRINT_SIZE];
	char source[VU_SOURCE_SIZE]; /* "" for an upload, which never opens anything */
	vu_attempt *attempt;
	vu_evidence evidence;
	vu_check known; /* is the user enrolled, as asked while listening */
	vu_error known_error;
	vu_guesses guesses; /* learned with that, where models is shared */
	Vu__ScoreResponse *score;
	vu_error score_error;
	vu_challenge challenge; /* level maximum at the microphone; else never put */
} vu_voice_claim;

/* Whether failures at other computers count for this attempt. */
bool vu_claim_shares_guesses(const vu_voice_claim *claim);

/* What anti-spoofing found, with the challenge where there was one; NULL when it was not asked. */
const Vu__AssessResponse *vu_claim_assessment(const vu_voice_claim *claim, const vu_listening *listening);

/*
 * Makes the verdict of what the claim's evidence says and fills the response,
 * whose timing is there already; `trouble` is what went wrong, or "".
 */
void vu_claim_settle(vu_voice_claim *claim, const vu_listening *listening, const char *trouble,
                     vu_settlement *settlement, Vu__AuthenticateResponse *response);

#endif
