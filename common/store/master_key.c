/* The master key's file. Every copy in memory that is not the caller's is wiped. */
#include "store/master_key.h"

#include "base/file.h"
#include "platform/platform.h"
#include "store/key_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC      "VUKEY\r\n\x1a"
#define GUARDED    "VUKEYG\n\x1a"
#define MAGIC_SIZE 8
#define HASH_SIZE  32

typedef struct key_file {
	uint8_t magic[8];
	uint8_t flags[4];
	uint8_t reserved[4];
	uint8_t current[VU_SEAL_KEY_BYTES];
	uint8_t previous[VU_SEAL_KEY_BYTES];
	uint8_t hash[HASH_SIZE];
} key_file;

_Static_assert(sizeof(key_file) == 112, "a key file is 112 bytes");

#define GUARDED_SIZE (MAGIC_SIZE + VU_KEY_GUARD_OVERHEAD + sizeof(key_file))

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

static vu_status parse(const char *path, const key_file *file, vu_master_key *key, vu_error *error)
{
	uint8_t hash[HASH_SIZE];

	hash_of(file, hash);
	if (memcmp(file->magic, MAGIC, sizeof file->magic) != 0 || memcmp(hash, file->hash, sizeof hash) != 0)
		return vu_fail(error, VU_DATA_LOSS,
		               "unable to use the master key %s: it is damaged; restore it from a backup, or move it "
		               "away and enrol everybody again",
		               path);
	memcpy(key->current, file->current, sizeof key->current);
	memcpy(key->previous, file->previous, sizeof key->previous);
	key->has_previous = (file->flags[0] & FLAG_PREVIOUS) != 0;
	key->all_sealed = (file->flags[0] & FLAG_ALL_SEALED) != 0;
	return VU_OK;
}

vu_status vu_master_key_read(const char *path, vu_master_key *key_out, vu_error *error)
{
	key_file file = {.magic = {0}};
	uint8_t data[GUARDED_SIZE] = {0};
	struct stat info;
	uint64_t bytes;
	int fd;
	bool guarded = false;
	vu_status status = vu_file_open_safely(path, sizeof data, &fd, &bytes, error);

	if (status != VU_OK)
		return status;
	if (sodium_init() < 0)
		status = vu_fail(error, VU_INTERNAL, "unable to use libsodium: it cannot be initialized");
	else if (fstat(fd, &info) != 0 || (info.st_mode & 0077) != 0)
		status = vu_fail(error, VU_PERMISSION_DENIED,
		                 "unable to trust the master key %s: others can read it; run chmod 600 on it", path);
	else if (read(fd, data, sizeof data) < 0)
		status = vu_fail_errno(error, errno, "unable to read the master key %s", path);
	guarded = memcmp(data, GUARDED, MAGIC_SIZE) == 0;
	if (status == VU_OK && guarded)
		status = vu_key_guard_unlock(data + MAGIC_SIZE, sizeof data - MAGIC_SIZE, &file, error);
	else
		memcpy(&file, data, sizeof file);
	if (status == VU_OK)
		status = bytes > sizeof file && !guarded ? vu_fail(error, VU_DATA_LOSS,
		                                                   "unable to use the master key %s: it is damaged; "
		                                                   "restore it from a backup",
		                                                   path)
		                                         : parse(path, &file, key_out, error);
	if (status == VU_OK)
		key_out->is_guarded = guarded;
	sodium_memzero(&file, sizeof file);
	sodium_memzero(data, sizeof data);
	close(fd);
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

vu_status vu_master_key_write(const char *path, const vu_master_key *key, vu_error *error)
{
	key_file file;
	uint8_t data[GUARDED_SIZE];
	vu_status status = VU_OK;

	format(key, &file);
	memcpy(data, GUARDED, MAGIC_SIZE);
	if (key->is_guarded)
		status = vu_key_guard_lock(&file, sizeof file, data + MAGIC_SIZE, error);
	if (status == VU_OK)
		status = key->is_guarded ? vu_file_write_atomically(path, data, sizeof data, error)
		                         : vu_file_write_atomically(path, &file, sizeof file, error);
	sodium_memzero(&file, sizeof file);
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

static vu_status create(const char *path, bool all_sealed, bool guarded, vu_master_key *key_out, vu_error *error)
{
	char temporary[PATH_MAX];
	vu_master_key key = {.all_sealed = all_sealed, .is_guarded = guarded};
	vu_status status = make_folder_of(path, error);

	if (status == VU_OK && sodium_init() < 0)
		status = vu_fail(error, VU_INTERNAL, "unable to use libsodium: it cannot be initialized");
	if (status == VU_OK &&
	    (size_t)snprintf(temporary, sizeof temporary, "%s.new-%ld", path, (long)getpid()) >= sizeof temporary)
		status = too_long(error);
	if (status != VU_OK)
		return status;
	randombytes_buf(key.current, sizeof key.current);
	status = vu_master_key_write(temporary, &key, error);
	sodium_memzero(&key, sizeof key);
	if (status != VU_OK)
		return status;
	/* A link is made only where there is nothing yet: of two that create, one wins and both read that. */
	if (link(temporary, path) != 0 && errno != EEXIST)
		status = vu_fail_errno(error, errno, "unable to make the master key %s", path);
	unlink(temporary);
	return status == VU_OK ? vu_master_key_read(path, key_out, error) : status;
}

vu_status vu_master_key_create(const char *path, bool all_sealed, vu_master_key *key_out, vu_error *error)
{
	return create(path, all_sealed, false, key_out, error);
}

vu_status vu_master_key_create_guarded(const char *path, bool all_sealed, vu_master_key *key_out, vu_error *error)
{
	return create(path, all_sealed, vu_key_guard_is_there(), key_out, error);
}

/* As far as the disk writes in place. */
static void overwrite_and_remove(const char *path)
{
	static const uint8_t zero[sizeof(key_file)];
	int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0) {
		if (pwrite(fd, zero, sizeof zero, 0) > 0)
			fsync(fd);
		close(fd);
	}
	unlink(path);
}

vu_status vu_master_key_guard(const char *path, vu_master_key *key, vu_error *error)
{
	char old[PATH_MAX];
	vu_status status;

	if (key->is_guarded || !vu_key_guard_is_there())
		return VU_OK;
	if ((size_t)snprintf(old, sizeof old, "%s.plain", path) >= sizeof old)
		return too_long(error);
	/* A second name keeps the old content in reach after the rename. */
	unlink(old);
	if (link(path, old) != 0)
		return vu_fail_errno(error, errno, "unable to lock the master key %s", path);
	key->is_guarded = true;
	status = vu_master_key_write(path, key, error);
	if (status == VU_OK) {
		overwrite_and_remove(old);
	} else {
		key->is_guarded = false;
		unlink(old);
	}
	return status;
}

bool vu_master_key_is_guarded(const char *path)
{
	char magic[MAGIC_SIZE] = {0};
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	bool guarded =
	    fd >= 0 && read(fd, magic, sizeof magic) == MAGIC_SIZE && memcmp(magic, GUARDED, MAGIC_SIZE) == 0;

	if (fd >= 0)
		close(fd);
	return guarded;
}
