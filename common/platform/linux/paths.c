/* Folders by the XDG Base Directory Specification 0.8. NULL only when out of memory. */
#include "platform/path.h"
#include "platform/platform.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* <$variable or ~/fallback>/name */
static char *xdg_path(const char *variable, const char *fallback, const char *name)
{
	const char *folder = vu_path_from_environment(variable);
	char *home = NULL;
	char *base = NULL;
	char *path = NULL;

	if (folder)
		return vu_path_join(folder, name);
	home = vu_path_user_home();
	if (home)
		base = vu_path_join(home, fallback);
	if (base)
		path = vu_path_join(base, name);
	free(base);
	free(home);
	return path;
}

char *vu_platform_home_folder(void)
{
	char *path = vu_path_override("VOICE_UNLOCK_HOME");
	return path ? path : xdg_path("XDG_STATE_HOME", ".local/state", "voice-unlock");
}

char *vu_platform_runtime_folder(void)
{
	char *path = vu_path_override("VOICE_UNLOCK_RUNTIME_DIR");
	const char *folder = vu_path_from_environment("XDG_RUNTIME_DIR");
	char login_folder[64];
	struct stat info;
	char *home;

	if (path)
		return path;
	if (folder)
		return vu_path_join(folder, "voice-unlock");
	/* A shell without a login session (su, cron) still finds the folder of a suite that has one. */
	snprintf(login_folder, sizeof login_folder, "/run/user/%lu", (unsigned long)geteuid());
	if (stat(login_folder, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid())
		return vu_path_join(login_folder, "voice-unlock");
	/* Never /tmp: anybody could have put a folder of that name there first. */
	home = vu_platform_home_folder();
	path = vu_path_join(home, "run");
	free(home);
	return path;
}

char *vu_platform_user_config_path(void)
{
	return xdg_path("XDG_CONFIG_HOME", ".config", "voice-unlock/config.yaml");
}

char *vu_platform_executable_path(void)
{
	static const char deleted[] = " (deleted)";
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);

	if (length < 0)
		return NULL;
	path[length] = '\0';
	/* After an upgrade in place the kernel marks the old file; its path now names the new one. */
	if ((size_t)length > sizeof deleted - 1 && strcmp(path + length - (sizeof deleted - 1), deleted) == 0)
		path[(size_t)length - (sizeof deleted - 1)] = '\0';
	return strdup(path);
}
