/* What only an administrator or an owner does: unlocking a user, exchanging the master key. */
#include "base/user_name.h"
#include "internal.h"

#include <stdio.h>
#include <string.h>

/* Each template is written anew. */
#define ROTATE_US (300 * INT64_C(1000000))

voiceunlock_code voiceunlock_unlock_user(voiceunlock_client *client, const char *user, bool *was_locked_out,
                                         voiceunlock_error *error)
{
	Vu__UnlockUserRequest request = VU__UNLOCK_USER_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	char user_copy[VU_USER_NAME_MAX + 1];
	vu_client_call_options call = {.timeout_us = VU_CLIENT_LOOKUP_US, .idempotent = true};
	vu_error inner = {.status = VU_OK};
	vu_status status = vu_user_name_check(user, &inner);

	if (status != VU_OK)
		return vu_client_return(status, &inner, error);
	strcpy(user_copy, user);
	request.user = user_copy;
	status = vu_client_call(client, VU_SERVICE_ORCHESTRATOR, &vu__orchestrator__descriptor, "UnlockUser",
	                        &request.base, &response, &call, &inner);
	if (status == VU_OK) {
		if (was_locked_out)
			*was_locked_out = ((const Vu__UnlockUserResponse *)response)->was_locked;
		protobuf_c_message_free_unpacked(response, NULL);
	}
	return vu_client_return(status, &inner, error);
}

voiceunlock_code voiceunlock_rotate_key(voiceunlock_client *client, uint32_t *templates_out, char *key_path,
                                        size_t size, voiceunlock_error *error)
{
	Vu__Empty request = VU__EMPTY__INIT;
	ProtobufCMessage *response = NULL;
	const Vu__RotateKeyResponse *answer;
	vu_client_call_options call = {.timeout_us = ROTATE_US, .idempotent = true};
	vu_error inner = {.status = VU_OK};
	vu_status status = vu_client_call(client, VU_SERVICE_MODELS, &vu__models__descriptor, "RotateKey",
	                                  &request.base, &response, &call, &inner);

	if (status == VU_OK) {
		answer = (const Vu__RotateKeyResponse *)response;
		if (templates_out)
			*templates_out = answer->templates;
		if (key_path)
			snprintf(key_path, size, "%s", answer->key_path);
		protobuf_c_message_free_unpacked(response, NULL);
	}
	return vu_client_return(status, &inner, error);
}
