/*
 * JSON to wire bytes and wire bytes to JSON, by the schema of all services.
 * The first byte chooses the message and the direction. What JSON makes must
 * unpack by the real descriptor, and what is shown as JSON must read back to
 * bytes that are shown the same.
 */
#include "rpc/json.h"
#include "rpc/payload.h"
#include "rpc/reflection.h"
#include "rpc_services.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Vu__DescribeResponse schema = VU__DESCRIBE_RESPONSE__INIT;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static vu_rpc_service services[SERVICE_COUNT];
	const vu_rpc_service *list[SERVICE_COUNT];
	(void)argc;
	(void)argv;
	for (size_t i = 0; i < SERVICE_COUNT; i++) {
		services[i].descriptor = SERVICES[i];
		list[i] = &services[i];
	}
	if (vu_reflection_describe(list, SERVICE_COUNT, &schema) != VU_OK)
		abort();
	return 0;
}

static void show_twice(const char *name, const uint8_t *wire, size_t bytes)
{
	char *first = NULL;
	char *second = NULL;
	uint8_t *again = NULL;
	size_t again_bytes;
	vu_error error;

	if (vu_rpc_wire_to_json(&schema, name, wire, bytes, &first, &error) != VU_OK)
		return;
	if (vu_rpc_json_to_wire(&schema, name, first, &again, &again_bytes, &error) == VU_OK) {
		if (vu_rpc_wire_to_json(&schema, name, again, again_bytes, &second, &error) != VU_OK ||
		    strcmp(first, second) != 0)
			abort();
	} else if (error.status != VU_OUT_OF_RANGE) {
		abort();
	}
	free(first);
	free(second);
	free(again);
}

static void read_once(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size)
{
	char *json = malloc(size + 1);
	uint8_t *wire = NULL;
	size_t bytes;
	ProtobufCMessage *message;
	vu_error error;

	memcpy(json, data, size);
	json[size] = '\0';
	if (vu_rpc_json_to_wire(&schema, descriptor->name, json, &wire, &bytes, &error) == VU_OK) {
		vu_status status = vu_payload_unpack(descriptor, wire, bytes, NULL, &message, &error);
		if (status == VU_OK)
			protobuf_c_message_free_unpacked(message, NULL);
		else if (status != VU_RESOURCE_EXHAUSTED)
			abort();
		show_twice(descriptor->name, wire, bytes);
	}
	free(wire);
	free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const ProtobufCMethodDescriptor *method;

	if (size == 0)
		return 0;
	method = method_number(data[0] >> 1);
	if (data[0] & 1)
		read_once(method->input, data + 1, size - 1);
	else
		show_twice(method->output->name, data + 1, size - 1);
	return 0;
}
