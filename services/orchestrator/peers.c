/* One call to one service. Every failure is a status and a sentence in `error`. */
#include "peers.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"

#include <uv.h>

#define ROOM_PAUSE_MS 50

ProtobufCMessage *vu_peer_call(const vu_peers *peers, vu_service_id id, const ProtobufCServiceDescriptor *service,
                               const char *method, const ProtobufCMessage *request, const vu_peer_plan *plan,
                               vu_error *error)
{
	ProtobufCMessage *response = NULL;
	vu_call_options options = {
	    .timeout_us = plan->deadline_us - vu_clock_monotonic_us(),
	    .wait_for_ready = plan->wait_for_ready,
	    .idempotent = true, /* by session, attempt or request id, every method called from here is */
	    .request_id = plan->request_id,
	    .cancel = plan->cancel,
	    .metadata_key = plan->metadata_key,
	    .metadata_value = plan->metadata_value,
	};
	int64_t give_up_us = vu_clock_monotonic_us() + VU_PEER_ROOM_PATIENCE_US;
	vu_channel *channel;

	if (options.timeout_us <= 0) {
		vu_fail(error, VU_DEADLINE_EXCEEDED, "unable to ask %s for %s: no time was left", vu_service_name(id),
		        method);
		return NULL;
	}
	channel = peers->channel(peers->context, id, error);
	if (!channel)
		return NULL;
	while (vu_channel_call(channel, service, method, request, &response, &options, error) != VU_OK) {
		int64_t now_us = vu_clock_monotonic_us();
		if (!plan->waits_for_room || error->status != VU_RESOURCE_EXHAUSTED || now_us >= give_up_us)
			return NULL;
		uv_sleep(ROOM_PAUSE_MS);
		options.timeout_us = plan->deadline_us - vu_clock_monotonic_us();
		if (options.timeout_us <= 0 || (plan->cancel && vu_cancel_is_triggered(plan->cancel)))
			return NULL;
	}
	return response;
}

size_t vu_peer_tell_all(const vu_peers *peers, vu_service_id id, const ProtobufCServiceDescriptor *service,
                        const char *method, const ProtobufCMessage *request, int64_t timeout_us, bool wait_for_ready,
                        void (*take)(void *context, const ProtobufCMessage *response), void *context, vu_error *error)
{
	vu_channel *parts[VU_CONFIG_ENDPOINTS_MAX];
	vu_channel *channel = peers->channel(peers->context, id, error);
	uint8_t request_id[VU_ID_BYTES];
	size_t count;
	size_t answered = 0;

	if (!channel)
		return 0;
	/* Two endpoints may lead to one server. */
	vu_id_generate(request_id);
	count = vu_channel_parts(channel, parts, VU_CONFIG_ENDPOINTS_MAX);
	for (size_t i = 0; i < count && i < VU_CONFIG_ENDPOINTS_MAX; i++) {
		vu_call_options options = {.timeout_us = timeout_us,
		                           .wait_for_ready = wait_for_ready,
		                           .idempotent = true,
		                           .request_id = request_id};
		ProtobufCMessage *response = NULL;
		vu_error reason;
		if (vu_channel_call(parts[i], service, method, request, &response, &options, &reason) == VU_OK) {
			take(context, response);
			vu_peer_free(response);
			answered++;
			continue;
		}
		if (i == 0)
			*error = reason;
		if (count > 1)
			vu_log_warn("%s", reason.message);
	}
	return answered;
}

void vu_peer_free(ProtobufCMessage *response)
{
	if (response)
		protobuf_c_message_free_unpacked(response, NULL);
}
