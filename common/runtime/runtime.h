/*
 * The main() that every service shares.
 *
 * vu_runtime_main reads the configuration, checks the allocator, opens the
 * log, takes the inherited descriptors, starts the RPC server with Process,
 * Health and Reflection, calls the service's start, reports readiness, and
 * runs the libuv loop of the main thread until SIGTERM, SIGINT or the parent's
 * death; then it drains and exits. SIGHUP and Process.Reload read the
 * configuration again.
 *
 * A service is a vu_service_definition; its main.c is a call of
 * vu_runtime_main and a table of contents.
 */
#ifndef VU_RUNTIME_RUNTIME_H
#define VU_RUNTIME_RUNTIME_H

#include "base/config.h"
#include "base/status.h"
#include "rpc/channel.h"
#include "rpc/server.h"

#include <stdint.h>
#include <uv.h>

typedef struct vu_runtime vu_runtime;

/*
 * How a supervisor starts a child: these variables hold descriptor numbers and
 * are removed from the environment once read.
 */
#define VU_ENV_READY_FD   "VOICE_UNLOCK_READY_FD"   /* one byte '1' is written when ready */
#define VU_ENV_PARENT_PID "VOICE_UNLOCK_PARENT_PID" /* die with this process */
#define VU_ENV_RING_FD    "VOICE_UNLOCK_RING_FD"    /* capture only: the session rings */
#define VU_ENV_ROSTER_FD  "VOICE_UNLOCK_ROSTER_FD"  /* which process is which service: rpc/roster.h */
#define VU_ENV_MEMORY_MB                                                                                             \
	"VOICE_UNLOCK_MEMORY_MB" /* its memory ceiling; the model server's is in the configuration                   \
	                          */

typedef struct vu_service_definition {
	vu_service_id id;
	unsigned in_flight_max;
	unsigned workers_max;
	bool front; /* the machine suite's other users may call it: methods with VU_RPC_ANY_USER */
	/*
	 * Creates the service's state and adds its RPC services to
	 * vu_runtime_server(runtime). Loads nothing that the first request does not
	 * need. On failure the process exits with the error's message (8 for
	 * INVALID_ARGUMENT and FAILED_PRECONDITION, 9 for PERMISSION_DENIED, else 70).
	 */
	vu_status (*start)(vu_runtime *runtime, void **state_out, vu_error *error);
	/*
	 * Called once the RPC server listens and before the process reports ready:
	 * the place for what only one running instance may do. Fails as start does.
	 * May be NULL.
	 */
	vu_status (*listening)(void *state, vu_error *error);
	/* New configuration; the old one stays valid until this returns. May be NULL. */
	vu_status (*reload)(void *state, const vu_config *config, vu_error *error);
	/* Gives memory back; returns the bytes by the service's own account. May be NULL. Any thread. */
	uint64_t (*cleanup)(void *state, bool aggressive);
	/*
	 * The same while memory is short and requests go on: gives back what the next seconds do not need. May be
	 * NULL: then cleanup(state, true).
	 */
	uint64_t (*relieve)(void *state);
	/* Called after the drain, before exit. May be NULL. */
	void (*stop)(void *state);
} vu_service_definition;

/* Never fails silently: returns the exit code of the process. */
int vu_runtime_main(const vu_service_definition *definition, int argc, char **argv);

/* ---- for the service, from any thread unless said otherwise ---- */

/* The current configuration. Valid until the next reload: use it inside a handler, copy what you keep. */
const vu_config *vu_runtime_config(const vu_runtime *runtime);
vu_rpc_server *vu_runtime_server(vu_runtime *runtime);
/* The channel to another service, created at first use. NULL with `error` when its endpoint is unusable. */
vu_channel *vu_runtime_channel(vu_runtime *runtime, vu_service_id id, vu_error *error);
/* State and socket folders, without a final slash. */
const char *vu_runtime_home(const vu_runtime *runtime);
const char *vu_runtime_folder(const vu_runtime *runtime);
/* The folder in the state folder that is this service's own; of models, antispoof and orchestrator alone. */
const char *vu_runtime_state_folder(const vu_runtime *runtime);
/* The loop of the main thread; handles may be added in start() and from its own callbacks. */
uv_loop_t *vu_runtime_loop(vu_runtime *runtime);
/* Inherited descriptor of the session rings, or -1 when started by hand. */
int vu_runtime_ring_fd(const vu_runtime *runtime);
/* Asks the process to stop with this exit code, as SIGTERM does. */
void vu_runtime_stop(vu_runtime *runtime, int exit_code);

/*
 * The service's own counters, shown by Process.Counters and /metrics.
 * `name` and `help` are kept, not copied. A counter lives as long as the process.
 */
typedef struct vu_counter vu_counter;
vu_counter *vu_counter_create(vu_runtime *runtime, const char *name, const char *help, bool is_gauge);
void vu_counter_add(vu_counter *counter, double amount);
void vu_counter_set(vu_counter *counter, double value);

#endif
