/* Requests of the supervisor's front, as aid/fake_call.h says: what is posted comes out of the mailbox whole. */
#include "../../services/supervisor/front.h"
#include "aid/fake_call.h"
#include "voiceunlock/v1/common.pb-c.h"
#include "voiceunlock/v1/supervisor.pb-c.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const vu_rpc_service *front_service;
static uv_loop_t loop;

static void take(void *context, vu_front_request *request)
{
	Vu__Empty empty = VU__EMPTY__INIT;
	Vu__WhoIsResponse who = VU__WHO_IS_RESPONSE__INIT;

	(void)context;
	if (strnlen(request->service, sizeof request->service) == sizeof request->service)
		abort();
	switch (request->kind) {
	case VU_FRONT_STOP:
	case VU_FRONT_RELOAD:
		vu_rpc_reply(request->call, &empty.base);
		break;
	case VU_FRONT_WHO_IS:
		vu_rpc_reply(request->call, &who.base);
		break;
	default:
		vu_rpc_fail(request->call, VU_NOT_FOUND, "there is no service '%s'", request->service);
	}
	free(request);
}

static void turn(void)
{
	uv_run(&loop, UV_RUN_NOWAIT);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	vu_front *front;
	vu_error error;
	(void)argc;
	(void)argv;

	fake_calls_turn = turn;
	uv_loop_init(&loop);
	if (vu_front_create(&loop, NULL, take, NULL, &front, &error) != VU_OK)
		abort();
	front_service = fake_calls_added(&vu__supervisor__descriptor);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fake_calls_run(front_service, data, size);
	return 0;
}
