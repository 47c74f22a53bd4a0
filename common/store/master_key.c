/* The master key's file, and the seal of its place around it. Every copy in memory that is not the caller's is wiped.
 */
#include "store/master_key.h"

#include "base/file.h"
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC        "VUKEY\r\n\x1a"
#define SEALED_MAGIC "VUKEY\r\n\x1b"
#define HASH_SIZE    32

typedef struct key_file {
	uint8_t magic[8];
	uint8_t flags[4];
	uint8_t reserved[4];
	uint8_t current[VU_SEAL_KEY_BYTES];
	uint8_t previous[VU_SEAL_KEY_BYTES];
	uint8_t hash[HASH_SIZE];
} key_file;

_Static_assert(sizeof(key_file) == 112, "a key file is 112 bytes");

typedef struct sealed_file {
	uint8_t magic[8];
	uint8_t place[4];
	uint8_t reserved[4];
	uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];
	uint8_t content[sizeof(key_file) + crypto_aead_xchacha20poly1305_ietf_ABYTES];
} sealed_file;

_Static_assert(sizeof(sealed_file) == 168, "a sealed key file is 168 bytes");

typedef union any_file {
	key_file plain;
	sealed_file sealed;
} any_file;

enum { FLAG_PREVIOUS = 1, FLAG_ALL_SEALED = 2 };

static vu_status too_long(vu_error *error)
{
	return vu_fail(error, VU_OUT_OF_RANGE, "unable to keep a master key: its path is too long");
}

vu_status vu_master_key_path(const char *home, char path[PATH_MAX], vu_error *error)
{
	const char *given = getenv("VOICE_UNLOCK_KEY_FILE");
	const char *own_home = getenv("VOICE_UNLOCK_HOME");
	size_t home_length = strlen(home);
	char *config = NULL;
	vu_status status = VU_OK;

	while (home_length > 1 && home[home_length - 1] == '/')
		home_length--;
	if (given && given[0] == '/') {
		if ((size_t)snprintf(path, PATH_MAX, "%s", given) >= PATH_MAX)
			status = too_long(error);
	} else if (own_home && own_home[0]) {
		if ((size_t)snprintf(path, PATH_MAX, "%.*s.key", (int)home_length, home) >= PATH_MAX)
			status = too_long(error);
	} else {
		config = vu_platform_user_config_path();
		char *slash = config ? strrchr(config, '/') : NULL;
		if (!slash)
			return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to find the master key: out of memory");
		*slash = '\0';
		/* Where configuration and state share a folder, beside it. */
		if ((size_t)snprintf(path, PATH_MAX,
		                     strncmp(config, home, home_length) == 0 ? "%s.key" : "%s-keys/master.key",
		                     config) >= PATH_MAX)
			status = too_long(error);
		free(config);
	}
	if (status == VU_OK && strncmp(path, home, home_length) == 0 && path[home_length] == '/')
		status = vu_fail(error, VU_INVALID_ARGUMENT,
		                 "unable to keep the master key at %s: that is inside the state folder; set "
		                 "VOICE_UNLOCK_KEY_FILE to a path elsewhere",
		                 path);
	return status;
}

vu_status vu_master_key_adopt(const char *home, vu_error *error)
{
	/* The key last: without it, what lies beside it is of no use. */
	static const char *const ENDINGS[] = {".audit.head", ".audit", ""};
	const char *given = getenv("VOICE_UNLOCK_KEY_FILE");
	const char *own_home = getenv("VOICE_UNLOCK_HOME");
	char folder[PATH_MAX];
	char *config = NULL;
	char *slash;
	struct stat info;
	vu_status status;

	if ((given && given[0] == '/') || (own_home && own_home[0]))
		return VU_OK;
	status = vu_master_key_path(home, folder, error);
	config = vu_platform_user_config_path();
	slash = config ? strrchr(config, '/') : NULL;
	if (status != VU_OK || !slash)
		goto out;
	*slash = '\0';
	slash = strrchr(folder, '/');
	if (!slash || strcmp(slash, "/master.key") != 0)
		goto out;
	*slash = '\0';
	for (size_t i = 0; status == VU_OK && i < sizeof ENDINGS / sizeof *ENDINGS; i++) {
		char from[PATH_MAX];
		char to[PATH_MAX];
		if ((size_t)snprintf(from, sizeof from, "%s/master.key%s", config, ENDINGS[i]) >= sizeof from ||
		    (size_t)snprintf(to, sizeof to, "%s/master.key%s", folder, ENDINGS[i]) >= sizeof to)
			status = too_long(error);
		else if (lstat(from, &info) != 0 || lstat(to, &info) == 0)
			continue;
		if (status == VU_OK)
			status = vu_file_make_folder(folder, error);
		if (status == VU_OK && rename(from, to) != 0)
			status = vu_fail_errno(error, errno, "unable to move %s to %s", from, to);
	}
out:
	free(config);
	return status;
}

static void hash_of(const key_file *file, uint8_t hash[HASH_SIZE])
{
	crypto_generichash(hash, HASH_SIZE, (const uint8_t *)file, offsetof(key_file, hash), NULL, 0);
}

static vu_status damaged(const char *path, vu_error *error)
{
	return vu_fail(error, VU_DATA_LOSS,
	               "unable to use the master key %s: it is damaged; restore it from a backup, or move it "
	               "away and enrol everybody again",
	               path);
}

static vu_status parse(const char *path, const key_file *file, vu_master_key *key, vu_error *error)
{
	uint8_t hash[HASH_SIZE];

	hash_of(file, hash);
	if (memcmp(file->magic, MAGIC, sizeof file->magic) != 0 || memcmp(hash, file->hash, sizeof hash) != 0)
		return damaged(path, error);
	memcpy(key->current, file->current, sizeof key->current);
	memcpy(key->previous, file->previous, sizeof key->previous);
	key->has_previous = (file->flags[0] & FLAG_PREVIOUS) != 0;
	key->all_sealed = (file->flags[0] & FLAG_ALL_SEALED) != 0;
	return VU_OK;
}

static vu_status parse_sealed(const char *path, const sealed_file *file, vu_master_key *key, vu_error *error)
{
	uint8_t secret[VU_KEY_SECRET_BYTES];
	vu_key_place place = (vu_key_place)file->place[0];
	key_file plain;
	vu_status status = vu_key_place_secret(path, place, false, secret, error);

	if (status != VU_OK)
		return status;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt((uint8_t *)&plain, NULL, NULL, file->content,
	                                               sizeof file->content, (const uint8_t *)file,
	                                               offsetof(sealed_file, nonce), file->nonce, secret) != 0)
		status =
		    vu_fail(error, VU_PERMISSION_DENIED,
		            "unable to open the master key %s: it is damaged, or its place has another secret than "
		            "the one it was sealed with; restore the credential or the keychain it was made with",
		            path);
	if (status == VU_OK)
		status = parse(path, &plain, key, error);
	key->place = place;
	sodium_memzero(secret, sizeof secret);
	sodium_memzero(&plain, sizeof plain);
	return status;
}

/* Opens, checks and reads it; *sealed_out: which member of `file` it is. */
static vu_status read_file(const char *path, any_file *file, bool *sealed_out, vu_error *error)
{
	struct stat info;
	uint64_t bytes;
	ssize_t got = 0;
	int fd;
	vu_status status = vu_file_open_safely(path, sizeof *file, &fd, &bytes, error);

	if (status != VU_OK)
		return status;
	if (sodium_init() < 0)
		status = vu_fail(error, VU_INTERNAL, "unable to use libsodium: it cannot be initialized");
	else if (fstat(fd, &info) != 0 || (info.st_mode & 0077) != 0)
		status = vu_fail(error, VU_PERMISSION_DENIED,
		                 "unable to trust the master key %s: others can read it; run chmod 600 on it", path);
	else if ((got = read(fd, file, sizeof *file)) < 0)
		status = vu_fail_errno(error, errno, "unable to read the master key %s", path);
	close(fd);
	*sealed_out = got == (ssize_t)sizeof file->sealed &&
	              memcmp(file->sealed.magic, SEALED_MAGIC, sizeof file->sealed.magic) == 0;
	if (status == VU_OK && !*sealed_out && got > (ssize_t)sizeof file->plain)
		status = damaged(path, error);
	return status;
}

vu_status vu_master_key_read(const char *path, vu_master_key *key_out, vu_error *error)
{
	any_file file;
	bool sealed;
	vu_status status;

	memset(&file, 0, sizeof file);
	status = read_file(path, &file, &sealed, error);
	key_out->place = VU_KEY_PLACE_FILE;
	if (status == VU_OK)
		status = sealed ? parse_sealed(path, &file.sealed, key_out, error)
		                : parse(path, &file.plain, key_out, error);
	sodium_memzero(&file, sizeof file);
	return status;
}

vu_status vu_master_key_place_of(const char *path, vu_key_place *place_out, vu_error *error)
{
	any_file file;
	bool sealed;
	vu_status status;

	memset(&file, 0, sizeof file);
	status = read_file(path, &file, &sealed, error);
	if (status == VU_OK)
		*place_out = sealed ? (vu_key_place)file.sealed.place[0] : VU_KEY_PLACE_FILE;
	sodium_memzero(&file, sizeof file);
	return status;
}

static void format(const vu_master_key *key, key_file *file)
{
	memset(file, 0, sizeof *file);
	memcpy(file->magic, MAGIC, sizeof file->magic);
	file->flags[0] = (uint8_t)((key->has_previous ? FLAG_PREVIOUS : 0) | (key->all_sealed ? FLAG_ALL_SEALED : 0));
	memcpy(file->current, key->current, sizeof file->current);
	if (key->has_previous)
		memcpy(file->previous, key->previous, sizeof file->previous);
	hash_of(file, file->hash);
}

/* `plain` at `to`, sealed by `place` for the key at `path`. */
static vu_status write_sealed(const char *path, const char *to, const key_file *plain, vu_key_place place,
                              vu_error *error)
{
	uint8_t secret[VU_KEY_SECRET_BYTES];
	sealed_file file;
	vu_key_place before = VU_KEY_PLACE_FILE;
	vu_error ignored;
	/* A secret is made where there is nothing yet that only the one before could open. */
	bool make =
	    vu_master_key_place_of(path, &before, &ignored) == VU_OK ? before != place : access(path, F_OK) != 0;
	vu_status status = vu_key_place_secret(path, place, make, secret, error);

	if (status != VU_OK)
		return status;
	memset(&file, 0, sizeof file);
	memcpy(file.magic, SEALED_MAGIC, sizeof file.magic);
	file.place[0] = (uint8_t)place;
	randombytes_buf(file.nonce, sizeof file.nonce);
	crypto_aead_xchacha20poly1305_ietf_encrypt(file.content, NULL, (const uint8_t *)plain, sizeof *plain,
	                                           (const uint8_t *)&file, offsetof(sealed_file, nonce), NULL,
	                                           file.nonce, secret);
	sodium_memzero(secret, sizeof secret);
	return vu_file_write_atomically(to, &file, sizeof file, error);
}

/* Writes the key of `path` at `to`; *place_out is set when that worked. */
static vu_status write_at(const char *path, const char *to, const vu_master_key *key, vu_key_place *place_out,
                          vu_error *error)
{
	key_file file;
	vu_key_choice choice;
	vu_key_place place;
	vu_status status = vu_key_place_chosen(path, &choice, error);

	if (status != VU_OK)
		return status;
	place = choice.made ? choice.place : key->place;
	format(key, &file);
	status = place == VU_KEY_PLACE_FILE ? vu_file_write_atomically(to, &file, sizeof file, error)
	                                    : write_sealed(path, to, &file, place, error);
	sodium_memzero(&file, sizeof file);
	if (status == VU_OK)
		*place_out = place;
	return status;
}

vu_status vu_master_key_write(const char *path, const vu_master_key *key, vu_error *error)
{
	vu_key_place place;
	return write_at(path, path, key, &place, error);
}

vu_status vu_master_key_settle(const char *path, vu_master_key *key, bool *moved_out, vu_error *error)
{
	vu_key_choice choice;
	vu_status status = vu_key_place_chosen(path, &choice, error);

	*moved_out = status == VU_OK && choice.made && choice.place != key->place;
	if (*moved_out)
		status = write_at(path, path, key, &key->place, error);
	return status;
}

static vu_status make_folder_of(const char *path, vu_error *error)
{
	char folder[PATH_MAX];
	char *slash;

	snprintf(folder, sizeof folder, "%s", path);
	slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return VU_OK;
	*slash = '\0';
	return vu_file_make_folder(folder, error);
}

vu_status vu_master_key_create(const char *path, bool all_sealed, vu_master_key *key_out, vu_error *error)
{
	char temporary[PATH_MAX];
	vu_master_key key = {.all_sealed = all_sealed, .place = VU_KEY_PLACE_FILE};
	vu_key_place place;
	vu_status status = make_folder_of(path, error);

	if (status == VU_OK && sodium_init() < 0)
		status = vu_fail(error, VU_INTERNAL, "unable to use libsodium: it cannot be initialized");
	if (status == VU_OK &&
	    (size_t)snprintf(temporary, sizeof temporary, "%s.new-%ld", path, (long)getpid()) >= sizeof temporary)
		status = too_long(error);
	if (status != VU_OK)
		return status;
	randombytes_buf(key.current, sizeof key.current);
	status = write_at(path, temporary, &key, &place, error);
	sodium_memzero(&key, sizeof key);
	if (status != VU_OK)
		return status;
	/* A link is made only where there is nothing yet: of two that create, one wins and both read that. */
	if (link(temporary, path) != 0 && errno != EEXIST)
		status = vu_fail_errno(error, errno, "unable to make the master key %s", path);
	unlink(temporary);
	return status == VU_OK ? vu_master_key_read(path, key_out, error) : status;
}
