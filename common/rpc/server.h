/*
 * The serving side of an RPC endpoint.
 *
 * Services are protobuf descriptors plus a table of handlers. Requests are
 * parsed, checked (method, deadline, sizes, peer) and handed to a handler with
 * its time left; the handler answers exactly once, at once or later, from any
 * thread. Whatever is not answered when its time has run out is answered by
 * the library with DEADLINE_EXCEEDED, and a late answer is dropped.
 *
 * The library itself answers INVALID_ARGUMENT (no timeout), UNIMPLEMENTED (no
 * such method), INTERNAL (unparsable), RESOURCE_EXHAUSTED (too large, or
 * too many in flight: never queued without end), DEADLINE_EXCEEDED,
 * UNAVAILABLE (draining), PERMISSION_DENIED and UNAUTHENTICATED (peer).
 */
#ifndef VU_RPC_SERVER_H
#define VU_RPC_SERVER_H

#include "base/id.h"
#include "base/status.h"
#include "rpc/endpoint.h"
#include "rpc/roster.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Largest message in either direction, header included. */
#define VU_RPC_MESSAGE_BYTES_MAX  (4u * 1024 * 1024)
#define VU_RPC_METHOD_NAME_MAX    128
#define VU_RPC_METADATA_MAX       8
#define VU_RPC_METADATA_BYTES_MAX 256
#define VU_REMOTE_ENDPOINTS_MAX   8

typedef struct vu_rpc_server vu_rpc_server;
typedef struct vu_rpc_call vu_rpc_call;

/* `request` is of the method's input type and lives until the call is answered. */
typedef void (*vu_rpc_handler)(void *context, vu_rpc_call *call, const ProtobufCMessage *request);

typedef enum vu_rpc_flags {
	VU_RPC_INLINE = 1,     /* never blocks and takes microseconds: runs on the receiving thread;
	                          without it a handler runs on a worker thread and may block */
	VU_RPC_IDEMPOTENT = 2, /* may be repeated safely; told to clients by reflection */
	VU_RPC_ANY_USER = 4,   /* where peers of every uid are accepted, this is what those may call that are
	                          neither our uid nor root; the handler looks at vu_rpc_is_other_user */
} vu_rpc_flags;

typedef struct vu_rpc_method {
	const char *name; /* "Score", as in the descriptor */
	vu_rpc_handler handler;
	unsigned flags;
} vu_rpc_method;

typedef struct vu_rpc_service {
	const ProtobufCServiceDescriptor *descriptor;
	const vu_rpc_method *methods;
	size_t method_count; /* methods without an entry answer UNIMPLEMENTED */
	void *context;
} vu_rpc_service;

/* See credentials.h. */
typedef struct vu_credentials vu_credentials;

typedef struct vu_rpc_server_config {
	const char *service; /* "models" */
	const vu_endpoint *endpoint;
	const vu_endpoint *remote_endpoints; /* tls+tcp, where it listens besides; NULL: none. Copied */
	size_t remote_endpoint_count;        /* at most VU_REMOTE_ENDPOINTS_MAX, `endpoint` among them */
	unsigned in_flight_max;              /* 0 = 64; above it RESOURCE_EXHAUSTED at once */
	unsigned workers_max;        /* 0 = 8; threads start when first needed, 256 KB stacks, and end when idle */
	bool any_uid;                /* accept peers of every uid (the machine suite's front) for methods with
	                                VU_RPC_ANY_USER; else own uid and root */
	vu_credentials *credentials; /* for tls+tcp, must outlive the server; else NULL */
	const vu_roster *roster;     /* which process is which service, by which each method's callers are checked
	                                (caller.h); must outlive the server. NULL: not known and not checked, but of
	                                other hosts */
} vu_rpc_server_config;

typedef enum vu_serving_status {
	VU_SERVING_UNKNOWN = 0,
	VU_SERVING = 1,
	VU_NOT_SERVING = 2,
} vu_serving_status;

/*
 * Creates a server, not listening yet. Health and Reflection are registered by
 * the library. FAILED_PRECONDITION: the endpoint cannot be used in this build.
 */
vu_status vu_rpc_server_create(const vu_rpc_server_config *config, vu_rpc_server **server_out, vu_error *error);

/* Adds a service. `service` and all it points to outlive the server. Before listen only. */
vu_status vu_rpc_server_add(vu_rpc_server *server, const vu_rpc_service *service, vu_error *error);

/*
 * Takes the lock file beside the socket, then listens. ALREADY_EXISTS: another
 * process holds the lock (the live socket is not touched); a stale socket of a
 * dead server is reclaimed. The health of "" is NOT_SERVING until set.
 */
vu_status vu_rpc_server_listen(vu_rpc_server *server, vu_error *error);

/* Health of `service` ("" = the whole process); wakes those who watch. Any thread. */
void vu_rpc_server_set_health(vu_rpc_server *server, const char *service, vu_serving_status status);

/*
 * Answers new requests with UNAVAILABLE (health stays reachable and says
 * NOT_SERVING) and waits until the running ones have been answered or
 * `timeout_ms` passed. Returns the number still running.
 */
unsigned vu_rpc_server_drain(vu_rpc_server *server, unsigned timeout_ms);

typedef struct vu_rpc_server_stats {
	uint64_t requests;
	uint64_t failures; /* answered with anything but OK */
	uint64_t refused;  /* RESOURCE_EXHAUSTED for want of room */
	uint64_t dropped;  /* answers that came after the deadline */
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	unsigned in_flight;
	unsigned connections; /* that stand */
	uint64_t busy_us;     /* sum of server times */
} vu_rpc_server_stats;

void vu_rpc_server_get_stats(vu_rpc_server *server, vu_rpc_server_stats *out);

/* Releases the lock and the memory; only for tests: a process exits without closing (NNG 1.5.2 may hang). */
void vu_rpc_server_destroy(vu_rpc_server *server);

/* ---- within a handler ---- */

/* Answers OK with `response` (packed before this returns, so it may be on the stack). */
void vu_rpc_reply(vu_rpc_call *call, const ProtobufCMessage *response);

/* Answers with an error; `format` says what went wrong and the remedy. */
void vu_rpc_fail(vu_rpc_call *call, vu_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Answers with an error that was already put into words. */
void vu_rpc_fail_error(vu_rpc_call *call, const vu_error *error);

/* Microseconds left, 0 when there are none. Pass this on to calls that the handler makes. */
int64_t vu_rpc_time_left_us(const vu_rpc_call *call);
/* The same as a point of vu_clock_monotonic_us. */
int64_t vu_rpc_deadline_us(const vu_rpc_call *call);
/* True once the deadline has passed, the peer has gone, or the server is stopping: long work should end. */
bool vu_rpc_is_cancelled(const vu_rpc_call *call);

const uint8_t *vu_rpc_request_id(const vu_rpc_call *call); /* VU_ID_BYTES */
uint32_t vu_rpc_attempt(const vu_rpc_call *call);
pid_t vu_rpc_peer_pid(const vu_rpc_call *call); /* 0 when not known */
uid_t vu_rpc_peer_uid(const vu_rpc_call *call);
/* True when the peer is neither our uid nor root: only methods with VU_RPC_ANY_USER ever see that. */
bool vu_rpc_is_other_user(const vu_rpc_call *call);
/* Metadata value or NULL. */
const char *vu_rpc_metadata(const vu_rpc_call *call, const char *key);
const ProtobufCMethodDescriptor *vu_rpc_method_descriptor(const vu_rpc_call *call);

#endif
