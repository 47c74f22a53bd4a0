/*
 * Files at rest: encrypted and bound to whose they are and what they are.
 *
 *   0    magic         89 'V' 'U' 'S' 0D 0A 1A 0A
 *   8    version       u16, this describes version 1 (little-endian)
 *   10   kind          u16, vu_seal_kind
 *   12   reserved      u32, zero
 *   16   master id     16 bytes: BLAKE2b of the master key, tells keys apart
 *   32   nonce         24 bytes ┐ the file's own random key, encrypted with the
 *   56   wrapped key   48 bytes ┘ master key
 *   104  nonce         24 bytes
 *   128  the content, encrypted with the file's own key, 16 bytes longer
 *
 * Both are XChaCha20-Poly1305 with the first 16 bytes and the owner's name as
 * associated data, the former with the master id besides. So a file in another
 * owner's place, of another kind, edited, or under a key that is no longer
 * known is refused, and a new master key means 72 new bytes in each file.
 * Destroying the first 128 bytes destroys the content.
 *
 * Pure functions; any thread.
 */
#ifndef VU_STORE_SEAL_H
#define VU_STORE_SEAL_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_SEAL_KEY_BYTES      32
#define VU_SEAL_ID_BYTES       16
#define VU_SEAL_HEADER_BYTES   128
#define VU_SEAL_OVERHEAD_BYTES (VU_SEAL_HEADER_BYTES + 16)
#define VU_SEAL_CONTENT_MAX    (1024 * 1024)
#define VU_SEAL_OWNER_MAX      512

typedef enum vu_seal_kind {
	VU_SEAL_TEMPLATE = 1,
} vu_seal_kind;

/* What a master key is called: the same key has the same id, and the id says nothing about the key. */
void vu_seal_key_id(const uint8_t key[VU_SEAL_KEY_BYTES], uint8_t id[VU_SEAL_ID_BYTES]);

bool vu_seal_is_sealed(const void *data, size_t bytes);

/* `out` has room for bytes + VU_SEAL_OVERHEAD_BYTES. `owner` names whose it is, at most VU_SEAL_OWNER_MAX long. */
vu_status vu_seal_encrypt(const uint8_t master[VU_SEAL_KEY_BYTES], vu_seal_kind kind, const char *owner,
                          const void *content, size_t bytes, uint8_t *out, vu_error *error);

/* The id of the master key that a sealed file needs; DATA_LOSS when it is no sealed file of this kind and version. */
vu_status vu_seal_needs(const void *sealed, size_t bytes, vu_seal_kind kind, const char *name,
                        uint8_t id_out[VU_SEAL_ID_BYTES], vu_error *error);

/*
 * `content` has room for bytes - VU_SEAL_OVERHEAD_BYTES and holds nothing after
 * a failure. `name` is for messages. PERMISSION_DENIED: under another master
 * key. DATA_LOSS: damaged, edited, or made for another owner.
 */
vu_status vu_seal_decrypt(const uint8_t master[VU_SEAL_KEY_BYTES], vu_seal_kind kind, const char *owner,
                          const char *name, const void *sealed, size_t bytes, void *content, vu_error *error);

/* Changes a sealed file from master key `from` to `to`, in place; the content is not decrypted. As vu_seal_decrypt.
 */
vu_status vu_seal_rewrap(const uint8_t from[VU_SEAL_KEY_BYTES], const uint8_t to[VU_SEAL_KEY_BYTES],
                         vu_seal_kind kind, const char *owner, const char *name, void *sealed, size_t bytes,
                         vu_error *error);

#endif
