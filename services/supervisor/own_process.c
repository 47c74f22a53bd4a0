/* Info and Cleanup are answered where they arrive; nothing in them waits. */
#include "own_process.h"

#include "base/allocator.h"
#include "base/clock.h"
#include "platform/platform.h"

#include "voiceunlock/v1/process.pb-c.h"

#include <unistd.h>

static vu_own_process handlers_of_loop;
static int64_t started_us;

static uint64_t resident_bytes(void)
{
	vu_process_memory memory = {0};
	vu_platform_process_memory(getpid(), &memory);
	return memory.rss_bytes;
}

static void handle_info(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	static char service[] = "supervisor";
	static char version[] = VU_VERSION;
	union {
		const char *constant;
		char *text;
	} allocator = {vu_allocator_name()};
	Vu__InfoResponse response = VU__INFO_RESPONSE__INIT;
	uint64_t resident;

	(void)context;
	(void)request;
	response.service = service;
	response.pid = (uint64_t)getpid();
	response.version = version;
	response.uptime_ms = (uint64_t)(vu_clock_monotonic_us() - started_us) / 1000;
	response.rss_bytes = resident_bytes();
	vu_allocator_stats(&response.heap_bytes, &resident);
	response.allocator = allocator.text;
	vu_rpc_reply(call, &response.base);
}

/* There is no cache in here: all that can be given back is what the allocator keeps. */
static void handle_cleanup(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	Vu__CleanupResponse response = VU__CLEANUP_RESPONSE__INIT;

	(void)context;
	(void)request;
	response.rss_before_bytes = resident_bytes();
	vu_allocator_purge();
	response.rss_after_bytes = resident_bytes();
	vu_rpc_reply(call, &response.base);
}

static void handle_reload(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	(void)context;
	handlers_of_loop.reload(handlers_of_loop.context, call, request);
}

static void handle_counters(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	(void)context;
	handlers_of_loop.counters(handlers_of_loop.context, call, request);
}

vu_status vu_own_process_add(vu_rpc_server *server, const vu_own_process *handlers, vu_error *error)
{
	static const vu_rpc_method METHODS[] = {
	    {"Info", handle_info, VU_RPC_INLINE | VU_RPC_IDEMPOTENT},
	    {"Counters", handle_counters, VU_RPC_INLINE | VU_RPC_IDEMPOTENT},
	    {"Cleanup", handle_cleanup, VU_RPC_IDEMPOTENT},
	    {"Reload", handle_reload, VU_RPC_INLINE | VU_RPC_IDEMPOTENT},
	};
	static vu_rpc_service service;

	handlers_of_loop = *handlers;
	started_us = vu_clock_monotonic_us();
	service.descriptor = &vu__process__descriptor;
	service.methods = METHODS;
	service.method_count = sizeof METHODS / sizeof METHODS[0];
	return vu_rpc_server_add(server, &service, error);
}
