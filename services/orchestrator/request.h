/* Checks of what callers send, and the time they leave. Errors are INVALID_ARGUMENT with the remedy. */
#ifndef VU_ORCHESTRATOR_REQUEST_H
#define VU_ORCHESTRATOR_REQUEST_H

#include "policy.h"

#include "base/status.h"
#include "rpc/server.h"

#include <stdint.h>

/* 32 lower-case hex digits; `what` names the field. */
vu_status vu_request_check_id(const char *what, const char *id, vu_error *error);
/* The same, or empty for the microphone. */
vu_status vu_request_check_session(const char *session_id, vu_error *error);
/* Empty, or a door: see source.h. */
vu_status vu_request_check_door(const char *door, vu_error *error);
/* Empty for real users, or a name by the rules for user names. */
vu_status vu_request_check_namespace(const char *name, vu_error *error);

/*
 * When an attempt must have its verdict: a little before the call's deadline,
 * so that the caller gets "unavailable" and not silence, and no later than any
 * attempt takes that waits `speech_timeout_ms` for speech.
 */
int64_t vu_request_deadline_us(const vu_rpc_call *call, const vu_policy *policy, uint32_t speech_timeout_ms);

#endif
