/* fork twice, so that what executes is nobody's child but launchd's. */
#include "platform/orphan.h"
#include "platform/orphan_child.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

void vu_orphan_close_from(int first)
{
	int end = getdtablesize();

	for (int fd = first; fd < end; fd++)
		close(fd);
}

int vu_platform_start_orphan(const char *path, char *const arguments[], int in, int out)
{
	int status;
	pid_t grandchild;
	pid_t child = fork();

	if (child < 0)
		return errno;
	if (child == 0) {
		grandchild = fork();
		if (grandchild == 0)
			vu_orphan_become(path, arguments, in, out);
		_exit(grandchild < 0 ? errno & 0x7f : 0);
	}
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return 0; /* a handler of the host was quicker: the child has gone, and that is all we want */
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}
