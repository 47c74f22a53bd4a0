/*
 * Another time of day for real services: preloaded (LD_PRELOAD), it moves what
 * clock_gettime(CLOCK_REALTIME), gettimeofday and time say by the seconds (an
 * int64) that stand at the start of the file CLOCK_SHIFT_FILE, read anew each
 * time. Clocks that only run on are left alone. The file is mapped before main,
 * so that a service which may open no files later still sees it change.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift_s;

__attribute__((constructor)) static void map_shift(void)
{
	const char *path = getenv("CLOCK_SHIFT_FILE");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof *shift_s, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		shift_s = map;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	/* The system call itself: what libc would do needs no finding, and so no memory, here. */
	if (syscall(SYS_clock_gettime, clock, now) != 0)
		return -1;
	if ((clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) && shift_s)
		now->tv_sec += *shift_s;
	return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec precise;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &precise) != 0)
		return -1;
	now->tv_sec = precise.tv_sec;
	now->tv_usec = precise.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *out)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}
