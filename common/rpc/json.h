/*
 * JSON to protobuf wire bytes and back, by the schema that Reflection.Describe
 * returns: a caller needs no descriptor of the services it talks to.
 *
 * proto3 JSON with the field names of the .proto files: bytes are base64,
 * enums go by name, NaN and the infinities are "NaN", "Infinity" and
 * "-Infinity", 64-bit integers are numbers (an unsigned one over 2^63-1 is a
 * string). What is read may also give numbers as strings, enums as numbers and
 * null for a field that is not set. What is written has every field that is
 * not a message, set or not.
 */
#ifndef VU_RPC_JSON_H
#define VU_RPC_JSON_H

#include "base/status.h"
#include "voiceunlock/v1/rpc.pb-c.h"

#include <stddef.h>
#include <stdint.h>

/* Longest JSON text read, and most bytes of a message. */
#define VU_RPC_JSON_BYTES_MAX (8u * 1024 * 1024)
/* Deepest nesting of messages. */
#define VU_RPC_JSON_DEPTH_MAX 16
/* Most values that one message may become. */
#define VU_RPC_JSON_VALUES_MAX 500000

/*
 * The message `message_name` ("voiceunlock.v1.ScoreRequest") from JSON text;
 * empty text is an empty message. The caller frees *wire_out, which is not
 * NULL on OK. INVALID_ARGUMENT names the field and, for one that is not known,
 * the nearest that is; NOT_FOUND: no such message in the schema; OUT_OF_RANGE:
 * over the limits.
 */
vu_status vu_rpc_json_to_wire(const Vu__DescribeResponse *schema, const char *message_name, const char *json,
                              uint8_t **wire_out, size_t *bytes_out, vu_error *error);

/*
 * JSON text from wire bytes, indented, without a final newline; the caller
 * frees *json_out. Fields that the schema does not have are left out.
 * INTERNAL: the bytes do not follow the schema.
 */
vu_status vu_rpc_wire_to_json(const Vu__DescribeResponse *schema, const char *message_name, const uint8_t *wire,
                              size_t bytes, char **json_out, vu_error *error);

/*
 * The method that a person means by "Models/Score" or
 * "voiceunlock.v1.Models/Score", with or without a slash before it: its schema
 * (the schema's own) and its full name. NOT_FOUND names the nearest.
 */
vu_status vu_rpc_schema_find_method(const Vu__DescribeResponse *schema, const char *text,
                                    const Vu__MethodSchema **method_out, char *full_method, size_t full_method_size,
                                    vu_error *error);

#endif
