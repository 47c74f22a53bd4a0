/*
 * Where templates lie:
 *
 *   <home>/templates/users/<name>.vut         the template, mode 0600
 *   <home>/templates/users/<name>.used        empty; its time is that of the last use
 *   <home>/templates/users/<name>.expired     of one that nobody uses: how long that was seen, see expiry.h
 *   <home>/templates/namespace-<name>/…       the same for the users of one evaluation
 *   <home>/templates/removed                  request ids of the latest removals
 *
 * <name> is encoded as in name_code.h. Templates are written atomically, and
 * each says inside whose it is. With a vault they are sealed (store/seal.h),
 * bound to namespace and user. Nothing is kept in memory; any thread, but the
 * caller keeps two writers of one user apart.
 */
#ifndef VU_MODELS_TEMPLATE_STORE_H
#define VU_MODELS_TEMPLATE_STORE_H

#include "base/id.h"
#include "base/status.h"
#include "ml/model_file.h"
#include "store/vault.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct template_store {
	char folder[PATH_MAX]; /* <home>/templates */
	vu_vault *vault;       /* borrowed; NULL: templates are plain files */
	bool encrypt;          /* with a vault: whether new templates are sealed */
} template_store;

/* Computes paths; creates nothing. OUT_OF_RANGE when `home` is too long. */
vu_status template_store_init(template_store *store, const char *home, vu_error *error);

/* Path of a user's template; names have been checked. RESOURCE_EXHAUSTED: too long. */
vu_status template_store_path(const template_store *store, const char *namespace, const char *user,
                              char path[PATH_MAX], vu_error *error);

/*
 * Keeps templates sealed from now on (or, with `encrypt` false, new ones
 * plain): the first time, plain ones that are there are sealed and their old
 * content is overwritten; an exchange of keys that was cut short is finished.
 * Plain ones that appear later are refused. Before any request.
 */
vu_status template_store_use_vault(template_store *store, vu_vault *vault, bool encrypt, vu_error *error);

/*
 * Gives every template a new master key. `lock` and `unlock` keep other writers
 * of a user away for a moment. *count_out: how many there were. What cannot be
 * opened stays as it is, is logged, and is lost for good.
 */
typedef struct template_locks {
	void (*lock)(void *context, const char *namespace, const char *user);
	void (*unlock)(void *context, const char *namespace, const char *user);
	void *context;
} template_locks;

vu_status template_store_rotate_key(const template_store *store, const template_locks *locks, size_t *count_out,
                                    vu_error *error);

/*
 * Opens and verifies a user's template, read into secret memory when it was
 * sealed. As vu_model_file_open; PERMISSION_DENIED also when it is under a key
 * that is not there any more, or plain where all are sealed.
 */
vu_status template_store_open(const template_store *store, const char *namespace, const char *user,
                              vu_model_file **file_out, vu_error *error);

/* Creates the folder when needed and writes. */
vu_status template_store_write(const template_store *store, const char *namespace, const char *user, const void *data,
                               size_t bytes, vu_error *error);

bool template_store_exists(const template_store *store, const char *namespace, const char *user);

/* Notes that the user was scored now / when that last was (wall clock, 0 = never). Failure is not worth stopping for.
 */
void template_store_touch(const template_store *store, const char *namespace, const char *user);
int64_t template_store_last_used_us(const template_store *store, const char *namespace, const char *user);

/* When it was last used or written, wall clock; 0 when there is none. A new master key changes nothing. */
int64_t template_store_last_known_us(const template_store *store, const char *namespace, const char *user);

/* Adds to the seconds for which a real user's template was seen expired; returns their sum, 0 when it cannot be kept.
 */
uint32_t template_store_add_expired(const template_store *store, const char *user, uint32_t seconds);
void template_store_forget_expired(const template_store *store, const char *user);

/*
 * Erases a user's files, the key of the template first, and remembers `request_id`, so that a repeated request
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
