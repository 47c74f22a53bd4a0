/* From the configuration to a path. */
#include "ml/background_path.h"

#include "platform/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BUILT_IN "share/voice-unlock/background.vum"

vu_status vu_background_find(const vu_config *config, char path[PATH_MAX], vu_error *error)
{
	char *executable = NULL;
	vu_status status = VU_OK;
	int length;

	if (config->ml.background_model) {
		length = snprintf(path, PATH_MAX, "%s", config->ml.background_model);
	} else {
		executable = vu_platform_executable_path();
		if (!executable)
			return vu_fail(error, VU_INTERNAL,
			               "unable to find the background model: the path of this program is unknown");
		for (int up = 0; up < 2; up++) {
			char *slash = strrchr(executable, '/');
			if (slash)
				*slash = '\0';
		}
		length = snprintf(path, PATH_MAX, "%s/" BUILT_IN, executable);
	}
	if (length < 0 || length >= PATH_MAX)
		status =
		    vu_fail(error, VU_INVALID_ARGUMENT, "unable to use the background model: its path is too long");
	free(executable);
	return status;
}

/* Files are replaced by rename, so a new one has another inode or at least another time. */
void vu_background_edition(const char *path, char edition[VU_BACKGROUND_EDITION_SIZE])
{
	struct stat info;

	if (stat(path, &info) != 0)
		snprintf(edition, VU_BACKGROUND_EDITION_SIZE, "none");
	else
		snprintf(edition, VU_BACKGROUND_EDITION_SIZE, "%llu/%llu/%lld", (unsigned long long)info.st_ino,
		         (unsigned long long)info.st_size, (long long)info.st_mtime);
}
