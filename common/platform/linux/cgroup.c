/* Control groups by their files: Linux, Documentation/admin-guide/cgroup-v2. */
#include "platform/cgroup.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT           "/sys/fs/cgroup"
#define GROUPS_MAX     8
#define NAME_BYTES_MAX 32
#define FILE_BYTES_MAX 4096
#define OWN_GROUP      "supervisor"

struct vu_cgroup {
	char path[PATH_MAX]; /* of the group that is divided */
	char names[GROUPS_MAX][NAME_BYTES_MAX];
	size_t count;
};

/* False when there is no such file, or more in it than fits. */
static bool read_file(const char *folder, const char *name, char text[FILE_BYTES_MAX])
{
	char path[PATH_MAX];
	ssize_t count;
	int fd;

	if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	count = read(fd, text, FILE_BYTES_MAX - 1);
	close(fd);
	if (count < 0 || count == FILE_BYTES_MAX - 1)
		return false;
	text[count] = '\0';
	return true;
}

/* One write() a value, as these files want it. errno tells why not. */
static bool write_file(const char *folder, const char *name, const char *text)
{
	char path[PATH_MAX];
	size_t length = strlen(text);
	ssize_t written;
	int fd;

	if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path) {
		errno = ENAMETOOLONG;
		return false;
	}
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	written = write(fd, text, length);
	close(fd);
	return written == (ssize_t)length;
}

static bool has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = text; (at = strstr(at, word)) != NULL; at += length) {
		bool begins = at == text || isspace((unsigned char)at[-1]);
		if (begins && (at[length] == '\0' || isspace((unsigned char)at[length])))
			return true;
	}
	return false;
}

/* The path in the line "0::/path" of version 2; NULL when there is none. Cut off in place. */
static char *own_path(char *membership)
{
	for (char *line = membership; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, "0::/", 4) == 0) {
			line[strcspn(line, "\n")] = '\0';
			return line + 3;
		}
	}
	return NULL;
}

/* True when `text` (of cgroup.procs) names this process and nobody else. */
static bool is_alone(const char *text, pid_t self)
{
	char *end;
	long pid = strtol(text, &end, 10);

	return pid == (long)self && end != text && end[strspn(end, " \n")] == '\0';
}

vu_status vu_cgroup_adopt_at(const char *root, const char *membership, pid_t self, vu_cgroup **out, vu_error *error)
{
	char text[FILE_BYTES_MAX];
	char own[PATH_MAX];
	char number[24];
	char *path;
	vu_cgroup *group;
	vu_status status = VU_OK;

	*out = NULL;
	snprintf(text, sizeof text, "%s", membership);
	path = own_path(text);
	if (!path)
		return vu_fail(error, VU_UNIMPLEMENTED, "this system has no control groups of version 2");
	group = calloc(1, sizeof *group);
	if (!group)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to divide the control group: out of memory");
	if ((size_t)snprintf(group->path, sizeof group->path, "%s%s", root, path) >= sizeof group->path) {
		status = vu_fail(error, VU_OUT_OF_RANGE, "unable to divide the control group: its path is too long");
		goto out;
	}
	if (!read_file(group->path, "cgroup.controllers", text) || !has_word(text, "memory")) {
		status = vu_fail(error, VU_UNIMPLEMENTED, "the control group %s does not account memory", path);
		goto out;
	}
	/* Others in it would be in the way of dividing it, and to move them is not for us. */
	if (!read_file(group->path, "cgroup.procs", text) || !is_alone(text, self)) {
		status = vu_fail(error, VU_PERMISSION_DENIED, "the control group %s is not this suite's alone", path);
		goto out;
	}
	if ((size_t)snprintf(own, sizeof own, "%s/%s", group->path, OWN_GROUP) >= sizeof own ||
	    (mkdir(own, 0755) != 0 && errno != EEXIST)) {
		status = vu_fail_errno(error, errno, "unable to divide the control group %s", path);
		goto out;
	}
	snprintf(number, sizeof number, "%ld", (long)self);
	if (!write_file(own, "cgroup.procs", number)) {
		status = vu_fail_errno(error, errno, "unable to move within the control group %s", path);
		(void)rmdir(own);
	} else if (!write_file(group->path, "cgroup.subtree_control", "+memory")) {
		status = vu_fail_errno(error, errno, "unable to divide the memory of the control group %s", path);
		(void)write_file(group->path, "cgroup.procs", number);
		(void)rmdir(own);
	}
out:
	if (status == VU_OK)
		*out = group;
	else
		free(group);
	return status;
}

vu_status vu_cgroup_adopt(vu_cgroup **out, vu_error *error)
{
	char membership[FILE_BYTES_MAX];

	*out = NULL;
	if (!read_file("/proc/self", "cgroup", membership))
		return vu_fail(error, VU_UNIMPLEMENTED, "this system has no control groups");
	return vu_cgroup_adopt_at(ROOT, membership, getpid(), out, error);
}

static bool folder_of(const vu_cgroup *group, const char *service, char folder[PATH_MAX])
{
	return (size_t)snprintf(folder, PATH_MAX, "%s/%s", group->path, service) < PATH_MAX;
}

vu_status vu_cgroup_bound(vu_cgroup *group, const char *service, uint64_t bytes, vu_error *error)
{
	char folder[PATH_MAX];
	char text[24] = "max";

	if (!folder_of(group, service, folder))
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to bound %s: its path is too long", service);
	if (bytes > 0)
		snprintf(text, sizeof text, "%" PRIu64, bytes);
	if (!write_file(folder, "memory.max", text))
		return vu_fail_errno(error, errno, "unable to bound the memory of %s in %s", service, folder);
	return VU_OK;
}

/* So that its folder can be removed at the end. */
static bool remember(vu_cgroup *group, const char *service)
{
	for (size_t i = 0; i < group->count; i++) {
		if (strcmp(group->names[i], service) == 0)
			return true;
	}
	if (group->count == GROUPS_MAX || strlen(service) >= NAME_BYTES_MAX)
		return false;
	strcpy(group->names[group->count++], service);
	return true;
}

vu_status vu_cgroup_place(vu_cgroup *group, const char *service, pid_t pid, uint64_t bytes, vu_error *error)
{
	char folder[PATH_MAX];
	char number[24];
	vu_status status;

	if (!folder_of(group, service, folder) || !remember(group, service))
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to make a control group for %s", service);
	if (mkdir(folder, 0755) != 0 && errno != EEXIST)
		return vu_fail_errno(error, errno, "unable to make the control group %s", folder);
	status = vu_cgroup_bound(group, service, bytes, error);
	snprintf(number, sizeof number, "%ld", (long)pid);
	if (status == VU_OK && !write_file(folder, "cgroup.procs", number))
		status = vu_fail_errno(error, errno, "unable to put process %ld into %s", (long)pid, folder);
	return status;
}

uint64_t vu_cgroup_kills(const vu_cgroup *group, const char *service)
{
	char folder[PATH_MAX];
	char text[FILE_BYTES_MAX];
	const char *line;
	uint64_t kills = 0;

	if (!folder_of(group, service, folder) || !read_file(folder, "memory.events", text))
		return 0;
	line = strstr(text, "oom_kill ");
	if (line && (line == text || line[-1] == '\n'))
		(void)sscanf(line, "oom_kill %" SCNu64, &kills);
	return kills;
}

void vu_cgroup_release(vu_cgroup *group)
{
	char folder[PATH_MAX];

	if (!group)
		return;
	/* Our own stays: we are in it, and whoever made the tree removes it. */
	for (size_t i = 0; i < group->count; i++) {
		if (folder_of(group, group->names[i], folder))
			(void)rmdir(folder);
	}
	free(group);
}
