/* Looks at the folder, its parent and the socket; symbolic links are followed nowhere. */
#include "places.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static vu_status check_parent(const char *folder, vu_error *error)
{
	char parent[PATH_MAX];
	char *slash;
	struct stat info;

	if ((size_t)snprintf(parent, sizeof parent, "%s", folder) >= sizeof parent)
		return vu_fail(error, VU_PERMISSION_DENIED, "unable to trust %s: its path is too long", folder);
	slash = strrchr(parent, '/');
	if (slash)
		slash[slash == parent ? 1 : 0] = '\0';
	if (!slash || stat(parent, &info) != 0)
		return vu_fail(error, VU_UNAVAILABLE, "unable to find the folder of %s", folder);
	/* In a sticky folder nobody but its owner can put another in the place of one. */
	if (info.st_uid != 0 || ((info.st_mode & 022) && !(info.st_mode & S_ISVTX)))
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to trust %s: others than root may replace it; check who owns %s", folder,
		               parent);
	return VU_OK;
}

static vu_status check_one(const char *path, mode_t type, uid_t uid, const char *user, vu_error *error)
{
	struct stat info;

	if (lstat(path, &info) != 0)
		return vu_fail(error, VU_UNAVAILABLE, "the machine suite is not running: no %s", path);
	if ((info.st_mode & S_IFMT) != type)
		return vu_fail(error, VU_PERMISSION_DENIED, "unable to trust %s: it is not what it should be", path);
	if (info.st_uid != uid)
		return vu_fail(error, VU_PERMISSION_DENIED, "unable to trust %s: it does not belong to %s", path,
		               user);
	/* To connect to a socket one has to be allowed to write to it. */
	if (type == S_IFDIR && (info.st_mode & 022))
		return vu_fail(error, VU_PERMISSION_DENIED, "unable to trust %s: others may write to it", path);
	return VU_OK;
}

vu_status vu_pam_places_check(const vu_pam_places *places, uid_t *uid_out, vu_error *error)
{
	char path[PATH_MAX];
	const struct passwd *user = getpwnam(places->user);
	vu_status status;

	if (!user)
		return vu_fail(error, VU_UNAVAILABLE, "the machine suite is not installed: there is no user %s",
		               places->user);
	*uid_out = user->pw_uid;
	status = check_parent(places->runtime_folder, error);
	if (status == VU_OK)
		status = check_one(places->runtime_folder, S_IFDIR, *uid_out, places->user, error);
	if (status != VU_OK)
		return status;
	snprintf(path, sizeof path, "%s/orchestrator.sock", places->runtime_folder);
	return check_one(path, S_IFSOCK, *uid_out, places->user, error);
}
