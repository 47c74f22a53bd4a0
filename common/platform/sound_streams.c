/*
 * Each playback stream has a file that says how it stands; sound servers stop
 * a stream some seconds after the last sound. What cannot be read plays nothing.
 */
#include "platform/sound_streams.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool is_running(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[64] = "";
	bool running;

	if (!file)
		return false;
	running = fgets(line, sizeof line, file) &&
	          (strcmp(line, "state: RUNNING\n") == 0 || strcmp(line, "state: DRAINING\n") == 0);
	fclose(file);
	return running;
}

bool vu_sound_streams_run(const char *folder)
{
	char pattern[PATH_MAX];
	glob_t found = {0};
	bool plays = false;

	snprintf(pattern, sizeof pattern, "%s/card*/pcm*p/sub*/status", folder);
	if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc && !plays; i++)
			plays = is_running(found.gl_pathv[i]);
	}
	globfree(&found);
	return plays;
}
