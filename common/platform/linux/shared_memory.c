/*
 * Shared memory by memfd_create. The size is sealed: a process that shares the
 * memory cannot shrink it under another, which would be a SIGBUS there.
 */
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

vu_status vu_platform_shared_memory(const char *label, size_t bytes, int *fd_out, vu_error *error)
{
	int fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int saved_errno;

	if (fd < 0)
		return vu_fail_errno(error, errno, "unable to create shared memory for %s", label);
	/* fallocate is not used: pages come when they are first written. */
	if (ftruncate(fd, (off_t)bytes) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
		saved_errno = errno;
		close(fd);
		return vu_fail_errno(error, saved_errno, "unable to reserve %zu bytes of shared memory for %s", bytes,
		                     label);
	}
	*fd_out = fd;
	return VU_OK;
}

vu_status vu_platform_shared_notice(const char *label, size_t bytes, void **base_out, int *fd_out, vu_error *error)
{
	int fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *base = MAP_FAILED;
	int saved_errno;

	if (fd < 0)
		return vu_fail_errno(error, errno, "unable to create shared memory for %s", label);
	if (ftruncate(fd, (off_t)bytes) == 0)
		base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* What is mapped by now stays writable; nothing else will be, whoever opens the descriptor anew. */
	if (base == MAP_FAILED ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0) {
		saved_errno = errno;
		if (base != MAP_FAILED)
			munmap(base, bytes);
		close(fd);
		return vu_fail_errno(error, saved_errno, "unable to reserve %zu bytes of shared memory for %s", bytes,
		                     label);
	}
	*base_out = base;
	*fd_out = fd;
	return VU_OK;
}

void vu_platform_shared_memory_release(int fd, void *base, size_t offset, size_t bytes)
{
	if (bytes == 0)
		return;
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes) == 0)
		return;
	/* Reading as zeros is a promise, giving pages back is not. */
	memset((char *)base + offset, 0, bytes);
}
