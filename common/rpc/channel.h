/*
 * The calling side: one channel per peer service for the life of the process.
 *
 * A channel connects lazily, reconnects by itself (1 to 10 ms locally, 1 to 120 s remotely) and may
 * be used by any number of threads. It keeps one NNG socket and a fixed pool
 * of contexts, never one per call: NNG 1.5.2 crashes otherwise.
 *
 * Retries: UNAVAILABLE only, at most 4 tries, 20 ms to 1 s doubling, jitter
 * 0.2, inside the deadline, paid from a token bucket. With wait_for_ready a
 * call retries UNAVAILABLE for as long as its deadline allows and takes no
 * tokens. All tries carry the same request id.
 */
#ifndef VU_RPC_CHANNEL_H
#define VU_RPC_CHANNEL_H

#include "base/id.h"
#include "base/status.h"
#include "rpc/endpoint.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct vu_channel vu_channel;
typedef struct vu_cancel vu_cancel;
typedef struct vu_credentials vu_credentials; /* credentials.h */

typedef struct vu_channel_config {
	const char *service;          /* peer, for messages: "models" */
	const char *caller;           /* this process, for the peer's log */
	const vu_endpoint *endpoints; /* copied. Local ones are balanced; with remote ones among them the
	                                 first that answers is used: see channel_group.c */
	size_t endpoint_count;
	unsigned concurrency_max; /* contexts in the pool; 0 = 16; more calls wait for a free one */
	bool any_uid;             /* accept a server of any uid (the machine suite's); else own uid and root.
	                             A caller that is root accepts any. */
	const uid_t *server_uid;  /* the only uid whose server is accepted, by root as well; NULL: as any_uid says */
	vu_credentials *credentials; /* for tls+tcp, must outlive the channel; else NULL */
} vu_channel_config;

/* FAILED_PRECONDITION: an endpoint this build cannot use. Connecting happens in the background. */
vu_status vu_channel_create(const vu_channel_config *config, vu_channel **channel_out, vu_error *error);

/* Only for tests and for short-lived clients that made no call in the last second; others exit without closing. */
void vu_channel_destroy(vu_channel *channel);

typedef struct vu_call_options {
	int64_t timeout_us; /* whole call, tries included; must be positive */
	bool wait_for_ready;
	bool idempotent;           /* a try that timed out may be repeated */
	const uint8_t *request_id; /* VU_ID_BYTES, or NULL for a fresh one */
	vu_cancel *cancel;         /* or NULL */
	const char *metadata_key;  /* at most one entry; NULL for none */
	const char *metadata_value;
} vu_call_options;

/*
 * Calls `method` ("Score") of `service` and waits. On OK *response_out is a
 * message of the method's output type, freed by
 * protobuf_c_message_free_unpacked(response, NULL). On failure the server's
 * status and message are in `error`; the library's own are CANCELLED,
 * DEADLINE_EXCEEDED, UNAVAILABLE, RESOURCE_EXHAUSTED (request over the size
 * limit), INTERNAL (unparsable answer), UNIMPLEMENTED, INVALID_ARGUMENT,
 * PERMISSION_DENIED (the socket belongs to somebody else).
 */
vu_status vu_channel_call(vu_channel *channel, const ProtobufCServiceDescriptor *service, const char *method,
                          const ProtobufCMessage *request, ProtobufCMessage **response_out,
                          const vu_call_options *options, vu_error *error);

/* The same with bytes in and out and the full name "/package.Service/Method"; the caller frees *response_out. */
vu_status vu_channel_call_bytes(vu_channel *channel, const char *full_method, const void *request,
                                size_t request_bytes, uint8_t **response_out, size_t *response_bytes_out,
                                const vu_call_options *options, vu_error *error);

/* Stops waiting calls that carry it, with CANCELLED. Any thread; not undone. */
vu_status vu_cancel_create(vu_cancel **cancel_out);
void vu_cancel_trigger(vu_cancel *cancel);
bool vu_cancel_is_triggered(const vu_cancel *cancel);
/* After every call that carries it has returned. */
void vu_cancel_destroy(vu_cancel *cancel);

typedef struct vu_channel_stats {
	uint64_t calls;
	uint64_t failures;
	uint64_t retries;
	uint64_t tx_bytes;
	uint64_t rx_bytes;
} vu_channel_stats;

void vu_channel_get_stats(vu_channel *channel, vu_channel_stats *out);

/*
 * What has to be told to every server, and not to whichever is asked now: the
 * channels to the single endpoints that this one chooses among, in the order of
 * the configuration; `channel` itself when it does not choose. They live as long
 * as it does. Returns how many there are, at most `room` of them in `parts`.
 */
size_t vu_channel_parts(vu_channel *channel, vu_channel **parts, size_t room);

#endif
