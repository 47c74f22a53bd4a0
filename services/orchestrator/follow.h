/* Letting the template of a user follow the voice that was just accepted. */
#ifndef VU_ORCHESTRATOR_FOLLOW_H
#define VU_ORCHESTRATOR_FOLLOW_H

#include "judge.h"
#include "orchestrator.h"
#include "settle.h"

/*
 * Asks models to adapt the template, when this attempt may teach it anything:
 * it may unlock (so it was by microphone, not isolated, at no less than the
 * configured levels, and every check passed), the speaker check passed with a
 * margin and the anti-spoof check ran and was sure. Models judges the voice
 * once more by itself. What comes of it is only logged: call it when the answer
 * is out.
 */
void vu_follow_voice(vu_orchestrator *orchestrator, const vu_policy *policy, const char *user,
                     const Vu__ExtractResponse *features, const Vu__ScoreResponse *score,
                     const Vu__AssessResponse *antispoof, const vu_settlement *settlement);

#endif
