/* What the parts of the template store share: names of its files, and handling of what a thief must not find. */
#ifndef VU_MODELS_TEMPLATE_STORE_INTERNAL_H
#define VU_MODELS_TEMPLATE_STORE_INTERNAL_H

#include "name_code.h"
#include "template_store.h"

#define TEMPLATE_SUFFIX  ".vut"
#define USED_SUFFIX      ".used"
#define NAMESPACE_PREFIX "namespace-"
/* "namespace/user": '/' is in no name, so no two owners are called alike. */
#define OWNER_SIZE (2 * VU_USER_NAME_MAX + 2)

/* Whose a sealed template is, as it is bound to it; returns `owner`. */
const char *template_store_owner(const char *namespace, const char *user, char owner[OWNER_SIZE]);

/* NULL is fine. */
void template_store_wipe(void *data, size_t bytes);

/* OUT_OF_RANGE: too long. */
vu_status template_store_folder(const template_store *store, const char *namespace, char path[PATH_MAX],
                                vu_error *error);
vu_status template_store_file(const template_store *store, const char *namespace, const char *user,
                              const char *suffix, char path[PATH_MAX], vu_error *error);

/* A whole file, for template_store_wipe. */
vu_status template_store_read(const char *path, uint8_t **data_out, size_t *bytes_out, vu_error *error);

/*
 * Overwrites the beginning of the file, where a sealed one has its key, before
 * the file goes: what a disk still holds of the rest is noise then. A plain one
 * is overwritten whole. As far as the disk writes in place; failing changes nothing.
 */
void template_store_overwrite(const char *path, bool whole);

#endif
