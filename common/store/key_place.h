/*
 * Where the secret lies that the master key's file is sealed with, chosen at the
 * installation by one word in `<key file>.place`:
 *
 *   file                  nowhere: the file holds the key as it is, 0600
 *   systemd-creds+tpm2    a credential that systemd opens for the unit, by the TPM and the host's key
 *   systemd-creds+host    the same without a TPM: by a key that root has on the same disk
 *   keychain              macOS
 *
 * Without that file nothing was chosen, which is `file` for a key that is yet to
 * be made and changes nothing for one that there is. A place that was chosen and
 * does not answer is an error, never another place, and never NOT_FOUND: no key
 * is made in the stead of one that cannot be read. The secret never changes; the
 * master key under it may (rotate-key).
 */
#ifndef VU_STORE_KEY_PLACE_H
#define VU_STORE_KEY_PLACE_H

#include "base/status.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define VU_KEY_SECRET_BYTES 32
/* Under this name systemd hands the credential to the unit, in $CREDENTIALS_DIRECTORY. */
#define VU_KEY_CREDENTIAL     "voice-unlock-key"
#define VU_KEY_CREDENTIAL_MAX 4096

/* As written into key files: never renumbered. */
typedef enum vu_key_place {
	VU_KEY_PLACE_FILE = 0,
	VU_KEY_PLACE_CREDENTIAL = 1,
	VU_KEY_PLACE_KEYCHAIN = 2,
} vu_key_place;

typedef struct vu_key_choice {
	vu_key_place place;
	bool made; /* false: nothing was chosen */
	bool tpm;  /* as it was when the credential was made */
} vu_key_choice;

/* INVALID_ARGUMENT: an unknown word; PERMISSION_DENIED: others could have written it. */
vu_status vu_key_place_chosen(const char *key_path, vu_key_choice *choice_out, vu_error *error);

/*
 * The secret of a place that is not FILE, for the caller to wipe. `make`: where
 * the suite itself makes it (the Keychain), it is made when there is none.
 * PERMISSION_DENIED names the remedy; UNIMPLEMENTED: this system has no such place.
 */
vu_status vu_key_place_secret(const char *key_path, vu_key_place place, bool make,
                              uint8_t secret[VU_KEY_SECRET_BYTES], vu_error *error);

/* $CREDENTIALS_DIRECTORY/voice-unlock-key; false when there is no such folder named. */
bool vu_key_place_credential_path(char path[PATH_MAX]);

#endif
