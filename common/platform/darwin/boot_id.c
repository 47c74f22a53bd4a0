/* kern.bootsessionuuid is new at each boot; the monotonic clock goes on while the machine sleeps. */
#include "platform/platform.h"

#include <errno.h>
#include <sys/types.h>
#include <sys/sysctl.h>
#include <time.h>

vu_status vu_platform_boot_id(char id[VU_BOOT_ID_SIZE], vu_error *error)
{
	size_t size = VU_BOOT_ID_SIZE;

	if (sysctlbyname("kern.bootsessionuuid", id, &size, NULL, 0) != 0)
		return vu_fail_errno(error, errno, "unable to read kern.bootsessionuuid");
	id[VU_BOOT_ID_SIZE - 1] = '\0';
	return VU_OK;
}

int64_t vu_platform_steady_us(void)
{
	struct timespec now = {0, 0};

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
