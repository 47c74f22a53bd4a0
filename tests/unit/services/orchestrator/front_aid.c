/* Calls to the orchestrator's own channel of the fake suite. */
#include "front_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

front_ids front_new_ids(void)
{
	front_ids ids;
	vu_id_generate_hex(ids.attempt);
	vu_id_generate_hex(ids.session);
	return ids;
}

char *front_text(const char *constant)
{
	union {
		const char *constant;
		char *text;
	} either = {constant};
	return either.text;
}

void *front_call(const char *method, const ProtobufCMessage *request, int64_t timeout_us, vu_error *error)
{
	ProtobufCMessage *response = NULL;
	vu_call_options options = {.timeout_us = timeout_us};
	vu_channel *channel = fake_suite_channel(NULL, VU_SERVICE_ORCHESTRATOR, error);

	assert_non_null(channel);
	if (vu_channel_call(channel, &vu__orchestrator__descriptor, method, request, &response, &options, error) !=
	    VU_OK)
		return NULL;
	return response;
}

void *front_call_ok(const char *method, const ProtobufCMessage *request)
{
	vu_error error;
	void *response = front_call(method, request, 20 * FRONT_SECOND, &error);
	if (!response)
		fail_msg("%s: %s: %s", method, vu_status_name(error.status), error.message);
	return response;
}

vu_status front_call_fails(const char *method, const ProtobufCMessage *request, vu_error *error)
{
	void *response = front_call(method, request, 20 * FRONT_SECOND, error);
	if (!response)
		return error->status;
	front_free(response);
	return VU_OK;
}

void front_free(void *response)
{
	if (response)
		protobuf_c_message_free_unpacked(response, NULL);
}

Vu__AuthenticateResponse *front_authenticate(const char *user, bool microphone, int64_t timeout_us)
{
	front_ids ids = front_new_ids();
	Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;
	vu_error error;
	Vu__AuthenticateResponse *response;

	request.attempt_id = ids.attempt;
	request.user = front_text(user);
	if (!microphone)
		request.session_id = ids.session;
	response = front_call("Authenticate", &request.base, timeout_us, &error);
	if (!response)
		fail_msg("Authenticate: %s: %s", vu_status_name(error.status), error.message);
	return response;
}
