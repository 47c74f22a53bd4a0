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

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
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

/* Messages stand in the order of the wire the first time, in that of the schema the second. */
static bool says_the_same(const char *first, const char *second)
{
	json_t *a = json_loads(first, JSON_ALLOW_NUL, NULL);
	json_t *b = json_loads(second, JSON_ALLOW_NUL, NULL);
	bool same = a && b && json_equal(a, b);

	json_decref(a);
	json_decref(b);
	return same;
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
		    !says_the_same(first, second)) {
			fprintf(stderr, "%s: shown as\n%s\nand again as\n%s\n", name, first,
			        second ? second : error.message);
			abort();
		}
	} else if (error.status != VU_OUT_OF_RANGE) {
		fprintf(stderr, "%s: %s\n%s\n", name, error.message, first);
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
