/* Checks the wire bytes first, then lets protobuf-c unpack them. On failure nothing stays allocated. */
#include "rpc/payload.h"

#include "base/secret.h"
#include "rpc/wire.h"

#include <stdlib.h>
#include <string.h>

/* None of our messages nests deeper; a descriptor that refers to itself could. */
#define DEPTH_MAX 16
#define ALIGNMENT 16

static void *arena_alloc(void *data, size_t size)
{
	vu_payload_arena *arena = data;
	size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);

	if (size > VU_PAYLOAD_MEMORY_BYTES_MAX || arena->spent + rounded > VU_PAYLOAD_MEMORY_BYTES_MAX) {
		arena->exhausted = 1;
		return NULL;
	}
	arena->spent += rounded;
	if (rounded <= sizeof arena->bytes - arena->used) {
		void *memory = arena->bytes + arena->used;
		arena->used += rounded;
		return memory;
	}
	return malloc(size > 0 ? size : 1);
}

static void arena_free(void *data, void *pointer)
{
	vu_payload_arena *arena = data;
	uintptr_t start = (uintptr_t)arena->bytes;
	uintptr_t at = (uintptr_t)pointer;
	if (at < start || at >= start + sizeof arena->bytes)
		free(pointer);
}

void vu_payload_arena_init(vu_payload_arena *arena)
{
	arena->allocator.alloc = arena_alloc;
	arena->allocator.free = arena_free;
	arena->allocator.allocator_data = arena;
	arena->used = 0;
	arena->spent = 0;
	arena->exhausted = 0;
}

void *vu_payload_arena_alloc(vu_payload_arena *arena, size_t bytes)
{
	size_t rounded = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	void *memory;
	if (rounded > sizeof arena->bytes - arena->used)
		return NULL;
	memory = arena->bytes + arena->used;
	arena->used += rounded;
	return memory;
}

/* malloc with a budget; what it gives is freed by plain free. */
typedef struct budget {
	size_t left;
	int exhausted;
} budget;

static void *budget_alloc(void *data, size_t size)
{
	budget *b = data;
	if (size > b->left) {
		b->exhausted = 1;
		return NULL;
	}
	b->left -= size;
	return malloc(size > 0 ? size : 1);
}

static void budget_free(void *data, void *pointer)
{
	(void)data;
	free(pointer);
}

/* Walks the wire bytes by descriptor; a reason, or NULL when all is well. */
static const char *check(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t bytes,
                         unsigned depth)
{
	vu_wire_reader reader = {data, data + bytes};
	const ProtobufCFieldDescriptor *field = NULL;

	if (depth > DEPTH_MAX)
		return "it is nested too deeply";
	while (reader.at < reader.end) {
		uint32_t number;
		vu_wire_type type;
		const uint8_t *value;
		size_t value_bytes;
		const char *reason;
		if (!vu_wire_read_tag(&reader, &number, &type))
			return "it is no protobuf message";
		if (type != VU_WIRE_BYTES) {
			if (!vu_wire_skip(&reader, type))
				return "it is cut off";
			continue;
		}
		if (!vu_wire_read_bytes(&reader, &value, &value_bytes))
			return "it is cut off";
		/* Repeated fields come in runs: look up once. */
		if (!field || field->id != number)
			field = protobuf_c_message_descriptor_get_field(descriptor, number);
		if (!field)
			continue;
		if (field->type == PROTOBUF_C_TYPE_STRING && !vu_wire_is_text(value, value_bytes))
			return "a text in it is no valid UTF-8 or has a NUL byte";
		if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
			reason = check(field->descriptor, value, value_bytes, depth + 1);
			if (reason)
				return reason;
		}
	}
	return NULL;
}

vu_status vu_payload_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t bytes,
                            vu_payload_arena *arena, ProtobufCMessage **message_out, vu_error *error)
{
	budget limit = {VU_PAYLOAD_MEMORY_BYTES_MAX, 0};
	ProtobufCAllocator counted = {budget_alloc, budget_free, &limit};
	const char *reason = check(descriptor, data, bytes, 0);

	if (reason)
		return vu_fail(error, VU_INTERNAL, "unable to parse %s: %s", descriptor->name, reason);
	*message_out = protobuf_c_message_unpack(descriptor, arena ? &arena->allocator : &counted, bytes, data);
	/* It may be a voice, and the thread one of NNG's, whose registers nobody else will overwrite. */
	vu_secret_forget_work(0);
	if (*message_out)
		return VU_OK;
	if (arena ? arena->exhausted : limit.exhausted)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to parse %s: it needs more than %u MB of memory",
		               descriptor->name, VU_PAYLOAD_MEMORY_BYTES_MAX / (1024 * 1024));
	return vu_fail(error, VU_INTERNAL, "unable to parse %s: it does not follow its schema", descriptor->name);
}
