/*
 * Where templates lie:
 *
 *   <home>/templates/users/<name>.vut         the template, mode 0600
 *   <home>/templates/users/<name>.used        empty; its time is that of the last use
 *   <home>/templates/namespace-<name>/…       the same for the users of one evaluation
 *   <home>/templates/removed                  request ids of the latest removals
 *
 * <name> is encoded as in name_code.h. Templates are written atomically, and
 * each says inside whose it is. Nothing is kept in memory; any thread, but the
 * caller keeps two writers of one user apart.
 */
#ifndef VU_MODELS_TEMPLATE_STORE_H
#define VU_MODELS_TEMPLATE_STORE_H

#include "base/id.h"
#include "base/status.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct template_store {
	char folder[PATH_MAX]; /* <home>/templates */
} template_store;

/* Computes paths; creates nothing. OUT_OF_RANGE when `home` is too long. */
vu_status template_store_init(template_store *store, const char *home, vu_error *error);

/* Path of a user's template; names have been checked. RESOURCE_EXHAUSTED: too long. */
vu_status template_store_path(const template_store *store, const char *namespace, const char *user,
                              char path[PATH_MAX], vu_error *error);

/* Creates the folder when needed and writes. */
vu_status template_store_write(const template_store *store, const char *namespace, const char *user, const void *data,
                               size_t bytes, vu_error *error);

bool template_store_exists(const template_store *store, const char *namespace, const char *user);

/* Notes that the user was scored now / when that last was (wall clock, 0 = never). Failure is not worth stopping for.
 */
void template_store_touch(const template_store *store, const char *namespace, const char *user);
int64_t template_store_last_used_us(const template_store *store, const char *namespace, const char *user);

/*
 * Erases a user's files and remembers `request_id`, so that a repeated request
 * is known even after a restart. *bytes_out is the size of the template.
 * NOT_FOUND when there is none, unless this very request erased it before
 * (OK, *bytes_out 0).
 */
vu_status template_store_remove(const template_store *store, const char *namespace, const char *user,
                                const uint8_t request_id[VU_ID_BYTES], uint64_t *bytes_out, vu_error *error);

/* Erases a whole namespace (never that of real users); OK when there is none. */
vu_status template_store_remove_namespace(const template_store *store, const char *namespace, vu_error *error);

/* Longer than an evaluation takes. */
#define TEMPLATE_NAMESPACE_AGE_S 86400

/*
 * Removes namespaces in which nobody was enrolled for so long: their evaluation
 * was killed before it could. Returns how many; what cannot be removed stays.
 */
unsigned template_store_sweep(const template_store *store, int64_t now_us);

/* Calls `each` for every user with a template file, in no order, until it returns false. OK when there is no folder.
 */
vu_status template_store_list(const template_store *store, const char *namespace,
                              bool (*each)(void *context, const char *user), void *context, vu_error *error);

#endif
