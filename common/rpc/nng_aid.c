/* See nng_aid.h. Every connection made here is greeted before it is closed, so as not to set off what it guards
 * against. */
#include "rpc/nng_aid.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Some systems have the one, some the other, against the signal of a broken pipe. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* The greeting of NNG's REQ version 0, as RFC 37 of nanomsg has it. */
#define GREETING_BYTES 8
static const uint8_t GREETING[GREETING_BYTES] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};

static uint64_t other_errors(nng_stat *endpoint)
{
	nng_stat *other = endpoint ? nng_stat_find(endpoint, "other") : NULL;
	return other ? nng_stat_value(other) : 0;
}

uint64_t vu_nng_listener_errors(nng_listener listener)
{
	nng_stat *all;
	uint64_t errors;
	if (nng_stats_get(&all) != 0)
		return 0;
	errors = other_errors(nng_stat_find_listener(all, listener));
	nng_stats_free(all);
	return errors;
}

vu_nng_dialling vu_nng_dialer_fared(nng_dialer dialer)
{
	static const char *const ENDS[] = {"connect", "refused", "disconnect", "canceled", "other",
	                                   "timeout", "proto",   "auth",       "oom",      "reject"};
	vu_nng_dialling fared = {false, 0, 0};
	nng_stat *all;
	nng_stat *endpoint;

	if (nng_stats_get(&all) != 0)
		return fared;
	endpoint = nng_stat_find_dialer(all, dialer);
	fared.known = endpoint && nng_stat_find(endpoint, "other");
	fared.errors = other_errors(endpoint);
	for (size_t i = 0; endpoint && i < sizeof ENDS / sizeof ENDS[0]; i++) {
		nng_stat *count = nng_stat_find(endpoint, ENDS[i]);
		fared.ends += count ? nng_stat_value(count) : 0;
	}
	nng_stats_free(all);
	return fared;
}

int vu_nng_greet(const char *path, int *fd_out)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int result = 0;

	if (fd < 0)
		return errno;
#ifdef SO_NOSIGPIPE
	(void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
	memset(&address, 0, sizeof address);
	address.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof address.sun_path) {
		close(fd);
		return ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
	    send(fd, GREETING, sizeof GREETING, MSG_NOSIGNAL) != (ssize_t)sizeof GREETING)
		result = errno;
	if (result) {
		close(fd);
		return result;
	}
	*fd_out = fd;
	return 0;
}

bool vu_nng_is_greeted(int fd, int timeout_ms)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	return poll(&wait, 1, timeout_ms) == 1 && (wait.revents & POLLIN);
}
