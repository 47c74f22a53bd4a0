/* Where a service of this suite listens, as the runtime of that service decides it from the same configuration. */
#ifndef VU_SUPERVISOR_LISTENING_ENDPOINT_H
#define VU_SUPERVISOR_LISTENING_ENDPOINT_H

#include "base/config.h"
#include "base/status.h"
#include "rpc/endpoint.h"

/*
 * The first local one of the configured endpoints, else the default in the
 * runtime folder. FAILED_PRECONDITION when all that are configured are on other
 * machines: a suite here has nothing to start then, and this build cannot go
 * there.
 */
vu_status vu_listening_endpoint(const vu_config *config, const char *runtime_folder, vu_service_id id,
                                vu_endpoint *out, vu_error *error);

#endif
