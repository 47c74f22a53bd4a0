/* Payloads: what protobuf-c would let through, and the memory budget. */
#include "rpc/payload.h"

#include "rpc/wire.h"
#include "voiceunlock/v1/capture.pb-c.h"
#include "voiceunlock/v1/models.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void unpacks_into_the_arena_and_frees_what_does_not_fit(void **state)
{
	Vu__AppendRequest request = VU__APPEND_REQUEST__INIT;
	vu_payload_arena *arena = malloc(sizeof *arena);
	uint8_t pcm[5000];
	uint8_t wire[6000];
	ProtobufCMessage *message;
	vu_error error;
	size_t bytes;
	(void)state;

	memset(pcm, 7, sizeof pcm);
	request.session_id = (char *)(uintptr_t) "abc";
	request.pcm.data = pcm;
	request.pcm.len = sizeof pcm;
	bytes = vu__append_request__pack(&request, wire);
	for (int round = 0; round < 3; round++) {
		const Vu__AppendRequest *unpacked;
		vu_payload_arena_init(arena);
		assert_int_equal(
		    vu_payload_unpack(&vu__append_request__descriptor, wire, bytes, arena, &message, &error), VU_OK);
		unpacked = (const void *)message;
		assert_true((uintptr_t)message >= (uintptr_t)arena->bytes &&
		            (uintptr_t)message < (uintptr_t)arena->bytes + sizeof arena->bytes);
		assert_string_equal(unpacked->session_id, "abc");
		assert_int_equal(unpacked->pcm.len, sizeof pcm);
		assert_memory_equal(unpacked->pcm.data, pcm, sizeof pcm);
		protobuf_c_message_free_unpacked(message, &arena->allocator);
	}
	free(arena);
}

static vu_status unpack_session(const void *wire, size_t bytes, vu_error *error)
{
	ProtobufCMessage *message = NULL;
	vu_status status = vu_payload_unpack(&vu__session_request__descriptor, wire, bytes, NULL, &message, error);
	if (!status)
		protobuf_c_message_free_unpacked(message, NULL);
	return status;
}

static void text_is_checked(void **state)
{
	vu_error error;
	(void)state;
	assert_int_equal(unpack_session("\x0a\x02"
	                                "ab",
	                                4, &error),
	                 VU_OK);
	assert_int_equal(unpack_session("\x0a\x02"
	                                "a\xff",
	                                4, &error),
	                 VU_INTERNAL);
	assert_non_null(strstr(error.message, "UTF-8"));
	assert_int_equal(unpack_session("\x0a\x03"
	                                "a\0b",
	                                5, &error),
	                 VU_INTERNAL);
	assert_non_null(strstr(error.message, "NUL"));
}

static void text_in_nested_messages_is_checked(void **state)
{
	/* ScoreRequest.key.user */
	const uint8_t good[] = {0x0a, 0x03, 0x12, 0x01, 'u'};
	const uint8_t bad[] = {0x0a, 0x03, 0x12, 0x01, 0xff};
	ProtobufCMessage *message;
	vu_error error;
	(void)state;

	assert_int_equal(vu_payload_unpack(&vu__score_request__descriptor, good, sizeof good, NULL, &message, &error),
	                 VU_OK);
	protobuf_c_message_free_unpacked(message, NULL);
	assert_int_equal(vu_payload_unpack(&vu__score_request__descriptor, bad, sizeof bad, NULL, &message, &error),
	                 VU_INTERNAL);
}

static void unknown_fields_are_allowed(void **state)
{
	vu_error error;
	(void)state;
	assert_int_equal(unpack_session("\xf8\x07\x01\x0a\x01"
	                                "a",
	                                6, &error),
	                 VU_OK);
}

static void garbage_is_refused(void **state)
{
	vu_error error;
	(void)state;
	assert_int_equal(unpack_session("\x0a\x05"
	                                "ab",
	                                4, &error),
	                 VU_INTERNAL);
	assert_int_equal(unpack_session("\x00", 1, &error), VU_INTERNAL);
	assert_int_equal(unpack_session("\xff\xff\xff\xff", 4, &error), VU_INTERNAL);
	/* A string field that comes as a number. */
	assert_int_equal(unpack_session("\x08\x01", 2, &error), VU_INTERNAL);
}

static void small_messages_cannot_grow_without_end(void **state)
{
	/* A million empty samples: two bytes each on the wire, a hundred and more in memory. */
	size_t count = 1000000;
	uint8_t *wire = malloc(2 * count);
	vu_payload_arena *arena = malloc(sizeof *arena);
	ProtobufCMessage *message;
	vu_error error;
	(void)state;

	for (size_t i = 0; i < count; i++) {
		wire[2 * i] = 0x1a;
		wire[2 * i + 1] = 0;
	}
	vu_payload_arena_init(arena);
	assert_int_equal(vu_payload_unpack(&vu__enroll_request__descriptor, wire, 2 * count, arena, &message, &error),
	                 VU_RESOURCE_EXHAUSTED);
	assert_int_equal(vu_payload_unpack(&vu__enroll_request__descriptor, wire, 2 * count, NULL, &message, &error),
	                 VU_RESOURCE_EXHAUSTED);
	assert_int_equal(vu_payload_unpack(&vu__enroll_request__descriptor, wire, 2000, NULL, &message, &error),
	                 VU_OK);
	assert_int_equal(((Vu__EnrollRequest *)message)->n_samples, 1000);
	protobuf_c_message_free_unpacked(message, NULL);
	free(arena);
	free(wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(unpacks_into_the_arena_and_frees_what_does_not_fit),
	    cmocka_unit_test(text_is_checked),
	    cmocka_unit_test(text_in_nested_messages_is_checked),
	    cmocka_unit_test(unknown_fields_are_allowed),
	    cmocka_unit_test(garbage_is_refused),
	    cmocka_unit_test(small_messages_cannot_grow_without_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
