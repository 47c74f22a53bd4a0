/* Headers from and to bytes. What does not parse exactly is refused with the reason; nothing is guessed. */
#include "rpc/frame.h"

#include "rpc/wire.h"

#include <string.h>

/* Field numbers of rpc.proto. */
enum {
	REQUEST_METHOD = 1,
	REQUEST_ID = 2,
	REQUEST_TIMEOUT = 3,
	REQUEST_ATTEMPT = 4,
	REQUEST_CALLER = 5,
	REQUEST_METADATA = 6
};
enum { RESPONSE_STATUS = 1, RESPONSE_MESSAGE = 2, RESPONSE_DETAILS = 3, RESPONSE_SERVER_TIME = 4 };
enum { METADATA_KEY = 1, METADATA_VALUE = 2 };

static vu_status malformed(vu_error *error, const char *what)
{
	return vu_fail(error, VU_INTERNAL, "unable to parse the message: %s", what);
}

/* Splits a frame into header and payload. */
static vu_status split(const void *frame, size_t bytes, vu_wire_reader *header_out, vu_span *payload_out,
                       vu_error *error)
{
	const uint8_t *data = frame;
	size_t header_bytes;

	if (bytes < VU_FRAME_PREFIX_BYTES)
		return malformed(error, "it is shorter than its length prefix");
	header_bytes = (size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16 | (size_t)data[3] << 24;
	if (header_bytes > VU_FRAME_HEADER_BYTES_MAX)
		return malformed(error, "its header is over the limit");
	if (header_bytes > bytes - VU_FRAME_PREFIX_BYTES)
		return malformed(error, "its header is cut off");
	header_out->at = data + VU_FRAME_PREFIX_BYTES;
	header_out->end = header_out->at + header_bytes;
	payload_out->data = header_out->end;
	payload_out->bytes = bytes - VU_FRAME_PREFIX_BYTES - header_bytes;
	return VU_OK;
}

static bool read_text(vu_wire_reader *reader, vu_wire_type type, size_t bytes_max, vu_span *out)
{
	return type == VU_WIRE_BYTES && vu_wire_read_bytes(reader, &out->data, &out->bytes) &&
	       out->bytes <= bytes_max && vu_wire_is_text(out->data, out->bytes);
}

static bool read_uint32(vu_wire_reader *reader, vu_wire_type type, uint32_t *out)
{
	uint64_t value;
	if (type != VU_WIRE_VARINT || !vu_wire_read_varint(reader, &value) || value > UINT32_MAX)
		return false;
	*out = (uint32_t)value;
	return true;
}

/* Remembers in `seen` that a field came; false when it came before. */
static bool first_time(unsigned *seen, uint32_t number)
{
	unsigned bit = number < 32 ? 1u << number : 0;
	if (*seen & bit)
		return false;
	*seen |= bit;
	return true;
}

static bool read_metadata(vu_wire_reader *reader, vu_wire_type type, vu_request_header *header)
{
	vu_wire_reader entry;
	const uint8_t *data;
	size_t bytes;
	unsigned seen = 0;
	unsigned index = header->metadata_count;

	if (type != VU_WIRE_BYTES || !vu_wire_read_bytes(reader, &data, &bytes) || index >= VU_RPC_METADATA_MAX)
		return false;
	entry.at = data;
	entry.end = data + bytes;
	while (entry.at < entry.end) {
		uint32_t number;
		vu_span *target;
		if (!vu_wire_read_tag(&entry, &number, &type) ||
		    (number != METADATA_KEY && number != METADATA_VALUE) || !first_time(&seen, number))
			return false;
		target = number == METADATA_KEY ? &header->metadata[index].key : &header->metadata[index].value;
		if (!read_text(&entry, type, VU_RPC_METADATA_BYTES_MAX, target))
			return false;
	}
	if (header->metadata[index].key.bytes == 0 ||
	    header->metadata[index].key.bytes + header->metadata[index].value.bytes > VU_RPC_METADATA_BYTES_MAX)
		return false;
	header->metadata_count++;
	return true;
}

vu_status vu_frame_parse_request(const void *frame, size_t bytes, vu_request_header *header_out, vu_span *payload_out,
                                 vu_error *error)
{
	vu_wire_reader reader;
	unsigned seen = 0;
	vu_status status = split(frame, bytes, &reader, payload_out, error);

	if (status)
		return status;
	memset(header_out, 0, sizeof *header_out);
	while (reader.at < reader.end) {
		uint32_t number;
		vu_wire_type type;
		vu_span id;
		bool good = false;
		if (!vu_wire_read_tag(&reader, &number, &type))
			return malformed(error, "its header is no protobuf message");
		if (number != REQUEST_METADATA && !first_time(&seen, number))
			return malformed(error, "its header repeats a field");
		switch (number) {
		case REQUEST_METHOD:
			good = read_text(&reader, type, VU_RPC_METHOD_NAME_MAX, &header_out->method);
			break;
		case REQUEST_ID:
			good = type == VU_WIRE_BYTES && vu_wire_read_bytes(&reader, &id.data, &id.bytes) &&
			       id.bytes == VU_ID_BYTES;
			if (good)
				memcpy(header_out->request_id, id.data, VU_ID_BYTES);
			break;
		case REQUEST_TIMEOUT:
			good = type == VU_WIRE_VARINT && vu_wire_read_varint(&reader, &header_out->timeout_us);
			break;
		case REQUEST_ATTEMPT:
			good = read_uint32(&reader, type, &header_out->attempt);
			break;
		case REQUEST_CALLER:
			good = read_text(&reader, type, VU_FRAME_CALLER_BYTES_MAX, &header_out->caller);
			break;
		case REQUEST_METADATA:
			good = read_metadata(&reader, type, header_out);
			break;
		default:
			return malformed(error, "its header has a field that is not known");
		}
		if (!good)
			return malformed(error, "a field of its header has a wrong type, length or text");
	}
	if (header_out->method.bytes == 0)
		return malformed(error, "its header names no method");
	if (!(seen & 1u << REQUEST_ID))
		return malformed(error, "its header has no request id");
	return VU_OK;
}

vu_status vu_frame_parse_response(const void *frame, size_t bytes, vu_response_header *header_out,
                                  vu_span *payload_out, vu_error *error)
{
	vu_wire_reader reader;
	unsigned seen = 0;
	vu_status status = split(frame, bytes, &reader, payload_out, error);

	if (status)
		return status;
	memset(header_out, 0, sizeof *header_out);
	while (reader.at < reader.end) {
		uint32_t number;
		vu_wire_type type;
		bool good = false;
		if (!vu_wire_read_tag(&reader, &number, &type))
			return malformed(error, "its header is no protobuf message");
		if (!first_time(&seen, number))
			return malformed(error, "its header repeats a field");
		switch (number) {
		case RESPONSE_STATUS:
			good = read_uint32(&reader, type, &header_out->status);
			break;
		case RESPONSE_MESSAGE:
			good = read_text(&reader, type, VU_ERROR_MESSAGE_MAX, &header_out->message);
			break;
		case RESPONSE_DETAILS:
			good = type == VU_WIRE_BYTES &&
			       vu_wire_read_bytes(&reader, &header_out->details.data, &header_out->details.bytes) &&
			       header_out->details.bytes <= VU_FRAME_DETAILS_BYTES_MAX;
			break;
		case RESPONSE_SERVER_TIME:
			good = type == VU_WIRE_VARINT && vu_wire_read_varint(&reader, &header_out->server_time_us);
			break;
		default:
			return malformed(error, "its header has a field that is not known");
		}
		if (!good)
			return malformed(error, "a field of its header has a wrong type, length or text");
	}
	return VU_OK;
}

static size_t finish_head(uint8_t *head, const uint8_t *end)
{
	size_t header_bytes = (size_t)(end - head) - VU_FRAME_PREFIX_BYTES;
	head[0] = (uint8_t)header_bytes;
	head[1] = (uint8_t)(header_bytes >> 8);
	head[2] = (uint8_t)(header_bytes >> 16);
	head[3] = (uint8_t)(header_bytes >> 24);
	return (size_t)(end - head);
}

size_t vu_frame_write_request(uint8_t head[VU_FRAME_HEAD_BYTES_MAX], const vu_request_header *header)
{
	uint8_t *at = head + VU_FRAME_PREFIX_BYTES;

	if (header->method.bytes > VU_RPC_METHOD_NAME_MAX || header->caller.bytes > VU_FRAME_CALLER_BYTES_MAX ||
	    header->metadata_count > 1)
		return 0;
	at = vu_wire_write_bytes_field(at, REQUEST_METHOD, header->method.data, header->method.bytes);
	at = vu_wire_write_bytes_field(at, REQUEST_ID, header->request_id, VU_ID_BYTES);
	at = vu_wire_write_varint_field(at, REQUEST_TIMEOUT, header->timeout_us);
	at = vu_wire_write_varint_field(at, REQUEST_ATTEMPT, header->attempt);
	at = vu_wire_write_bytes_field(at, REQUEST_CALLER, header->caller.data, header->caller.bytes);
	if (header->metadata_count == 1) {
		uint8_t entry[VU_RPC_METADATA_BYTES_MAX + 2 * (1 + VU_WIRE_VARINT_BYTES_MAX)];
		uint8_t *end = entry;
		if (header->metadata[0].key.bytes + header->metadata[0].value.bytes > VU_RPC_METADATA_BYTES_MAX)
			return 0;
		end = vu_wire_write_bytes_field(end, METADATA_KEY, header->metadata[0].key.data,
		                                header->metadata[0].key.bytes);
		end = vu_wire_write_bytes_field(end, METADATA_VALUE, header->metadata[0].value.data,
		                                header->metadata[0].value.bytes);
		at = vu_wire_write_bytes_field(at, REQUEST_METADATA, entry, (size_t)(end - entry));
	}
	return finish_head(head, at);
}

size_t vu_frame_write_response(uint8_t head[VU_FRAME_HEAD_BYTES_MAX], vu_status status, const char *message,
                               uint64_t server_time_us)
{
	uint8_t *at = head + VU_FRAME_PREFIX_BYTES;
	size_t bytes = message ? strlen(message) : 0;

	if (bytes >= VU_ERROR_MESSAGE_MAX)
		bytes = VU_ERROR_MESSAGE_MAX - 1;
	/* A message that was cut by a buffer may end within a character, and one that quotes a
	 * file name may be no UTF-8 at all: what would not parse at the other end is left out. */
	for (unsigned cut = 0; cut < 4 && bytes > 0 && !vu_wire_is_text((const uint8_t *)message, bytes); cut++)
		bytes--;
	if (bytes > 0 && !vu_wire_is_text((const uint8_t *)message, bytes)) {
		message = "the reason is no valid UTF-8";
		bytes = strlen(message);
	}
	at = vu_wire_write_varint_field(at, RESPONSE_STATUS, (uint64_t)status);
	at = vu_wire_write_bytes_field(at, RESPONSE_MESSAGE, message, bytes);
	at = vu_wire_write_varint_field(at, RESPONSE_SERVER_TIME, server_time_us);
	return finish_head(head, at);
}
