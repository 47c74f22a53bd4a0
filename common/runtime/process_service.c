/* voiceunlock.v1.Process: what every process tells about itself, and Cleanup and Reload. */
#include "runtime/internal.h"

#include "base/allocator.h"
#include "base/clock.h"
#include "base/secret.h"
#include "platform/platform.h"
#include "voiceunlock/v1/process.pb-c.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The figures of this file: eight of the server, eight of the process, four per peer. */
#define OWN_COUNTERS_MAX (8 + 8 + 4 * VU_SERVICE_COUNT)

static uint64_t resident_bytes(void)
{
	vu_process_memory memory = {0, 0};

	vu_platform_process_memory(getpid(), &memory);
	return memory.rss_bytes;
}

/* protobuf-c has char * where it only reads. */
static char *text(const char *constant)
{
	union {
		const char *constant;
		char *text;
	} either = {constant};
	return either.text;
}

static void handle_info(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	vu_runtime *runtime = context;
	Vu__InfoResponse response = VU__INFO_RESPONSE__INIT;
	uint64_t resident;

	(void)request;
	response.service = text(runtime->name);
	response.pid = (uint64_t)getpid();
	response.version = text(VU_VERSION);
	response.uptime_ms = (uint64_t)(vu_clock_monotonic_us() - runtime->started_us) / 1000;
	response.rss_bytes = resident_bytes();
	vu_allocator_stats(&response.heap_bytes, &resident);
	response.allocator = text(vu_allocator_name());
	vu_rpc_reply(call, &response.base);
}

/* Counters in the making: messages in one array, pointers to them in another, as protobuf-c wants. */
typedef struct listing {
	Vu__Counter *messages;
	Vu__Counter **pointers;
	size_t used;
	size_t size;
} listing;

static void list(listing *out, const char *name, double value, bool is_gauge, const char *peer, const char *help)
{
	Vu__Counter *counter;

	if (out->used == out->size)
		return;
	counter = &out->messages[out->used];
	vu__counter__init(counter);
	counter->name = text(name);
	counter->value = value;
	counter->kind = is_gauge ? VU__COUNTER_KIND__COUNTER_GAUGE : VU__COUNTER_KIND__COUNTER_TOTAL;
	if (peer) {
		counter->label_name = text("peer");
		counter->label_value = text(peer);
	}
	counter->help = text(help);
	out->pointers[out->used++] = counter;
}

static void list_server(listing *out, vu_runtime *runtime)
{
	vu_rpc_server_stats stats;

	memset(&stats, 0, sizeof stats);
	vu_rpc_server_get_stats(runtime->server, &stats);
	list(out, "voice_unlock_rpc_requests_total", (double)stats.requests, false, NULL, "requests received");
	list(out, "voice_unlock_rpc_failures_total", (double)stats.failures, false, NULL,
	     "requests answered with anything but OK");
	list(out, "voice_unlock_rpc_refused_total", (double)stats.refused, false, NULL,
	     "requests refused because too many were running");
	list(out, "voice_unlock_rpc_dropped_total", (double)stats.dropped, false, NULL,
	     "answers that came after their deadline");
	list(out, "voice_unlock_rpc_received_bytes_total", (double)stats.rx_bytes, false, NULL, "bytes of requests");
	list(out, "voice_unlock_rpc_sent_bytes_total", (double)stats.tx_bytes, false, NULL, "bytes of answers");
	list(out, "voice_unlock_rpc_in_flight", stats.in_flight, true, NULL, "requests running now");
	list(out, "voice_unlock_rpc_busy_seconds_total", (double)stats.busy_us / 1e6, false, NULL,
	     "time spent on requests, summed over all of them");
}

static void list_process(listing *out, vu_runtime *runtime)
{
	uint64_t allocated = 0;
	uint64_t resident = 0;
	uint64_t cpu_us = 0;
	uint64_t disk_read = 0;
	uint64_t disk_written = 0;
	vu_secret_stats secrets;

	vu_secret_get_stats(&secrets);
	vu_allocator_stats(&allocated, &resident);
	vu_platform_process_cpu(getpid(), &cpu_us);
	list(out, "voice_unlock_process_resident_bytes", (double)resident_bytes(), true, NULL,
	     "memory of the process");
	list(out, "voice_unlock_process_heap_bytes", (double)allocated, true, NULL,
	     "memory allocated by the program");
	list(out, "voice_unlock_process_locked_secret_bytes", (double)secrets.locked_bytes, true, NULL,
	     "keys and templates in memory that cannot be swapped");
	list(out, "voice_unlock_process_unlocked_secret_bytes", (double)secrets.unlocked_bytes, true, NULL,
	     "keys and templates in memory that the limit of locked memory had no room for");
	if (vu_platform_process_disk(getpid(), &disk_read, &disk_written) == VU_OK) {
		list(out, "voice_unlock_process_disk_read_bytes_total", (double)disk_read, false, NULL,
		     "bytes read from disks");
		list(out, "voice_unlock_process_disk_written_bytes_total", (double)disk_written, false, NULL,
		     "bytes written to disks");
	}
	list(out, "voice_unlock_process_cpu_seconds_total", (double)cpu_us / 1e6, false, NULL, "processor time used");
	list(out, "voice_unlock_process_uptime_seconds",
	     (double)(vu_clock_monotonic_us() - runtime->started_us) / 1e6, true, NULL,
	     "time since the process started");
}

static void list_channels(listing *out, vu_runtime *runtime)
{
	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++) {
		const char *peer = vu_service_name((vu_service_id)id);
		vu_channel_stats stats;
		vu_channel *channel;

		pthread_mutex_lock(&runtime->lock);
		channel = runtime->channels[id];
		pthread_mutex_unlock(&runtime->lock);
		if (!channel)
			continue;
		memset(&stats, 0, sizeof stats);
		vu_channel_get_stats(channel, &stats);
		list(out, "voice_unlock_rpc_calls_total", (double)stats.calls, false, peer,
		     "calls made to another service");
		list(out, "voice_unlock_rpc_call_failures_total", (double)stats.failures, false, peer,
		     "calls made that ended with anything but OK");
		list(out, "voice_unlock_rpc_call_retries_total", (double)stats.retries, false, peer,
		     "tries after the first");
		list(out, "voice_unlock_rpc_call_bytes_total", (double)(stats.tx_bytes + stats.rx_bytes), false, peer,
		     "bytes of calls made, both ways");
	}
}

static void handle_counters(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	vu_runtime *runtime = context;
	Vu__CountersResponse response = VU__COUNTERS_RESPONSE__INIT;
	listing out = {NULL, NULL, 0, OWN_COUNTERS_MAX};
	/* Those created from here on are in front of the head that is read now. */
	vu_counter *head = atomic_load(&runtime->counters);

	(void)request;
	for (vu_counter *counter = head; counter; counter = counter->next)
		out.size++;
	out.messages = calloc(out.size, sizeof *out.messages);
	out.pointers = calloc(out.size, sizeof *out.pointers);
	if (!out.messages || !out.pointers) {
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED, "unable to list counters: out of memory");
		goto out;
	}
	list_server(&out, runtime);
	list_process(&out, runtime);
	list_channels(&out, runtime);
	for (vu_counter *counter = head; counter; counter = counter->next)
		list(&out, counter->name, atomic_load_explicit(&counter->value, memory_order_relaxed),
		     counter->is_gauge, NULL, counter->help);
	response.counters = out.pointers;
	response.n_counters = out.used;
	vu_rpc_reply(call, &response.base);
out:
	free(out.messages);
	free(out.pointers);
}

static void handle_cleanup(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_runtime *runtime = context;
	const Vu__CleanupRequest *request = (const Vu__CleanupRequest *)message;
	Vu__CleanupResponse response = VU__CLEANUP_RESPONSE__INIT;

	response.rss_before_bytes = resident_bytes();
	if (request->keep_recent && runtime->definition->relieve)
		response.freed_bytes = runtime->definition->relieve(runtime->state);
	else if (runtime->definition->cleanup)
		response.freed_bytes = runtime->definition->cleanup(runtime->state, request->aggressive);
	vu_secret_trim();
	vu_allocator_purge();
	response.rss_after_bytes = resident_bytes();
	vu_rpc_reply(call, &response.base);
}

static void handle_reload(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	(void)request;
	vu_runtime_request_reload(context, call);
}

static const vu_rpc_method METHODS[] = {
    {"Info", handle_info, VU_RPC_INLINE | VU_RPC_IDEMPOTENT},
    {"Counters", handle_counters, VU_RPC_INLINE | VU_RPC_IDEMPOTENT},
    {"Cleanup", handle_cleanup, VU_RPC_IDEMPOTENT},
    {"Reload", handle_reload, VU_RPC_INLINE | VU_RPC_IDEMPOTENT},
};

vu_status vu_process_service_add(vu_runtime *runtime, vu_error *error)
{
	/* One runtime per process, and the server keeps a pointer. */
	static vu_rpc_service service;

	service.descriptor = &vu__process__descriptor;
	service.methods = METHODS;
	service.method_count = sizeof METHODS / sizeof METHODS[0];
	service.context = runtime;
	return vu_rpc_server_add(runtime->server, &service, error);
}
