/* What json_schema.c, json_to_wire.c and wire_to_json.c share. */
#ifndef VU_RPC_JSON_INTERNAL_H
#define VU_RPC_JSON_INTERNAL_H

#include "rpc/json.h"
#include "rpc/wire.h"

#include <stdbool.h>

typedef enum vu_json_kind {
	VU_JSON_INT32, /* also sint32, sfixed32 */
	VU_JSON_INT64,
	VU_JSON_UINT32, /* also fixed32 */
	VU_JSON_UINT64,
	VU_JSON_FLOAT,
	VU_JSON_DOUBLE,
	VU_JSON_BOOL,
	VU_JSON_ENUM,
	VU_JSON_STRING,
	VU_JSON_BYTES,
	VU_JSON_MESSAGE,
} vu_json_kind;

/* A field type by its name in the schema. */
typedef struct vu_json_type {
	const char *name;
	vu_json_kind kind;
	vu_wire_type wire; /* of one value, not packed */
	bool zigzag;
} vu_json_type;

/* NULL when there is no such type. */
const vu_json_type *vu_json_type_find(const char *name);
const Vu__MessageSchema *vu_json_message_find(const Vu__DescribeResponse *schema, const char *name);
const Vu__EnumSchema *vu_json_enum_find(const Vu__DescribeResponse *schema, const char *name);

#endif
