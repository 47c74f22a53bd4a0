/*
 * Where the configuration lies. Declared in base/config.h and implemented here,
 * since the place depends on the system and base knows nothing of systems.
 */
#include "base/config.h"
#include "platform/path.h"
#include "platform/platform.h"

#include <stdlib.h>
#include <unistd.h>

#define MACHINE_CONFIG_PATH "/etc/voice-unlock/config.yaml"

char *vu_config_default_path(void)
{
	char *path = vu_path_override("VOICE_UNLOCK_CONFIG");

	if (path)
		return path;
	path = vu_platform_user_config_path();
	/* The machine's file is read only when the user has none; a new one is always the user's. */
	if (path && access(path, F_OK) != 0 && access(MACHINE_CONFIG_PATH, F_OK) == 0) {
		free(path);
		path = vu_path_join("/etc/voice-unlock", "config.yaml");
	}
	return path;
}
