/* Work that can wait, and whether the machine is short of memory. */
#include "platform/platform.h"

#include <sys/resource.h>
#include <sys/sysctl.h>

/* kern.memorystatus_vm_pressure_level: 1 normal, 2 warning, 4 critical. */
#define LEVEL_WARNING 2

bool vu_platform_memory_short(void)
{
	int level = 0;
	size_t size = sizeof level;

	return sysctlbyname("kern.memorystatus_vm_pressure_level", &level, &size, NULL, 0) == 0 &&
	       level >= LEVEL_WARNING;
}

void vu_platform_thread_background(void)
{
	setpriority(PRIO_DARWIN_THREAD, 0, PRIO_DARWIN_BG);
}
