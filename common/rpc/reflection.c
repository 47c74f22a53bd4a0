/*
 * Describes every service of this server, with all messages and enums that
 * they reach, from the descriptors that protobuf-c generated.
 */
#include "rpc/reflection.h"

#include "rpc/server_internal.h"

#include <stdlib.h>
#include <string.h>

static const char *const TYPE_NAMES[] = {
    [PROTOBUF_C_TYPE_INT32] = "int32",       [PROTOBUF_C_TYPE_SINT32] = "sint32",
    [PROTOBUF_C_TYPE_SFIXED32] = "sfixed32", [PROTOBUF_C_TYPE_INT64] = "int64",
    [PROTOBUF_C_TYPE_SINT64] = "sint64",     [PROTOBUF_C_TYPE_SFIXED64] = "sfixed64",
    [PROTOBUF_C_TYPE_UINT32] = "uint32",     [PROTOBUF_C_TYPE_FIXED32] = "fixed32",
    [PROTOBUF_C_TYPE_UINT64] = "uint64",     [PROTOBUF_C_TYPE_FIXED64] = "fixed64",
    [PROTOBUF_C_TYPE_FLOAT] = "float",       [PROTOBUF_C_TYPE_DOUBLE] = "double",
    [PROTOBUF_C_TYPE_BOOL] = "bool",         [PROTOBUF_C_TYPE_ENUM] = "enum",
    [PROTOBUF_C_TYPE_STRING] = "string",     [PROTOBUF_C_TYPE_BYTES] = "bytes",
    [PROTOBUF_C_TYPE_MESSAGE] = "message",
};

/* Descriptors found so far, in the order of finding. */
typedef struct found {
	const void **items;
	size_t count;
	size_t room;
} found;

/* False when out of memory. */
static bool remember(found *list, const void *item)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i] == item)
			return true;
	}
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 32;
		const void **grown = realloc(list->items, room * sizeof *grown);
		if (!grown)
			return false;
		list->items = grown;
		list->room = room;
	}
	list->items[list->count++] = item;
	return true;
}

/* Everything below is freed as one, whatever was reached. */
void vu_reflection_free(Vu__DescribeResponse *response)
{
	for (size_t i = 0; i < response->n_services; i++) {
		for (size_t k = 0; k < response->services[i]->n_methods; k++)
			free(response->services[i]->methods[k]);
		free(response->services[i]->methods);
		free(response->services[i]);
	}
	for (size_t i = 0; i < response->n_messages; i++) {
		for (size_t k = 0; k < response->messages[i]->n_fields; k++)
			free(response->messages[i]->fields[k]);
		free(response->messages[i]->fields);
		free(response->messages[i]);
	}
	for (size_t i = 0; i < response->n_enums; i++) {
		for (size_t k = 0; k < response->enums[i]->n_values; k++)
			free(response->enums[i]->values[k]);
		free(response->enums[i]->values);
		free(response->enums[i]);
	}
	free(response->services);
	free(response->messages);
	free(response->enums);
}

/* protobuf-c wants char * for names that are never written to. */
static char *name_of(const char *constant)
{
	return (char *)(uintptr_t)constant;
}

static bool is_idempotent(const vu_rpc_service *service, const char *method)
{
	for (size_t i = 0; i < service->method_count; i++) {
		if (strcmp(service->methods[i].name, method) == 0)
			return service->methods[i].flags & VU_RPC_IDEMPOTENT;
	}
	return false;
}

static bool describe_service(const vu_rpc_service *service, Vu__ServiceSchema **out, found *messages)
{
	const ProtobufCServiceDescriptor *descriptor = service->descriptor;
	Vu__ServiceSchema *schema = malloc(sizeof *schema);

	*out = schema;
	if (!schema)
		return false;
	vu__service_schema__init(schema);
	schema->name = name_of(descriptor->name);
	schema->methods = calloc(descriptor->n_methods + 1, sizeof *schema->methods);
	if (!schema->methods)
		return false;
	for (unsigned i = 0; i < descriptor->n_methods; i++) {
		const ProtobufCMethodDescriptor *method = &descriptor->methods[i];
		Vu__MethodSchema *entry = malloc(sizeof *entry);
		if (!entry)
			return false;
		vu__method_schema__init(entry);
		schema->methods[schema->n_methods++] = entry;
		entry->name = name_of(method->name);
		entry->input = name_of(method->input->name);
		entry->output = name_of(method->output->name);
		entry->idempotent = is_idempotent(service, method->name);
		if (!remember(messages, method->input) || !remember(messages, method->output))
			return false;
	}
	return true;
}

static bool describe_message(const ProtobufCMessageDescriptor *descriptor, Vu__MessageSchema **out, found *messages,
                             found *enums)
{
	Vu__MessageSchema *schema = malloc(sizeof *schema);

	*out = schema;
	if (!schema)
		return false;
	vu__message_schema__init(schema);
	schema->name = name_of(descriptor->name);
	schema->fields = calloc(descriptor->n_fields + 1, sizeof *schema->fields);
	if (!schema->fields)
		return false;
	for (unsigned i = 0; i < descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
		Vu__FieldSchema *entry = malloc(sizeof *entry);
		if (!entry)
			return false;
		vu__field_schema__init(entry);
		schema->fields[schema->n_fields++] = entry;
		entry->name = name_of(field->name);
		entry->number = field->id;
		entry->type = name_of(TYPE_NAMES[field->type]);
		entry->repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
		if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
			const ProtobufCMessageDescriptor *inner = field->descriptor;
			entry->type_name = name_of(inner->name);
			if (!remember(messages, inner))
				return false;
		} else if (field->type == PROTOBUF_C_TYPE_ENUM) {
			const ProtobufCEnumDescriptor *inner = field->descriptor;
			entry->type_name = name_of(inner->name);
			if (!remember(enums, inner))
				return false;
		}
	}
	return true;
}

static bool describe_enum(const ProtobufCEnumDescriptor *descriptor, Vu__EnumSchema **out)
{
	Vu__EnumSchema *schema = malloc(sizeof *schema);

	*out = schema;
	if (!schema)
		return false;
	vu__enum_schema__init(schema);
	schema->name = name_of(descriptor->name);
	schema->values = calloc(descriptor->n_values + 1, sizeof *schema->values);
	if (!schema->values)
		return false;
	for (unsigned i = 0; i < descriptor->n_values; i++) {
		Vu__EnumValueSchema *entry = malloc(sizeof *entry);
		if (!entry)
			return false;
		vu__enum_value_schema__init(entry);
		schema->values[schema->n_values++] = entry;
		entry->name = name_of(descriptor->values[i].name);
		entry->number = descriptor->values[i].value;
	}
	return true;
}

static bool describe(const vu_rpc_service *const *services, size_t count, Vu__DescribeResponse *response,
                     found *messages, found *enums)
{
	response->services = calloc(count + 1, sizeof *response->services);
	if (!response->services)
		return false;
	for (size_t i = 0; i < count; i++) {
		Vu__ServiceSchema **place = &response->services[i];
		bool done = describe_service(services[i], place, messages);
		response->n_services += *place != NULL;
		if (!done)
			return false;
	}
	/* The list of messages grows while it is walked. */
	for (size_t i = 0; i < messages->count; i++) {
		Vu__MessageSchema **grown = realloc(response->messages, (i + 1) * sizeof *grown);
		bool done;
		if (!grown)
			return false;
		response->messages = grown;
		done = describe_message(messages->items[i], &grown[i], messages, enums);
		response->n_messages += grown[i] != NULL;
		if (!done)
			return false;
	}
	response->enums = calloc(enums->count + 1, sizeof *response->enums);
	if (!response->enums)
		return false;
	for (size_t i = 0; i < enums->count; i++) {
		bool done = describe_enum(enums->items[i], &response->enums[i]);
		response->n_enums += response->enums[i] != NULL;
		if (!done)
			return false;
	}
	return true;
}

vu_status vu_reflection_describe(const vu_rpc_service *const *services, size_t count, Vu__DescribeResponse *response)
{
	found messages = {NULL, 0, 0};
	found enums = {NULL, 0, 0};
	bool done = describe(services, count, response, &messages, &enums);

	free(messages.items);
	free(enums.items);
	return done ? VU_OK : VU_RESOURCE_EXHAUSTED;
}

static void on_describe(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	vu_rpc_server *server = context;
	Vu__DescribeResponse response = VU__DESCRIBE_RESPONSE__INIT;

	(void)request;
	if (vu_reflection_describe(server->services, server->service_count, &response) == VU_OK)
		vu_rpc_reply(call, &response.base);
	else
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED, "unable to describe %s: no memory", server->service);
	vu_reflection_free(&response);
}

vu_status vu_reflection_register(vu_rpc_server *server, vu_error *error)
{
	static const vu_rpc_method methods[] = {
	    {"Describe", on_describe, VU_RPC_INLINE | VU_RPC_IDEMPOTENT},
	};
	vu_rpc_service *service = &server->reflection_service;

	service->descriptor = &vu__reflection__descriptor;
	service->methods = methods;
	service->method_count = sizeof methods / sizeof *methods;
	service->context = server;
	return vu_server_add_service(server, service, true, error);
}
