/* Limits, and no debugger from outside: best effort, each by itself. */
#include "platform/platform.h"

#include <sys/types.h>

#include <sys/ptrace.h>
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
#ifndef VU_SANITIZER
	ptrace(PT_DENY_ATTACH, 0, 0, 0);
#endif
}
