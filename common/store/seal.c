/* Sealing and opening bytes in memory. Keys live on the stack for as long as a call takes, and are wiped. */
#include "store/seal.h"

#include <sodium.h>
#include <string.h>

#define MAGIC       "\x89VUS\r\n\x1a\n"
#define VERSION     1
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES   crypto_aead_xchacha20poly1305_ietf_ABYTES

typedef struct header {
	uint8_t magic[8];
	uint8_t version[2];
	uint8_t kind[2];
	uint8_t reserved[4];
	uint8_t master_id[VU_SEAL_ID_BYTES];
	uint8_t key_nonce[NONCE_BYTES];
	uint8_t wrapped_key[VU_SEAL_KEY_BYTES + TAG_BYTES];
	uint8_t nonce[NONCE_BYTES];
} header;

_Static_assert(sizeof(header) == VU_SEAL_HEADER_BYTES, "the header is 128 bytes");

/* How much of the header goes into the associated data of the content and of its key. */
#define CONTENT_BOUND offsetof(header, master_id)
#define KEY_BOUND     offsetof(header, key_nonce)

typedef struct bound {
	uint8_t bytes[KEY_BOUND + VU_SEAL_OWNER_MAX];
	size_t used;
} bound;

static void bind_to(bound *b, const header *h, size_t from_header, const char *owner)
{
	size_t length = strlen(owner);

	memcpy(b->bytes, h, from_header);
	memcpy(b->bytes + from_header, owner, length);
	b->used = from_header + length;
}

static vu_status check_owner(const char *owner, vu_error *error)
{
	if (sodium_init() < 0)
		return vu_fail(error, VU_INTERNAL, "unable to use libsodium: it cannot be initialized");
	if (strlen(owner) > VU_SEAL_OWNER_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to seal: the owner's name is too long");
	return VU_OK;
}

void vu_seal_key_id(const uint8_t key[VU_SEAL_KEY_BYTES], uint8_t id[VU_SEAL_ID_BYTES])
{
	static const char LABEL[] = "voice-unlock master key id";
	crypto_generichash(id, VU_SEAL_ID_BYTES, (const uint8_t *)LABEL, sizeof LABEL, key, VU_SEAL_KEY_BYTES);
}

bool vu_seal_is_sealed(const void *data, size_t bytes)
{
	return bytes >= strlen(MAGIC) && memcmp(data, MAGIC, strlen(MAGIC)) == 0;
}

static void wrap_key(header *h, const uint8_t master[VU_SEAL_KEY_BYTES], const uint8_t key[VU_SEAL_KEY_BYTES],
                     const char *owner)
{
	bound b;

	vu_seal_key_id(master, h->master_id);
	randombytes_buf(h->key_nonce, sizeof h->key_nonce);
	bind_to(&b, h, KEY_BOUND, owner);
	crypto_aead_xchacha20poly1305_ietf_encrypt(h->wrapped_key, NULL, key, VU_SEAL_KEY_BYTES, b.bytes, b.used,
	                                           NULL, h->key_nonce, master);
}

vu_status vu_seal_encrypt(const uint8_t master[VU_SEAL_KEY_BYTES], vu_seal_kind kind, const char *owner,
                          const void *content, size_t bytes, uint8_t *out, vu_error *error)
{
	header h = {.magic = MAGIC, .version = {VERSION, 0}, .kind = {(uint8_t)kind, 0}};
	uint8_t key[VU_SEAL_KEY_BYTES];
	bound b;
	vu_status status = check_owner(owner, error);

	if (status != VU_OK)
		return status;
	if (bytes > VU_SEAL_CONTENT_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to seal %zu bytes: more than %d", bytes,
		               VU_SEAL_CONTENT_MAX);
	randombytes_buf(key, sizeof key);
	wrap_key(&h, master, key, owner);
	randombytes_buf(h.nonce, sizeof h.nonce);
	memcpy(out, &h, sizeof h);
	bind_to(&b, &h, CONTENT_BOUND, owner);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + sizeof h, NULL, content, bytes, b.bytes, b.used, NULL,
	                                           h.nonce, key);
	sodium_memzero(key, sizeof key);
	return VU_OK;
}

vu_status vu_seal_needs(const void *sealed, size_t bytes, vu_seal_kind kind, const char *name,
                        uint8_t id_out[VU_SEAL_ID_BYTES], vu_error *error)
{
	static const uint8_t zero[4];
	header h;

	if (!vu_seal_is_sealed(sealed, bytes))
		return vu_fail(error, VU_DATA_LOSS, "unable to open %s: it is not sealed", name);
	if (bytes < VU_SEAL_OVERHEAD_BYTES)
		return vu_fail(error, VU_DATA_LOSS, "unable to open %s: it is truncated", name);
	if (bytes - VU_SEAL_OVERHEAD_BYTES > VU_SEAL_CONTENT_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to open %s: it is too long", name);
	memcpy(&h, sealed, sizeof h);
	if (h.version[0] != VERSION || h.version[1] != 0)
		return vu_fail(error, VU_UNIMPLEMENTED,
		               "unable to open %s: its format is newer than this program; update Voice Unlock", name);
	if (h.kind[0] != kind || h.kind[1] != 0 || memcmp(h.reserved, zero, sizeof zero) != 0)
		return vu_fail(error, VU_DATA_LOSS, "unable to open %s: it is of another kind", name);
	memcpy(id_out, h.master_id, VU_SEAL_ID_BYTES);
	return VU_OK;
}

/* The file's own key into `key`. */
static vu_status unwrap_key(const uint8_t master[VU_SEAL_KEY_BYTES], vu_seal_kind kind, const char *owner,
                            const char *name, const void *sealed, size_t bytes, header *h,
                            uint8_t key[VU_SEAL_KEY_BYTES], vu_error *error)
{
	uint8_t needed[VU_SEAL_ID_BYTES];
	uint8_t given[VU_SEAL_ID_BYTES];
	bound b;
	vu_status status = check_owner(owner, error);

	if (status == VU_OK)
		status = vu_seal_needs(sealed, bytes, kind, name, needed, error);
	if (status != VU_OK)
		return status;
	vu_seal_key_id(master, given);
	if (sodium_memcmp(needed, given, sizeof needed) != 0)
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to open %s: it was sealed with another master key; restore that key, or enrol "
		               "again with --replace",
		               name);
	memcpy(h, sealed, sizeof *h);
	bind_to(&b, h, KEY_BOUND, owner);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(key, NULL, NULL, h->wrapped_key, sizeof h->wrapped_key,
	                                               b.bytes, b.used, h->key_nonce, master) != 0)
		return vu_fail(
		    error, VU_DATA_LOSS,
		    "unable to open %s: it is damaged or changed, or was made for somebody else; enrol again with "
		    "--replace",
		    name);
	return VU_OK;
}

vu_status vu_seal_decrypt(const uint8_t master[VU_SEAL_KEY_BYTES], vu_seal_kind kind, const char *owner,
                          const char *name, const void *sealed, size_t bytes, void *content, vu_error *error)
{
	header h;
	uint8_t key[VU_SEAL_KEY_BYTES];
	bound b;
	vu_status status = unwrap_key(master, kind, owner, name, sealed, bytes, &h, key, error);

	if (status == VU_OK) {
		bind_to(&b, &h, CONTENT_BOUND, owner);
		if (crypto_aead_xchacha20poly1305_ietf_decrypt(content, NULL, NULL,
		                                               (const uint8_t *)sealed + sizeof h, bytes - sizeof h,
		                                               b.bytes, b.used, h.nonce, key) != 0) {
			sodium_memzero(content, bytes - VU_SEAL_OVERHEAD_BYTES);
			status = vu_fail(
			    error, VU_DATA_LOSS,
			    "unable to open %s: it is damaged or changed, or was made for somebody else; enrol again "
			    "with --replace",
			    name);
		}
	}
	sodium_memzero(key, sizeof key);
	return status;
}

vu_status vu_seal_rewrap(const uint8_t from[VU_SEAL_KEY_BYTES], const uint8_t to[VU_SEAL_KEY_BYTES],
                         vu_seal_kind kind, const char *owner, const char *name, void *sealed, size_t bytes,
                         vu_error *error)
{
	header h;
	uint8_t key[VU_SEAL_KEY_BYTES];
	vu_status status = unwrap_key(from, kind, owner, name, sealed, bytes, &h, key, error);

	if (status == VU_OK) {
		wrap_key(&h, to, key, owner);
		memcpy(sealed, &h, sizeof h);
	}
	sodium_memzero(key, sizeof key);
	return status;
}
