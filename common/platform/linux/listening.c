/*
 * Keeps NNG 1.5.2's listeners from going deaf.
 *
 * When a client is gone before the server has sent its half of the handshake,
 * the write fails with EPIPE. NNG makes "closed" of that, takes it for the
 * closing of the listener itself and never accepts again, while connections
 * that exist go on as if nothing had happened. A client that is killed at the
 * wrong moment, or anybody who connects and hangs up, is enough. (NNG mended it
 * in later versions; "connection reset" makes it accept the next at once.)
 *
 * So this program's sendmsg stands before libc's and says ECONNRESET for EPIPE.
 * For every other writer the two mean the same: the peer is gone.
 */
#include "platform/platform.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Seen by shared libraries, whose calls of sendmsg come here. */
__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	ssize_t sent = syscall(SYS_sendmsg, fd, message, flags);
	if (sent < 0 && errno == EPIPE)
		errno = ECONNRESET;
	return sent;
}

void vu_platform_keep_listening(void)
{
	/* Called so that the linker takes this file into the program; the work is done above. */
}
