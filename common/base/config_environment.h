/* Environment variables over the configuration file. */
#ifndef VU_BASE_CONFIG_ENVIRONMENT_H
#define VU_BASE_CONFIG_ENVIRONMENT_H

#include "base/config.h"

/*
 * INVALID_ARGUMENT names variable, value, range and remedy. An empty variable
 * counts as not set. `given` (by place in the table) notes the keys that were set.
 */
vu_status vu_config_environment_apply(vu_config *config, bool *given, vu_error *error);

/* Logs a warning for each VOICE_UNLOCK_* variable that means nothing; returns how many there are. */
unsigned vu_config_environment_warn(void);

#endif
