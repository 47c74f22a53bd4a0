/*
 * State and socket folders. Whoever can write into them could replace templates
 * or sockets, so that is refused rather than mended: it may be somebody's
 * intention to share the folder, and the wrong place.
 */
#include "runtime/internal.h"

#include "base/file.h"
#include "platform/platform.h"

#include <errno.h>
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

vu_status vu_runtime_prepare_folders(vu_runtime *runtime, vu_error *error)
{
	vu_status status;

	runtime->home = vu_platform_home_folder();
	runtime->folder = vu_platform_runtime_folder();
	if (!runtime->home || !runtime->folder)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to find the folders: out of memory");
	status = prepare(runtime->home, "VOICE_UNLOCK_HOME", error);
	return status == VU_OK ? prepare(runtime->folder, "VOICE_UNLOCK_RUNTIME_DIR", error) : status;
}

const char *vu_runtime_home(const vu_runtime *runtime)
{
	return runtime->home;
}

const char *vu_runtime_folder(const vu_runtime *runtime)
{
	return runtime->folder;
}
