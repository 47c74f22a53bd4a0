/*
 * Who may call what: the one table of all methods and of the kinds of callers
 * that may call each. What is not listed is refused.
 *
 * Who a caller is follows from the process at the other end of the connection
 * and the supervisor's roster (roster.h), or from the session of a remote host;
 * never from what it says.
 */
#ifndef VU_RPC_CALLER_H
#define VU_RPC_CALLER_H

#include "base/config.h"
#include "base/status.h"

#include <stdint.h>
#include <sys/types.h>

/* The services by their ids, then everybody else. */
typedef enum vu_caller {
	VU_CALLER_CAPTURE = VU_SERVICE_CAPTURE,
	VU_CALLER_FEATURES = VU_SERVICE_FEATURES,
	VU_CALLER_MODELS = VU_SERVICE_MODELS,
	VU_CALLER_ANTISPOOF = VU_SERVICE_ANTISPOOF,
	VU_CALLER_ORCHESTRATOR = VU_SERVICE_ORCHESTRATOR,
	VU_CALLER_SUPERVISOR = VU_SERVICE_SUPERVISOR,
	VU_CALLER_CLIENT = VU_SERVICE_COUNT, /* no process of the suite: command line, C API, PAM helper */
	VU_CALLER_REMOTE,                    /* a host of the allow-list whose role is orchestrator */
	VU_CALLER_REMOTE_FEATURES,           /* … features */
	VU_CALLER_REMOTE_ANTISPOOF,          /* … antispoof */
	VU_CALLER_HOST,                      /* any host of the allow-list */
	VU_CALLER_COUNT,
} vu_caller;

/* A set of callers, one bit (1 << caller) each. */
typedef uint32_t vu_caller_set;

/* "features", "a client", … for messages. */
const char *vu_caller_name(vu_caller caller);

/* Who may call `method` ("/voiceunlock.v1.Models/Score") of the process `service`; nobody when it is not listed. */
vu_caller_set vu_callers_of(const char *service, const char *method);

/*
 * PERMISSION_DENIED unless `caller` is in `allowed`; the message names method,
 * caller and who may. Refusals are logged, at most one a second.
 */
vu_status vu_caller_check(vu_caller caller, vu_caller_set allowed, const char *method, pid_t pid, vu_error *error);
/* The same for a host of the allow-list, which may have several roles (vu_host_role) or none. */
vu_status vu_caller_check_host(unsigned roles, vu_caller_set allowed, const char *method, const char *host,
                               vu_error *error);

#endif
