/*
 * The session by the control group that it runs in, which a process cannot
 * leave as it can unset an environment variable, and systemd-logind's record of
 * it. The lid as ACPI tells it.
 */
#include "platform/platform.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RECORD_MAX 4096

/* The beginning of a small file; false when it cannot be read. */
static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t count;

	if (fd < 0)
		return false;
	count = read(fd, text, size - 1);
	close(fd);
	text[count > 0 ? count : 0] = '\0';
	return count > 0;
}

bool vu_platform_session_is_remote(void)
{
	char text[RECORD_MAX];
	char path[128];
	char *id;
	size_t length;

	if (!read_text("/proc/self/cgroup", text, sizeof text))
		return false;
	id = strstr(text, "/session-");
	if (!id)
		return false;
	id += strlen("/session-");
	length = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
	if (length == 0 || length > 32 || strncmp(id + length, ".scope", strlen(".scope")) != 0)
		return false;
	snprintf(path, sizeof path, "/run/systemd/sessions/%.*s", (int)length, id);
	return read_text(path, text, sizeof text) && strstr(text, "\nREMOTE=1\n") != NULL;
}

bool vu_platform_lid_is_closed(void)
{
	static const char FOLDER[] = "/proc/acpi/button/lid";
	DIR *folder = opendir(FOLDER);
	const struct dirent *entry;
	char path[PATH_MAX];
	char state[128];
	bool closed = false;

	if (!folder)
		return false;
	while (!closed && (entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%.200s/state", FOLDER, entry->d_name);
		closed = read_text(path, state, sizeof state) && strstr(state, "closed") != NULL;
	}
	closedir(folder);
	return closed;
}
