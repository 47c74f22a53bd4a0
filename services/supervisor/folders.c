/* Making and checking private folders. */
#include "folders.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static vu_status check(int fd, const char *path, mode_t mode, vu_error *error)
{
	struct stat info;

	if (fstat(fd, &info) != 0)
		return vu_fail_errno(error, errno, "unable to examine folder %s", path);
	if (info.st_uid != geteuid())
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to use folder %s: it belongs to another user; remove it or set another one",
		               path);
	if (info.st_mode & 022)
		return vu_fail(
		    error, VU_PERMISSION_DENIED,
		    "unable to trust folder %s: others can write to it; check what is in it, then run chmod 700 %s",
		    path, path);
	if ((info.st_mode & 0777) != mode && fchmod(fd, mode) != 0)
		return vu_fail_errno(error, errno, "unable to set who may enter folder %s", path);
	return VU_OK;
}

static vu_status make(const char *path, mode_t mode, vu_error *error)
{
	vu_status status = vu_file_make_folder(path, error);
	int fd;

	if (status != VU_OK)
		return status;
	/* Checked through a descriptor, so that what was checked is what is changed. */
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to trust folder %s: it is a symbolic link; name the folder itself", path);
	if (fd < 0)
		return vu_fail_errno(error, errno, "unable to open folder %s", path);
	status = check(fd, path, mode, error);
	close(fd);
	return status;
}

vu_status vu_folder_make_private(const char *path, vu_error *error)
{
	return make(path, 0700, error);
}

vu_status vu_folder_let_pass(const char *path, vu_error *error)
{
	return make(path, 0711, error);
}
