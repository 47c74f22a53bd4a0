/* The table of configuration keys, shared by the files that implement base/config.h. */
#ifndef VU_BASE_CONFIG_TABLE_H
#define VU_BASE_CONFIG_TABLE_H

#include "base/config.h"

/* Longest text value, and longest "section.key". */
#define VU_CONFIG_TEXT_MAX 1024
#define VU_CONFIG_NAME_MAX 64

/* Room for a flag per key. */
#define VU_CONFIG_KEYS_MAX 64

/* Lists are not scalar keys; these are their names. */
#define VU_CONFIG_PHRASES_KEY "enrollment.phrases"
#define VU_CONFIG_LOADERS_KEY "ml.loaders"

/* The sections in the order of the file, ending in NULL. */
extern const char *const VU_CONFIG_SECTIONS[];

/* What enrolment asks people to say when the file lists nothing; ends in NULL. */
extern const char *const VU_CONFIG_DEFAULT_PHRASES[];

/* Names of the choices, ending in NULL, in the order of their enums. */
extern const char *const VU_LEVEL_NAMES[];
extern const char *const VU_ANTISPOOF_LEVEL_NAMES[];

/* The part of "section.key" after the dot when it is in `section`, else NULL. */
const char *vu_config_key_in_section(const vu_config_key *key, const char *section);

/* True for the names above and "services.NAME.endpoints". */
int vu_config_is_list_key(const char *key);

#endif
