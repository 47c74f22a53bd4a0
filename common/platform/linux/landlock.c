/*
 * Which files this process can reach, by Landlock: what is not granted is
 * refused with EACCES, for this thread and all that it starts, for good. What
 * is open already stays usable.
 *
 * The kernel's versions differ in what they can refuse: each is asked for all
 * it can. Version 1 cannot rename between folders at all and is not used.
 * Linux before 5.19, or without the module, has nothing to offer.
 */
#include "platform/linux/proc.h"
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What came after the headers of Debian 12. */
#define FS_TRUNCATE           (UINT64_C(1) << 14)
#define FS_IOCTL_DEV          (UINT64_C(1) << 15)
#define NET_CONNECT_TCP       (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL          (UINT64_C(1) << 1)

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                                                     \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |            \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                  \
	 LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)
#define FS_ALL                                                                                                       \
	(FS_READ | FS_WRITE | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |                            \
	 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | FS_IOCTL_DEV)
/* What can be granted for a file that is no folder. */
#define FS_OF_FILES                                                                                                  \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE | FS_TRUNCATE |   \
	 FS_IOCTL_DEV)

#define VERSION_MIN 2

typedef struct ruleset_attributes {
	uint64_t files;
	uint64_t net;
	uint64_t scoped;
} ruleset_attributes;

static int version(void)
{
	long found = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return found > 0 ? (int)found : 0;
}

static uint64_t files_of(int found)
{
	uint64_t files = FS_ALL;

	if (found < 3)
		files &= ~FS_TRUNCATE;
	if (found < 5)
		files &= ~FS_IOCTL_DEV;
	return files;
}

bool vu_platform_confinement_offered(char *text, size_t size)
{
	int found = version();

	if (found < VERSION_MIN)
		snprintf(text, size, "this kernel has no Landlock, or an old one: services are not kept from files");
	else
		snprintf(text, size, "Landlock %d, seccomp", found);
	return found >= VERSION_MIN;
}

static bool is_single(void)
{
#ifdef VU_SANITIZER /* has threads of its own */
	return true;
#else
	char text[4096];
	const char *field;

	if (vu_proc_read(getpid(), "status", text, sizeof text) != VU_OK)
		return false;
	field = strstr(text, "\nThreads:");
	return field && strtol(field + strlen("\nThreads:"), NULL, 10) == 1;
#endif
}

/* Of whoever runs as root: what such a process may do to others' files and processes. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
	struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3] = {{0}};

	for (unsigned long capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; capability++)
		;
	/* Who was started by somebody without any may not even ask to lose them. */
	if (syscall(SYS_capget, &head, now) != 0 || memcmp(now, none, sizeof none) != 0)
		(void)syscall(SYS_capset, &head, none);
}

static vu_status grant(int ruleset, const vu_place *place, uint64_t handled, vu_error *error)
{
	struct landlock_path_beneath_attr rule = {.parent_fd = open(place->path, O_PATH | O_CLOEXEC)};
	struct stat info;
	vu_status status = VU_OK;

	/* What is not there need not be granted. */
	if (rule.parent_fd < 0)
		return VU_OK;
	if (place->may & VU_MAY_READ)
		rule.allowed_access |= FS_READ;
	if (place->may & VU_MAY_WRITE)
		rule.allowed_access |= FS_WRITE;
	if (place->may & VU_MAY_RUN)
		rule.allowed_access |= LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE;
	if (place->may & VU_MAY_MAKE)
		rule.allowed_access |= LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_REG;
	if (place->may & VU_MAY_CONTROL)
		rule.allowed_access |= FS_IOCTL_DEV;
	rule.allowed_access &= handled;
	if (fstat(rule.parent_fd, &info) == 0 && !S_ISDIR(info.st_mode))
		rule.allowed_access &= FS_OF_FILES;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
		status = vu_fail_errno(error, errno, "unable to grant access to %s", place->path);
	close(rule.parent_fd);
	return status;
}

vu_status vu_platform_confine_files(const vu_confinement *confinement, vu_error *error)
{
	ruleset_attributes attributes = {0};
	size_t attributes_bytes = sizeof attributes.files;
	int found = version();
	vu_status status = VU_OK;
	int ruleset;

	drop_capabilities();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return vu_fail_errno(error, errno, "unable to renounce new privileges");
	if (found < VERSION_MIN)
		return vu_fail(error, VU_UNIMPLEMENTED,
		               "unable to keep this process from files: the kernel has no Landlock, or an old one");
	attributes.files = files_of(found);
	if (found >= 4) {
		attributes_bytes += sizeof attributes.net;
		attributes.net = confinement->dials ? 0 : NET_CONNECT_TCP;
	}
	if (found >= 6) {
		attributes_bytes += sizeof attributes.scoped;
		attributes.scoped = SCOPE_SIGNAL | (confinement->sound ? 0 : SCOPE_ABSTRACT_SOCKET);
	}
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, attributes_bytes, 0);
	if (ruleset < 0)
		return vu_fail_errno(error, errno, "unable to make a Landlock ruleset");
	for (size_t i = 0; i < confinement->place_count && status == VU_OK; i++)
		status = grant(ruleset, &confinement->places[i], attributes.files, error);
	if (status == VU_OK && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		status = vu_fail_errno(error, errno, "unable to keep this process from files");
	close(ruleset);
	/* Ours starts none before this; what a preloaded library starts is out of our reach. */
	if (status == VU_OK && !is_single())
		status =
		    vu_fail(error, VU_UNIMPLEMENTED,
		            "unable to keep all of this process from files: something that was loaded with it has "
		            "started a thread");
	return status;
}
