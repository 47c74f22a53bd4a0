/*
 * Where a service runs and where to find it, from services.NAME.endpoints.
 *
 * All machines may share one configuration: the list says where the service is
 * served, and an endpoint is this machine's when it is an ipc:// path or its
 * host is a name or an address of this machine (0.0.0.0 and [::] always are).
 *
 *   no list                  served here, on the local socket alone
 *   an endpoint of our own   served here: on the local socket, and for other
 *                            hosts at each tls+tcp:// endpoint that is ours
 *   none of our own          served elsewhere; nothing is started here
 *
 * Callers on this machine use the local socket in place of our own tls+tcp://
 * endpoints, and the others as written, in the order of the list.
 */
#ifndef VU_RPC_PLACEMENT_H
#define VU_RPC_PLACEMENT_H

#include "base/config.h"
#include "base/status.h"
#include "rpc/endpoint.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct vu_placement {
	bool here;         /* this machine serves it */
	bool remote;       /* some endpoint, listened at or called, is tls+tcp: credentials are needed */
	vu_endpoint local; /* the socket on this machine, even if nothing is served here */
	vu_endpoint listen[VU_CONFIG_ENDPOINTS_MAX]; /* where it listens besides */
	size_t listen_count;
	vu_endpoint call[VU_CONFIG_ENDPOINTS_MAX]; /* in order of preference */
	size_t call_count;
} vu_placement;

/* Says whether a host is this machine; vu_platform_is_own_address but in tests. */
typedef bool (*vu_is_own_address)(const char *host);

/*
 * `config` NULL: as without a list. INVALID_ARGUMENT: an endpoint is none;
 * FAILED_PRECONDITION: the orchestrator or the supervisor on another machine,
 * which decide and act for the machine they are on.
 */
vu_status vu_placement_find(const vu_config *config, const char *runtime_folder, vu_service_id id,
                            vu_is_own_address is_own, vu_placement *out, vu_error *error);

#endif
