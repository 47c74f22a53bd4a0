/*
 * WatchAttempt and CancelAttempt. The phase of a running attempt is that of its
 * capture session, so it is asked for only while somebody watches.
 */
#include "handlers.h"
#include "orchestrator.h"
#include "request.h"

#include "base/clock.h"
#include "voiceunlock/v1/capture.pb-c.h"
#include "voiceunlock/v1/orchestrator.pb-c.h"

#define WAIT_MS_MAX  30000
#define WATCHERS_MAX 16
#define POLL_MS      20
#define ASK_US       200000
/* The answer leaves this long before the deadline. */
#define MARGIN_US 20000

/* What the session's state means for the person in front of it; `fallback` when capture does not say. */
static Vu__AttemptPhase ask_phase(vu_orchestrator *orchestrator, char *session_id, Vu__AttemptPhase fallback)
{
	vu_error error;
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	vu_peer_plan plan = {.deadline_us = vu_clock_monotonic_us() + ASK_US};
	Vu__SessionInfo *info;
	Vu__AttemptPhase phase = fallback;

	request.session_id = session_id;
	info = (Vu__SessionInfo *)vu_peer_call(&orchestrator->peers, VU_SERVICE_CAPTURE, &vu__capture__descriptor,
	                                       "GetSession", &request.base, &plan, &error);
	if (!info)
		return phase;
	switch (info->state) {
	case VU__SESSION_STATE__SESSION_OPENING:
		phase = VU__ATTEMPT_PHASE__PHASE_OPENING;
		break;
	case VU__SESSION_STATE__SESSION_LISTENING:
		phase = VU__ATTEMPT_PHASE__PHASE_LISTENING;
		break;
	case VU__SESSION_STATE__SESSION_SPEECH:
		phase = VU__ATTEMPT_PHASE__PHASE_SPEECH;
		break;
	case VU__SESSION_STATE__SESSION_ENDED:
	case VU__SESSION_STATE__SESSION_FAILED:
		phase = VU__ATTEMPT_PHASE__PHASE_DECIDING;
		break;
	default:
		break;
	}
	vu_peer_free(&info->base);
	return phase;
}

static Vu__AttemptPhase find_phase(vu_orchestrator *orchestrator, vu_attempt_view *view, Vu__AttemptPhase known)
{
	if (!view->known)
		return VU__ATTEMPT_PHASE__PHASE_UNKNOWN;
	if (view->finished)
		return VU__ATTEMPT_PHASE__PHASE_DONE;
	if (!*view->session_id)
		return VU__ATTEMPT_PHASE__PHASE_OPENING;
	return ask_phase(orchestrator, view->session_id,
	                 known == VU__ATTEMPT_PHASE__PHASE_UNKNOWN ? VU__ATTEMPT_PHASE__PHASE_OPENING : known);
}

void vu_handle_watch_attempt(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_orchestrator *orchestrator = context;
	const Vu__WatchAttemptRequest *request = (const Vu__WatchAttemptRequest *)message;
	Vu__WatchAttemptResponse response = VU__WATCH_ATTEMPT_RESPONSE__INIT;
	vu_attempt_view view;
	char *challenge[VU_CHALLENGE_PHRASES];
	vu_error error;
	uint32_t wait_ms = request->wait_ms < WAIT_MS_MAX ? request->wait_ms : WAIT_MS_MAX;
	int64_t until_us = vu_clock_monotonic_us() + (int64_t)wait_ms * 1000;
	int64_t last_us = vu_rpc_deadline_us(call) - MARGIN_US;

	if (vu_request_check_id("attempt_id", request->attempt_id, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	if (atomic_fetch_add(&orchestrator->watchers, 1) >= WATCHERS_MAX) {
		atomic_fetch_sub(&orchestrator->watchers, 1);
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED,
		            "%d callers watch attempts, the most allowed; try again shortly", WATCHERS_MAX);
		return;
	}
	if (until_us > last_us)
		until_us = last_us;
	vu_attempts_view(orchestrator->attempts, request->attempt_id, 0, &view);
	for (;;) {
		response.phase = find_phase(orchestrator, &view, request->known);
		if (response.phase != request->known || vu_clock_monotonic_us() >= until_us ||
		    vu_rpc_is_cancelled(call))
			break;
		vu_attempts_view(orchestrator->attempts, request->attempt_id, POLL_MS, &view);
	}
	atomic_fetch_sub(&orchestrator->watchers, 1);
	response.session_id = view.session_id;
	for (size_t i = 0; i < view.challenge_count; i++)
		challenge[i] = view.challenge[i];
	response.challenge = challenge;
	response.n_challenge = view.challenge_count;
	vu_rpc_reply(call, &response.base);
}

void vu_handle_cancel_attempt(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_orchestrator *orchestrator = context;
	const Vu__CancelAttemptRequest *request = (const Vu__CancelAttemptRequest *)message;
	Vu__Empty response = VU__EMPTY__INIT;
	vu_error error;

	if (vu_request_check_id("attempt_id", request->attempt_id, &error) != VU_OK ||
	    vu_attempts_cancel(orchestrator->attempts, request->attempt_id, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	vu_rpc_reply(call, &response.base);
}
