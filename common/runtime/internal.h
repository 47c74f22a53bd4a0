/* What the files of common/runtime share. Not for services. */
#ifndef VU_RUNTIME_INTERNAL_H
#define VU_RUNTIME_INTERNAL_H

#include "rpc/placement.h"
#include "runtime/runtime.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Exit codes of the interface. */
enum {
	VU_EXIT_OK = 0,
	VU_EXIT_USAGE = 2,
	VU_EXIT_CONFIGURATION = 8,
	VU_EXIT_PERMISSION = 9,
	VU_EXIT_INTERNAL = 70,
	VU_EXIT_INTERRUPTED = 130,
};

/* Requests get this long to end after SIGTERM; the rest of two seconds is for the service's stop. */
#define VU_DRAIN_MS 1500

/* The supervisor enters a process into the roster as soon as it has started it. */
#define VU_ROSTER_MS 10000

/*
 * NNG 1.5.2 throws away what has arrived on a connection once it sees that the
 * other side has closed it. So who was answered last gets this long to read.
 */
#define VU_LINGER_MS 100

/* A configuration that was replaced is kept this long for handlers that still read it. */
#define VU_RETIRED_CONFIG_US (10 * 60 * INT64_C(1000000))

typedef struct vu_inherited {
	int ready_fd; /* -1: none */
	int ring_fd;
	int roster_fd;
	pid_t parent;             /* 0: none */
	uint32_t memory_limit_mb; /* 0: none */
} vu_inherited;

typedef struct vu_retired_config {
	vu_config *config;
	int64_t retired_us;
	struct vu_retired_config *next;
} vu_retired_config;

typedef struct vu_pending_reload {
	vu_rpc_call *call;
	struct vu_pending_reload *next;
} vu_pending_reload;

struct vu_counter {
	const char *name;
	const char *help;
	bool is_gauge;
	_Atomic double value;
	struct vu_counter *next;
};

/* Of confinement.c: what this process may reach. */
typedef struct vu_confined vu_confined;

struct vu_runtime {
	const vu_service_definition *definition;
	const char *name;
	void *state;
	char *home;
	char *folder;
	char *state_folder;    /* of this service alone, in `home`; NULL when it keeps nothing */
	vu_confined *confined; /* NULL: it is not */
	vu_inherited inherited;
	int64_t started_us; /* monotonic */
	_Atomic(vu_config *) config;
	vu_retired_config *retired; /* main thread only */

	uv_loop_t loop;
	uv_signal_t terminate;
	uv_signal_t interrupt;
	uv_signal_t hang_up;
	uv_async_t running;
	uv_async_t stop_wanted;
	uv_async_t reload_wanted;
	uv_async_t drained;
	pthread_t drainer;
	bool stopping; /* main thread only */
	bool drainer_started;
	_Atomic int exit_code;
	/* Of memory_limit.c, main thread only: the ceiling in force, and what the process held when it was ready. */
	uint64_t guarded_bytes;
	uint64_t idle_data_bytes;
	uint64_t idle_resident_bytes;

	vu_rpc_server *server;
	vu_roster *roster;    /* NULL without a supervisor */
	pthread_mutex_t lock; /* of channels and reloads */
	vu_channel *channels[VU_SERVICE_COUNT];
	vu_credentials *credentials; /* read when first needed, for the life of the process */
	vu_pending_reload *reloads;
	_Atomic(vu_counter *) counters; /* only ever grows */
};

/* ---- environment.c ---- */

/* Takes the descriptors and the parent's pid out of the environment. INVALID_ARGUMENT: a variable is no such thing.
 */
vu_status vu_inherited_take(vu_inherited *out, vu_error *error);
/* Says '1' to the one who started us, once; nothing without a descriptor. */
void vu_inherited_report_ready(vu_inherited *inherited);

/* ---- folders.c ---- */

/* Makes state and socket folder and checks that nobody else can write into them. */
vu_status vu_runtime_prepare_folders(vu_runtime *runtime, vu_error *error);

/* ---- confinement.c ---- */

/*
 * Before the first thread: files. FAILED_PRECONDITION: the system cannot, and
 * the configuration requires it. Nothing happens without a supervisor.
 */
vu_status vu_confinement_enter(vu_runtime *runtime, vu_error *error);
/* Once everything runs: system calls. Fails as above. */
vu_status vu_confinement_close(vu_runtime *runtime, vu_error *error);
/* FAILED_PRECONDITION: `config` asks for other places than those that were granted. */
vu_status vu_confinement_check(const vu_runtime *runtime, const vu_config *config, vu_error *error);

/* ---- channels.c ---- */

/* Where a service is, as the configuration places it. */
vu_status vu_runtime_placement(const vu_runtime *runtime, vu_service_id id, vu_placement *out, vu_error *error);

/*
 * What this process shows to other machines, from the folder tls in the state
 * folder, when a placement needs it; else NULL. Guards itself unless the caller
 * holds runtime->lock already.
 */
vu_status vu_runtime_credentials(vu_runtime *runtime, const vu_placement *placement, bool locked,
                                 vu_credentials **out, vu_error *error);

/* ---- lifecycle.c ---- */

vu_status vu_lifecycle_init(vu_runtime *runtime, vu_error *error);
/* Runs the loop, from which it reports readiness, until the process was asked to stop and has drained. */
void vu_lifecycle_run(vu_runtime *runtime);

/* ---- memory_limit.c ---- */

/* When ready and after a reload: from here on the system refuses private memory beyond the ceiling. */
void vu_memory_limit_guard(vu_runtime *runtime);

/* ---- reload.c ---- */

/* Reads the configuration again, on the main thread; on failure the old one stays. */
vu_status vu_runtime_reload(vu_runtime *runtime, vu_error *error);
/* Reloads and answers those who asked for it. */
void vu_runtime_serve_reloads(vu_runtime *runtime);
/* Queues `call` for the main thread. */
void vu_runtime_request_reload(vu_runtime *runtime, vu_rpc_call *call);

/* ---- process_service.c ---- */

/* Adds voiceunlock.v1.Process to the server. */
vu_status vu_process_service_add(vu_runtime *runtime, vu_error *error);

#endif
