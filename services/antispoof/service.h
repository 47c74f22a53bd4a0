/*
 * The Antispoof RPC service: assessments of capture sessions, and the replay
 * memory that they share. Nothing is opened before the first request that
 * needs it. Handlers run on worker threads.
 */
#ifndef VU_ANTISPOOF_SERVICE_H
#define VU_ANTISPOOF_SERVICE_H

#include "runtime/runtime.h"

typedef struct vu_antispoof vu_antispoof;

/* Adds the RPC service to the runtime's server. */
vu_status vu_antispoof_create(vu_runtime *runtime, vu_antispoof **antispoof_out, vu_error *error);
void vu_antispoof_destroy(vu_antispoof *antispoof);

#endif
