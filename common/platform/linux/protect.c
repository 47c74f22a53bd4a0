/* Limits and the dumpable flag: best effort, each by itself. */
#include "platform/linux/proc.h"
#include "platform/platform.h"

#include <sys/prctl.h>
#include <sys/resource.h>

void vu_platform_protect_memory(void)
{
	struct rlimit limit;
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_MEMLOCK, &limit);
	}
	vu_proc_keep_own_io();
#ifndef VU_SANITIZER /* the leak sanitizer looks into its own process as another would */
	prctl(PR_SET_DUMPABLE, 0);
#endif
}
