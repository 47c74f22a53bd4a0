/*
 * Turns what the services answered into checks. Pure, and suspicious: a number
 * that is none, a level that was not the one asked for, an answer without a
 * verdict all count as failed.
 */
#ifndef VU_ORCHESTRATOR_JUDGE_H
#define VU_ORCHESTRATOR_JUDGE_H

#include "decision.h"

#include "base/config.h"
#include "base/status.h"
#include "voiceunlock/v1/antispoof.pb-c.h"
#include "voiceunlock/v1/features.pb-c.h"
#include "voiceunlock/v1/models.pb-c.h"

#include <stdbool.h>

/* Refused without a vector, and for any quality problem unless `isolated` (then they only warn). NULL is failed. */
vu_check vu_judge_quality(const Vu__ExtractResponse *features, bool isolated);

/* Exempt when `asked` is off. NULL is failed. Not run when the service had nothing to assess. */
vu_check vu_judge_antispoof(const Vu__AssessResponse *antispoof, vu_antispoof_level asked);

/* Passed at or above the threshold. NULL is failed. */
vu_check vu_judge_score(const Vu__ScoreResponse *score);
vu_check vu_judge_identity(const Vu__IdentifyResponse *identity);

/*
 * What is wrong with a microphone or an upload that could not be listened to:
 * refused (no usable audio: no device, unplugged, unreadable) or failed (the
 * service or the recording broke off).
 */
vu_check vu_judge_session_error(vu_status status);

#endif
