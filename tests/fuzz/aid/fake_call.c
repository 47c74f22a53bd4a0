/* Calls that know only their answer. */
#include "fake_call.h"

#include "base/clock.h"
#include "rpc/payload.h"

#include <ftw.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHORT_US  30000
#define LONG_US   2000000
#define ANSWER_US 20000000

struct vu_rpc_call {
	const ProtobufCMethodDescriptor *method;
	int64_t deadline_us;
	uint8_t request_id[VU_ID_BYTES];
	bool other_user;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool answered;
};

void (*fake_calls_turn)(void);
static const vu_rpc_service *added[4];
static size_t added_count;

static void answer(vu_rpc_call *call)
{
	pthread_mutex_lock(&call->lock);
	if (call->answered)
		abort();
	call->answered = true;
	pthread_cond_signal(&call->changed);
	pthread_mutex_unlock(&call->lock);
}

/* FUZZ_SAY=1 tells what became of each request: for looking at one input. */
static void say(const vu_rpc_call *call, const char *what)
{
	if (getenv("FUZZ_SAY"))
		fprintf(stderr, "%s: %s\n", call->method->name, what);
}

/* ---- what handlers call ---- */

void vu_rpc_reply(vu_rpc_call *call, const ProtobufCMessage *response)
{
	size_t bytes;
	uint8_t *packed;

	if (response->descriptor != call->method->output)
		abort();
	/* Reads all that the handler says. */
	bytes = protobuf_c_message_get_packed_size(response);
	packed = malloc(bytes + 1);
	if (packed && protobuf_c_message_pack(response, packed) != bytes)
		abort();
	free(packed);
	say(call, "answered");
	answer(call);
}

/* What dedup.c remembers; declared in rpc/server_internal.h, with another struct vu_rpc_call. */
void vu_call_reply_packed(vu_rpc_call *call, const void *packed, size_t bytes);
void vu_call_reply_packed(vu_rpc_call *call, const void *packed, size_t bytes)
{
	ProtobufCMessage *response = protobuf_c_message_unpack(call->method->output, NULL, bytes, packed);

	if (!response)
		abort();
	protobuf_c_message_free_unpacked(response, NULL);
	say(call, "answered again");
	answer(call);
}

void vu_rpc_fail(vu_rpc_call *call, vu_status status, const char *format, ...)
{
	char message[VU_ERROR_MESSAGE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	if (status == VU_OK || (unsigned)status >= VU_STATUS_COUNT || message[0] == '\0')
		abort();
	say(call, message);
	answer(call);
}

void vu_rpc_fail_error(vu_rpc_call *call, const vu_error *error)
{
	vu_rpc_fail(call, error->status, "%s", error->message);
}

int64_t vu_rpc_time_left_us(const vu_rpc_call *call)
{
	int64_t left_us = call->deadline_us - vu_clock_monotonic_us();
	return left_us > 0 ? left_us : 0;
}

int64_t vu_rpc_deadline_us(const vu_rpc_call *call)
{
	return call->deadline_us;
}

bool vu_rpc_is_cancelled(const vu_rpc_call *call)
{
	return vu_rpc_time_left_us(call) == 0;
}

const uint8_t *vu_rpc_request_id(const vu_rpc_call *call)
{
	return call->request_id;
}

uint32_t vu_rpc_attempt(const vu_rpc_call *call)
{
	(void)call;
	return 1;
}

pid_t vu_rpc_peer_pid(const vu_rpc_call *call)
{
	(void)call;
	return getpid();
}

bool vu_rpc_is_other_user(const vu_rpc_call *call)
{
	return call->other_user;
}

uid_t vu_rpc_peer_uid(const vu_rpc_call *call)
{
	return call->other_user ? 12345 : geteuid();
}

const char *vu_rpc_metadata(const vu_rpc_call *call, const char *key)
{
	(void)call;
	(void)key;
	return NULL;
}

const ProtobufCMethodDescriptor *vu_rpc_method_descriptor(const vu_rpc_call *call)
{
	return call->method;
}

vu_status vu_rpc_server_add(vu_rpc_server *server, const vu_rpc_service *service, vu_error *error)
{
	(void)server;
	(void)error;
	if (added_count == sizeof added / sizeof *added)
		abort();
	added[added_count++] = service;
	return VU_OK;
}

const vu_rpc_service *fake_calls_added(const ProtobufCServiceDescriptor *descriptor)
{
	for (size_t i = 0; i < added_count; i++) {
		if (added[i]->descriptor == descriptor)
			return added[i];
	}
	abort();
}

/* ---- running ---- */

static bool is_answered(vu_rpc_call *call)
{
	struct timespec until;
	bool answered;

	pthread_mutex_lock(&call->lock);
	if (!call->answered) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 2000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&call->changed, &call->lock, &until);
	}
	answered = call->answered;
	pthread_mutex_unlock(&call->lock);
	return answered;
}

static const vu_rpc_method *find_method(const vu_rpc_service *service, const char *name)
{
	for (size_t i = 0; i < service->method_count; i++) {
		if (strcmp(service->methods[i].name, name) == 0)
			return &service->methods[i];
	}
	return NULL;
}

static void run_one(const vu_rpc_service *service, unsigned number, unsigned flags, const uint8_t *payload,
                    size_t bytes)
{
	static unsigned requests;
	vu_rpc_call call = {.other_user = (flags & 1) != 0};
	vu_payload_arena arena;
	ProtobufCMessage *message;
	const vu_rpc_method *method;
	vu_error error;
	int64_t until_us = vu_clock_monotonic_us() + ANSWER_US;

	call.method = &service->descriptor->methods[number % service->descriptor->n_methods];
	method = find_method(service, call.method->name);
	vu_payload_arena_init(&arena);
	if (!method || (call.other_user && !(method->flags & VU_RPC_ANY_USER)) ||
	    vu_payload_unpack(call.method->input, payload, bytes, &arena, &message, &error) != VU_OK)
		return;
	requests++;
	memcpy(call.request_id, &requests, sizeof requests);
	call.deadline_us = vu_clock_monotonic_us() + (flags & 2 ? LONG_US : SHORT_US);
	pthread_mutex_init(&call.lock, NULL);
	pthread_cond_init(&call.changed, NULL);
	method->handler(service->context, &call, message);
	while (!is_answered(&call)) {
		if (fake_calls_turn)
			fake_calls_turn();
		if (vu_clock_monotonic_us() > until_us)
			abort();
	}
	protobuf_c_message_free_unpacked(message, &arena.allocator);
	pthread_cond_destroy(&call.changed);
	pthread_mutex_destroy(&call.lock);
}

void fake_calls_run(const vu_rpc_service *service, const uint8_t *data, size_t size)
{
	for (unsigned i = 0; i < FAKE_CALLS_MAX && size >= 4; i++) {
		size_t bytes = data[2] | (size_t)data[3] << 8;
		if (bytes > size - 4)
			bytes = size - 4;
		run_one(service, data[0], data[1], data + 4, bytes);
		data += 4 + bytes;
		size -= 4 + bytes;
	}
}

/* ---- the folder ---- */

static char folder[64];

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info;
	(void)kind;
	(void)where;
	return remove(path);
}

static void remove_folder(void)
{
	nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fake_calls_folder(void)
{
	if (!folder[0]) {
		snprintf(folder, sizeof folder, "%s/vu-fuzz-XXXXXX",
		         access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		if (!mkdtemp(folder))
			abort();
		atexit(remove_folder);
	}
	return folder;
}
