/* Protobuf wire encoding. Every read is bounded by the span; a failed read leaves the reader somewhere inside it. */
#include "rpc/wire.h"

#define FIELD_NUMBER_MAX ((1u << 29) - 1)

bool vu_wire_read_varint(vu_wire_reader *reader, uint64_t *value_out)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
		uint8_t byte = *reader->at++;
		/* The tenth byte has room for one bit only. */
		if (shift == 63 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*value_out = value;
			return true;
		}
	}
	return false;
}

bool vu_wire_read_fixed32(vu_wire_reader *reader, uint32_t *value_out)
{
	if (reader->end - reader->at < 4)
		return false;
	*value_out = (uint32_t)reader->at[0] | (uint32_t)reader->at[1] << 8 | (uint32_t)reader->at[2] << 16 |
	             (uint32_t)reader->at[3] << 24;
	reader->at += 4;
	return true;
}

bool vu_wire_read_fixed64(vu_wire_reader *reader, uint64_t *value_out)
{
	uint32_t low;
	uint32_t high;
	if (reader->end - reader->at < 8 || !vu_wire_read_fixed32(reader, &low) ||
	    !vu_wire_read_fixed32(reader, &high))
		return false;
	*value_out = (uint64_t)high << 32 | low;
	return true;
}

bool vu_wire_read_tag(vu_wire_reader *reader, uint32_t *number_out, vu_wire_type *type_out)
{
	uint64_t tag;
	unsigned type;

	if (!vu_wire_read_varint(reader, &tag))
		return false;
	type = (unsigned)(tag & 7);
	tag >>= 3;
	if (tag == 0 || tag > FIELD_NUMBER_MAX)
		return false;
	if (type != VU_WIRE_VARINT && type != VU_WIRE_FIXED64 && type != VU_WIRE_BYTES && type != VU_WIRE_FIXED32)
		return false;
	*number_out = (uint32_t)tag;
	*type_out = (vu_wire_type)type;
	return true;
}

bool vu_wire_read_bytes(vu_wire_reader *reader, const uint8_t **data_out, size_t *bytes_out)
{
	uint64_t length;
	if (!vu_wire_read_varint(reader, &length) || length > (uint64_t)(reader->end - reader->at))
		return false;
	*data_out = reader->at;
	*bytes_out = (size_t)length;
	reader->at += length;
	return true;
}

bool vu_wire_skip(vu_wire_reader *reader, vu_wire_type type)
{
	const uint8_t *data;
	size_t bytes;
	uint64_t wide;
	uint32_t narrow;

	switch (type) {
	case VU_WIRE_VARINT:
		return vu_wire_read_varint(reader, &wide);
	case VU_WIRE_FIXED64:
		return vu_wire_read_fixed64(reader, &wide);
	case VU_WIRE_FIXED32:
		return vu_wire_read_fixed32(reader, &narrow);
	case VU_WIRE_BYTES:
		return vu_wire_read_bytes(reader, &data, &bytes);
	}
	return false;
}

bool vu_wire_is_text(const uint8_t *data, size_t bytes)
{
	const uint8_t *end = data + bytes;

	while (data < end) {
		unsigned lead = *data++;
		unsigned more;
		uint32_t code;
		uint32_t least;
		if (lead == 0)
			return false;
		if (lead < 0x80)
			continue;
		if (lead >= 0xc2 && lead <= 0xdf) {
			more = 1;
			code = lead & 0x1f;
			least = 0x80;
		} else if (lead >= 0xe0 && lead <= 0xef) {
			more = 2;
			code = lead & 0x0f;
			least = 0x800;
		} else if (lead >= 0xf0 && lead <= 0xf4) {
			more = 3;
			code = lead & 0x07;
			least = 0x10000;
		} else {
			return false;
		}
		if ((size_t)(end - data) < more)
			return false;
		for (; more > 0; more--, data++) {
			if ((*data & 0xc0) != 0x80)
				return false;
			code = code << 6 | (*data & 0x3fu);
		}
		if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
			return false;
	}
	return true;
}

size_t vu_wire_varint_bytes(uint64_t value)
{
	size_t bytes = 1;
	for (; value >= 0x80; value >>= 7)
		bytes++;
	return bytes;
}

uint8_t *vu_wire_write_varint(uint8_t *at, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*at++ = (uint8_t)(value | 0x80);
	*at++ = (uint8_t)value;
	return at;
}

uint8_t *vu_wire_write_tag(uint8_t *at, uint32_t number, vu_wire_type type)
{
	return vu_wire_write_varint(at, (uint64_t)number << 3 | (uint64_t)type);
}

uint8_t *vu_wire_write_bytes_field(uint8_t *at, uint32_t number, const void *data, size_t bytes)
{
	if (bytes == 0)
		return at;
	at = vu_wire_write_tag(at, number, VU_WIRE_BYTES);
	at = vu_wire_write_varint(at, bytes);
	memcpy(at, data, bytes);
	return at + bytes;
}

uint8_t *vu_wire_write_varint_field(uint8_t *at, uint32_t number, uint64_t value)
{
	if (value == 0)
		return at;
	at = vu_wire_write_tag(at, number, VU_WIRE_VARINT);
	return vu_wire_write_varint(at, value);
}
