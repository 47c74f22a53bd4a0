/* Checks that look at more than one key, and at the lists. */
#ifndef VU_BASE_CONFIG_CHECK_H
#define VU_BASE_CONFIG_CHECK_H

#include "base/config.h"

/*
 * Defaults that depend on what was given (`given` by place in the table): the
 * lower of two bounds follows when only the upper one was set below it.
 */
void vu_config_settle(vu_config *config, const bool *given);

/*
 * INVALID_ARGUMENT says what contradicts what and how to mend it, without a
 * place; *key_out is the key whose line or variable to blame. Static.
 */
vu_status vu_config_check(const vu_config *config, const char **key_out, vu_error *error);

/* Logs what is allowed and yet worth saying. */
void vu_config_check_warn(const vu_config *config);

#endif
