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

/* PSHMNAMLEN is 31: 16 random digits are unique enough with O_EXCL. */
static void make_name(char name[24])
{
	char hex[VU_ID_HEX_SIZE];

	vu_id_generate_hex(hex);
	snprintf(name, 24, "/vu-%.16s", hex);
}

vu_status vu_platform_shared_memory(const char *label, size_t bytes, int *fd_out, vu_error *error)
{
	char name[24];
	int fd;
	int saved_errno;

	make_name(name);
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

/* Opened twice under its name; the descriptor that is for others cannot write. */
vu_status vu_platform_shared_notice(const char *label, size_t bytes, void **base_out, int *fd_out, vu_error *error)
{
	char name[24];
	void *base = MAP_FAILED;
	int writer;
	int reader;
	int saved_errno;

	make_name(name);
	writer = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (writer < 0)
		return vu_fail_errno(error, errno, "unable to create shared memory for %s", label);
	reader = shm_open(name, O_RDONLY, 0);
	saved_errno = errno;
	shm_unlink(name);
	if (reader >= 0 && fcntl(reader, F_SETFD, FD_CLOEXEC) == 0 && ftruncate(writer, (off_t)bytes) == 0)
		base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0);
	if (reader >= 0)
		saved_errno = errno;
	close(writer);
	if (base == MAP_FAILED) {
		if (reader >= 0)
			close(reader);
		return vu_fail_errno(error, saved_errno, "unable to reserve %zu bytes of shared memory for %s", bytes,
		                     label);
	}
	*base_out = base;
	*fd_out = reader;
	return VU_OK;
}

void vu_platform_shared_memory_release(int fd, void *base, size_t offset, size_t bytes)
{
	(void)fd;
	/* macOS cannot punch holes into shared memory: the pages stay, wiped. */
	if (bytes > 0)
		memset((char *)base + offset, 0, bytes);
}
