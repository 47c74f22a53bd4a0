/* Who may teach a template. Whatever is doubtful does not. */
#include "follow.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/user_name.h"

#include <math.h>
#include <stdio.h>

#define FOLLOW_US 1000000
/* Above the thresholds, natural logarithm of a likelihood ratio. */
#define SPEAKER_MARGIN   1.0f
#define ANTISPOOF_MARGIN 0.2f

static bool is_sure(const Vu__ScoreResponse *score, const Vu__AssessResponse *antispoof,
                    const vu_settlement *settlement)
{
	if (settlement->verdict != VU__VERDICT__VERDICT_ACCEPT || !settlement->may_unlock || !score || !antispoof)
		return false;
	/* Scores of anti-spoofing count from the point of refusal; what is not a number passes no comparison. */
	return score->fused >= score->threshold + SPEAKER_MARGIN &&
	       antispoof->verdict == VU__SPOOF_VERDICT__SPOOF_BONAFIDE && antispoof->score >= ANTISPOOF_MARGIN;
}

void vu_follow_voice(vu_orchestrator *orchestrator, const vu_policy *policy, const char *user,
                     const Vu__ExtractResponse *features, const Vu__ScoreResponse *score,
                     const Vu__AssessResponse *antispoof, const vu_settlement *settlement)
{
	char name[VU_USER_NAME_MAX + 1];
	char nobody[1] = "";
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__AdaptRequest request = VU__ADAPT_REQUEST__INIT;
	vu_peer_plan plan = {.deadline_us = vu_clock_monotonic_us() + FOLLOW_US};
	Vu__AdaptResponse *response;
	vu_error error;

	if (!policy->adaptive || !features || !is_sure(score, antispoof, settlement))
		return;
	snprintf(name, sizeof name, "%s", user);
	key.user = name;
	key.namespace_ = nobody;
	request.key = &key;
	request.extractor = features->extractor;
	request.vector = features->vector;
	request.statistics = features->statistics;
	request.quality = features->quality;
	response = (Vu__AdaptResponse *)vu_peer_call(&orchestrator->peers, VU_SERVICE_MODELS, &vu__models__descriptor,
	                                             "Adapt", &request.base, &plan, &error);
	if (!response)
		vu_log_warn("unable to let a template follow its voice: %s", error.message);
	else if (!response->adapted)
		vu_log_debug("a template stays as it is: %s", response->reason);
	vu_peer_free(response ? &response->base : NULL);
}
