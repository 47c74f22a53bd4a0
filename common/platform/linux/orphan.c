/*
 * Two steps of clone(2) with no signal for the parent. Such a child is not seen
 * by wait() without __WCLONE, so a host that waits for its own children in a
 * SIGCHLD handler never meets it. exec would give it SIGCHLD as its signal
 * again; but it is the grandchild that executes, and its parent is gone by then.
 *
 * The bare system call has all arguments zero, so that their order, which
 * differs between processors, does not matter.
 */
#include "platform/orphan.h"
#include "platform/orphan_child.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DESCRIPTORS_WHEN_UNLIMITED 65536

void vu_orphan_close_from(int first)
{
	struct rlimit limit;
	int end = DESCRIPTORS_WHEN_UNLIMITED;

	if (syscall(SYS_close_range, (unsigned)first, ~0u, 0) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS_WHEN_UNLIMITED)
		end = (int)limit.rlim_cur;
	for (int fd = first; fd < end; fd++)
		close(fd);
}

static pid_t clone_silently(void)
{
	return (pid_t)syscall(SYS_clone, 0L, 0L, 0L, 0L, 0L);
}

int vu_platform_start_orphan(const char *path, char *const arguments[], int in, int out)
{
	int status;
	pid_t grandchild;
	pid_t child = clone_silently();

	if (child < 0)
		return errno;
	if (child == 0) {
		grandchild = clone_silently();
		if (grandchild == 0)
			vu_orphan_become(path, arguments, in, out);
		_exit(grandchild < 0 ? errno & 0x7f : 0);
	}
	while (waitpid(child, &status, __WCLONE) < 0) {
		if (errno != EINTR)
			return 0; /* somebody waits for every kind of child: then it has gone, and that is all we want
			           */
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}
