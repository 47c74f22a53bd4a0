/*
 * Calls to the other services. Where channels come from is injected: the
 * runtime in the process, a table in tests.
 */
#ifndef VU_ORCHESTRATOR_PEERS_H
#define VU_ORCHESTRATOR_PEERS_H

#include "base/config.h"
#include "base/status.h"
#include "rpc/channel.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct vu_peers {
	vu_channel *(*channel)(void *context, vu_service_id id, vu_error *error);
	void *context;
} vu_peers;

typedef struct vu_peer_plan {
	int64_t deadline_us;       /* vu_clock_monotonic_us */
	bool wait_for_ready;       /* the rule inside an attempt: the supervisor is bringing the service back */
	bool waits_for_room;       /* short of memory for the moment (RESOURCE_EXHAUSTED): asked again for a while */
	vu_cancel *cancel;         /* or NULL */
	const uint8_t *request_id; /* or NULL */
	const char *metadata_key;  /* or NULL */
	const char *metadata_value;
} vu_peer_plan;

/*
 * How long a service that is short of memory is asked again: until it has given
 * some back, or the supervisor has put another one in its place.
 */
#define VU_PEER_ROOM_PATIENCE_US (3 * 1000000LL)

/*
 * Calls `method` of a service and returns its response, freed by
 * protobuf_c_message_free_unpacked, or NULL with `error` filled (required).
 * Blocks until the deadline at most.
 */
ProtobufCMessage *vu_peer_call(const vu_peers *peers, vu_service_id id, const ProtobufCServiceDescriptor *service,
                               const char *method, const ProtobufCMessage *request, const vu_peer_plan *plan,
                               vu_error *error);

/*
 * The same to each endpoint of a service, one after the other: for what all of
 * them are to know, however the calls of this service are chosen. `take` gets
 * each response, which is freed then. Returns how many answered; when none did,
 * `error` says why the first did not. The deadline is that of each call.
 */
size_t vu_peer_tell_all(const vu_peers *peers, vu_service_id id, const ProtobufCServiceDescriptor *service,
                        const char *method, const ProtobufCMessage *request, int64_t timeout_us, bool wait_for_ready,
                        void (*take)(void *context, const ProtobufCMessage *response), void *context,
                        vu_error *error);

/* NULL is allowed. */
void vu_peer_free(ProtobufCMessage *response);

#endif
