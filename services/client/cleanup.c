/* Asking a service to give memory back. */
#include "internal.h"

#include <string.h>

voiceunlock_code voiceunlock_cleanup(voiceunlock_client *client, const char *service, bool aggressive,
                                     voiceunlock_cleanup_result *result_out, voiceunlock_error *error)
{
	Vu__CleanupRequest request = VU__CLEANUP_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	const Vu__CleanupResponse *answer;
	vu_client_call_options call = {.timeout_us = VU_CLIENT_LOOKUP_US, .idempotent = true};
	vu_error inner = {.status = VU_OK};
	vu_service_id id = vu_service_by_name(service);
	vu_status status;

	memset(result_out, 0, sizeof *result_out);
	if (id == VU_SERVICE_COUNT)
		return vu_client_return(vu_fail(&inner, VU_NOT_FOUND, "there is no service called '%s'", service),
		                        &inner, error);
	request.aggressive = aggressive;
	status =
	    vu_client_call(client, id, &vu__process__descriptor, "Cleanup", &request.base, &response, &call, &inner);
	if (status != VU_OK)
		return vu_client_return(status, &inner, error);
	answer = (const Vu__CleanupResponse *)response;
	result_out->freed_bytes = answer->freed_bytes;
	result_out->rss_before_bytes = answer->rss_before_bytes;
	result_out->rss_after_bytes = answer->rss_after_bytes;
	protobuf_c_message_free_unpacked(response, NULL);
	return VOICEUNLOCK_OK;
}
