/*
 * Reading and writing of protobuf wire bytes, as far as the envelope, the
 * checks of payloads and the JSON converter need it. Works on spans; never
 * allocates, never reads past the end.
 */
#ifndef VU_RPC_WIRE_H
#define VU_RPC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VU_WIRE_VARINT_BYTES_MAX 10

typedef enum vu_wire_type {
	VU_WIRE_VARINT = 0,
	VU_WIRE_FIXED64 = 1,
	VU_WIRE_BYTES = 2,
	VU_WIRE_FIXED32 = 5,
} vu_wire_type;

typedef struct vu_wire_reader {
	const uint8_t *at;
	const uint8_t *end;
} vu_wire_reader;

/* All return false when the bytes end early or are no valid encoding. */
bool vu_wire_read_varint(vu_wire_reader *reader, uint64_t *value_out);
bool vu_wire_read_fixed32(vu_wire_reader *reader, uint32_t *value_out);
bool vu_wire_read_fixed64(vu_wire_reader *reader, uint64_t *value_out);
/* Field number 1 to 2^29-1 and one of the four wire types; groups are refused. */
bool vu_wire_read_tag(vu_wire_reader *reader, uint32_t *number_out, vu_wire_type *type_out);
/* The bytes stay where they are. */
bool vu_wire_read_bytes(vu_wire_reader *reader, const uint8_t **data_out, size_t *bytes_out);
bool vu_wire_skip(vu_wire_reader *reader, vu_wire_type type);

/* True when the bytes are valid UTF-8 without NUL: what a C string can hold unchanged. */
bool vu_wire_is_text(const uint8_t *data, size_t bytes);

/* Bytes that a varint takes. */
size_t vu_wire_varint_bytes(uint64_t value);

/* Writers return the place after what they wrote; the caller has made room. */
uint8_t *vu_wire_write_varint(uint8_t *at, uint64_t value);
uint8_t *vu_wire_write_tag(uint8_t *at, uint32_t number, vu_wire_type type);
/* Tag, length and bytes; nothing when `bytes` is 0, as proto3 has it. */
uint8_t *vu_wire_write_bytes_field(uint8_t *at, uint32_t number, const void *data, size_t bytes);
/* Tag and value; nothing when the value is 0. */
uint8_t *vu_wire_write_varint_field(uint8_t *at, uint32_t number, uint64_t value);

#endif
