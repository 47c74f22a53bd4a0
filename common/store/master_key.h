/*
 * The key that all others are wrapped with: where it lies and what is in it.
 *
 *   $VOICE_UNLOCK_KEY_FILE, an absolute path
 *   <home>.key                  beside a state folder that $VOICE_UNLOCK_HOME names
 *   <configuration folder>-keys/master.key
 *
 * (not in the configuration folder itself, which every service may read), and
 * so never inside the state folder: who copies that has no key. The file is
 * 0600; it is refused when anybody else may read it. It is made once, complete
 * or not at all, also when two processes make it at the same time.
 *
 * Its bytes: magic 8 · flags u32 · reserved u32 · current key 32 · previous key
 * 32 (zero unless keys are being exchanged) · BLAKE2b-256 of what is before.
 * Where the process was given something to lock it with (store/key_guard.h),
 * these bytes are encrypted, behind another magic of 8.
 */
#ifndef VU_STORE_MASTER_KEY_H
#define VU_STORE_MASTER_KEY_H

#include "base/status.h"
#include "store/seal.h"

#include <limits.h>
#include <stdbool.h>

typedef struct vu_master_key {
	uint8_t current[VU_SEAL_KEY_BYTES];
	uint8_t previous[VU_SEAL_KEY_BYTES];
	uint32_t has_previous; /* files under the previous one may be left */
	uint32_t is_guarded;   /* the file is locked with the guard, and is to be again */
	uint32_t all_sealed;   /* whatever is not sealed was put there by somebody else */
} vu_master_key;

/* OUT_OF_RANGE: too long. INVALID_ARGUMENT: inside `home`. */
vu_status vu_master_key_path(const char *home, char path[PATH_MAX], vu_error *error);

/* Moves keys from where earlier versions kept them, the configuration folder itself, unless there are some already.
 */
vu_status vu_master_key_adopt(const char *home, vu_error *error);

/*
 * NOT_FOUND, PERMISSION_DENIED (others can read it), DATA_LOSS (damaged, or locked with another guard),
 * FAILED_PRECONDITION (locked, and there is no guard).
 */
vu_status vu_master_key_read(const char *path, vu_master_key *key_out, vu_error *error);

/* Makes a new one unless there is one; *key_out is what is there afterwards. */
vu_status vu_master_key_create(const char *path, bool all_sealed, vu_master_key *key_out, vu_error *error);

/* The same, locked when there is a guard. */
vu_status vu_master_key_create_guarded(const char *path, bool all_sealed, vu_master_key *key_out, vu_error *error);

/* Locks a file that is not, when there is a guard, and overwrites what it was before. `key`: as read. */
vu_status vu_master_key_guard(const char *path, vu_master_key *key, vu_error *error);

/* Whether the file at `path` is locked: for saying so. False when it cannot be read. */
bool vu_master_key_is_guarded(const char *path);

/* Replaces what is there, durably. */
vu_status vu_master_key_write(const char *path, const vu_master_key *key, vu_error *error);

#endif
