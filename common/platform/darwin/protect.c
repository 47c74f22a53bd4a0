/* Limits, and no debugger from outside: best effort, each by itself. */
#include "platform/platform.h"

#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#ifndef VU_SANITIZER
/* <sys/ptrace.h>, which not every set of headers has. */
#define DENY_ATTACH 31
int ptrace(int request, pid_t pid, char *address, int data);
#endif

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
	ptrace(DENY_ATTACH, 0, NULL, 0);
#endif
}
