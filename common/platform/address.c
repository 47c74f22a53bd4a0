/* Addresses of this machine. The same on every system that has getifaddrs. */
#include "platform/platform.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_wildcard(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in four;
		memcpy(&four, address, sizeof four);
		return four.sin_addr.s_addr == INADDR_ANY;
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 six;
		memcpy(&six, address, sizeof six);
		return IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr);
	}
	return false;
}

static bool same_address(const struct sockaddr *left, const struct sockaddr *right)
{
	if (left->sa_family != right->sa_family)
		return false;
	if (left->sa_family == AF_INET) {
		struct sockaddr_in a, b;
		memcpy(&a, left, sizeof a);
		memcpy(&b, right, sizeof b);
		return a.sin_addr.s_addr == b.sin_addr.s_addr;
	}
	if (left->sa_family == AF_INET6) {
		struct sockaddr_in6 a, b;
		memcpy(&a, left, sizeof a);
		memcpy(&b, right, sizeof b);
		return memcmp(&a.sin6_addr, &b.sin6_addr, sizeof a.sin6_addr) == 0;
	}
	return false;
}

/* "mac-2" and "mac-2.local" for a machine that is called either. */
static bool is_own_name(const char *host)
{
	char name[256];
	size_t bytes = strcspn(host, ".");

	if (gethostname(name, sizeof name) != 0)
		return false;
	name[sizeof name - 1] = '\0';
	if (strcasecmp(host, name) == 0)
		return true;
	return strcspn(name, ".") == bytes && strncasecmp(host, name, bytes) == 0 &&
	       (host[bytes] == '\0' || strcasecmp(host + bytes, ".local") == 0);
}

/*
 * For a confined process, which may not list the interfaces: nothing can be
 * bound to an address that is not this machine's.
 */
static bool can_bind(const struct addrinfo *at)
{
	int fd = socket(at->ai_family, SOCK_DGRAM, 0);
	bool bound;

	if (fd < 0)
		return false;
	/* The port is 0: whichever is free. */
	bound = bind(fd, at->ai_addr, at->ai_addrlen) == 0;
	close(fd);
	return bound;
}

bool vu_platform_is_own_address(const char *host)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
	struct addrinfo *found = NULL;
	struct ifaddrs *interfaces = NULL;
	bool own = false;

	if (is_own_name(host))
		return true;
	if (getaddrinfo(host, NULL, &hints, &found) != 0) {
		hints.ai_flags = 0;
		if (getaddrinfo(host, NULL, &hints, &found) != 0)
			return false;
	}
	if (getifaddrs(&interfaces) != 0)
		interfaces = NULL;
	for (const struct addrinfo *at = found; at && !own; at = at->ai_next) {
		own = is_wildcard(at->ai_addr) || (!interfaces && can_bind(at));
		for (const struct ifaddrs *each = interfaces; each && !own; each = each->ifa_next)
			own = each->ifa_addr && same_address(at->ai_addr, each->ifa_addr);
	}
	if (interfaces)
		freeifaddrs(interfaces);
	freeaddrinfo(found);
	return own;
}
