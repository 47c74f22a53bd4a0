/*
 * A request as a server gets it: the frame, and its payload as the request of
 * whatever method it names, or of the one that its length chooses. What
 * unpacks must pack again to something that unpacks.
 */
#include "rpc/frame.h"
#include "rpc/payload.h"
#include "rpc_services.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *named(const vu_span *method, size_t size)
{
	char name[VU_RPC_METHOD_NAME_MAX + 1];
	for (unsigned i = 0; i < SERVICE_COUNT; i++) {
		for (unsigned k = 0; k < SERVICES[i]->n_methods; k++) {
			snprintf(name, sizeof name, "/%s/%s", SERVICES[i]->name, SERVICES[i]->methods[k].name);
			if (strlen(name) == method->bytes && memcmp(name, method->data, method->bytes) == 0)
				return SERVICES[i]->methods[k].input;
		}
	}
	return method_number((unsigned)size)->input;
}

static void again(const ProtobufCMessageDescriptor *descriptor, const ProtobufCMessage *message)
{
	size_t bytes = protobuf_c_message_get_packed_size(message);
	uint8_t *wire = malloc(bytes + 1);
	ProtobufCMessage *second;
	vu_status status;

	protobuf_c_message_pack(message, wire);
	status = vu_payload_unpack(descriptor, wire, bytes, NULL, &second, NULL);
	/* Unknown fields are packed again after the known ones and may have been half of something known. */
	if (status == VU_OK)
		protobuf_c_message_free_unpacked(second, NULL);
	else if (message->n_unknown_fields == 0 && status != VU_RESOURCE_EXHAUSTED)
		abort();
	free(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static vu_payload_arena arena;
	const ProtobufCMessageDescriptor *descriptor;
	ProtobufCMessage *message;
	vu_request_header header;
	vu_span payload;
	vu_error error;

	if (vu_frame_parse_request(data, size, &header, &payload, &error) != VU_OK)
		return 0;
	if (header.method.bytes > VU_RPC_METHOD_NAME_MAX || header.metadata_count > VU_RPC_METADATA_MAX ||
	    payload.data + payload.bytes != data + size)
		abort();
	descriptor = named(&header.method, size);
	vu_payload_arena_init(&arena);
	if (vu_payload_unpack(descriptor, payload.data, payload.bytes, &arena, &message, &error) != VU_OK)
		return 0;
	again(descriptor, message);
	protobuf_c_message_free_unpacked(message, &arena.allocator);
	return 0;
}
