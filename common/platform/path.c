/* Folder paths from the environment. Every function returns NULL when memory runs out. */
#include "platform/path.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSWD_BUFFER_BYTES 16384

const char *vu_path_from_environment(const char *variable)
{
	const char *value = getenv(variable);
	return value && value[0] == '/' ? value : NULL;
}

static char *without_final_slashes(char *path)
{
	size_t length = path ? strlen(path) : 0;
	while (length > 1 && path[length - 1] == '/')
		path[--length] = '\0';
	return path;
}

char *vu_path_join(const char *folder, const char *name)
{
	size_t bytes;
	char *path;
	const char *slash;

	if (!folder)
		return NULL;
	slash = folder[0] && folder[strlen(folder) - 1] == '/' ? "" : "/";
	bytes = strlen(folder) + strlen(name) + 2;
	path = malloc(bytes);
	if (path)
		snprintf(path, bytes, "%s%s%s", folder, slash, name);
	return path;
}

char *vu_path_user_home(void)
{
	const char *home = vu_path_from_environment("HOME");
	struct passwd entry;
	struct passwd *found = NULL;
	char *buffer;
	char *result = NULL;

	if (home)
		return without_final_slashes(strdup(home));
	buffer = malloc(PASSWD_BUFFER_BYTES);
	if (!buffer)
		return NULL;
	if (getpwuid_r(geteuid(), &entry, buffer, PASSWD_BUFFER_BYTES, &found) == 0 && found &&
	    found->pw_dir[0] == '/')
		result = without_final_slashes(strdup(found->pw_dir));
	else
		result =
		    strdup("/"); /* a user without an entry: what follows fails with a clear path in its message */
	free(buffer);
	return result;
}

char *vu_path_override(const char *variable)
{
	const char *value = getenv(variable);
	char here[PATH_MAX];

	if (!value || !value[0])
		return NULL;
	if (value[0] == '/')
		return without_final_slashes(strdup(value));
	/* Relative to where the command was started, fixed now: services may change folder. */
	if (!getcwd(here, sizeof here))
		return without_final_slashes(strdup(value));
	return without_final_slashes(vu_path_join(here, value));
}
