/*
 * A vault seals and opens what lies in the state folder with the master key,
 * which it keeps in locked memory and makes when something is sealed for the
 * first time. Any thread.
 */
#ifndef VU_STORE_VAULT_H
#define VU_STORE_VAULT_H

#include "base/status.h"
#include "store/seal.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct vu_vault vu_vault;

/* Reads nothing yet. `key_path` is copied. */
vu_status vu_vault_create(const char *key_path, vu_vault **vault_out, vu_error *error);
void vu_vault_destroy(vu_vault *vault);
const char *vu_vault_key_path(const vu_vault *vault);

/* What seal.h says, under the master key of now. The caller frees *out with free(). */
vu_status vu_vault_seal(vu_vault *vault, vu_seal_kind kind, const char *owner, const void *content, size_t bytes,
                        void **out, size_t *bytes_out, vu_error *error);

/*
 * *content_out is secret memory (base/secret.h) of *bytes_out bytes, for
 * vu_secret_free. Errors as vu_seal_decrypt; while keys are being exchanged,
 * the previous key serves too.
 */
vu_status vu_vault_open(vu_vault *vault, vu_seal_kind kind, const char *owner, const char *name, const void *sealed,
                        size_t bytes, void **content_out, size_t *bytes_out, vu_error *error);

/* ---- from plain files to sealed ones ---- */

/* Whether everything was sealed once, so that what is not was put there by somebody else. False without a key. */
vu_status vu_vault_is_all_sealed(vu_vault *vault, bool *sealed_out, vu_error *error);
/* Notes that from now on; without a key, for when there will be one. */
vu_status vu_vault_set_all_sealed(vu_vault *vault, bool all_sealed, vu_error *error);

/* ---- exchanging the master key ----
 *
 * begin, then rewrap every file, then end. Until the end both keys are kept, so
 * that what is cut short goes on where vu_vault_is_rotating says so.
 */
vu_status vu_vault_begin_rotation(vu_vault *vault, vu_error *error);
vu_status vu_vault_is_rotating(vu_vault *vault, bool *rotating_out, vu_error *error);
/* Brings a sealed file under the key of now; *changed_out: it was not yet, and is to be written. */
vu_status vu_vault_rewrap(vu_vault *vault, vu_seal_kind kind, const char *owner, const char *name, void *sealed,
                          size_t bytes, bool *changed_out, vu_error *error);
/* Forgets the previous key: what is still under it can never be opened again. */
vu_status vu_vault_end_rotation(vu_vault *vault, vu_error *error);

#endif
