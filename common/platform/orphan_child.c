/* Between fork and exec in a process that may have threads: nothing here allocates, locks or formats. */
#include "platform/orphan_child.h"

#include <fcntl.h>
#include <unistd.h>

#define EXIT_NOT_EXECUTED 127
/* Out of the way of 0, 1 and 2. */
#define ASIDE 3

void vu_orphan_become(const char *path, char *const arguments[], int in, int out)
{
	static char *const nothing[] = {NULL};
	int null;

	/* First aside, so that neither is overwritten by the other's place. */
	in = fcntl(in, F_DUPFD, ASIDE);
	out = fcntl(out, F_DUPFD, ASIDE);
	null = open("/dev/null", O_RDWR);
	if (in < 0 || out < 0 || null < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0 || chdir("/") != 0)
		_exit(EXIT_NOT_EXECUTED);
	vu_orphan_close_from(ASIDE);
	execve(path, arguments, nothing);
	_exit(EXIT_NOT_EXECUTED);
}
