/*
 * Keeps NNG 1.5.2's sockets working when a peer is gone at the wrong moment.
 *
 * Greeting. When a client is gone before the server has sent its half of the
 * handshake, the write fails with EPIPE. NNG makes "closed" of that, takes it
 * for the closing of the listener itself and never accepts again, while
 * connections that exist go on as if nothing had happened; a dialer likewise
 * never dials again. A process that is killed at the wrong moment, or anybody
 * who connects and hangs up, is enough. "Connection reset" makes it go on.
 *
 * Messages. When a message cannot be written, NNG closes the connection from
 * the writing side. If the reading side is just between the head and the body
 * of a message, its thread for closing waits for ever, and with it every
 * connection of the process that ends later. The reading side finds out about
 * the peer by itself: so the write is reported as done, and the connection is
 * closed from one side only.
 *
 * (NNG mended both in later versions.) So this program's sendmsg stands before
 * libc's. What is not NNG's gets the plain error.
 */
#include "platform/platform.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define GREETING_BYTES 8
#define HEAD_BYTES     9

static size_t bytes_after_first(const struct msghdr *message)
{
	size_t bytes = 0;
	for (size_t i = 1; i < message->msg_iovlen; i++)
		bytes += message->msg_iov[i].iov_len;
	return bytes;
}

static int is_greeting(const struct msghdr *message)
{
	return message->msg_iovlen == 1 && message->msg_iov[0].iov_len == GREETING_BYTES &&
	       memcmp(message->msg_iov[0].iov_base, "\0SP\0", 4) == 0;
}

/* A 1, the length of what follows in eight bytes from the highest, and just so much. */
static int is_message(const struct msghdr *message)
{
	const uint8_t *head;
	uint64_t bytes = 0;

	if (message->msg_iovlen < 2 || message->msg_iov[0].iov_len != HEAD_BYTES)
		return 0;
	head = message->msg_iov[0].iov_base;
	for (int i = 1; i < HEAD_BYTES; i++)
		bytes = bytes << 8 | head[i];
	return head[0] == 1 && bytes == bytes_after_first(message);
}

/* Seen by shared libraries, whose calls of sendmsg come here. */
__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	ssize_t sent = syscall(SYS_sendmsg, fd, message, flags);

	if (sent >= 0 || (errno != EPIPE && errno != ECONNRESET))
		return sent;
	if (is_message(message))
		return (ssize_t)(HEAD_BYTES + bytes_after_first(message));
	if (is_greeting(message))
		errno = ECONNRESET;
	return sent;
}

static atomic_bool kept;

/* Called so that the linker takes this file into the program; the work is done above. */
void vu_platform_keep_listening(void)
{
	atomic_store(&kept, true);
}

bool vu_platform_keeps_dialling(void)
{
	return atomic_load(&kept);
}
