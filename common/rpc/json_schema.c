/* Looking things up in a schema that came over the wire: nothing in it is taken for granted. */
#include "rpc/json_internal.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const vu_json_type TYPES[] = {
    {"int32", VU_JSON_INT32, VU_WIRE_VARINT, false},     {"sint32", VU_JSON_INT32, VU_WIRE_VARINT, true},
    {"sfixed32", VU_JSON_INT32, VU_WIRE_FIXED32, false}, {"int64", VU_JSON_INT64, VU_WIRE_VARINT, false},
    {"sint64", VU_JSON_INT64, VU_WIRE_VARINT, true},     {"sfixed64", VU_JSON_INT64, VU_WIRE_FIXED64, false},
    {"uint32", VU_JSON_UINT32, VU_WIRE_VARINT, false},   {"fixed32", VU_JSON_UINT32, VU_WIRE_FIXED32, false},
    {"uint64", VU_JSON_UINT64, VU_WIRE_VARINT, false},   {"fixed64", VU_JSON_UINT64, VU_WIRE_FIXED64, false},
    {"float", VU_JSON_FLOAT, VU_WIRE_FIXED32, false},    {"double", VU_JSON_DOUBLE, VU_WIRE_FIXED64, false},
    {"bool", VU_JSON_BOOL, VU_WIRE_VARINT, false},       {"enum", VU_JSON_ENUM, VU_WIRE_VARINT, false},
    {"string", VU_JSON_STRING, VU_WIRE_BYTES, false},    {"bytes", VU_JSON_BYTES, VU_WIRE_BYTES, false},
    {"message", VU_JSON_MESSAGE, VU_WIRE_BYTES, false},
};

const vu_json_type *vu_json_type_find(const char *name)
{
	for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
		if (strcmp(TYPES[i].name, name) == 0)
			return &TYPES[i];
	}
	return NULL;
}

const Vu__MessageSchema *vu_json_message_find(const Vu__DescribeResponse *schema, const char *name)
{
	for (size_t i = 0; i < schema->n_messages; i++) {
		if (strcmp(schema->messages[i]->name, name) == 0)
			return schema->messages[i];
	}
	return NULL;
}

const Vu__EnumSchema *vu_json_enum_find(const Vu__DescribeResponse *schema, const char *name)
{
	for (size_t i = 0; i < schema->n_enums; i++) {
		if (strcmp(schema->enums[i]->name, name) == 0)
			return schema->enums[i];
	}
	return NULL;
}

/* The part after the last dot. */
static const char *short_name(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot ? dot + 1 : name;
}

static vu_status service_not_found(const Vu__DescribeResponse *schema, const char *service, vu_error *error)
{
	const char **names = calloc(schema->n_services + 1, sizeof *names);
	const char *nearest = NULL;
	vu_status status;

	for (size_t i = 0; names && i < schema->n_services; i++)
		names[i] = short_name(schema->services[i]->name);
	if (names)
		nearest = vu_text_nearest(short_name(service), names, schema->n_services);
	if (nearest)
		status = vu_fail(error, VU_NOT_FOUND, "unable to find service \"%.100s\": did you mean \"%s\"?",
		                 service, nearest);
	else
		status = vu_fail(error, VU_NOT_FOUND, "unable to find service \"%.100s\": it is not offered here",
		                 service);
	free(names);
	return status;
}

static vu_status method_not_found(const Vu__ServiceSchema *service, const char *method, vu_error *error)
{
	const char **names = calloc(service->n_methods + 1, sizeof *names);
	const char *nearest = NULL;
	vu_status status;

	for (size_t i = 0; names && i < service->n_methods; i++)
		names[i] = service->methods[i]->name;
	if (names)
		nearest = vu_text_nearest(method, names, service->n_methods);
	if (nearest)
		status =
		    vu_fail(error, VU_NOT_FOUND, "unable to find method \"%.100s\" of %.100s: did you mean \"%s\"?",
		            method, service->name, nearest);
	else
		status =
		    vu_fail(error, VU_NOT_FOUND, "unable to find method \"%.100s\" of %.100s: it has no such method",
		            method, service->name);
	free(names);
	return status;
}

vu_status vu_rpc_schema_find_method(const Vu__DescribeResponse *schema, const char *text,
                                    const Vu__MethodSchema **method_out, char *full_method, size_t full_method_size,
                                    vu_error *error)
{
	char service_name[256];
	const char *slash;
	const Vu__ServiceSchema *service = NULL;

	if (text[0] == '/')
		text++;
	slash = strchr(text, '/');
	if (!slash || slash == text || slash[1] == '\0' || strchr(slash + 1, '/') ||
	    (size_t)(slash - text) >= sizeof service_name)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to find method \"%.100s\": write it as Service/Method, like "
		               "Models/ListUsers",
		               text);
	snprintf(service_name, sizeof service_name, "%.*s", (int)(slash - text), text);
	for (size_t i = 0; i < schema->n_services && !service; i++) {
		const char *name = schema->services[i]->name;
		if (strcmp(name, service_name) == 0 || strcmp(short_name(name), service_name) == 0)
			service = schema->services[i];
	}
	if (!service)
		return service_not_found(schema, service_name, error);
	for (size_t i = 0; i < service->n_methods; i++) {
		if (strcmp(service->methods[i]->name, slash + 1) == 0) {
			int length = snprintf(full_method, full_method_size, "/%s/%s", service->name,
			                      service->methods[i]->name);
			if (length < 0 || (size_t)length >= full_method_size)
				return vu_fail(error, VU_OUT_OF_RANGE,
				               "unable to call %.100s: its full name is too long", text);
			*method_out = service->methods[i];
			return VU_OK;
		}
	}
	return method_not_found(service, slash + 1, error);
}
