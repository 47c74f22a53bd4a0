/* The master key in memory, and its file behind it: what is changed is written first. */
#include "store/vault.h"

#include "base/log.h"
#include "base/secret.h"
#include "store/master_key.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct vu_vault {
	char key_path[PATH_MAX];
	pthread_mutex_t lock;
	vu_master_key *key; /* secret memory */
	bool loaded;
	bool all_sealed_when_made;
};

vu_status vu_vault_create(const char *key_path, vu_vault **vault_out, vu_error *error)
{
	vu_vault *vault;

	if (strlen(key_path) >= PATH_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to keep a master key: its path is too long");
	vault = calloc(1, sizeof *vault);
	if (vault)
		vault->key = vu_secret_alloc(sizeof *vault->key);
	if (!vault || !vault->key) {
		free(vault);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep a master key: out of memory");
	}
	strcpy(vault->key_path, key_path);
	pthread_mutex_init(&vault->lock, NULL);
	*vault_out = vault;
	return VU_OK;
}

void vu_vault_destroy(vu_vault *vault)
{
	if (!vault)
		return;
	vu_secret_free(vault->key, sizeof *vault->key);
	pthread_mutex_destroy(&vault->lock);
	free(vault);
}

const char *vu_vault_key_path(const vu_vault *vault)
{
	return vault->key_path;
}

/* Under the lock. NOT_FOUND unless `make`. */
static vu_status load(vu_vault *vault, bool make, vu_error *error)
{
	bool moved = false;
	vu_status status;

	if (vault->loaded)
		return VU_OK;
	status = vu_master_key_read(vault->key_path, vault->key, error);
	if (status == VU_NOT_FOUND && make) {
		status = vu_master_key_create(vault->key_path, vault->all_sealed_when_made, vault->key, error);
		if (status == VU_OK)
			vu_log_info("made the master key %s; without it no template can be read", vault->key_path);
	}
	if (status == VU_OK)
		status = vu_master_key_settle(vault->key_path, vault->key, &moved, error);
	if (moved && status == VU_OK)
		vu_log_info(
		    "sealed the master key %s anew for the place that was chosen for it; rotate-key makes what a "
		    "disk may still hold of the former file worthless",
		    vault->key_path);
	vault->loaded = status == VU_OK;
	return status;
}

vu_status vu_vault_seal(vu_vault *vault, vu_seal_kind kind, const char *owner, const void *content, size_t bytes,
                        void **out, size_t *bytes_out, vu_error *error)
{
	uint8_t *sealed;
	vu_status status;

	if (bytes > VU_SEAL_CONTENT_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to seal %zu bytes: more than %d", bytes,
		               VU_SEAL_CONTENT_MAX);
	sealed = malloc(bytes + VU_SEAL_OVERHEAD_BYTES);
	if (!sealed)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to seal: out of memory");
	pthread_mutex_lock(&vault->lock);
	status = load(vault, true, error);
	if (status == VU_OK)
		status = vu_seal_encrypt(vault->key->current, kind, owner, content, bytes, sealed, error);
	pthread_mutex_unlock(&vault->lock);
	if (status != VU_OK) {
		free(sealed);
		return status;
	}
	*out = sealed;
	*bytes_out = bytes + VU_SEAL_OVERHEAD_BYTES;
	return VU_OK;
}

/* The key that a file needs, into `key`: the previous one while keys are being exchanged, else the current one. */
static vu_status choose_key(vu_vault *vault, vu_seal_kind kind, const char *name, const void *sealed, size_t bytes,
                            uint8_t key[VU_SEAL_KEY_BYTES], bool *previous_out, vu_error *error)
{
	uint8_t needed[VU_SEAL_ID_BYTES];
	uint8_t id[VU_SEAL_ID_BYTES];
	vu_status status = vu_seal_needs(sealed, bytes, kind, name, needed, error);

	if (status != VU_OK)
		return status;
	pthread_mutex_lock(&vault->lock);
	status = load(vault, false, error);
	if (status == VU_NOT_FOUND)
		status = vu_fail(error, VU_PERMISSION_DENIED,
		                 "unable to open %s: the master key %s is gone; restore it, or enrol again with "
		                 "--replace",
		                 name, vault->key_path);
	if (status == VU_OK) {
		*previous_out = false;
		memcpy(key, vault->key->current, VU_SEAL_KEY_BYTES);
		if (vault->key->has_previous) {
			vu_seal_key_id(vault->key->previous, id);
			*previous_out = memcmp(id, needed, sizeof id) == 0;
			if (*previous_out)
				memcpy(key, vault->key->previous, VU_SEAL_KEY_BYTES);
		}
	}
	pthread_mutex_unlock(&vault->lock);
	return status;
}

vu_status vu_vault_open(vu_vault *vault, vu_seal_kind kind, const char *owner, const char *name, const void *sealed,
                        size_t bytes, void **content_out, size_t *bytes_out, vu_error *error)
{
	uint8_t key[VU_SEAL_KEY_BYTES];
	size_t content_bytes;
	void *content;
	bool previous;
	vu_status status = choose_key(vault, kind, name, sealed, bytes, key, &previous, error);

	if (status != VU_OK)
		return status;
	content_bytes = bytes - VU_SEAL_OVERHEAD_BYTES;
	content = vu_secret_alloc(content_bytes);
	if (!content)
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open %s: out of memory", name);
	if (status == VU_OK)
		status = vu_seal_decrypt(key, kind, owner, name, sealed, bytes, content, error);
	sodium_memzero(key, sizeof key);
	if (status != VU_OK) {
		vu_secret_free(content, content_bytes);
		return status;
	}
	*content_out = content;
	*bytes_out = content_bytes;
	return VU_OK;
}

/* Under the lock: writes a changed key and takes it over when that worked. */
static vu_status change_key(vu_vault *vault, const vu_master_key *to, vu_error *error)
{
	vu_status status = vu_master_key_write(vault->key_path, to, error);

	if (status == VU_OK)
		*vault->key = *to;
	return status;
}

vu_status vu_vault_is_all_sealed(vu_vault *vault, bool *sealed_out, vu_error *error)
{
	vu_status status;

	pthread_mutex_lock(&vault->lock);
	status = load(vault, false, error);
	*sealed_out = status == VU_OK ? vault->key->all_sealed : vault->all_sealed_when_made;
	pthread_mutex_unlock(&vault->lock);
	return status == VU_NOT_FOUND ? VU_OK : status;
}

vu_status vu_vault_set_all_sealed(vu_vault *vault, bool all_sealed, vu_error *error)
{
	vu_master_key changed;
	vu_status status;

	pthread_mutex_lock(&vault->lock);
	vault->all_sealed_when_made = all_sealed;
	status = load(vault, false, error);
	if (status == VU_NOT_FOUND) {
		status = VU_OK;
	} else if (status == VU_OK && (vault->key->all_sealed != 0) != all_sealed) {
		changed = *vault->key;
		changed.all_sealed = all_sealed;
		status = change_key(vault, &changed, error);
		sodium_memzero(&changed, sizeof changed);
	}
	pthread_mutex_unlock(&vault->lock);
	return status;
}

vu_status vu_vault_begin_rotation(vu_vault *vault, vu_error *error)
{
	vu_master_key changed;
	vu_status status;

	pthread_mutex_lock(&vault->lock);
	status = load(vault, true, error);
	if (status == VU_OK && vault->key->has_previous)
		status = vu_fail(error, VU_FAILED_PRECONDITION,
		                 "unable to exchange the master key: the last exchange is not finished");
	if (status == VU_OK) {
		changed = *vault->key;
		memcpy(changed.previous, changed.current, sizeof changed.previous);
		changed.has_previous = 1;
		randombytes_buf(changed.current, sizeof changed.current);
		status = change_key(vault, &changed, error);
		sodium_memzero(&changed, sizeof changed);
	}
	pthread_mutex_unlock(&vault->lock);
	return status;
}

vu_status vu_vault_is_rotating(vu_vault *vault, bool *rotating_out, vu_error *error)
{
	vu_status status;

	pthread_mutex_lock(&vault->lock);
	status = load(vault, false, error);
	*rotating_out = status == VU_OK && vault->key->has_previous;
	pthread_mutex_unlock(&vault->lock);
	return status == VU_NOT_FOUND ? VU_OK : status;
}

vu_status vu_vault_rewrap(vu_vault *vault, vu_seal_kind kind, const char *owner, const char *name, void *sealed,
                          size_t bytes, bool *changed_out, vu_error *error)
{
	uint8_t from[VU_SEAL_KEY_BYTES];
	vu_status status;

	*changed_out = false;
	status = choose_key(vault, kind, name, sealed, bytes, from, changed_out, error);
	if (status != VU_OK || !*changed_out) {
		sodium_memzero(from, sizeof from);
		return status;
	}
	pthread_mutex_lock(&vault->lock);
	status = vu_seal_rewrap(from, vault->key->current, kind, owner, name, sealed, bytes, error);
	pthread_mutex_unlock(&vault->lock);
	sodium_memzero(from, sizeof from);
	return status;
}

vu_status vu_vault_end_rotation(vu_vault *vault, vu_error *error)
{
	vu_master_key changed;
	vu_status status;

	pthread_mutex_lock(&vault->lock);
	status = load(vault, false, error);
	if (status == VU_OK && vault->key->has_previous) {
		changed = *vault->key;
		sodium_memzero(changed.previous, sizeof changed.previous);
		changed.has_previous = 0;
		status = change_key(vault, &changed, error);
		sodium_memzero(&changed, sizeof changed);
	}
	pthread_mutex_unlock(&vault->lock);
	return status;
}
