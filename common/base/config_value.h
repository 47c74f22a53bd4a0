/* One value of the configuration: text to vu_config and back, by the key's line in the table. */
#ifndef VU_BASE_CONFIG_VALUE_H
#define VU_BASE_CONFIG_VALUE_H

#include "base/config.h"

/*
 * Checks `text` and stores it in `config`. INVALID_ARGUMENT says "KEY is \"TEXT\",
 * but must be RANGE", without a place or a remedy, which the caller knows. A text
 * that was stored before is freed.
 */
vu_status vu_config_value_parse(const vu_config_key *key, const char *text, vu_config *config, vu_error *error);

/* The value as it stands in a file; a text is quoted when YAML would read it otherwise. OUT_OF_RANGE: too small. */
vu_status vu_config_value_format(const vu_config_key *key, const vu_config *config, char *text, size_t size,
                                 vu_error *error);

/* `value` as one YAML scalar in any context. OUT_OF_RANGE: too small. */
vu_status vu_config_quote(const char *value, char *text, size_t size);

/* True when two configurations agree on this key. */
int vu_config_value_equals(const vu_config_key *key, const vu_config *a, const vu_config *b);

#endif
