/* Folders as macOS applications use them. NULL only when out of memory. */
#include "platform/path.h"
#include "platform/platform.h"

#include <limits.h>
#include <mach-o/dyld.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *vu_platform_home_folder(void)
{
	char *path = vu_path_override("VOICE_UNLOCK_HOME");
	const char *state = vu_path_from_environment("XDG_STATE_HOME");
	char *home;

	if (path)
		return path;
	if (state)
		return vu_path_join(state, "voice-unlock");
	home = vu_path_user_home();
	path = vu_path_join(home, "Library/Application Support/voice-unlock");
	free(home);
	return path;
}

char *vu_platform_runtime_folder(void)
{
	char *path = vu_path_override("VOICE_UNLOCK_RUNTIME_DIR");
	const char *folder = vu_path_from_environment("XDG_RUNTIME_DIR");
	char temporary[PATH_MAX];
	char *home;

	if (path)
		return path;
	if (folder)
		return vu_path_join(folder, "voice-unlock");
	folder = vu_path_from_environment("TMPDIR");
	if (folder)
		return vu_path_join(folder, "voice-unlock");
	/* launchd and ssh may leave TMPDIR out; the system knows the same folder. */
	if (confstr(_CS_DARWIN_USER_TEMP_DIR, temporary, sizeof temporary) > 0)
		return vu_path_join(temporary, "voice-unlock");
	home = vu_platform_home_folder();
	path = vu_path_join(home, "run");
	free(home);
	return path;
}

char *vu_platform_user_config_path(void)
{
	const char *folder = vu_path_from_environment("XDG_CONFIG_HOME");
	char *home;
	char *path;

	if (folder)
		return vu_path_join(folder, "voice-unlock/config.yaml");
	home = vu_platform_home_folder();
	path = vu_path_join(home, "config.yaml");
	free(home);
	return path;
}

char *vu_platform_executable_path(void)
{
	char path[PATH_MAX];
	char resolved[PATH_MAX];
	uint32_t size = sizeof path;

	if (_NSGetExecutablePath(path, &size) != 0)
		return NULL;
	return strdup(realpath(path, resolved) ? resolved : path);
}
