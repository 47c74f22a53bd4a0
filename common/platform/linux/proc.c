/* /proc as text. A process that ends between open and read gives NOT_FOUND. */
#include "platform/linux/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int own_io = -1;

void vu_proc_keep_own_io(void)
{
	if (own_io < 0)
		own_io = open("/proc/self/io", O_RDONLY | O_CLOEXEC);
}

/* A duplicate would share its place in the file: read from the start, whoever else does. */
static vu_status read_own_io(char *text, size_t size)
{
	ssize_t got = pread(own_io, text, size - 1, 0);

	if (got <= 0)
		return VU_NOT_FOUND;
	text[got] = '\0';
	return VU_OK;
}

vu_status vu_proc_read(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	size_t used = 0;
	ssize_t got;
	int fd;

	if (pid <= 0)
		return VU_NOT_FOUND;
	if (own_io >= 0 && pid == getpid() && strcmp(name, "io") == 0)
		return read_own_io(text, size);
	snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return vu_status_from_errno(errno);
	while (used < size - 1) {
		got = read(fd, text + used, size - 1 - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int saved_errno = errno;
			close(fd);
			return saved_errno == ESRCH ? VU_NOT_FOUND : vu_status_from_errno(saved_errno);
		}
		if (got == 0)
			break;
		used += (size_t)got;
	}
	close(fd);
	text[used] = '\0';
	return used > 0 ? VU_OK : VU_NOT_FOUND;
}

vu_status vu_proc_read_stat(pid_t pid, char *text, size_t size, const char **fields_out)
{
	vu_status status = vu_proc_read(pid, "stat", text, size);
	const char *end;

	if (status != VU_OK)
		return status;
	/* The name is in parentheses and may itself hold any character: only the last ')' ends it. */
	end = strrchr(text, ')');
	if (!end || end[1] != ' ')
		return VU_INTERNAL;
	*fields_out = end + 2;
	return VU_OK;
}
