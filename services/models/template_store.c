/*
 * Template files. Whatever fails leaves the old files as they were; files that
 * are not ours (names that do not decode, leftovers of an interrupted write)
 * are not listed, and go with their namespace.
 */
#include "template_store.h"

#include "base/file.h"
#include "name_code.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPLATE_SUFFIX  ".vut"
#define USED_SUFFIX      ".used"
#define NAMESPACE_PREFIX "namespace-"
/* Removals remembered: more than can be under way at once. */
#define REMOVALS_MAX 64

vu_status template_store_init(template_store *store, const char *home, vu_error *error)
{
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
	vu_status status = folder_of(store, namespace, path, error);

	if (status == VU_OK)
		status = vu_file_make_folder(path, error);
	if (status == VU_OK)
		status = template_store_path(store, namespace, user, path, error);
	return status == VU_OK ? vu_file_write_atomically(path, data, bytes, error) : status;
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
