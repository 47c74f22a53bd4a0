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
 *
 * Where a place was chosen that is not the file (store/key_place.h), these bytes
 * lie in it sealed with that place's secret: magic 8 · place u32 · reserved u32 ·
 * nonce 24 · XChaCha20-Poly1305 of the above, bound to what is before the nonce.
 */
#ifndef VU_STORE_MASTER_KEY_H
#define VU_STORE_MASTER_KEY_H

#include "base/status.h"
#include "store/key_place.h"
#include "store/seal.h"

#include <limits.h>
#include <stdbool.h>

typedef struct vu_master_key {
	uint8_t current[VU_SEAL_KEY_BYTES];
	uint8_t previous[VU_SEAL_KEY_BYTES];
	uint32_t has_previous; /* files under the previous one may be left */
	uint32_t all_sealed;   /* whatever is not sealed was put there by somebody else */
	vu_key_place place;    /* what its file is sealed by */
} vu_master_key;

/* OUT_OF_RANGE: too long. INVALID_ARGUMENT: inside `home`. */
vu_status vu_master_key_path(const char *home, char path[PATH_MAX], vu_error *error);

/* Moves keys from where earlier versions kept them, the configuration folder itself, unless there are some already.
 */
vu_status vu_master_key_adopt(const char *home, vu_error *error);

/*
 * NOT_FOUND: there is no file. PERMISSION_DENIED: others can read it, or its
 * place does not answer or has another secret. DATA_LOSS: damaged.
 */
vu_status vu_master_key_read(const char *path, vu_master_key *key_out, vu_error *error);

/* Makes a new one unless there is one; *key_out is what is there afterwards. */
vu_status vu_master_key_create(const char *path, bool all_sealed, vu_master_key *key_out, vu_error *error);

/* Replaces what is there, durably; in the chosen place, without a choice in that of `key`. */
vu_status vu_master_key_write(const char *path, const vu_master_key *key, vu_error *error);

/* Seals a key that was read anew when another place has been chosen since; *moved_out: it was so. */
vu_status vu_master_key_settle(const char *path, vu_master_key *key, bool *moved_out, vu_error *error);

/* What the file at `path` is sealed by, without opening it. Errors as vu_master_key_read. */
vu_status vu_master_key_place_of(const char *path, vu_key_place *place_out, vu_error *error);

#endif
