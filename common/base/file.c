/* Safe opening and atomic writing. On failure nothing is left behind but the old content. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

vu_status vu_file_make_folder(const char *path, vu_error *error)
{
	char partial[PATH_MAX];
	size_t length = strlen(path);
	struct stat info;

	if (length == 0 || length >= sizeof partial)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to create a folder: its path is %s",
		               length == 0 ? "empty" : "too long");
	memcpy(partial, path, length + 1);
	for (char *slash = strchr(partial + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = '\0';
		if (mkdir(partial, 0700) != 0 && errno != EEXIST)
			return vu_fail_errno(error, errno, "unable to create folder %s", partial);
		if (!slash)
			break;
		*slash = '/';
	}
	if (stat(path, &info) != 0)
		return vu_fail_errno(error, errno, "unable to examine folder %s", path);
	if (!S_ISDIR(info.st_mode))
		return vu_fail(error, VU_FAILED_PRECONDITION, "unable to use %s: it is not a folder", path);
	return VU_OK;
}

vu_status vu_file_open_safely(const char *path, uint64_t max_bytes, int *fd_out, uint64_t *bytes_out, vu_error *error)
{
	struct stat info;
	vu_status status;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		if (errno == ELOOP)
			return vu_fail(error, VU_PERMISSION_DENIED, "unable to open %s: it is a symbolic link", path);
		return vu_fail_errno(error, errno, "unable to open %s", path);
	}
	if (fstat(fd, &info) != 0) {
		status = vu_fail_errno(error, errno, "unable to examine %s", path);
		goto fail;
	}
	if (!S_ISREG(info.st_mode)) {
		status = vu_fail(error, VU_INVALID_ARGUMENT, "unable to read %s: it is not a regular file", path);
		goto fail;
	}
	if (info.st_uid != geteuid() && info.st_uid != 0) {
		status = vu_fail(error, VU_PERMISSION_DENIED,
		                 "unable to trust %s: it belongs to another user; chown it to yours", path);
		goto fail;
	}
	if (info.st_mode & (S_IWGRP | S_IWOTH)) {
		status = vu_fail(error, VU_PERMISSION_DENIED,
		                 "unable to trust %s: others can write it; run chmod go-w on it", path);
		goto fail;
	}
	if ((uint64_t)info.st_size > max_bytes) {
		status = vu_fail(error, VU_OUT_OF_RANGE,
		                 "unable to read %s: it has %lld bytes, more than the %llu allowed", path,
		                 (long long)info.st_size, (unsigned long long)max_bytes);
		goto fail;
	}
	*fd_out = fd;
	if (bytes_out)
		*bytes_out = (uint64_t)info.st_size;
	return VU_OK;
fail:
	close(fd);
	return status;
}

vu_status vu_file_read(const char *path, uint64_t max_bytes, char **data_out, size_t *bytes_out, vu_error *error)
{
	int fd;
	uint64_t expected;
	size_t used = 0;
	char *data;
	vu_status status = vu_file_open_safely(path, max_bytes, &fd, &expected, error);

	if (status != VU_OK)
		return status;
	data = malloc((size_t)expected + 1);
	if (!data) {
		close(fd);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read %s: out of memory", path);
	}
	while (used < expected) {
		ssize_t got = read(fd, data + used, (size_t)expected - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			status = vu_fail_errno(error, errno, "unable to read %s", path);
			free(data);
			close(fd);
			return status;
		}
		if (got == 0)
			break;
		used += (size_t)got;
	}
	close(fd);
	data[used] = '\0';
	*data_out = data;
	*bytes_out = used;
	return VU_OK;
}

static int write_all(int fd, const char *data, size_t bytes)
{
	while (bytes > 0) {
		ssize_t written = write(fd, data, bytes);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		data += written;
		bytes -= (size_t)written;
	}
	return 0;
}

/* Makes the rename itself durable. Some file systems refuse to fsync a folder; that is no reason to fail. */
static void sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	char *slash;
	int fd;

	snprintf(folder, sizeof folder, "%s", path);
	slash = strrchr(folder, '/');
	if (!slash)
		snprintf(folder, sizeof folder, ".");
	else if (slash == folder)
		slash[1] = '\0';
	else
		*slash = '\0';
	fd = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
}

vu_status vu_file_write_atomically(const char *path, const void *data, size_t bytes, vu_error *error)
{
	char temporary[PATH_MAX];
	int fd;
	int saved_errno;

	if ((size_t)snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= sizeof temporary)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to write %s: the path is too long", path);
	fd = mkstemp(temporary);
	if (fd < 0)
		return vu_fail_errno(error, errno, "unable to create a temporary file beside %s", path);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || write_all(fd, data, bytes) != 0 || fsync(fd) != 0)
		goto fail;
	if (close(fd) != 0) {
		fd = -1;
		goto fail;
	}
	fd = -1;
	if (rename(temporary, path) != 0)
		goto fail;
	sync_folder_of(path);
	return VU_OK;
fail:
	saved_errno = errno;
	if (fd >= 0)
		close(fd);
	unlink(temporary);
	return vu_fail_errno(error, saved_errno, "unable to write %s", path);
}
