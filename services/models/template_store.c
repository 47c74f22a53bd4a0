/*
 * Template files. Whatever fails leaves the old files as they were; files that
 * are not ours (names that do not decode, leftovers of an interrupted write)
 * are not listed, and go with their namespace.
 */
#include "template_store.h"

#include "base/file.h"
#include "base/log.h"
#include "base/secret.h"
#include "name_code.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPLATE_SUFFIX  ".vut"
#define USED_SUFFIX      ".used"
#define EXPIRED_SUFFIX   ".expired"
#define PLAIN_SUFFIX     ".plain"
#define NAMESPACE_PREFIX "namespace-"
/* Removals remembered: more than can be under way at once. */
#define REMOVALS_MAX 64
/* The largest file read: no template is half as long. */
#define TEMPLATE_FILE_MAX (256u * 1024)
/* "namespace/user": '/' is in no name, so no two owners are called alike. */
#define OWNER_SIZE (2 * VU_USER_NAME_MAX + 2)

static const char *owner_of(const char *namespace, const char *user, char owner[OWNER_SIZE])
{
	snprintf(owner, OWNER_SIZE, "%s/%s", namespace, user);
	return owner;
}

static void wipe_and_free(void *data, size_t bytes)
{
	if (data)
		sodium_memzero(data, bytes);
	free(data);
}

vu_status template_store_init(template_store *store, const char *home, vu_error *error)
{
	store->vault = NULL;
	store->encrypt = false;
	/* Room for folder, encoded names and a temporary suffix. */
	if ((size_t)snprintf(store->folder, sizeof store->folder, "%s/templates", home) + 2 * NAME_CODE_SIZE + 64 >
	    sizeof store->folder)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to keep templates in %s: the path is too long", home);
	return VU_OK;
}

static vu_status folder_of(const template_store *store, const char *namespace, char path[PATH_MAX], vu_error *error)
{
	char code[NAME_CODE_SIZE] = "";
	int length;

	if (namespace[0])
		name_code_encode(namespace, code);
	length = snprintf(path, PATH_MAX, "%s/%s%s", store->folder, namespace[0] ? NAMESPACE_PREFIX : "users", code);
	if (length < 0 || length >= PATH_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to keep templates in %s: the path is too long",
		               store->folder);
	return VU_OK;
}

static vu_status file_of(const template_store *store, const char *namespace, const char *user, const char *suffix,
                         char path[PATH_MAX], vu_error *error)
{
	char code[NAME_CODE_SIZE];
	size_t used;
	vu_status status = folder_of(store, namespace, path, error);

	if (status != VU_OK)
		return status;
	name_code_encode(user, code);
	used = strlen(path);
	if ((size_t)snprintf(path + used, PATH_MAX - used, "/%s%s", code, suffix) >= PATH_MAX - used)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to keep templates in %s: the path is too long",
		               store->folder);
	return VU_OK;
}

vu_status template_store_path(const template_store *store, const char *namespace, const char *user,
                              char path[PATH_MAX], vu_error *error)
{
	return file_of(store, namespace, user, TEMPLATE_SUFFIX, path, error);
}

vu_status template_store_write(const template_store *store, const char *namespace, const char *user, const void *data,
                               size_t bytes, vu_error *error)
{
	char path[PATH_MAX];
	char owner[OWNER_SIZE];
	void *sealed = NULL;
	size_t sealed_bytes;
	vu_status status = folder_of(store, namespace, path, error);

	if (status == VU_OK)
		status = vu_file_make_folder(path, error);
	if (status == VU_OK)
		status = template_store_path(store, namespace, user, path, error);
	if (status != VU_OK)
		return status;
	if (!store->vault || !store->encrypt)
		return vu_file_write_atomically(path, data, bytes, error);
	status = vu_vault_seal(store->vault, VU_SEAL_TEMPLATE, owner_of(namespace, user, owner), data, bytes, &sealed,
	                       &sealed_bytes, error);
	if (status == VU_OK)
		status = vu_file_write_atomically(path, sealed, sealed_bytes, error);
	free(sealed);
	return status;
}

static vu_status read_file(const char *path, uint8_t **data_out, size_t *bytes_out, vu_error *error)
{
	char *data;
	vu_status status = vu_file_read(path, TEMPLATE_FILE_MAX, &data, bytes_out, error);

	if (status == VU_OK)
		*data_out = (uint8_t *)data;
	return status;
}

static vu_status open_plain(const template_store *store, const char *path, vu_model_file **file_out, vu_error *error)
{
	bool all_sealed = false;
	vu_status status = VU_OK;

	if (store->vault && store->encrypt)
		status = vu_vault_is_all_sealed(store->vault, &all_sealed, error);
	if (status == VU_OK && all_sealed)
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to trust template %s: it is not encrypted, as all were; enrol again with "
		               "--replace",
		               path);
	/* Read, not mapped: what was verified must be what is scored, even if somebody writes into the file. */
	return status == VU_OK ? vu_model_file_open(path, VU_MODEL_TEMPLATE, false, file_out, error) : status;
}

vu_status template_store_open(const template_store *store, const char *namespace, const char *user,
                              vu_model_file **file_out, vu_error *error)
{
	char path[PATH_MAX];
	char owner[OWNER_SIZE];
	uint8_t *data = NULL;
	void *content = NULL;
	size_t bytes = 0;
	size_t content_bytes = 0;
	vu_status status = template_store_path(store, namespace, user, path, error);

	if (status != VU_OK)
		return status;
	if (!store->vault)
		return vu_model_file_open(path, VU_MODEL_TEMPLATE, false, file_out, error);
	status = read_file(path, &data, &bytes, error);
	if (status != VU_OK)
		return status;
	if (!vu_seal_is_sealed(data, bytes)) {
		wipe_and_free(data, bytes);
		/* Nonsense is told as such, whatever else is true of it. */
		return open_plain(store, path, file_out, error);
	}
	status = vu_vault_open(store->vault, VU_SEAL_TEMPLATE, owner_of(namespace, user, owner), path, data, bytes,
	                       &content, &content_bytes, error);
	free(data);
	if (status == VU_OK) {
		status = vu_model_file_adopt(content, content_bytes, path, VU_MODEL_TEMPLATE, vu_secret_free,
		                             file_out, error);
		if (status != VU_OK)
			vu_secret_free(content, content_bytes);
	}
	return status;
}

bool template_store_exists(const template_store *store, const char *namespace, const char *user)
{
	char path[PATH_MAX];
	struct stat info;

	return template_store_path(store, namespace, user, path, NULL) == VU_OK && lstat(path, &info) == 0;
}

void template_store_touch(const template_store *store, const char *namespace, const char *user)
{
	char path[PATH_MAX];
	int fd;

	if (file_of(store, namespace, user, USED_SUFFIX, path, NULL) != VU_OK)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	futimens(fd, NULL);
	close(fd);
}

int64_t template_store_last_used_us(const template_store *store, const char *namespace, const char *user)
{
	char path[PATH_MAX];
	struct stat info;

	if (file_of(store, namespace, user, USED_SUFFIX, path, NULL) != VU_OK || lstat(path, &info) != 0)
		return 0;
	/* Seconds are enough, and are in the same field everywhere. */
	return (int64_t)info.st_mtime * 1000000;
}

int64_t template_store_last_known_us(const template_store *store, const char *namespace, const char *user)
{
	int64_t used_us = template_store_last_used_us(store, namespace, user);
	char path[PATH_MAX];
	struct stat info;

	if (template_store_path(store, namespace, user, path, NULL) != VU_OK || lstat(path, &info) != 0)
		return 0;
	return (int64_t)info.st_mtime * 1000000 > used_us ? (int64_t)info.st_mtime * 1000000 : used_us;
}

uint32_t template_store_add_expired(const template_store *store, const char *user, uint32_t seconds)
{
	char path[PATH_MAX];
	char text[16];
	char *before = NULL;
	size_t bytes;
	uint64_t sum = seconds;

	if (file_of(store, "", user, EXPIRED_SUFFIX, path, NULL) != VU_OK)
		return 0;
	if (vu_file_read(path, sizeof text, &before, &bytes, NULL) == VU_OK)
		sum += strtoul(before, NULL, 10);
	free(before);
	if (sum > UINT32_MAX)
		sum = UINT32_MAX;
	snprintf(text, sizeof text, "%lu\n", (unsigned long)sum);
	return vu_file_write_atomically(path, text, strlen(text), NULL) == VU_OK ? (uint32_t)sum : 0;
}

void template_store_forget_expired(const template_store *store, const char *user)
{
	char path[PATH_MAX];

	if (file_of(store, "", user, EXPIRED_SUFFIX, path, NULL) == VU_OK)
		unlink(path);
}

/* ---- removals that were done ---- */

static vu_status removals_path(const template_store *store, char path[PATH_MAX])
{
	int length = snprintf(path, PATH_MAX, "%s/removed", store->folder);
	return length > 0 && length < PATH_MAX ? VU_OK : VU_OUT_OF_RANGE;
}

/* The list, newest last; an unreadable one is as good as none. */
static size_t read_removals(const template_store *store, uint8_t ids[REMOVALS_MAX + 1][VU_ID_BYTES])
{
	char path[PATH_MAX];
	char *data;
	size_t bytes;

	if (removals_path(store, path) != VU_OK ||
	    vu_file_read(path, REMOVALS_MAX * VU_ID_BYTES, &data, &bytes, NULL) != VU_OK)
		return 0;
	memcpy(ids, data, bytes / VU_ID_BYTES * VU_ID_BYTES);
	free(data);
	return bytes / VU_ID_BYTES;
}

static bool was_removed_by(const template_store *store, const uint8_t id[VU_ID_BYTES])
{
	uint8_t ids[REMOVALS_MAX + 1][VU_ID_BYTES];
	size_t count = read_removals(store, ids);

	for (size_t i = 0; i < count; i++)
		if (memcmp(ids[i], id, VU_ID_BYTES) == 0)
			return true;
	return false;
}

static vu_status remember_removal(const template_store *store, const uint8_t id[VU_ID_BYTES], vu_error *error)
{
	uint8_t ids[REMOVALS_MAX + 1][VU_ID_BYTES];
	char path[PATH_MAX];
	size_t count = read_removals(store, ids);
	size_t first;

	memcpy(ids[count++], id, VU_ID_BYTES);
	first = count > REMOVALS_MAX ? count - REMOVALS_MAX : 0;
	if (removals_path(store, path) != VU_OK)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to remember a removal: the path is too long");
	return vu_file_write_atomically(path, ids[first], (count - first) * VU_ID_BYTES, error);
}

/*
 * Overwrites the beginning of the file, where a sealed one has its key, before
 * the file goes: what a disk still holds of the rest is noise then. A plain one
 * is overwritten whole. As far as the disk writes in place; failing changes nothing.
 */
static void overwrite(const char *path, bool whole)
{
	static const uint8_t zero[4096];
	struct stat info;
	off_t end;
	int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return;
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1) {
		end = whole || info.st_size < VU_SEAL_HEADER_BYTES ? info.st_size : VU_SEAL_HEADER_BYTES;
		for (off_t at = 0; at < end; at += (off_t)sizeof zero) {
			size_t part = end - at < (off_t)sizeof zero ? (size_t)(end - at) : sizeof zero;
			if (pwrite(fd, zero, part, at) < 0)
				break;
		}
		fsync(fd);
	}
	close(fd);
}

static void destroy_key(const char *path)
{
	uint8_t magic[8] = {0};
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	ssize_t got = fd >= 0 ? read(fd, magic, sizeof magic) : -1;

	if (fd >= 0)
		close(fd);
	if (got >= 0)
		overwrite(path, !vu_seal_is_sealed(magic, (size_t)got));
}

vu_status template_store_remove(const template_store *store, const char *namespace, const char *user,
                                const uint8_t request_id[VU_ID_BYTES], uint64_t *bytes_out, vu_error *error)
{
	char path[PATH_MAX];
	char used_path[PATH_MAX];
	struct stat info;
	vu_status status = template_store_path(store, namespace, user, path, error);

	*bytes_out = 0;
	if (status == VU_OK)
		status = file_of(store, namespace, user, USED_SUFFIX, used_path, error);
	if (status != VU_OK)
		return status;
	if (lstat(path, &info) != 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return vu_fail_errno(error, errno, "unable to examine %s", path);
		if (was_removed_by(store, request_id))
			return VU_OK;
		return vu_fail(error, VU_NOT_FOUND, "unable to remove user '%s': there is no such user", user);
	}
	/* Before the file goes: a request cut short in between finds the file again and goes on. */
	status = remember_removal(store, request_id, error);
	if (status != VU_OK)
		return status;
	if (unlink(used_path) != 0 && errno != ENOENT)
		return vu_fail_errno(error, errno, "unable to remove %s", used_path);
	if (!namespace[0])
		template_store_forget_expired(store, user);
	destroy_key(path);
	if (unlink(path) != 0)
		return vu_fail_errno(error, errno, "unable to remove %s", path);
	*bytes_out = (uint64_t)info.st_size;
	return VU_OK;
}

static vu_status remove_folder(const char *path, vu_error *error)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	vu_status status = VU_OK;

	if (!folder)
		return errno == ENOENT ? VU_OK : vu_fail_errno(error, errno, "unable to open folder %s", path);
	while ((entry = readdir(folder)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(folder), entry->d_name, 0) != 0 && errno != ENOENT && status == VU_OK)
			status = vu_fail_errno(error, errno, "unable to remove %s/%s", path, entry->d_name);
	}
	closedir(folder);
	if (status == VU_OK && rmdir(path) != 0 && errno != ENOENT)
		status = vu_fail_errno(error, errno, "unable to remove folder %s", path);
	return status;
}

vu_status template_store_remove_namespace(const template_store *store, const char *namespace, vu_error *error)
{
	char path[PATH_MAX];
	vu_status status;

	if (!namespace[0])
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to remove a namespace: it has no name");
	status = folder_of(store, namespace, path, error);
	return status == VU_OK ? remove_folder(path, error) : status;
}

unsigned template_store_sweep(const template_store *store, int64_t now_us)
{
	DIR *folder = opendir(store->folder);
	struct dirent *entry;
	unsigned removed = 0;

	while (folder && (entry = readdir(folder)) != NULL) {
		char path[PATH_MAX];
		struct stat info;
		if (strncmp(entry->d_name, NAMESPACE_PREFIX, strlen(NAMESPACE_PREFIX)) != 0)
			continue;
		if ((size_t)snprintf(path, sizeof path, "%s/%s", store->folder, entry->d_name) >= sizeof path ||
		    lstat(path, &info) != 0 || !S_ISDIR(info.st_mode))
			continue;
		if (now_us / 1000000 - (int64_t)info.st_mtime > TEMPLATE_NAMESPACE_AGE_S &&
		    remove_folder(path, NULL) == VU_OK)
			removed++;
	}
	if (folder)
		closedir(folder);
	return removed;
}

vu_status template_store_list(const template_store *store, const char *namespace,
                              bool (*each)(void *context, const char *user), void *context, vu_error *error)
{
	char path[PATH_MAX];
	DIR *folder;
	struct dirent *entry;
	vu_status status = folder_of(store, namespace, path, error);

	if (status != VU_OK)
		return status;
	folder = opendir(path);
	if (!folder)
		return errno == ENOENT ? VU_OK : vu_fail_errno(error, errno, "unable to open folder %s", path);
	while ((entry = readdir(folder)) != NULL) {
		char user[VU_USER_NAME_MAX + 1];
		size_t length = strlen(entry->d_name);
		size_t suffix = strlen(TEMPLATE_SUFFIX);
		if (length <= suffix || strcmp(entry->d_name + length - suffix, TEMPLATE_SUFFIX) != 0)
			continue;
		if (name_code_decode(entry->d_name, length - suffix, user) && !each(context, user))
			break;
	}
	closedir(folder);
	return VU_OK;
}

/* ---- all of them: sealing what is plain, exchanging keys ---- */

typedef struct walk {
	const template_store *store;
	const template_locks *locks; /* may be NULL */
	const char *namespace;
	vu_status (*each)(const struct walk *walk, const char *user, const char *path, vu_error *error);
	size_t count;
	vu_status status;
	vu_error *error;
} walk;

static bool walk_one(void *context, const char *user)
{
	walk *w = context;
	char path[PATH_MAX];

	w->status = template_store_path(w->store, w->namespace, user, path, w->error);
	if (w->status != VU_OK)
		return false;
	if (w->locks)
		w->locks->lock(w->locks->context, w->namespace, user);
	w->status = w->each(w, user, path, w->error);
	if (w->locks)
		w->locks->unlock(w->locks->context, w->namespace, user);
	/* Removed in the meantime. */
	if (w->status == VU_NOT_FOUND)
		w->status = VU_OK;
	else
		w->count++;
	return w->status == VU_OK;
}

static vu_status walk_namespace(walk *w, const char *namespace)
{
	vu_status status;

	w->namespace = namespace;
	status = template_store_list(w->store, namespace, walk_one, w, w->error);
	return status == VU_OK ? w->status : status;
}

/* Every template of every namespace. */
static vu_status walk_all(walk *w)
{
	DIR *folder = opendir(w->store->folder);
	struct dirent *entry;
	size_t prefix = strlen(NAMESPACE_PREFIX);
	vu_status status;

	if (!folder)
		return errno == ENOENT ? VU_OK
		                       : vu_fail_errno(w->error, errno, "unable to open folder %s", w->store->folder);
	status = walk_namespace(w, "");
	while (status == VU_OK && (entry = readdir(folder)) != NULL) {
		char namespace[VU_USER_NAME_MAX + 1];
		if (strncmp(entry->d_name, NAMESPACE_PREFIX, prefix) == 0 &&
		    name_code_decode(entry->d_name + prefix, strlen(entry->d_name) - prefix, namespace))
			status = walk_namespace(w, namespace);
	}
	closedir(folder);
	return status;
}

/* A plain template is replaced by its sealed self; then the old content is overwritten. */
static vu_status seal_one(const walk *w, const char *user, const char *path, vu_error *error)
{
	uint8_t *data = NULL;
	size_t bytes = 0;
	char old[PATH_MAX];
	vu_model_file *file;
	vu_error reason;
	vu_status status = read_file(path, &data, &bytes, &reason);

	if (status == VU_NOT_FOUND)
		return status;
	if (status == VU_OK && (size_t)snprintf(old, sizeof old, "%s" PLAIN_SUFFIX, path) >= sizeof old)
		status = vu_fail(&reason, VU_OUT_OF_RANGE, "unable to seal %s: its path is too long", path);
	if (status != VU_OK)
		goto out;
	if (vu_seal_is_sealed(data, bytes)) {
		/* Left by a crash between the rename and the end of this. */
		overwrite(old, true);
		unlink(old);
		goto out;
	}
	/* What is no template anyway is not made to look like one. */
	status = vu_model_file_open(path, VU_MODEL_TEMPLATE, false, &file, &reason);
	if (status != VU_OK)
		goto out;
	vu_model_file_close(file);
	/* A second name keeps the old content in reach after the rename. */
	unlink(old);
	if (link(path, old) != 0) {
		status = vu_fail_errno(error, errno, "unable to seal %s", path);
		wipe_and_free(data, bytes);
		return status;
	}
	status = template_store_write(w->store, w->namespace, user, data, bytes, error);
	if (status == VU_OK)
		overwrite(old, true);
	unlink(old);
	wipe_and_free(data, bytes);
	return status;
out:
	if (status != VU_OK)
		vu_log_warn("%s; it was not encrypted", reason.message);
	wipe_and_free(data, bytes);
	return VU_OK;
}

static vu_status rewrap_one(const walk *w, const char *user, const char *path, vu_error *error)
{
	char owner[OWNER_SIZE];
	uint8_t *data;
	size_t bytes;
	bool changed;
	vu_error reason;
	vu_status status = read_file(path, &data, &bytes, &reason);

	if (status == VU_NOT_FOUND)
		return status;
	if (status != VU_OK) {
		vu_log_warn("%s; it keeps its old key", reason.message);
		return VU_OK;
	}
	status = vu_seal_is_sealed(data, bytes)
	             ? vu_vault_rewrap(w->store->vault, VU_SEAL_TEMPLATE, owner_of(w->namespace, user, owner), path,
	                               data, bytes, &changed, &reason)
	             : VU_DATA_LOSS;
	if (status != VU_OK) {
		vu_log_warn("unable to give %s a new key; it keeps what it has", path);
		status = VU_OK;
	} else if (changed) {
		struct stat info;
		bool dated = lstat(path, &info) == 0;
		status = vu_file_write_atomically(path, data, bytes, error);
		/* It is as old as it was. */
		if (status == VU_OK && dated)
			(void)utimensat(AT_FDCWD, path,
			                (struct timespec[]){{.tv_nsec = UTIME_OMIT}, {info.st_mtime, 0}},
			                AT_SYMLINK_NOFOLLOW);
	}
	wipe_and_free(data, bytes);
	return status;
}

static vu_status rewrap_all(const template_store *store, const template_locks *locks, size_t *count_out,
                            vu_error *error)
{
	walk w = {.store = store, .locks = locks, .each = rewrap_one, .error = error};
	vu_status status = walk_all(&w);

	*count_out = w.count;
	return status == VU_OK ? vu_vault_end_rotation(store->vault, error) : status;
}

vu_status template_store_use_vault(template_store *store, vu_vault *vault, bool encrypt, vu_error *error)
{
	walk w = {.store = store, .each = seal_one, .error = error};
	bool all_sealed;
	bool rotating;
	size_t count;
	vu_status status;

	store->vault = vault;
	store->encrypt = encrypt;
	status = vu_vault_is_rotating(vault, &rotating, error);
	if (status == VU_OK && rotating)
		status = rewrap_all(store, NULL, &count, error);
	if (status != VU_OK)
		return status;
	if (!encrypt)
		return vu_vault_set_all_sealed(vault, false, error);
	status = vu_vault_is_all_sealed(vault, &all_sealed, error);
	if (status != VU_OK || all_sealed)
		return status;
	status = walk_all(&w);
	return status == VU_OK ? vu_vault_set_all_sealed(vault, true, error) : status;
}

vu_status template_store_rotate_key(const template_store *store, const template_locks *locks, size_t *count_out,
                                    vu_error *error)
{
	bool rotating;
	vu_status status;

	*count_out = 0;
	if (!store->vault)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to exchange the master key: templates are not encrypted");
	status = vu_vault_is_rotating(store->vault, &rotating, error);
	/* One that failed half way is finished instead: everything has the newest key then, too. */
	if (status == VU_OK && !rotating)
		status = vu_vault_begin_rotation(store->vault, error);
	return status == VU_OK ? rewrap_all(store, locks, count_out, error) : status;
}
