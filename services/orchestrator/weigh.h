/* What a listening brought, as checks: the part that authenticate, identify, trials and enrolment share. */
#ifndef VU_ORCHESTRATOR_WEIGH_H
#define VU_ORCHESTRATOR_WEIGH_H

#include "decision.h"
#include "listen.h"

/*
 * Marks evidence->quality and evidence->antispoof. A failure is one of the
 * call, not of the voice, and then there is no verdict: CANCELLED by somebody's
 * wish, PERMISSION_DENIED for the microphone, NOT_FOUND or INVALID_ARGUMENT for
 * the session that was named.
 */
vu_status vu_weigh_listening(vu_orchestrator *orchestrator, const vu_listen_order *order,
                             const vu_listening *listening, vu_evidence *evidence, vu_error *error);

/*
 * The first thing that went wrong while listening, "" when nothing did: of the
 * session, the features, then anti-spoofing. Lives as long as `listening`.
 */
const char *vu_weigh_trouble(const vu_listening *listening, const vu_evidence *evidence);

#endif
