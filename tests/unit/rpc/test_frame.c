/* Frames: written by hand, read by protobuf-c, and the other way round; and everything that is refused. */
#include "rpc/frame.h"

#include "voiceunlock/v1/rpc.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAME_ROOM 16384

static vu_span span_of(const char *text)
{
	return (vu_span){(const uint8_t *)text, strlen(text)};
}

/* A frame of a header that protobuf-c packs. */
static size_t frame_of(uint8_t *frame, const ProtobufCMessage *header, const void *payload, size_t payload_bytes)
{
	size_t bytes = protobuf_c_message_pack(header, frame + 4);
	frame[0] = (uint8_t)bytes;
	frame[1] = (uint8_t)(bytes >> 8);
	frame[2] = (uint8_t)(bytes >> 16);
	frame[3] = (uint8_t)(bytes >> 24);
	if (payload_bytes > 0)
		memcpy(frame + 4 + bytes, payload, payload_bytes);
	return 4 + bytes + payload_bytes;
}

static uint8_t ID[VU_ID_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static Vu__RequestHeader good_header(void)
{
	Vu__RequestHeader header = VU__REQUEST_HEADER__INIT;
	header.method = (char *)(uintptr_t) "/voiceunlock.v1.Models/Score";
	header.request_id.data = ID;
	header.request_id.len = sizeof ID;
	header.timeout_us = 1500000;
	header.attempt = 2;
	header.caller = (char *)(uintptr_t) "orchestrator";
	return header;
}

/* Parses what protobuf-c packed and expects a refusal for `reason`. */
static void refuses(const Vu__RequestHeader *header, const char *reason)
{
	uint8_t *frame = malloc(FRAME_ROOM);
	vu_request_header parsed;
	vu_span payload;
	vu_error error;
	size_t bytes = frame_of(frame, &header->base, NULL, 0);

	assert_int_equal(vu_frame_parse_request(frame, bytes, &parsed, &payload, &error), VU_INTERNAL);
	assert_non_null(strstr(error.message, reason));
	free(frame);
}

static void parses_what_protobuf_packs(void **state)
{
	Vu__RequestHeader header = good_header();
	Vu__Metadata colour = VU__METADATA__INIT;
	Vu__Metadata *metadata[] = {&colour};
	uint8_t frame[1024];
	vu_request_header parsed;
	vu_span payload;
	vu_error error;
	size_t bytes;
	(void)state;

	colour.key = (char *)(uintptr_t) "colour";
	colour.value = (char *)(uintptr_t) "blue";
	header.metadata = metadata;
	header.n_metadata = 1;
	bytes = frame_of(frame, &header.base, "xyz", 3);
	assert_int_equal(vu_frame_parse_request(frame, bytes, &parsed, &payload, &error), VU_OK);
	assert_int_equal(parsed.method.bytes, strlen(header.method));
	assert_memory_equal(parsed.method.data, header.method, parsed.method.bytes);
	assert_memory_equal(parsed.request_id, ID, VU_ID_BYTES);
	assert_int_equal(parsed.timeout_us, 1500000);
	assert_int_equal(parsed.attempt, 2);
	assert_memory_equal(parsed.caller.data, "orchestrator", parsed.caller.bytes);
	assert_int_equal(parsed.metadata_count, 1);
	assert_memory_equal(parsed.metadata[0].value.data, "blue", 4);
	assert_int_equal(payload.bytes, 3);
	assert_memory_equal(payload.data, "xyz", 3);
}

static void protobuf_unpacks_what_is_written(void **state)
{
	uint8_t head[VU_FRAME_HEAD_BYTES_MAX];
	vu_request_header header;
	Vu__RequestHeader *unpacked;
	Vu__ResponseHeader *response;
	size_t bytes;
	(void)state;

	memset(&header, 0, sizeof header);
	header.method = span_of("/a.B/C");
	memcpy(header.request_id, ID, VU_ID_BYTES);
	header.timeout_us = 7;
	header.attempt = 3;
	header.caller = span_of("cli");
	header.metadata_count = 1;
	header.metadata[0].key = span_of("last-status");
	header.metadata[0].value = span_of("2");
	bytes = vu_frame_write_request(head, &header);
	assert_true(bytes > 4);
	unpacked = vu__request_header__unpack(NULL, bytes - 4, head + 4);
	assert_non_null(unpacked);
	assert_string_equal(unpacked->method, "/a.B/C");
	assert_memory_equal(unpacked->request_id.data, ID, VU_ID_BYTES);
	assert_int_equal(unpacked->timeout_us, 7);
	assert_int_equal(unpacked->attempt, 3);
	assert_string_equal(unpacked->caller, "cli");
	assert_int_equal(unpacked->n_metadata, 1);
	assert_string_equal(unpacked->metadata[0]->key, "last-status");
	assert_string_equal(unpacked->metadata[0]->value, "2");
	vu__request_header__free_unpacked(unpacked, NULL);

	bytes = vu_frame_write_response(head, VU_NOT_FOUND, "no such thing", 42);
	response = vu__response_header__unpack(NULL, bytes - 4, head + 4);
	assert_non_null(response);
	assert_int_equal(response->status, VU_NOT_FOUND);
	assert_string_equal(response->message, "no such thing");
	assert_int_equal(response->server_time_us, 42);
	vu__response_header__free_unpacked(response, NULL);
}

static void cut_frames_are_refused_at_every_length(void **state)
{
	Vu__RequestHeader header = good_header();
	uint8_t frame[1024];
	size_t bytes = frame_of(frame, &header.base, NULL, 0);
	(void)state;

	for (size_t cut = 0; cut < bytes; cut++) {
		/* A copy of just so many bytes, so that a sanitizer sees a read past them. */
		uint8_t *piece = malloc(cut + 1);
		vu_request_header parsed;
		vu_span payload;
		vu_error error;
		memcpy(piece, frame, cut);
		assert_int_equal(vu_frame_parse_request(piece, cut, &parsed, &payload, &error), VU_INTERNAL);
		free(piece);
	}
}

static void bad_headers_are_refused(void **state)
{
	Vu__RequestHeader header;
	Vu__Metadata entry = VU__METADATA__INIT;
	Vu__Metadata *nine[9];
	char text[400];
	(void)state;

	header = good_header();
	header.method = (char *)(uintptr_t) "";
	refuses(&header, "names no method");

	header = good_header();
	memset(text, 'm', sizeof text);
	text[VU_RPC_METHOD_NAME_MAX + 1] = '\0';
	header.method = text;
	refuses(&header, "wrong type, length or text");

	header = good_header();
	header.method = (char *)(uintptr_t) "/a\xff/b";
	refuses(&header, "wrong type, length or text");

	header = good_header();
	header.request_id.len = 15;
	refuses(&header, "wrong type, length or text");

	header = good_header();
	header.request_id.len = 0;
	refuses(&header, "no request id");

	header = good_header();
	header.caller = (char *)(uintptr_t) "\xc0\x80";
	refuses(&header, "wrong type, length or text");

	header = good_header();
	memset(text, 'v', sizeof text);
	text[VU_RPC_METADATA_BYTES_MAX] = '\0';
	entry.key = (char *)(uintptr_t) "k";
	entry.value = text;
	nine[0] = &entry;
	header.metadata = nine;
	header.n_metadata = 1;
	refuses(&header, "wrong type, length or text");

	entry.value = (char *)(uintptr_t) "v";
	for (int i = 0; i < 9; i++)
		nine[i] = &entry;
	header.n_metadata = 9;
	refuses(&header, "wrong type, length or text");

	entry.key = (char *)(uintptr_t) "";
	header.n_metadata = 1;
	refuses(&header, "wrong type, length or text");
}

/* A good header with `extra` bytes after it, still inside the header. */
static vu_status parse_with(const uint8_t *extra, size_t extra_bytes, vu_error *error)
{
	Vu__RequestHeader header = good_header();
	uint8_t frame[1024];
	vu_request_header parsed;
	vu_span payload;
	size_t bytes = frame_of(frame, &header.base, extra, extra_bytes);

	frame[0] = (uint8_t)(frame[0] + extra_bytes);
	return vu_frame_parse_request(frame, bytes, &parsed, &payload, error);
}

static void unknown_and_repeated_fields_are_refused(void **state)
{
	const uint8_t unknown[] = {0x78, 0x01};          /* field 15 */
	const uint8_t repeated[] = {0x20, 0x05};         /* attempt again */
	const uint8_t wrong_type[] = {0x25, 1, 2, 3, 4}; /* attempt as fixed32, and again */
	const uint8_t group[] = {0x0b};
	vu_error error;
	(void)state;

	assert_int_equal(parse_with(unknown, 0, &error), VU_OK);
	assert_int_equal(parse_with(unknown, sizeof unknown, &error), VU_INTERNAL);
	assert_non_null(strstr(error.message, "not known"));
	assert_int_equal(parse_with(repeated, sizeof repeated, &error), VU_INTERNAL);
	assert_non_null(strstr(error.message, "repeats"));
	assert_int_equal(parse_with(wrong_type, sizeof wrong_type, &error), VU_INTERNAL);
	assert_int_equal(parse_with(group, sizeof group, &error), VU_INTERNAL);
	assert_non_null(strstr(error.message, "no protobuf"));
}

static void header_over_the_limit_is_refused(void **state)
{
	uint8_t *frame = calloc(1, FRAME_ROOM);
	vu_request_header parsed;
	vu_span payload;
	vu_error error;
	(void)state;

	frame[0] = 0x01;
	frame[1] = 0x10; /* 4097 */
	assert_int_equal(vu_frame_parse_request(frame, FRAME_ROOM, &parsed, &payload, &error), VU_INTERNAL);
	assert_non_null(strstr(error.message, "over the limit"));
	memset(frame, 0xff, 4);
	assert_int_equal(vu_frame_parse_request(frame, FRAME_ROOM, &parsed, &payload, &error), VU_INTERNAL);
	free(frame);
}

static void response_messages_are_cut_to_valid_text(void **state)
{
	uint8_t head[VU_FRAME_HEAD_BYTES_MAX];
	char text[1000];
	vu_response_header parsed;
	vu_span payload;
	vu_error error;
	size_t bytes;
	(void)state;

	/* Two-byte characters up to an odd limit: the last half must go. */
	for (size_t i = 0; i + 1 < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	text[sizeof text - 1] = '\0';
	bytes = vu_frame_write_response(head, VU_INTERNAL, text, 0);
	assert_int_equal(vu_frame_parse_response(head, bytes, &parsed, &payload, &error), VU_OK);
	assert_int_equal(parsed.message.bytes, VU_ERROR_MESSAGE_MAX - 2);

	bytes = vu_frame_write_response(head, VU_INTERNAL, "bad \xff name here", 0);
	assert_int_equal(vu_frame_parse_response(head, bytes, &parsed, &payload, &error), VU_OK);
	assert_non_null(strstr((const char *)parsed.message.data, "no valid UTF-8"));
}

static void bad_responses_are_refused(void **state)
{
	Vu__ResponseHeader header = VU__RESPONSE_HEADER__INIT;
	uint8_t *frame = malloc(FRAME_ROOM);
	uint8_t *details = calloc(1, VU_FRAME_DETAILS_BYTES_MAX + 1);
	const uint8_t unknown[] = {4 - 2, 0, 0, 0, 0x78, 0x01};
	vu_response_header parsed;
	vu_span payload;
	vu_error error;
	size_t bytes;
	(void)state;

	header.message = (char *)(uintptr_t) "\xff";
	bytes = frame_of(frame, &header.base, NULL, 0);
	assert_int_equal(vu_frame_parse_response(frame, bytes, &parsed, &payload, &error), VU_INTERNAL);

	header.message = (char *)(uintptr_t) "";
	header.details.data = details;
	header.details.len = VU_FRAME_DETAILS_BYTES_MAX;
	bytes = frame_of(frame, &header.base, NULL, 0);
	assert_int_equal(vu_frame_parse_response(frame, bytes, &parsed, &payload, &error), VU_OK);
	header.details.len++;
	bytes = frame_of(frame, &header.base, NULL, 0);
	assert_int_equal(vu_frame_parse_response(frame, bytes, &parsed, &payload, &error), VU_INTERNAL);

	assert_int_equal(vu_frame_parse_response(unknown, sizeof unknown, &parsed, &payload, &error), VU_INTERNAL);
	free(details);
	free(frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parses_what_protobuf_packs),
	    cmocka_unit_test(protobuf_unpacks_what_is_written),
	    cmocka_unit_test(cut_frames_are_refused_at_every_length),
	    cmocka_unit_test(bad_headers_are_refused),
	    cmocka_unit_test(unknown_and_repeated_fields_are_refused),
	    cmocka_unit_test(header_over_the_limit_is_refused),
	    cmocka_unit_test(response_messages_are_cut_to_valid_text),
	    cmocka_unit_test(bad_responses_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
