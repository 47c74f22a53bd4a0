/* Checks of requests. */
#include "request.h"

#include "source.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/user_name.h"

#include <string.h>

/* For opening a device, restarts in the middle and computing, on top of listening. */
#define SERVICE_TIME_MS 15000
/* For storing the attempt on a slow disk and answering. */
#define MARGIN_US_MAX 500000

vu_status vu_request_check_id(const char *what, const char *id, vu_error *error)
{
	if (vu_id_is_hex(id))
		return VU_OK;
	return vu_fail(error, VU_INVALID_ARGUMENT, "%s must be 32 lower-case hex digits, chosen at random", what);
}

vu_status vu_request_check_session(const char *session_id, vu_error *error)
{
	if (!*session_id || vu_id_is_hex(session_id))
		return VU_OK;
	return vu_fail(error, VU_INVALID_ARGUMENT,
	               "session_id must be that of an uploaded session (32 lower-case hex digits), or empty for the "
	               "microphone");
}

vu_status vu_request_check_door(const char *door, vu_error *error)
{
	static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/_@+-";

	if (strlen(door) <= VU_SOURCE_DOOR_MAX && door[strspn(door, ALLOWED)] == '\0')
		return VU_OK;
	return vu_fail(error, VU_INVALID_ARGUMENT,
	               "door must be the PAM service and the terminal, of at most %d letters, digits and \".:/_@+-\"",
	               VU_SOURCE_DOOR_MAX);
}

vu_status vu_request_check_namespace(const char *name, vu_error *error)
{
	vu_error reason;

	if (!*name || vu_user_name_check(name, &reason) == VU_OK)
		return VU_OK;
	return vu_fail(
	    error, VU_INVALID_ARGUMENT,
	    "the namespace is not valid: it follows the rules for user names, of which it breaks this one: %s",
	    reason.message);
}

int64_t vu_request_deadline_us(const vu_rpc_call *call, const vu_policy *policy, uint32_t speech_timeout_ms)
{
	int64_t now_us = vu_clock_monotonic_us();
	int64_t left_us = vu_rpc_deadline_us(call) - now_us;
	int64_t margin_us = left_us / 4 < MARGIN_US_MAX ? left_us / 4 : MARGIN_US_MAX;
	int64_t longest_us = ((int64_t)speech_timeout_ms + policy->max_duration_ms + SERVICE_TIME_MS) * 1000;

	left_us -= margin_us;
	return now_us + (left_us < longest_us ? left_us : longest_us);
}
