/* XChaCha20-Poly1305 under a hash of the secret, which may so be of any form. */
#include "store/key_guard.h"

#include "base/secret.h"
#include "platform/platform.h"

#include <sodium.h>
#include <string.h>

/* A secret is at least so long, and for our purposes at most. */
#define SECRET_MIN 16
#define SECRET_MAX 4096
#define NONCE      crypto_aead_xchacha20poly1305_ietf_NPUBBYTES

static const char CONTEXT[] = "voice-unlock master key 1";
static uint8_t *guard; /* secret memory; NULL: there is none */

_Static_assert(VU_KEY_GUARD_OVERHEAD == NONCE + crypto_aead_xchacha20poly1305_ietf_ABYTES, "nonce and tag");
_Static_assert(VU_KEY_GUARD_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "a key of the cipher");

void vu_key_guard_forget(void)
{
	if (guard)
		vu_secret_free(guard, VU_KEY_GUARD_BYTES);
	guard = NULL;
}

vu_status vu_key_guard_load(vu_error *error)
{
	uint8_t *secret = vu_secret_alloc(SECRET_MAX);
	size_t bytes = 0;
	vu_status status = VU_OK;

	vu_key_guard_forget();
	if (!secret)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep a credential: out of memory");
	if (sodium_init() < 0)
		status = vu_fail(error, VU_INTERNAL, "unable to use libsodium: it cannot be initialized");
	if (status == VU_OK)
		status = vu_platform_read_credential(VU_KEY_GUARD_NAME, secret, SECRET_MAX, &bytes, error);
	if (status == VU_NOT_FOUND) {
		status = VU_OK;
		goto out;
	}
	if (status == VU_OK && bytes < SECRET_MIN)
		status = vu_fail(error, VU_INVALID_ARGUMENT,
		                 "unable to lock the master key with the credential " VU_KEY_GUARD_NAME
		                 ": it has %zu bytes, fewer than %d; make it anew with scripts/install",
		                 bytes, SECRET_MIN);
	if (status != VU_OK)
		goto out;
	guard = vu_secret_alloc(VU_KEY_GUARD_BYTES);
	if (guard)
		crypto_generichash(guard, VU_KEY_GUARD_BYTES, secret, bytes, (const uint8_t *)CONTEXT,
		                   sizeof CONTEXT - 1);
	else
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep a credential: out of memory");
out:
	vu_secret_free(secret, SECRET_MAX);
	return status;
}

bool vu_key_guard_is_there(void)
{
	return guard != NULL;
}

static vu_status none(vu_error *error)
{
	return vu_fail(error, VU_FAILED_PRECONDITION,
	               "unable to use the master key: it is locked with the credential " VU_KEY_GUARD_NAME
	               ", which this process was not given; start the suite by its unit, or restore the key from a "
	               "backup");
}

vu_status vu_key_guard_lock(const void *content, size_t bytes, uint8_t *out, vu_error *error)
{
	if (!guard)
		return none(error);
	randombytes_buf(out, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE, NULL, content, bytes, (const uint8_t *)CONTEXT,
	                                           sizeof CONTEXT - 1, NULL, out, guard);
	return VU_OK;
}

vu_status vu_key_guard_unlock(const uint8_t *locked, size_t bytes, void *content, vu_error *error)
{
	if (!guard)
		return none(error);
	if (bytes < VU_KEY_GUARD_OVERHEAD || crypto_aead_xchacha20poly1305_ietf_decrypt(
	                                         content, NULL, NULL, locked + NONCE, bytes - NONCE,
	                                         (const uint8_t *)CONTEXT, sizeof CONTEXT - 1, locked, guard) != 0)
		return vu_fail(error, VU_DATA_LOSS,
		               "unable to use the master key: it is locked with another credential "
		               "" VU_KEY_GUARD_NAME ", or damaged; restore either from a backup");
	return VU_OK;
}
