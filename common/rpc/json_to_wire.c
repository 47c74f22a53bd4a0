/*
 * JSON to wire bytes. Values are written in the order of the schema; a value
 * of the wrong kind, out of range or not known ends it with the field's path.
 */
#include "rpc/json_internal.h"

#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 200

typedef struct buffer {
	uint8_t *data;
	size_t used;
	size_t room;
} buffer;

typedef struct writer {
	const Vu__DescribeResponse *schema;
	vu_error *error;
	vu_status status;
	char path[PATH_BYTES]; /* of the present field: "key.user" */
	unsigned depth;
} writer;

static bool give_up(writer *w, vu_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Always false, so that it ends the caller. */
static bool give_up(writer *w, vu_status status, const char *format, ...)
{
	char reason[256];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(reason, sizeof reason, format, arguments);
	va_end(arguments);
	w->status = status;
	if (w->path[0])
		vu_fail(w->error, status, "unable to use the JSON: field \"%s\" %s", w->path, reason);
	else
		vu_fail(w->error, status, "unable to use the JSON: %s", reason);
	return false;
}

static bool reserve(writer *w, buffer *b, size_t bytes)
{
	size_t room = b->room ? b->room : 64;
	uint8_t *grown;

	if (bytes > VU_RPC_JSON_BYTES_MAX || b->used + bytes > VU_RPC_JSON_BYTES_MAX)
		return give_up(w, VU_OUT_OF_RANGE, "makes the message larger than %u bytes", VU_RPC_JSON_BYTES_MAX);
	while (room < b->used + bytes)
		room *= 2;
	if (room == b->room)
		return true;
	grown = realloc(b->data, room);
	if (!grown)
		return give_up(w, VU_RESOURCE_EXHAUSTED, "needs more memory than there is");
	b->data = grown;
	b->room = room;
	return true;
}

static bool put_varint(writer *w, buffer *b, uint64_t value)
{
	if (!reserve(w, b, VU_WIRE_VARINT_BYTES_MAX))
		return false;
	b->used = (size_t)(vu_wire_write_varint(b->data + b->used, value) - b->data);
	return true;
}

static bool put_fixed(writer *w, buffer *b, uint64_t value, size_t bytes)
{
	if (!reserve(w, b, bytes))
		return false;
	for (size_t i = 0; i < bytes; i++)
		b->data[b->used++] = (uint8_t)(value >> (8 * i));
	return true;
}

static bool put_bytes(writer *w, buffer *b, const void *data, size_t bytes)
{
	if (!put_varint(w, b, bytes) || !reserve(w, b, bytes))
		return false;
	if (bytes > 0)
		memcpy(b->data + b->used, data, bytes);
	b->used += bytes;
	return true;
}

static bool put_tag(writer *w, buffer *b, uint32_t number, vu_wire_type type)
{
	return put_varint(w, b, (uint64_t)number << 3 | (uint64_t)type);
}

/* An integer from a JSON number or a text of digits, as sign and magnitude. */
static bool read_integer(writer *w, const json_t *value, bool *negative_out, uint64_t *magnitude_out)
{
	if (json_is_integer(value)) {
		json_int_t number = json_integer_value(value);
		*negative_out = number < 0;
		*magnitude_out = number < 0 ? (uint64_t)0 - (uint64_t)number : (uint64_t)number;
		return true;
	}
	if (json_is_real(value)) {
		double number = json_real_value(value);
		if (number != floor(number) || fabs(number) > 9007199254740992.0)
			return give_up(w, VU_INVALID_ARGUMENT, "must be a whole number");
		*negative_out = number < 0;
		*magnitude_out = (uint64_t)fabs(number);
		return true;
	}
	if (json_is_string(value)) {
		const char *text = json_string_value(value);
		char *end;
		*negative_out = text[0] == '-';
		text += *negative_out;
		errno = 0;
		*magnitude_out = strtoull(text, &end, 10);
		if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0)
			return true;
	}
	return give_up(w, VU_INVALID_ARGUMENT, "must be a whole number");
}

static bool put_integer(writer *w, buffer *b, const vu_json_type *type, const json_t *value)
{
	bool negative = false;
	uint64_t magnitude = 0;
	uint64_t bits;
	bool is_signed = type->kind == VU_JSON_INT32 || type->kind == VU_JSON_INT64;
	bool is_narrow = type->kind == VU_JSON_INT32 || type->kind == VU_JSON_UINT32;
	uint64_t limit = is_narrow ? (is_signed ? (uint64_t)INT32_MAX : UINT32_MAX)
	                           : (is_signed ? (uint64_t)INT64_MAX : UINT64_MAX);

	if (!read_integer(w, value, &negative, &magnitude))
		return false;
	if (negative && !is_signed && magnitude > 0)
		return give_up(w, VU_INVALID_ARGUMENT, "must not be negative");
	if (magnitude > limit + (negative && is_signed ? 1 : 0))
		return give_up(w, VU_INVALID_ARGUMENT, "is out of the range of %s", type->name);
	bits = negative ? (uint64_t)0 - magnitude : magnitude;
	if (type->zigzag)
		bits = bits << 1 ^ (negative ? UINT64_MAX : 0);
	if (type->wire == VU_WIRE_FIXED32)
		return put_fixed(w, b, bits, 4);
	if (type->wire == VU_WIRE_FIXED64)
		return put_fixed(w, b, bits, 8);
	return put_varint(w, b, bits);
}

static bool read_real(writer *w, const json_t *value, double *out)
{
	if (json_is_number(value)) {
		*out = json_number_value(value);
		return true;
	}
	if (json_is_string(value)) {
		const char *text = json_string_value(value);
		char *end;
		if (strcmp(text, "NaN") == 0) {
			*out = NAN;
			return true;
		}
		if (strcmp(text, "Infinity") == 0 || strcmp(text, "-Infinity") == 0) {
			*out = text[0] == '-' ? -INFINITY : INFINITY;
			return true;
		}
		/* strtod would also take hexadecimal, "inf" and leading space. */
		if (text[0] != '\0' && strspn(text, "+-0123456789.eE") == strlen(text)) {
			*out = strtod(text, &end);
			if (*end == '\0' && isfinite(*out))
				return true;
		}
	}
	return give_up(w, VU_INVALID_ARGUMENT, "must be a number");
}

static bool put_real(writer *w, buffer *b, const vu_json_type *type, const json_t *value)
{
	double number = 0;
	uint64_t bits;

	if (!read_real(w, value, &number))
		return false;
	if (type->kind == VU_JSON_FLOAT) {
		float narrow = (float)number;
		uint32_t narrow_bits;
		if (isfinite(number) && !isfinite(narrow))
			return give_up(w, VU_INVALID_ARGUMENT, "is out of the range of float");
		memcpy(&narrow_bits, &narrow, sizeof narrow_bits);
		return put_fixed(w, b, narrow_bits, 4);
	}
	memcpy(&bits, &number, sizeof bits);
	return put_fixed(w, b, bits, 8);
}

static bool put_enum(writer *w, buffer *b, const Vu__FieldSchema *field, const json_t *value)
{
	const Vu__EnumSchema *schema = vu_json_enum_find(w->schema, field->type_name);
	const vu_json_type *number_type = vu_json_type_find("int32");
	const char **names;
	const char *nearest = NULL;
	const char *text;

	if (!json_is_string(value)) {
		if (json_is_integer(value))
			return put_integer(w, b, number_type, value);
		return give_up(w, VU_INVALID_ARGUMENT, "must be the name of a value");
	}
	if (!schema)
		return give_up(w, VU_NOT_FOUND, "has a type that the schema does not describe");
	text = json_string_value(value);
	for (size_t i = 0; i < schema->n_values; i++) {
		if (strcmp(schema->values[i]->name, text) == 0)
			return put_varint(w, b, (uint64_t)(int64_t)schema->values[i]->number);
	}
	names = calloc(schema->n_values + 1, sizeof *names);
	for (size_t i = 0; names && i < schema->n_values; i++)
		names[i] = schema->values[i]->name;
	if (names)
		nearest = vu_text_nearest(text, names, schema->n_values);
	if (!nearest && schema->n_values > 0)
		nearest = schema->values[0]->name;
	give_up(w, VU_INVALID_ARGUMENT, "has no value \"%.40s\"; one that it has is \"%.80s\"", text,
	        nearest ? nearest : "");
	free(names);
	return false;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

static bool put_base64(writer *w, buffer *b, const json_t *value)
{
	const char *text = json_string_value(value);
	size_t length;
	uint8_t *data;
	size_t bytes = 0;
	uint32_t bits = 0;
	bool done;

	if (!text)
		return give_up(w, VU_INVALID_ARGUMENT, "must be a text of base64");
	length = json_string_length(value);
	while (length > 0 && text[length - 1] == '=')
		length--;
	if (length % 4 == 1 || json_string_length(value) - length > 2)
		return give_up(w, VU_INVALID_ARGUMENT, "is cut-off base64");
	data = malloc(length / 4 * 3 + 3);
	if (!data)
		return give_up(w, VU_RESOURCE_EXHAUSTED, "needs more memory than there is");
	for (size_t i = 0; i < length; i++) {
		int digit = base64_digit(text[i]);
		if (digit < 0) {
			free(data);
			return give_up(w, VU_INVALID_ARGUMENT, "is no base64");
		}
		bits = bits << 6 | (uint32_t)digit;
		if (i % 4 != 0)
			data[bytes++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	done = put_bytes(w, b, data, bytes);
	free(data);
	return done;
}

static bool put_message(writer *w, buffer *b, const char *name, const json_t *value);

/* One value, without its tag. */
static bool put_value(writer *w, buffer *b, const Vu__FieldSchema *field, const vu_json_type *type,
                      const json_t *value)
{
	buffer inner = {NULL, 0, 0};
	bool done;

	switch (type->kind) {
	case VU_JSON_FLOAT:
	case VU_JSON_DOUBLE:
		return put_real(w, b, type, value);
	case VU_JSON_BOOL:
		if (!json_is_boolean(value))
			return give_up(w, VU_INVALID_ARGUMENT, "must be true or false");
		return put_varint(w, b, json_is_true(value));
	case VU_JSON_ENUM:
		return put_enum(w, b, field, value);
	case VU_JSON_STRING:
		if (!json_is_string(value))
			return give_up(w, VU_INVALID_ARGUMENT, "must be a text");
		if (strlen(json_string_value(value)) != json_string_length(value))
			return give_up(w, VU_INVALID_ARGUMENT, "must not contain a NUL character");
		return put_bytes(w, b, json_string_value(value), json_string_length(value));
	case VU_JSON_BYTES:
		return put_base64(w, b, value);
	case VU_JSON_MESSAGE:
		done = put_message(w, &inner, field->type_name, value) && put_bytes(w, b, inner.data, inner.used);
		free(inner.data);
		return done;
	default:
		return put_integer(w, b, type, value);
	}
}

static bool put_repeated(writer *w, buffer *b, const Vu__FieldSchema *field, const vu_json_type *type,
                         const json_t *array)
{
	buffer packed = {NULL, 0, 0};
	bool done = true;

	if (!json_is_array(array))
		return give_up(w, VU_INVALID_ARGUMENT, "must be a list");
	if (type->wire == VU_WIRE_BYTES) {
		for (size_t i = 0; i < json_array_size(array) && done; i++)
			done = put_tag(w, b, field->number, VU_WIRE_BYTES) &&
			       put_value(w, b, field, type, json_array_get(array, i));
		return done;
	}
	for (size_t i = 0; i < json_array_size(array) && done; i++)
		done = put_value(w, &packed, field, type, json_array_get(array, i));
	if (done && packed.used > 0)
		done = put_tag(w, b, field->number, VU_WIRE_BYTES) && put_bytes(w, b, packed.data, packed.used);
	free(packed.data);
	return done;
}

static bool refuse_unknown(writer *w, const Vu__MessageSchema *message, const json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		const char **names;
		const char *nearest = NULL;
		bool known = false;
		for (size_t i = 0; i < message->n_fields && !known; i++)
			known = strcmp(message->fields[i]->name, key) == 0;
		if (known)
			continue;
		names = calloc(message->n_fields + 1, sizeof *names);
		for (size_t i = 0; names && i < message->n_fields; i++)
			names[i] = message->fields[i]->name;
		if (names)
			nearest = vu_text_nearest(key, names, message->n_fields);
		if (nearest)
			give_up(w, VU_INVALID_ARGUMENT, "%s has no field \"%.60s\"; did you mean \"%.60s\"?",
			        message->name, key, nearest);
		else
			give_up(w, VU_INVALID_ARGUMENT, "%s has no field \"%.60s\"", message->name, key);
		free(names);
		return false;
	}
	return true;
}

static bool put_message(writer *w, buffer *b, const char *name, const json_t *value)
{
	const Vu__MessageSchema *message = vu_json_message_find(w->schema, name);
	size_t path_used = strlen(w->path);
	bool done = true;

	if (!message)
		return give_up(w, VU_NOT_FOUND, "the schema does not describe %.100s", name);
	if (!json_is_object(value))
		return give_up(w, VU_INVALID_ARGUMENT, "must be an object");
	if (w->depth >= VU_RPC_JSON_DEPTH_MAX)
		return give_up(w, VU_OUT_OF_RANGE, "is nested too deeply");
	if (!refuse_unknown(w, message, value))
		return false;
	w->depth++;
	for (size_t i = 0; i < message->n_fields && done; i++) {
		const Vu__FieldSchema *field = message->fields[i];
		const json_t *member = json_object_get(value, field->name);
		const vu_json_type *type = vu_json_type_find(field->type);
		if (!member || json_is_null(member))
			continue;
		snprintf(w->path + path_used, sizeof w->path - path_used, "%s%s", path_used ? "." : "", field->name);
		if (!type || field->number == 0)
			done = give_up(w, VU_NOT_FOUND, "has a type that is not known here");
		else if (field->repeated)
			done = put_repeated(w, b, field, type, member);
		else
			done = put_tag(w, b, field->number, type->wire) && put_value(w, b, field, type, member);
		if (done)
			w->path[path_used] = '\0';
	}
	w->depth--;
	return done;
}

vu_status vu_rpc_json_to_wire(const Vu__DescribeResponse *schema, const char *message_name, const char *json,
                              uint8_t **wire_out, size_t *bytes_out, vu_error *error)
{
	writer w = {.schema = schema, .error = error};
	buffer out = {NULL, 0, 0};
	json_error_t problem;
	json_t *root;

	*wire_out = NULL;
	*bytes_out = 0;
	if (strlen(json) > VU_RPC_JSON_BYTES_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to use the JSON: it is longer than %u bytes",
		               VU_RPC_JSON_BYTES_MAX);
	root = json[strspn(json, " \t\r\n")] == '\0' ? json_object()
	                                             : json_loads(json, JSON_REJECT_DUPLICATES, &problem);
	if (!root)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to read the JSON: line %d, column %d: %s",
		               problem.line, problem.column, problem.text);
	if (put_message(&w, &out, message_name, root) && reserve(&w, &out, 1)) {
		*wire_out = out.data;
		*bytes_out = out.used;
		out.data = NULL;
	}
	free(out.data);
	json_decref(root);
	return w.status;
}
