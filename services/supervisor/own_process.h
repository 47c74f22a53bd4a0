/*
 * The Process service of the supervisor itself. Its siblings get theirs from
 * the runtime, whose main() the supervisor does not share.
 */
#ifndef VU_SUPERVISOR_OWN_PROCESS_H
#define VU_SUPERVISOR_OWN_PROCESS_H

#include "base/status.h"
#include "rpc/server.h"

/* Reload and Counters need the loop's state and are passed on to these handlers, with `context`. */
typedef struct vu_own_process {
	vu_rpc_handler reload;
	vu_rpc_handler counters;
	void *context;
} vu_own_process;

/* Once per process, before the server listens. */
vu_status vu_own_process_add(vu_rpc_server *server, const vu_own_process *handlers, vu_error *error);

#endif
