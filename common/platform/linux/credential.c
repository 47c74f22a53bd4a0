/* What systemd gives a unit by LoadCredentialEncrypted= and its like: a file in a folder that only the unit sees. */
#include "platform/platform.h"

#include "base/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

vu_status vu_platform_read_credential(const char *name, uint8_t *out, size_t room, size_t *bytes_out, vu_error *error)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_MAX];
	uint64_t bytes;
	ssize_t got;
	int fd;
	vu_status status;

	if (!folder || folder[0] != '/' || (size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
		return vu_fail(error, VU_NOT_FOUND, "there is no credential %s", name);
	status = vu_file_open_safely(path, room, &fd, &bytes, error);
	if (status != VU_OK)
		return status;
	got = read(fd, out, room);
	close(fd);
	if (got < 0 || (uint64_t)got != bytes)
		return vu_fail(error, VU_DATA_LOSS, "unable to read the credential %s", path);
	*bytes_out = (size_t)got;
	return VU_OK;
}
