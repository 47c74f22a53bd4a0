/* Reflection over a socket, and JSON to wire bytes and back by what it says. */
#include "rpc_aid.h"

#include "rpc/json.h"
#include "voiceunlock/v1/models.pb-c.h"
#include "voiceunlock/v1/rpc.pb-c.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000

static rpc_aid aid;
static vu_rpc_server *models_server;
static vu_channel *channel;
static Vu__DescribeResponse *schema;

/* Capture and Models in one server, described over the wire once. */
static int setup(void **state)
{
	static const vu_rpc_service models = {&vu__models__descriptor, NULL, 0, NULL};
	Vu__DescribeRequest request = VU__DESCRIBE_REQUEST__INIT;
	vu_rpc_server_config config = {.service = "both", .endpoint = &aid.endpoint};
	vu_call_options options = {.timeout_us = 20 * SECOND, .wait_for_ready = true};
	vu_error error;
	(void)state;

	rpc_aid_init(&aid);
	aid.service.descriptor = &vu__capture__descriptor;
	if (vu_rpc_server_create(&config, &models_server, &error) != VU_OK ||
	    vu_rpc_server_add(models_server, &models, &error) != VU_OK ||
	    vu_rpc_server_add(models_server, &aid.service, &error) != VU_OK ||
	    vu_rpc_server_listen(models_server, &error) != VU_OK)
		return 1;
	channel = rpc_aid_channel(&aid);
	return vu_channel_call(channel, &vu__reflection__descriptor, "Describe", &request.base,
	                       (ProtobufCMessage **)&schema, &options, &error) != VU_OK;
}

static int teardown(void **state)
{
	(void)state;
	protobuf_c_message_free_unpacked(&schema->base, NULL);
	vu_channel_destroy(channel);
	vu_rpc_server_destroy(models_server);
	rpc_aid_fini(&aid);
	return 0;
}

/* JSON to wire, unpacked by the real descriptor. */
static ProtobufCMessage *read_json(const ProtobufCMessageDescriptor *descriptor, const char *json)
{
	uint8_t *wire;
	size_t bytes;
	vu_error error = {VU_OK, ""};
	ProtobufCMessage *message;

	if (vu_rpc_json_to_wire(schema, descriptor->name, json, &wire, &bytes, &error) != VU_OK)
		fail_msg("%s", error.message);
	message = protobuf_c_message_unpack(descriptor, NULL, bytes, wire);
	free(wire);
	assert_non_null(message);
	return message;
}

static char *write_json(const ProtobufCMessage *message)
{
	size_t bytes = protobuf_c_message_get_packed_size(message);
	uint8_t *wire = malloc(bytes + 1);
	vu_error error = {VU_OK, ""};
	char *json;

	protobuf_c_message_pack(message, wire);
	if (vu_rpc_wire_to_json(schema, message->descriptor->name, wire, bytes, &json, &error) != VU_OK)
		fail_msg("%s", error.message);
	free(wire);
	return json;
}

static void refuses(const char *message, const char *json, vu_status expected, const char *reason)
{
	uint8_t *wire;
	size_t bytes;
	vu_error error;
	assert_int_equal(vu_rpc_json_to_wire(schema, message, json, &wire, &bytes, &error), expected);
	assert_null(wire);
	if (!strstr(error.message, reason))
		fail_msg("\"%s\" is not in: %s", reason, error.message);
}

static void reflection_lists_services_methods_and_types(void **state)
{
	const Vu__MethodSchema *method = NULL;
	char name[VU_RPC_METHOD_NAME_MAX + 1];
	unsigned found = 0;
	vu_error error;
	(void)state;

	assert_int_equal(schema->n_services, 4);
	for (size_t i = 0; i < schema->n_messages; i++) {
		const Vu__MessageSchema *m = schema->messages[i];
		found += strcmp(m->name, "voiceunlock.v1.UserKey") == 0;
		if (strcmp(m->name, "voiceunlock.v1.ReadResponse") == 0) {
			assert_int_equal(m->n_fields, 3);
			assert_string_equal(m->fields[1]->name, "pcm_s16le");
			assert_string_equal(m->fields[1]->type, "bytes");
			assert_int_equal(m->fields[1]->number, 2);
			assert_string_equal(m->fields[2]->type_name, "voiceunlock.v1.SessionInfo");
			found++;
		}
	}
	assert_int_equal(found, 2);
	assert_int_equal(vu_rpc_schema_find_method(schema, "Reflection/Describe", &method, name, sizeof name, &error),
	                 VU_OK);
	assert_true(method->idempotent);
}

static void methods_are_found_by_short_and_full_names(void **state)
{
	const Vu__MethodSchema *method;
	char name[VU_RPC_METHOD_NAME_MAX + 1];
	vu_error error;
	(void)state;

	assert_int_equal(vu_rpc_schema_find_method(schema, "Models/Score", &method, name, sizeof name, &error),
	                 VU_OK);
	assert_string_equal(name, "/voiceunlock.v1.Models/Score");
	assert_string_equal(method->input, "voiceunlock.v1.ScoreRequest");
	assert_int_equal(
	    vu_rpc_schema_find_method(schema, "/grpc.health.v1.Health/Check", &method, name, sizeof name, &error),
	    VU_OK);
	assert_string_equal(name, "/grpc.health.v1.Health/Check");
	assert_int_equal(vu_rpc_schema_find_method(schema, "Models/Skore", &method, name, sizeof name, &error),
	                 VU_NOT_FOUND);
	assert_non_null(strstr(error.message, "did you mean \"Score\""));
	assert_int_equal(vu_rpc_schema_find_method(schema, "Model/Score", &method, name, sizeof name, &error),
	                 VU_NOT_FOUND);
	assert_non_null(strstr(error.message, "did you mean \"Models\""));
	assert_int_equal(vu_rpc_schema_find_method(schema, "Score", &method, name, sizeof name, &error),
	                 VU_INVALID_ARGUMENT);
	assert_int_equal(vu_rpc_schema_find_method(schema, "a/b/c", &method, name, sizeof name, &error),
	                 VU_INVALID_ARGUMENT);
	assert_int_equal(vu_rpc_schema_find_method(schema, "Models/Score", &method, name, 10, &error),
	                 VU_OUT_OF_RANGE);
}

static void json_becomes_the_message_it_says(void **state)
{
	Vu__ScoreRequest *score = (Vu__ScoreRequest *)read_json(
	    &vu__score_request__descriptor, "{\"key\": {\"namespace\": \"n\", \"user\": \"J\\u00f6rg\"}, \"level\": "
	                                    "\"strict\", \"statistics\": \"AAEC/w==\","
	                                    " \"vector\": {\"values\": [1, 2.5, -3e-2, \"NaN\", \"-Infinity\", "
	                                    "\"0.1\"], \"start_ms\": \"7\", \"end_ms\": 8.0},"
	                                    " \"quality\": {\"problem\": \"QUALITY_CLIPPED\", \"snr_db\": null}}");
	(void)state;

	assert_string_equal(score->key->namespace_, "n");
	assert_string_equal(score->key->user, "J\xc3\xb6rg");
	assert_string_equal(score->level, "strict");
	assert_int_equal(score->statistics.len, 4);
	assert_memory_equal(score->statistics.data, "\x00\x01\x02\xff", 4);
	assert_int_equal(score->vector->n_values, 6);
	assert_true(score->vector->values[0] == 1.0f);
	assert_true(score->vector->values[1] == 2.5f);
	assert_true(score->vector->values[2] == -0.03f);
	assert_true(isnan(score->vector->values[3]));
	assert_true(isinf(score->vector->values[4]) && score->vector->values[4] < 0);
	assert_true(score->vector->values[5] == 0.1f);
	assert_int_equal(score->vector->start_ms, 7);
	assert_int_equal(score->vector->end_ms, 8);
	assert_int_equal(score->quality->problem, VU__QUALITY_PROBLEM__QUALITY_CLIPPED);
	protobuf_c_message_free_unpacked(&score->base, NULL);
}

static void nothing_is_the_empty_message(void **state)
{
	static const char *const texts[] = {"", "  \n", "{}"};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		uint8_t *wire;
		size_t bytes;
		assert_int_equal(vu_rpc_json_to_wire(schema, "voiceunlock.v1.UserKey", texts[i], &wire, &bytes, NULL),
		                 VU_OK);
		assert_non_null(wire);
		assert_int_equal(bytes, 0);
		free(wire);
	}
}

static void bad_json_names_the_field(void **state)
{
	const char *score = "voiceunlock.v1.ScoreRequest";
	const char *read = "voiceunlock.v1.ReadRequest";
	(void)state;

	refuses(score, "{\"key\": {\"usr\": \"a\"}}", VU_INVALID_ARGUMENT, "did you mean \"user\"?");
	refuses(score, "{\"key\": {\"usr\": \"a\"}}", VU_INVALID_ARGUMENT, "field \"key\"");
	refuses(score, "{\"zzzzzzzz\": 1}", VU_INVALID_ARGUMENT, "no field \"zzzzzzzz\"");
	refuses(score, "{\"key\": 7}", VU_INVALID_ARGUMENT, "field \"key\" must be an object");
	refuses(score, "{\"level\": 7}", VU_INVALID_ARGUMENT, "field \"level\" must be a text");
	refuses(score, "{\"level\": \"a\\u0000b\"}", VU_INVALID_ARGUMENT, "");
	refuses(score, "{\"vector\": {\"values\": 3}}", VU_INVALID_ARGUMENT,
	        "field \"vector.values\" must be a list");
	refuses(score, "{\"vector\": {\"values\": [true]}}", VU_INVALID_ARGUMENT,
	        "field \"vector.values\" must be a number");
	refuses(score, "{\"vector\": {\"values\": [1e39]}}", VU_INVALID_ARGUMENT, "range of float");
	refuses(score, "{\"vector\": {\"values\": [\"0x10\"]}}", VU_INVALID_ARGUMENT, "must be a number");
	refuses(score, "{\"statistics\": \"A\"}", VU_INVALID_ARGUMENT, "base64");
	refuses(score, "{\"statistics\": \"A*==\"}", VU_INVALID_ARGUMENT, "no base64");
	refuses(score, "{\"statistics\": \"AAAA====\"}", VU_INVALID_ARGUMENT, "base64");
	refuses(score, "{\"quality\": {\"problem\": \"QUALITY_CLIPED\"}}", VU_INVALID_ARGUMENT, "QUALITY_CLIPPED");
	refuses(score, "{\"quality\": {\"problem\": true}}", VU_INVALID_ARGUMENT, "name of a value");
	refuses(read, "{\"offset\": -1}", VU_INVALID_ARGUMENT, "field \"offset\" must not be negative");
	refuses(read, "{\"offset\": 1.5}", VU_INVALID_ARGUMENT, "whole number");
	refuses(read, "{\"offset\": \"12x\"}", VU_INVALID_ARGUMENT, "whole number");
	refuses(read, "{\"offset\": \"18446744073709551616\"}", VU_INVALID_ARGUMENT, "whole number");
	refuses(read, "{\"wait_ms\": 4294967296}", VU_INVALID_ARGUMENT, "range of uint32");
	refuses(read, "[]", VU_INVALID_ARGUMENT, "must be an object");
	refuses(read, "{\"wait_ms\": 1, \"wait_ms\": 2}", VU_INVALID_ARGUMENT, "duplicate");
	refuses(read, "{\"wait_ms\": ", VU_INVALID_ARGUMENT, "line 1");
	refuses(read, "{} x", VU_INVALID_ARGUMENT, "line 1");
	refuses(read, "{\"session_id\": \"\xff\"}", VU_INVALID_ARGUMENT, "unable to decode");
	refuses("voiceunlock.v1.Nothing", "{}", VU_NOT_FOUND, "does not describe");
}

static void messages_become_json(void **state)
{
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__SpeakerVector vector = VU__SPEAKER_VECTOR__INIT;
	Vu__ScoreRequest score = VU__SCORE_REQUEST__INIT;
	float values[] = {0.1f, NAN, 16777216.0f, -INFINITY};
	char *json;
	(void)state;

	key.user = (char *)(uintptr_t) "a\"b\\c\nd";
	vector.values = values;
	vector.n_values = 4;
	score.key = &key;
	score.vector = &vector;
	score.statistics.data = (uint8_t *)(uintptr_t) "\x00\x01\x02\xff";
	score.statistics.len = 4;
	json = write_json(&score.base);
	assert_string_equal(json, "{\n"
	                          "  \"extractor\": \"\",\n"
	                          "  \"statistics\": \"AAEC/w==\",\n"
	                          "  \"level\": \"\",\n"
	                          "  \"key\": {\n"
	                          "    \"namespace\": \"\",\n"
	                          "    \"user\": \"a\\\"b\\\\c\\nd\"\n"
	                          "  },\n"
	                          "  \"vector\": {\n"
	                          "    \"values\": [0.1, \"NaN\", 16777216.0, \"-Infinity\"],\n"
	                          "    \"start_ms\": 0,\n"
	                          "    \"end_ms\": 0\n"
	                          "  }\n"
	                          "}");
	free(json);
}

static void all_of_a_message_survives_the_way_there_and_back(void **state)
{
	Vu__SessionInfo info = VU__SESSION_INFO__INIT;
	Vu__SessionInfo *back;
	char *json;
	(void)state;

	info.state = VU__SESSION_STATE__SESSION_ENDED;
	info.end_reason = (Vu__EndReason)77; /* a number without a name */
	info.total_samples = UINT64_MAX;
	info.speech_start = INT64_MAX;
	info.speech_end = (uint64_t)INT64_MAX + 1;
	info.level_dbfs = -23.456789f;
	info.peak_dbfs = 3.4028235e38f;
	info.failure = (char *)(uintptr_t) "\xf0\x9f\x8e\xa4 tab\t\x01";
	info.failure_status = UINT32_MAX;
	json = write_json(&info.base);
	assert_non_null(strstr(json, "\"SESSION_ENDED\""));
	assert_non_null(strstr(json, "\"end_reason\": 77"));
	assert_non_null(strstr(json, "\"total_samples\": \"18446744073709551615\""));
	assert_non_null(strstr(json, "\"speech_start\": 9223372036854775807"));
	back = (Vu__SessionInfo *)read_json(&vu__session_info__descriptor, json);
	assert_int_equal(back->state, info.state);
	assert_int_equal(back->end_reason, 77);
	assert_true(back->total_samples == UINT64_MAX);
	assert_true(back->speech_start == INT64_MAX);
	assert_true(back->speech_end == (uint64_t)INT64_MAX + 1);
	assert_true(back->level_dbfs == info.level_dbfs);
	assert_true(back->peak_dbfs == info.peak_dbfs);
	assert_string_equal(back->failure, info.failure);
	assert_true(back->failure_status == UINT32_MAX);
	protobuf_c_message_free_unpacked(&back->base, NULL);
	free(json);
}

static void doubles_survive_exactly(void **state)
{
	static const double numbers[] = {0.1, 1.0 / 3.0, 1e300, 5e-324, -0.0, 123456789.123456789};
	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		Vu__DeviceInfo device = VU__DEVICE_INFO__INIT;
		Vu__DeviceInfo *back;
		char *json;
		device.default_rate = numbers[i];
		json = write_json(&device.base);
		back = (Vu__DeviceInfo *)read_json(&vu__device_info__descriptor, json);
		assert_true(back->default_rate == numbers[i]);
		protobuf_c_message_free_unpacked(&back->base, NULL);
		free(json);
	}
}

static vu_status show(const char *message, const void *wire, size_t bytes, char **json, vu_error *error)
{
	return vu_rpc_wire_to_json(schema, message, wire, bytes, json, error);
}

static void wire_bytes_may_come_in_any_legal_form(void **state)
{
	/* Floats not packed, in two runs; a message in two parts; a field twice; one that is not known. */
	static const uint8_t wire[] = {0x0a, 0x03, 0x12, 0x01, 'u',  0x0a, 0x03, 0x0a, 0x01, 'n',
	                               0x32, 0x01, 'a',  0x32, 0x01, 'b',  0xf8, 0x07, 0x05};
	static const uint8_t floats[] = {0x0d, 0, 0, 0x80, 0x3f, 0x0a, 0x04, 0, 0, 0, 0x40};
	char *json;
	vu_error error;
	(void)state;

	assert_int_equal(show("voiceunlock.v1.ScoreRequest", wire, sizeof wire, &json, &error), VU_OK);
	assert_non_null(strstr(json, "\"user\": \"u\""));
	assert_non_null(strstr(json, "\"namespace\": \"n\""));
	assert_non_null(strstr(json, "\"level\": \"b\""));
	free(json);
	assert_int_equal(show("voiceunlock.v1.SpeakerVector", floats, sizeof floats, &json, &error), VU_OK);
	assert_non_null(strstr(json, "[1.0, 2.0]"));
	free(json);
}

static void bad_wire_bytes_are_internal(void **state)
{
	static const struct {
		const char *wire;
		size_t bytes;
	} bad[] = {{"\xff", 1},
	           {"\x0a\x05"
	            "a",
	            3},
	           {"\x0a\x01\xff", 3},
	           {"\x08\x01", 2},
	           {"\x0b", 1},
	           {"\x10", 1}};
	char *json;
	vu_error error;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(show("voiceunlock.v1.ReadRequest", bad[i].wire, bad[i].bytes, &json, &error),
		                 VU_INTERNAL);
		assert_null(json);
	}
	assert_int_equal(show("voiceunlock.v1.Nothing", "", 0, &json, &error), VU_NOT_FOUND);
}

static void too_many_values_are_refused(void **state)
{
	size_t count = VU_RPC_JSON_VALUES_MAX;
	uint8_t *wire = malloc(2 * count);
	char *json;
	vu_error error;
	(void)state;
	for (size_t i = 0; i < count; i++) {
		wire[2 * i] = 0x1a;
		wire[2 * i + 1] = 0;
	}
	assert_int_equal(show("voiceunlock.v1.EnrollRequest", wire, 2 * count, &json, &error), VU_RESOURCE_EXHAUSTED);
	free(wire);
}

static void a_schema_that_lies_is_survived(void **state)
{
	Vu__FieldSchema field = VU__FIELD_SCHEMA__INIT;
	Vu__FieldSchema *fields[] = {&field};
	Vu__MessageSchema message = VU__MESSAGE_SCHEMA__INIT;
	Vu__MessageSchema *messages[] = {&message};
	Vu__DescribeResponse lies = VU__DESCRIBE_RESPONSE__INIT;
	uint8_t deep[100];
	uint8_t *wire;
	size_t bytes;
	char *json;
	vu_error error;
	(void)state;

	message.name = (char *)(uintptr_t) "M";
	message.fields = fields;
	message.n_fields = 1;
	lies.messages = messages;
	lies.n_messages = 1;
	field.name = (char *)(uintptr_t) "f";
	field.number = 1;
	field.type = (char *)(uintptr_t) "quaternion";
	assert_int_equal(vu_rpc_json_to_wire(&lies, "M", "{\"f\": 1}", &wire, &bytes, &error), VU_NOT_FOUND);
	assert_int_equal(vu_rpc_wire_to_json(&lies, "M", (const uint8_t *)"\x08\x01", 2, &json, &error), VU_OK);
	free(json);
	field.type = (char *)(uintptr_t) "message";
	field.type_name = (char *)(uintptr_t) "Missing";
	assert_int_equal(vu_rpc_json_to_wire(&lies, "M", "{\"f\": {}}", &wire, &bytes, &error), VU_NOT_FOUND);
	/* A message within itself, deeper than is allowed: each level is two bytes around the rest. */
	field.type_name = (char *)(uintptr_t) "M";
	for (size_t i = 0; i < sizeof deep; i += 2) {
		deep[i] = 0x0a;
		deep[i + 1] = (uint8_t)(sizeof deep - i - 2);
	}
	assert_int_equal(vu_rpc_wire_to_json(&lies, "M", deep, sizeof deep, &json, &error), VU_INTERNAL);
	assert_int_equal(
	    vu_rpc_json_to_wire(&lies, "M",
	                        "{\"f\":{\"f\":{\"f\":{\"f\":{\"f\":{\"f\":{\"f\":{\"f\":{\"f\":{\"f\":{\"f\":"
	                        "{\"f\":{\"f\":{\"f\":{\"f\":{\"f\":{\"f\":{}}}}}}}}}}}}}}}}}}",
	                        &wire, &bytes, &error),
	    VU_OUT_OF_RANGE);
	field.number = 0;
	assert_int_equal(vu_rpc_json_to_wire(&lies, "M", "{\"f\": {}}", &wire, &bytes, &error), VU_NOT_FOUND);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reflection_lists_services_methods_and_types),
	    cmocka_unit_test(methods_are_found_by_short_and_full_names),
	    cmocka_unit_test(json_becomes_the_message_it_says),
	    cmocka_unit_test(nothing_is_the_empty_message),
	    cmocka_unit_test(bad_json_names_the_field),
	    cmocka_unit_test(messages_become_json),
	    cmocka_unit_test(all_of_a_message_survives_the_way_there_and_back),
	    cmocka_unit_test(doubles_survive_exactly),
	    cmocka_unit_test(wire_bytes_may_come_in_any_legal_form),
	    cmocka_unit_test(bad_wire_bytes_are_internal),
	    cmocka_unit_test(too_many_values_are_refused),
	    cmocka_unit_test(a_schema_that_lies_is_survived),
	};
	rpc_aid_main(argc, argv);
	return cmocka_run_group_tests(tests, setup, teardown);
}
