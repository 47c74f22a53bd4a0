/*
 * State and socket folders. Whoever can write into them could replace templates
 * or sockets, so that is refused rather than mended: it may be somebody's
 * intention to share the folder, and the wrong place.
 */
#include "runtime/internal.h"

#include "base/file.h"
#include "platform/platform.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static vu_status prepare(const char *path, const char *variable, vu_error *error)
{
	struct stat info;
	vu_status status = vu_file_make_folder(path, error);

	if (status != VU_OK)
		return status;
	if (stat(path, &info) != 0)
		return vu_fail_errno(error, errno, "unable to examine folder %s", path);
	if (info.st_uid != geteuid())
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to use folder %s: it belongs to another user; set %s to a folder of your own",
		               path, variable);
	if (info.st_mode & (S_IWGRP | S_IWOTH))
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to trust folder %s: others can write into it; run chmod 700 on it", path);
	return VU_OK;
}

/* What each service keeps beside templates and audit, by how its files' names begin. */
static const char *const KEPT[VU_SERVICE_COUNT][3] = {
    [VU_SERVICE_MODELS] = {"prediction.db", "loaded-background.vum"},
    [VU_SERVICE_ANTISPOOF] = {"replay.db", "replay.key"},
    [VU_SERVICE_ORCHESTRATOR] = {"history.db", "metrics.ring"},
};

/* Earlier versions kept these files in the state folder itself. What is there already stays. */
static vu_status adopt(const char *home, const char *folder, const char *beginning, vu_error *error)
{
	DIR *listing = opendir(home);
	const struct dirent *entry;
	struct stat info;
	char from[PATH_MAX];
	char to[PATH_MAX];
	vu_status status = VU_OK;

	if (!listing)
		return vu_fail_errno(error, errno, "unable to look into %s", home);
	while (status == VU_OK && (entry = readdir(listing)) != NULL) {
		if (strncmp(entry->d_name, beginning, strlen(beginning)) != 0)
			continue;
		if ((size_t)snprintf(from, sizeof from, "%s/%s", home, entry->d_name) >= sizeof from ||
		    (size_t)snprintf(to, sizeof to, "%s/%s", folder, entry->d_name) >= sizeof to)
			status =
			    vu_fail(error, VU_OUT_OF_RANGE, "unable to move %s: its path is too long", entry->d_name);
		else if (lstat(to, &info) != 0 && rename(from, to) != 0)
			status = vu_fail_errno(error, errno, "unable to move %s to %s", from, to);
	}
	closedir(listing);
	return status;
}

static vu_status prepare_own(vu_runtime *runtime, vu_error *error)
{
	const char *const *kept = KEPT[runtime->definition->id];
	size_t size = strlen(runtime->home) + 1 + strlen(runtime->name) + 1;
	vu_status status;

	if (!kept[0])
		return VU_OK;
	runtime->state_folder = malloc(size);
	if (!runtime->state_folder)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to find the folders: out of memory");
	snprintf(runtime->state_folder, size, "%s/%s", runtime->home, runtime->name);
	status = prepare(runtime->state_folder, "VOICE_UNLOCK_HOME", error);
	for (; status == VU_OK && *kept; kept++)
		status = adopt(runtime->home, runtime->state_folder, *kept, error);
	return status;
}

vu_status vu_runtime_prepare_folders(vu_runtime *runtime, vu_error *error)
{
	vu_status status;

	runtime->home = vu_platform_home_folder();
	runtime->folder = vu_platform_runtime_folder();
	if (!runtime->home || !runtime->folder)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to find the folders: out of memory");
	status = prepare(runtime->home, "VOICE_UNLOCK_HOME", error);
	if (status == VU_OK)
		status = prepare(runtime->folder, "VOICE_UNLOCK_RUNTIME_DIR", error);
	return status == VU_OK ? prepare_own(runtime, error) : status;
}

const char *vu_runtime_home(const vu_runtime *runtime)
{
	return runtime->home;
}

const char *vu_runtime_folder(const vu_runtime *runtime)
{
	return runtime->folder;
}

const char *vu_runtime_state_folder(const vu_runtime *runtime)
{
	return runtime->state_folder;
}
