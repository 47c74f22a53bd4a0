/*
 * Removing templates, so that neither the file nor its key can be had again. A
 * removal that was cut short goes on when it is asked for again; one that was
 * done is remembered by the id of its request, so that a retry is told so.
 */
#include "template_store_internal.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Removals remembered: more than can be under way at once. */
#define REMOVALS_MAX 64

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

void template_store_overwrite(const char *path, bool whole)
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
		template_store_overwrite(path, !vu_seal_is_sealed(magic, (size_t)got));
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
		status = template_store_file(store, namespace, user, USED_SUFFIX, used_path, error);
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
	status = template_store_folder(store, namespace, path, error);
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
