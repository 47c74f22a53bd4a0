/*
 * Which files and services of the system this process can reach, by a sandbox
 * profile that is written from the same places as on Linux: what it does not
 * allow is refused with EPERM, for the process and what it starts, for good.
 *
 * sandbox_init has been called deprecated for years without a replacement that
 * a program outside the App Store could use; it is declared here, as its header
 * says little else.
 */
#include "platform/platform.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROFILE_BYTES 32768

int sandbox_init(const char *profile, uint64_t flags, char **error_out);
void sandbox_free_error(char *text);

/* What every program needs to run at all, and the suite's own sockets. */
static const char HEAD[] = "(version 1)\n"
                           "(deny default)\n"
                           "(allow process-info* (target self))\n"
                           "(allow signal (target self))\n"
                           "(allow signal (target children))\n"
                           "(allow sysctl-read)\n"
                           "(allow system-socket)\n"
                           "(allow file-read-metadata)\n"
                           "(allow file-read* (literal \"/\") (literal \"/dev/null\") (literal \"/dev/random\")"
                           " (literal \"/dev/urandom\") (literal \"/dev/autofs_nowait\")"
                           " (subpath \"/System\") (subpath \"/Library\") (subpath \"/usr\")"
                           " (subpath \"/opt/homebrew\") (subpath \"/private/var/db/timezone\")"
                           " (subpath \"/private/var/db/dyld\"))\n"
                           "(allow file-write-data (literal \"/dev/null\") (literal \"/dev/dtracehelper\"))\n"
                           "(allow mach-lookup (global-name \"com.apple.system.logger\")"
                           " (global-name \"com.apple.system.opendirectoryd.libinfo\")"
                           " (global-name \"com.apple.system.notification_center\")"
                           " (global-name \"com.apple.SecurityServer\"))\n"
                           "(allow ipc-posix-shm-read* ipc-posix-shm-write*)\n"
                           "(allow network-bind network-inbound (local unix-socket))\n"
                           "(allow network-outbound (remote unix-socket))\n";

typedef struct profile {
	char text[PROFILE_BYTES];
	size_t used;
	bool full;
} profile;

static void put(profile *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(profile *p, const char *format, ...)
{
	size_t room = sizeof p->text - p->used;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(p->text + p->used, room, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= room)
		p->full = true;
	else
		p->used += (size_t)length;
}

/* The profile knows only names without links in them. One that it could not hold in quotes is not granted. */
static void put_place(profile *p, const vu_place *place)
{
	char path[PATH_MAX];

	if (!realpath(place->path, path) || strpbrk(path, "\"\\\n"))
		return;
	if (place->may & VU_MAY_READ)
		put(p, "(allow file-read* (subpath \"%s\"))\n", path);
	if (place->may & VU_MAY_WRITE)
		put(p, "(allow file-write* (subpath \"%s\"))\n", path);
	if (place->may & VU_MAY_MAKE)
		put(p, "(allow file-write-create (subpath \"%s\"))\n", path);
	if (place->may & VU_MAY_RUN)
		put(p, "(allow file-map-executable (subpath \"%s\"))\n", path);
	if (place->may & VU_MAY_CONTROL)
		put(p, "(allow file-ioctl (subpath \"%s\"))\n", path);
}

/* A login keychain is a file that the asking process itself reads and writes, the key to it securityd's. */
static void put_keychain(profile *p)
{
	const char *home = getenv("HOME");
	char path[PATH_MAX];

	put(p, "(allow mach-lookup (global-name \"com.apple.securityd.xpc\"))\n");
	if (home && (size_t)snprintf(path, sizeof path, "%s/Library/Keychains", home) < sizeof path)
		put_place(p, &(vu_place){path, VU_MAY_READ | VU_MAY_WRITE});
}

bool vu_platform_confinement_offered(char *text, size_t size)
{
	snprintf(text, size, "sandbox profiles");
	return true;
}

vu_status vu_platform_confine_files(const vu_confinement *confinement, vu_error *error)
{
	static profile p;
	char *reason = NULL;
	vu_status status = VU_OK;

	p.used = 0;
	p.full = false;
	put(&p, "%s", HEAD);
	for (size_t i = 0; i < confinement->place_count; i++)
		put_place(&p, &confinement->places[i]);
	if (confinement->internet)
		put(&p, "(allow network-bind network-inbound (local ip))\n");
	if (confinement->dials)
		put(&p, "(allow network-outbound (remote ip))\n");
	if (confinement->programs)
		put(&p, "(allow process-fork process-exec)\n");
	if (confinement->sound)
		put(&p, "(allow mach-lookup iokit-open device-microphone user-preference-read)\n");
	if (confinement->secrets)
		put_keychain(&p);
	if (p.full)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to confine this process: its profile is too long");
	if (sandbox_init(p.text, 0, &reason) != 0)
		status = vu_fail(error, VU_INTERNAL, "unable to confine this process: %s",
		                 reason ? reason : "the system refused the profile");
	if (reason)
		sandbox_free_error(reason);
	return status;
}

/* The profile says it all. */
vu_status vu_platform_confine_calls(const vu_confinement *confinement, vu_error *error)
{
	(void)confinement;
	(void)error;
	return VU_OK;
}
