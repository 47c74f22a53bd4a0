/* The decision. Read it from the top: each line is one step of the precedence; the last but one is the only accept.
 */
#include "decision.h"

#include <stdbool.h>

static bool has_failed(const vu_evidence *e)
{
	return e->lockout == VU_CHECK_FAILED || e->enrolled == VU_CHECK_FAILED || e->quality == VU_CHECK_FAILED ||
	       e->antispoof == VU_CHECK_FAILED || e->speaker == VU_CHECK_FAILED || e->record == VU_CHECK_FAILED;
}

static bool is_clear(vu_check check)
{
	return check == VU_CHECK_PASSED || check == VU_CHECK_EXEMPT;
}

Vu__Verdict vu_decide(const vu_evidence *e)
{
	if (e->lockout == VU_CHECK_REFUSED)
		return VU__VERDICT__VERDICT_LOCKED;
	if (e->enrolled == VU_CHECK_REFUSED)
		return VU__VERDICT__VERDICT_NOT_ENROLLED;
	if (has_failed(e))
		return VU__VERDICT__VERDICT_UNAVAILABLE;
	if (!is_clear(e->lockout) || e->enrolled != VU_CHECK_PASSED || !is_clear(e->record))
		return VU__VERDICT__VERDICT_UNAVAILABLE;
	if (e->challenge == VU_CHECK_REFUSED)
		return VU__VERDICT__VERDICT_SPOOF;
	if (e->challenge != VU_CHECK_NOT_RUN)
		return VU__VERDICT__VERDICT_UNAVAILABLE;
	if (e->quality == VU_CHECK_REFUSED)
		return VU__VERDICT__VERDICT_NO_SPEECH;
	if (e->quality != VU_CHECK_PASSED)
		return VU__VERDICT__VERDICT_UNAVAILABLE;
	if (e->antispoof != VU_CHECK_REFUSED && !is_clear(e->antispoof))
		return VU__VERDICT__VERDICT_UNAVAILABLE;
	if (e->speaker != VU_CHECK_REFUSED && e->speaker != VU_CHECK_PASSED)
		return VU__VERDICT__VERDICT_UNAVAILABLE;
	if (e->antispoof == VU_CHECK_REFUSED)
		return VU__VERDICT__VERDICT_SPOOF;
	if (e->speaker == VU_CHECK_REFUSED)
		return VU__VERDICT__VERDICT_REJECT;
	if (is_clear(e->lockout) && e->enrolled == VU_CHECK_PASSED && e->quality == VU_CHECK_PASSED &&
	    is_clear(e->antispoof) && e->speaker == VU_CHECK_PASSED && is_clear(e->record))
		return VU__VERDICT__VERDICT_ACCEPT;
	return VU__VERDICT__VERDICT_UNAVAILABLE;
}

const char *vu_verdict_name(Vu__Verdict verdict)
{
	switch (verdict) {
	case VU__VERDICT__VERDICT_ACCEPT:
		return "accept";
	case VU__VERDICT__VERDICT_REJECT:
		return "reject";
	case VU__VERDICT__VERDICT_SPOOF:
		return "spoof";
	case VU__VERDICT__VERDICT_NO_SPEECH:
		return "no_speech";
	case VU__VERDICT__VERDICT_UNAVAILABLE:
		return "unavailable";
	case VU__VERDICT__VERDICT_NOT_ENROLLED:
		return "not_enrolled";
	case VU__VERDICT__VERDICT_LOCKED:
		return "locked";
	default:
		return "unknown";
	}
}
