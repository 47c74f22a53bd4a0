/* The calling side against a server in the same process. */
#include "rpc_aid.h"

#include "base/clock.h"
#include "rpc/frame.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>

#define SECOND 1000000

static rpc_aid aid;
static vu_channel *channel;

static int setup(void **state)
{
	(void)state;
	rpc_aid_init(&aid);
	rpc_aid_start(&aid, NULL);
	channel = rpc_aid_channel(&aid);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_channel_destroy(channel);
	rpc_aid_stop(&aid);
	rpc_aid_fini(&aid);
	return 0;
}

static void calls_inline_handler(void **state)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	Vu__SessionInfo *response;
	vu_error error;
	(void)state;

	request.session_id = (char *)(uintptr_t)"Grüße";
	assert_int_equal(rpc_aid_call(channel, "GetSession", &request.base, (ProtobufCMessage **)&response, 5 * SECOND, &error),
	                 VU_OK);
	assert_string_equal(response->device, "Grüße");
	assert_int_equal(response->source_rate, 1);
	assert_true(response->total_samples > 0 && response->total_samples <= 5 * SECOND);
	assert_int_equal(response->speech_start, geteuid());
	assert_int_equal(response->speech_end, getpid());
	protobuf_c_message_free_unpacked(&response->base, NULL);
}

static void calls_worker_handler_with_a_large_message(void **state)
{
	Vu__AppendRequest request = VU__APPEND_REQUEST__INIT;
	Vu__AppendResponse *response;
	vu_error error;
	size_t bytes = 3 * 1024 * 1024;
	(void)state;

	request.pcm.data = calloc(1, bytes);
	request.pcm.len = bytes;
	assert_int_equal(rpc_aid_call(channel, "Append", &request.base, (ProtobufCMessage **)&response, 5 * SECOND, &error),
	                 VU_OK);
	assert_int_equal(response->next_offset_frames, bytes);
	protobuf_c_message_free_unpacked(&response->base, NULL);
	free(request.pcm.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(calls_inline_handler, setup, teardown),
	    cmocka_unit_test_setup_teardown(calls_worker_handler_with_a_large_message, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
