/*
 * What the master key's file is locked with, so that the disk it lies on is not
 * enough: a secret that the system hands to this process alone.
 *
 *   Linux   the credential VU_KEY_GUARD_NAME of the unit, in $CREDENTIALS_DIRECTORY
 *           (LoadCredentialEncrypted=: sealed by the TPM where there is one)
 *   macOS   the item VU_KEY_GUARD_NAME of the user's keychain
 *
 * Loaded once, before the process shuts itself in, and kept in secret memory.
 * Load from one thread; the others are for any.
 */
#ifndef VU_STORE_KEY_GUARD_H
#define VU_STORE_KEY_GUARD_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_KEY_GUARD_NAME  "voice-unlock-guard"
#define VU_KEY_GUARD_BYTES 32

/*
 * OK, also when there is none. INVALID_ARGUMENT: it is too short to protect
 * anything; otherwise why it could not be read. After an error there is none.
 */
vu_status vu_key_guard_load(vu_error *error);
/* As if none had been loaded. */
void vu_key_guard_forget(void);

bool vu_key_guard_is_there(void);

/* Locks `bytes` of content into `out`, which has VU_KEY_GUARD_OVERHEAD more. FAILED_PRECONDITION: there is none. */
#define VU_KEY_GUARD_OVERHEAD 40
vu_status vu_key_guard_lock(const void *content, size_t bytes, uint8_t *out, vu_error *error);
/* The contrary. FAILED_PRECONDITION: there is none; DATA_LOSS: locked with another one, or changed. */
vu_status vu_key_guard_unlock(const uint8_t *locked, size_t bytes, void *content, vu_error *error);

#endif
