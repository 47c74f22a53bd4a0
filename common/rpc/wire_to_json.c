/*
 * Wire bytes to JSON: first into a tree, since fields come in any order and
 * repeatedly, then to text with the shortest numbers that read back the same.
 */
#include "rpc/json_internal.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
	const Vu__DescribeResponse *schema;
	const char *reason; /* set on failure */
	vu_status status;
	unsigned depth;
	size_t values_left;
} reader;

static json_t *fail(reader *r, vu_status status, const char *reason)
{
	if (!r->reason) {
		r->status = status;
		r->reason = reason;
	}
	return NULL;
}

/* The same where a bool is wanted. */
static bool refuse(reader *r, vu_status status, const char *reason)
{
	(void)fail(r, status, reason);
	return false;
}

/* Counts a value and passes it on; NULL is a failure for want of memory. */
static json_t *counted(reader *r, json_t *value)
{
	if (!value)
		return fail(r, VU_RESOURCE_EXHAUSTED, "there is no memory for it");
	if (r->values_left == 0) {
		json_decref(value);
		return fail(r, VU_RESOURCE_EXHAUSTED, "it has too many values");
	}
	r->values_left--;
	return value;
}

static json_t *from_real(double number)
{
	if (isnan(number))
		return json_string("NaN");
	if (isinf(number))
		return json_string(number < 0 ? "-Infinity" : "Infinity");
	return json_real(number);
}

/* The double whose shortest text is the float's. */
static double widen(float number)
{
	char text[32];
	for (int digits = 6; digits <= 9; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, (double)number);
		if (strtof(text, NULL) == number)
			return strtod(text, NULL);
	}
	return (double)number;
}

static json_t *from_integer(const vu_json_type *type, uint64_t bits)
{
	char text[24];

	if (type->zigzag)
		bits = bits >> 1 ^ ((bits & 1) ? UINT64_MAX : 0);
	switch (type->kind) {
	case VU_JSON_INT32:
		return json_integer((int32_t)(uint32_t)bits);
	case VU_JSON_INT64:
		return json_integer((int64_t)bits);
	case VU_JSON_UINT32:
		return json_integer((json_int_t)(uint32_t)bits);
	default:
		if (bits <= INT64_MAX)
			return json_integer((json_int_t)bits);
		snprintf(text, sizeof text, "%llu", (unsigned long long)bits);
		return json_string(text);
	}
}

static json_t *from_enum(const reader *r, const Vu__FieldSchema *field, uint64_t bits)
{
	const Vu__EnumSchema *schema = vu_json_enum_find(r->schema, field->type_name);
	int32_t number = (int32_t)(uint32_t)bits;

	for (size_t i = 0; schema && i < schema->n_values; i++) {
		if (schema->values[i]->number == number)
			return json_string(schema->values[i]->name);
	}
	return json_integer(number);
}

static json_t *from_bytes(const uint8_t *data, size_t bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t length = (bytes + 2) / 3 * 4;
	char *text = malloc(length + 1);
	char *at = text;
	json_t *value;

	if (!text)
		return NULL;
	for (size_t i = 0; i < bytes; i += 3) {
		uint32_t bits = (uint32_t)data[i] << 16;
		if (i + 1 < bytes)
			bits |= (uint32_t)data[i + 1] << 8;
		if (i + 2 < bytes)
			bits |= data[i + 2];
		*at++ = digits[bits >> 18];
		*at++ = digits[bits >> 12 & 63];
		*at++ = i + 1 < bytes ? digits[bits >> 6 & 63] : '=';
		*at++ = i + 2 < bytes ? digits[bits & 63] : '=';
	}
	value = json_stringn_nocheck(text, length);
	free(text);
	return value;
}

/* A value that is a number on the wire. NULL with r->reason on failure. */
static json_t *read_number(reader *r, const Vu__FieldSchema *field, const vu_json_type *type, vu_wire_reader *in)
{
	uint64_t bits = 0;
	uint32_t narrow = 0;
	bool good;

	if (type->wire == VU_WIRE_VARINT)
		good = vu_wire_read_varint(in, &bits);
	else if (type->wire == VU_WIRE_FIXED64)
		good = vu_wire_read_fixed64(in, &bits);
	else
		good = vu_wire_read_fixed32(in, &narrow);
	if (!good)
		return fail(r, VU_INTERNAL, "it is cut off");
	if (type->wire == VU_WIRE_FIXED32)
		bits = narrow;
	if (type->kind == VU_JSON_FLOAT) {
		float number;
		memcpy(&number, &narrow, sizeof number);
		return counted(r, from_real(widen(number)));
	}
	if (type->kind == VU_JSON_DOUBLE) {
		double number;
		memcpy(&number, &bits, sizeof number);
		return counted(r, from_real(number));
	}
	if (type->kind == VU_JSON_BOOL)
		return counted(r, json_boolean(bits != 0));
	if (type->kind == VU_JSON_ENUM)
		return counted(r, from_enum(r, field, bits));
	return counted(r, from_integer(type, bits));
}

static bool read_message(reader *r, const Vu__MessageSchema *message, vu_wire_reader *in, json_t *object);

/* An empty object of a message type. */
static json_t *new_message(reader *r, const char *type_name, const Vu__MessageSchema **message_out)
{
	*message_out = vu_json_message_find(r->schema, type_name);
	if (!*message_out)
		return fail(r, VU_NOT_FOUND, "the schema does not describe a message in it");
	return counted(r, json_object());
}

/* A value that is length-delimited on the wire. `old`: what the field holds already, for messages to merge into. */
static json_t *read_delimited(reader *r, const Vu__FieldSchema *field, const vu_json_type *type, vu_wire_reader *in,
                              json_t *old)
{
	const Vu__MessageSchema *message;
	vu_wire_reader inner;
	const uint8_t *data;
	size_t bytes;
	json_t *object;

	if (!vu_wire_read_bytes(in, &data, &bytes))
		return fail(r, VU_INTERNAL, "it is cut off");
	if (type->kind == VU_JSON_BYTES)
		return counted(r, from_bytes(data, bytes));
	if (type->kind == VU_JSON_STRING) {
		if (!vu_wire_is_text(data, bytes))
			return fail(r, VU_INTERNAL, "a text in it is no valid UTF-8");
		return counted(r, json_stringn((const char *)data, bytes));
	}
	object = new_message(r, field->type_name, &message);
	if (!object)
		return NULL;
	if (json_is_object(old))
		json_object_update(object, old);
	inner.at = data;
	inner.end = data + bytes;
	if (!read_message(r, message, &inner, object)) {
		json_decref(object);
		return NULL;
	}
	return object;
}

/* False with r->reason on failure. Takes the reference of `value`, which may be NULL after a failure. */
static bool store(reader *r, json_t *object, const Vu__FieldSchema *field, json_t *value)
{
	json_t *list;

	if (!value)
		return false;
	if (!field->repeated)
		return json_object_set_new_nocheck(object, field->name, value) == 0 ||
		       refuse(r, VU_RESOURCE_EXHAUSTED, "there is no memory for it");
	list = json_object_get(object, field->name);
	return json_array_append_new(list, value) == 0 ||
	       refuse(r, VU_RESOURCE_EXHAUSTED, "there is no memory for it");
}

static bool read_field(reader *r, const Vu__FieldSchema *field, vu_wire_type wire, vu_wire_reader *in, json_t *object)
{
	const vu_json_type *type = vu_json_type_find(field->type);
	vu_wire_reader packed;
	const uint8_t *data;
	size_t bytes;

	if (!type)
		return vu_wire_skip(in, wire) || refuse(r, VU_INTERNAL, "it is cut off");
	if (type->wire == VU_WIRE_BYTES && wire == VU_WIRE_BYTES)
		return store(r, object, field,
		             read_delimited(r, field, type, in,
		                            field->repeated ? NULL : json_object_get(object, field->name)));
	if (type->wire == wire)
		return store(r, object, field, read_number(r, field, type, in));
	if (wire != VU_WIRE_BYTES || !field->repeated)
		return refuse(r, VU_INTERNAL, "a field of it has another type than the schema says");
	if (!vu_wire_read_bytes(in, &data, &bytes))
		return refuse(r, VU_INTERNAL, "it is cut off");
	packed.at = data;
	packed.end = data + bytes;
	while (packed.at < packed.end) {
		if (!store(r, object, field, read_number(r, field, type, &packed)))
			return false;
	}
	return true;
}

/* What a field shows when it is not on the wire; messages show nothing. */
static bool put_defaults(reader *r, const Vu__MessageSchema *message, json_t *object)
{
	for (size_t i = 0; i < message->n_fields; i++) {
		const Vu__FieldSchema *field = message->fields[i];
		const vu_json_type *type = vu_json_type_find(field->type);
		json_t *value;
		if (!type || json_object_get(object, field->name))
			continue;
		if (field->repeated)
			value = json_array();
		else if (type->kind == VU_JSON_MESSAGE)
			continue;
		else if (type->kind == VU_JSON_STRING || type->kind == VU_JSON_BYTES)
			value = json_string("");
		else if (type->kind == VU_JSON_BOOL)
			value = json_false();
		else if (type->kind == VU_JSON_ENUM)
			value = from_enum(r, field, 0);
		else if (type->kind == VU_JSON_FLOAT || type->kind == VU_JSON_DOUBLE)
			value = json_real(0.0);
		else
			value = json_integer(0);
		value = counted(r, value);
		if (!value)
			return false;
		if (json_object_set_new_nocheck(object, field->name, value) != 0)
			return refuse(r, VU_RESOURCE_EXHAUSTED, "there is no memory for it");
	}
	return true;
}

static bool read_message(reader *r, const Vu__MessageSchema *message, vu_wire_reader *in, json_t *object)
{
	if (r->depth >= VU_RPC_JSON_DEPTH_MAX)
		return refuse(r, VU_INTERNAL, "it is nested too deeply");
	r->depth++;
	/* First, so that members stand in the order of the schema. */
	if (!put_defaults(r, message, object))
		return false;
	while (in->at < in->end) {
		uint32_t number;
		vu_wire_type wire;
		const Vu__FieldSchema *field = NULL;
		if (!vu_wire_read_tag(in, &number, &wire))
			return refuse(r, VU_INTERNAL, "it is no protobuf message");
		for (size_t i = 0; i < message->n_fields && !field; i++) {
			if (message->fields[i]->number == number)
				field = message->fields[i];
		}
		if (!field) {
			if (!vu_wire_skip(in, wire))
				return refuse(r, VU_INTERNAL, "it is cut off");
			continue;
		}
		if (!read_field(r, field, wire, in, object))
			return false;
	}
	r->depth--;
	return true;
}

/* ---- to text ---- */

static void print_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if (*c == '\n')
			fputs("\\n", out);
		else if (*c == '\t')
			fputs("\\t", out);
		else if (*c < 0x20 || *c == 0x7f)
			fprintf(out, "\\u%04x", *c);
		else
			fputc(*c, out);
	}
	fputc('"', out);
}

static void print_real(FILE *out, double number)
{
	char text[40];
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	/* 1 is a real too. */
	if (strspn(text, "-0123456789") == strlen(text))
		strncat(text, ".0", sizeof text - strlen(text) - 1);
	fputs(text, out);
}

static void print_indent(FILE *out, unsigned depth)
{
	fputc('\n', out);
	for (unsigned i = 0; i < depth; i++)
		fputs("  ", out);
}

static void print_value(FILE *out, const json_t *value, unsigned depth)
{
	const char *key;
	json_t *member;
	bool first = true;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		fputc('{', out);
		json_object_foreach((json_t *)(uintptr_t)value, key, member)
		{
			if (!first)
				fputc(',', out);
			first = false;
			print_indent(out, depth + 1);
			print_string(out, key);
			fputs(": ", out);
			print_value(out, member, depth + 1);
		}
		if (!first)
			print_indent(out, depth);
		fputc('}', out);
		break;
	case JSON_ARRAY:
		fputc('[', out);
		for (size_t i = 0; i < json_array_size(value); i++) {
			if (i > 0)
				fputs(", ", out);
			print_value(out, json_array_get(value, i), depth);
		}
		fputc(']', out);
		break;
	case JSON_STRING:
		print_string(out, json_string_value(value));
		break;
	case JSON_INTEGER:
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		print_real(out, json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		fputs(json_is_true(value) ? "true" : "false", out);
		break;
	case JSON_NULL:
		fputs("null", out);
		break;
	}
}

vu_status vu_rpc_wire_to_json(const Vu__DescribeResponse *schema, const char *message_name, const uint8_t *wire,
                              size_t bytes, char **json_out, vu_error *error)
{
	reader r = {.schema = schema, .values_left = VU_RPC_JSON_VALUES_MAX};
	vu_wire_reader in = {wire, wire + bytes};
	const Vu__MessageSchema *message;
	size_t text_bytes;
	json_t *object = NULL;
	FILE *out = NULL;
	vu_status status = VU_OK;

	*json_out = NULL;
	object = new_message(&r, message_name, &message);
	if (!object || !read_message(&r, message, &in, object)) {
		status = vu_fail(error, r.status, "unable to show %s as JSON: %s", message_name, r.reason);
		goto out;
	}
	out = open_memstream(json_out, &text_bytes);
	if (out)
		print_value(out, object, 0);
	if (!out || fclose(out) != 0) {
		free(*json_out);
		*json_out = NULL;
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to show %s as JSON: no memory", message_name);
	}
out:
	json_decref(object);
	return status;
}
