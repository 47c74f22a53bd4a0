/* A response as a client gets it: the frame, and its payload as the answer of the method that its length chooses. */
#include "rpc/frame.h"
#include "rpc/payload.h"
#include "rpc_services.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	vu_response_header header;
	vu_span payload;
	vu_error error;
	ProtobufCMessage *message;

	if (vu_frame_parse_response(data, size, &header, &payload, &error) != VU_OK)
		return 0;
	if (header.message.bytes > VU_ERROR_MESSAGE_MAX || payload.data + payload.bytes != data + size)
		abort();
	if (vu_payload_unpack(method_number((unsigned)size)->output, payload.data, payload.bytes, NULL, &message,
	                      &error) == VU_OK)
		protobuf_c_message_free_unpacked(message, NULL);
	return 0;
}
