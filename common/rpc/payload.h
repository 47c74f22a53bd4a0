/*
 * Payloads of requests and responses: checked against their descriptor, then
 * unpacked within a memory budget.
 *
 * protobuf-c accepts text that is not UTF-8, cuts text at a NUL and lets a few
 * bytes on the wire grow into a hundred times as much memory; none of that
 * gets past here. Unknown fields are allowed: a newer peer may send them.
 */
#ifndef VU_RPC_PAYLOAD_H
#define VU_RPC_PAYLOAD_H

#include "base/status.h"

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* Most memory that one unpacked message may take. */
#define VU_PAYLOAD_MEMORY_BYTES_MAX (32u * 1024 * 1024)

/* Small messages live in here, so that unpacking one does not touch the heap. */
#define VU_PAYLOAD_ARENA_BYTES 1024

typedef struct vu_payload_arena {
	ProtobufCAllocator allocator; /* pass to protobuf_c_message_free_unpacked */
	size_t used;
	size_t spent;
	int exhausted;
	_Alignas(16) uint8_t bytes[VU_PAYLOAD_ARENA_BYTES];
} vu_payload_arena;

/* Also to be called before each use of an old arena. */
void vu_payload_arena_init(vu_payload_arena *arena);

/* Memory for strings that live as long as the arena; NULL when it is full. Never freed singly. */
void *vu_payload_arena_alloc(vu_payload_arena *arena, size_t bytes);

/*
 * Unpacks with `arena` (the message is freed by free_unpacked with
 * &arena->allocator), or, when `arena` is NULL, with malloc so that
 * free_unpacked(message, NULL) frees it. INTERNAL: unparsable;
 * RESOURCE_EXHAUSTED: too much memory.
 */
vu_status vu_payload_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t bytes,
                            vu_payload_arena *arena, ProtobufCMessage **message_out, vu_error *error);

#endif
