/*
 * Shared memory by shm_open under a random name that is unlinked at once, so
 * that only holders of the descriptor reach it. A crash between the two leaves
 * an empty object behind, and nothing of a person.
 */
#include "platform/platform.h"

#include "base/id.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

vu_status vu_platform_shared_memory(const char *label, size_t bytes, int *fd_out, vu_error *error)
{
	/* PSHMNAMLEN is 31: 16 random digits are unique enough with O_EXCL. */
	char hex[VU_ID_HEX_SIZE];
	char name[24];
	int fd;
	int saved_errno;

	vu_id_generate_hex(hex);
	snprintf(name, sizeof name, "/vu-%.16s", hex);
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return vu_fail_errno(error, errno, "unable to create shared memory for %s", label);
	shm_unlink(name);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || ftruncate(fd, (off_t)bytes) != 0) {
		saved_errno = errno;
		close(fd);
		return vu_fail_errno(error, saved_errno, "unable to reserve %zu bytes of shared memory for %s", bytes,
		                     label);
	}
	*fd_out = fd;
	return VU_OK;
}

void vu_platform_shared_memory_release(int fd, void *base, size_t offset, size_t bytes)
{
	(void)fd;
	/* macOS cannot punch holes into shared memory: the pages stay, wiped. */
	if (bytes > 0)
		memset((char *)base + offset, 0, bytes);
}
