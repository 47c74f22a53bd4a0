/* Weighing a listening. */
#include "weigh.h"

#include "judge.h"

vu_status vu_weigh_listening(vu_orchestrator *orchestrator, const vu_listen_order *order,
                             const vu_listening *listening, vu_evidence *evidence, vu_error *error)
{
	const vu_error *session = &listening->session_error;

	if (order->attempt && vu_attempt_was_cancelled(orchestrator->attempts, order->attempt))
		return vu_fail(error, VU_CANCELLED, "the attempt was cancelled; begin a new one when you are ready");
	if (session->status == VU_PERMISSION_DENIED ||
	    (!listening->microphone && (session->status == VU_NOT_FOUND || session->status == VU_INVALID_ARGUMENT))) {
		*error = *session;
		return session->status;
	}
	if (listening->features)
		evidence->quality = vu_judge_quality(listening->features, order->isolated);
	else if (session->status != VU_OK)
		evidence->quality = vu_judge_session_error(session->status);
	else
		evidence->quality = VU_CHECK_FAILED;
	if (session->status != VU_OK && !listening->antispoof)
		evidence->antispoof = VU_CHECK_NOT_RUN;
	else
		evidence->antispoof = vu_judge_antispoof(listening->antispoof, order->antispoof);
	return VU_OK;
}

const char *vu_weigh_trouble(const vu_listening *listening, const vu_evidence *evidence)
{
	if (listening->session_error.status != VU_OK)
		return listening->session_error.message;
	if (!listening->features)
		return listening->features_error.message;
	if (evidence->antispoof != VU_CHECK_FAILED)
		return "";
	if (!listening->antispoof)
		return listening->antispoof_error.message;
	return *listening->antispoof->reason ? listening->antispoof->reason
	                                     : "The anti-spoof check gave no usable answer";
}
