/* Answers to checks. Nothing here fails; whatever is doubtful does not pass. */
#include "judge.h"

#include <math.h>
#include <string.h>

vu_check vu_judge_quality(const Vu__ExtractResponse *features, bool isolated)
{
	if (!features)
		return VU_CHECK_FAILED;
	if (!features->vector || features->vector->n_values == 0)
		return VU_CHECK_REFUSED;
	for (size_t i = 0; i < features->vector->n_values; i++) {
		if (!isfinite(features->vector->values[i]))
			return VU_CHECK_FAILED;
	}
	if (isolated)
		return VU_CHECK_PASSED;
	if (!features->quality)
		return VU_CHECK_FAILED;
	return features->quality->problem == VU__QUALITY_PROBLEM__QUALITY_OK ? VU_CHECK_PASSED : VU_CHECK_REFUSED;
}

vu_check vu_judge_antispoof(const Vu__AssessResponse *antispoof, vu_antispoof_level asked)
{
	if (asked == VU_ANTISPOOF_OFF)
		return VU_CHECK_EXEMPT;
	if (!antispoof)
		return VU_CHECK_FAILED;
	if (*antispoof->level && strcmp(antispoof->level, vu_antispoof_level_name(asked)) != 0)
		return VU_CHECK_FAILED;
	switch (antispoof->verdict) {
	case VU__SPOOF_VERDICT__SPOOF_BONAFIDE:
		return isnan(antispoof->score) ? VU_CHECK_FAILED : VU_CHECK_PASSED;
	case VU__SPOOF_VERDICT__SPOOF_SPOOF:
		return VU_CHECK_REFUSED;
	case VU__SPOOF_VERDICT__SPOOF_UNKNOWN:
		return VU_CHECK_NOT_RUN;
	default: /* unavailable; off although it was asked; what a newer service may say */
		return VU_CHECK_FAILED;
	}
}

static vu_check compare(float score, float threshold)
{
	if (!isfinite(score) || !isfinite(threshold))
		return VU_CHECK_FAILED;
	return score >= threshold ? VU_CHECK_PASSED : VU_CHECK_REFUSED;
}

vu_check vu_judge_score(const Vu__ScoreResponse *score)
{
	return score ? compare(score->fused, score->threshold) : VU_CHECK_FAILED;
}

vu_check vu_judge_identity(const Vu__IdentifyResponse *identity)
{
	if (!identity)
		return VU_CHECK_FAILED;
	if (!*identity->user)
		return VU_CHECK_REFUSED;
	return compare(identity->score, identity->threshold);
}

vu_check vu_judge_session_error(vu_status status)
{
	switch (status) {
	case VU_NOT_FOUND:
	case VU_INVALID_ARGUMENT:
	case VU_FAILED_PRECONDITION:
	case VU_OUT_OF_RANGE:
	case VU_DATA_LOSS:
		return VU_CHECK_REFUSED;
	default:
		return VU_CHECK_FAILED;
	}
}
