/*
 * Lines from pipes into size-bounded files. Rotation is a rename: a crash at
 * any instant leaves the old file, the renamed file, or both, and loses no
 * line that was written.
 */
#include "service_log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct vu_service_log {
	int fd;     /* of the file, or standard error */
	char *path; /* NULL: standard error */
	uint64_t file_bytes;
	uint64_t dropped_bytes;
	size_t pending_bytes;
	char pending[VU_LOG_LINE_BYTES_MAX];
	char complaint[VU_LOG_LINE_BYTES_MAX]; /* a whole line without its newline, or empty */
};

/* Opens for appending, never through a symbolic link, never somebody else's file. */
static vu_status open_log(const char *path, int *fd_out, uint64_t *bytes_out, vu_error *error)
{
	struct stat info;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);

	if (fd < 0) {
		if (errno == ELOOP)
			return vu_fail(error, VU_PERMISSION_DENIED,
			               "unable to open log %s: it is a symbolic link; remove it", path);
		return vu_fail_errno(error, errno, "unable to open log %s", path);
	}
	if (fstat(fd, &info) != 0) {
		vu_status status = vu_fail_errno(error, errno, "unable to examine log %s", path);
		close(fd);
		return status;
	}
	if (!S_ISREG(info.st_mode) || info.st_uid != geteuid()) {
		close(fd);
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to use log %s: it is not a file of yours; remove it", path);
	}
	if (info.st_mode & 077)
		fchmod(fd, 0600);
	*fd_out = fd;
	*bytes_out = (uint64_t)info.st_size;
	return VU_OK;
}

static void rename_to_old(const char *path)
{
	char old[PATH_MAX];
	if ((size_t)snprintf(old, sizeof old, "%s.1", path) < sizeof old)
		rename(path, old);
}

/* When the file cannot be opened anew, the old one is written on: a log too long is better than none. */
static void rotate(vu_service_log *log)
{
	int fd;
	uint64_t bytes;

	rename_to_old(log->path);
	if (open_log(log->path, &fd, &bytes, NULL) != VU_OK) {
		log->file_bytes = 0;
		return;
	}
	close(log->fd);
	log->fd = fd;
	log->file_bytes = bytes;
}

static void write_bytes(vu_service_log *log, const char *bytes, size_t count)
{
	if (log->path && log->file_bytes > 0 && log->file_bytes + count > VU_LOG_FILE_BYTES_MAX)
		rotate(log);
	log->file_bytes += count;
	while (count > 0) {
		ssize_t written = write(log->fd, bytes, count);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			log->dropped_bytes += count;
			return;
		}
		bytes += written;
		count -= (size_t)written;
	}
}

/* A line of ours that is no error is remembered by nobody. */
static bool is_complaint(const char *line)
{
	return line[0] != '{' || strstr(line, "\"level\":\"error\"") || strstr(line, "\"level\":\"fatal\"") ||
	       strstr(line, "\"level\":\"panic\"");
}

/* Writes the pending line, which ends in its newline. */
static void finish_line(vu_service_log *log)
{
	char line[VU_LOG_LINE_BYTES_MAX];

	write_bytes(log, log->pending, log->pending_bytes);
	memcpy(line, log->pending, log->pending_bytes - 1);
	line[log->pending_bytes - 1] = '\0';
	if (line[0] != '\0' && is_complaint(line))
		memcpy(log->complaint, line, log->pending_bytes);
	log->pending_bytes = 0;
}

vu_status vu_service_log_create(const char *folder, const char *service, vu_service_log **log_out, vu_error *error)
{
	char path[PATH_MAX];
	vu_status status;
	vu_service_log *log = calloc(1, sizeof *log);

	if (!log)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open the log of %s: out of memory", service);
	log->fd = STDERR_FILENO;
	if (folder) {
		if ((size_t)snprintf(path, sizeof path, "%s/%s.log", folder, service) >= sizeof path) {
			status = vu_fail(error, VU_INVALID_ARGUMENT,
			                 "unable to open the log of %s: its path is too long", service);
			goto fail;
		}
		log->path = strdup(path);
		if (!log->path) {
			status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open log %s: out of memory", path);
			goto fail;
		}
		status = open_log(path, &log->fd, &log->file_bytes, error);
		if (status != VU_OK)
			goto fail;
	}
	*log_out = log;
	return VU_OK;
fail:
	free(log->path);
	free(log);
	return status;
}

void vu_service_log_feed(vu_service_log *log, const char *bytes, size_t count)
{
	while (count > 0) {
		const char *newline = memchr(bytes, '\n', count);
		size_t line_bytes = newline ? (size_t)(newline - bytes) + 1 : count;
		size_t room = sizeof log->pending - 1 - log->pending_bytes; /* one is kept for a newline */

		if (line_bytes > room + (newline ? 1 : 0)) {
			memcpy(log->pending + log->pending_bytes, bytes, room);
			log->pending_bytes += room;
			bytes += room;
			count -= room;
			vu_service_log_flush(log);
			continue;
		}
		memcpy(log->pending + log->pending_bytes, bytes, line_bytes);
		log->pending_bytes += line_bytes;
		bytes += line_bytes;
		count -= line_bytes;
		if (newline)
			finish_line(log);
	}
}

void vu_service_log_flush(vu_service_log *log)
{
	if (log->pending_bytes == 0)
		return;
	log->pending[log->pending_bytes++] = '\n';
	finish_line(log);
}

bool vu_service_log_complaint(const vu_service_log *log, char *text, size_t size)
{
	json_t *line;
	const char *message;

	if (log->complaint[0] == '\0')
		return false;
	line = json_loads(log->complaint, 0, NULL);
	message = json_string_value(json_object_get(line, "message"));
	snprintf(text, size, "%s", message ? message : log->complaint);
	json_decref(line);
	return true;
}

void vu_service_log_forget_complaint(vu_service_log *log)
{
	log->complaint[0] = '\0';
}

uint64_t vu_service_log_dropped(const vu_service_log *log)
{
	return log->dropped_bytes;
}

void vu_service_log_destroy(vu_service_log *log)
{
	if (!log)
		return;
	vu_service_log_flush(log);
	if (log->path)
		close(log->fd);
	free(log->path);
	free(log);
}

vu_status vu_service_log_redirect_stderr(const char *folder, const char *service, vu_error *error)
{
	char path[PATH_MAX];
	struct stat info;
	uint64_t bytes;
	int fd;
	vu_status status;

	if ((size_t)snprintf(path, sizeof path, "%s/%s.log", folder, service) >= sizeof path)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to open the log of %s: its path is too long",
		               service);
	if (lstat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > VU_LOG_FILE_BYTES_MAX)
		rename_to_old(path);
	status = open_log(path, &fd, &bytes, error);
	if (status != VU_OK)
		return status;
	if (dup2(fd, STDERR_FILENO) < 0)
		status = vu_fail_errno(error, errno, "unable to write the log to %s", path);
	close(fd);
	return status;
}
