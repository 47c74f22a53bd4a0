/* kern.bootsessionuuid is new at each boot. */
#include "platform/platform.h"

#include <errno.h>
#include <sys/types.h>
#include <sys/sysctl.h>

vu_status vu_platform_boot_id(char id[VU_BOOT_ID_SIZE], vu_error *error)
{
	size_t size = VU_BOOT_ID_SIZE;

	if (sysctlbyname("kern.bootsessionuuid", id, &size, NULL, 0) != 0)
		return vu_fail_errno(error, errno, "unable to read kern.bootsessionuuid");
	id[VU_BOOT_ID_SIZE - 1] = '\0';
	return VU_OK;
}
