/* CPU affinity. */
#include "platform/platform.h"

#include <errno.h>
#include <sched.h>

vu_status vu_platform_pin_to_one_cpu(void)
{
	cpu_set_t allowed;
	cpu_set_t one;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
		return vu_status_from_errno(errno);
	while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &allowed))
		cpu++;
	if (cpu == CPU_SETSIZE)
		return VU_INTERNAL;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof one, &one) == 0 ? VU_OK : vu_status_from_errno(errno);
}
