/*
 * What the model server gets beyond a health check: word that it is near its
 * ceiling and is to load nothing new, and, after its death, the list of models
 * that were loaded before, to be loaded again. One that was just being loaded is
 * not on the list: it may be what killed it.
 *
 * Calls run in libuv's thread pool; everything else on the loop thread.
 */
#ifndef VU_SUPERVISOR_MODEL_CARE_H
#define VU_SUPERVISOR_MODEL_CARE_H

#include "base/status.h"
#include "rpc/channel.h"

#include <stdbool.h>
#include <uv.h>

/* How often the list is fetched. */
#define VU_HOT_INTERVAL_US (1000 * 1000LL)
/* So many models at most, last used first. */
#define VU_HOT_MAX 64

typedef struct vu_model_care vu_model_care;

/* Lives as long as the process. */
vu_status vu_model_care_create(uv_loop_t *loop, vu_channel *channel, vu_model_care **care_out, vu_error *error);

/*
 * On every look at a model server that serves. `process` tells its processes
 * apart: a new number means that it has died and lost what it had loaded.
 */
void vu_model_care_attend(vu_model_care *care, unsigned process, bool refuse_loads);

#endif
