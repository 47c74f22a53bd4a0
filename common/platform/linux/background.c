/* Work that can wait, and whether the machine is short of memory. */
#include "platform/platform.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* Share of the last ten seconds, in percent, in which something waited for memory. */
#define STALL_PERCENT 10.0
/* Where the kernel does not measure that: less than a twentieth is left. */
#define LEFT_SHARE 20

bool vu_platform_memory_short(void)
{
	uint64_t total = 0;
	uint64_t available = 0;
	double stalled;
	FILE *file = fopen("/proc/pressure/memory", "re");
	int fields = 0;

	if (file) {
		fields = fscanf(file, "some avg10=%lf", &stalled);
		fclose(file);
	}
	if (fields == 1)
		return stalled > STALL_PERCENT;
	return vu_platform_machine_memory(&total, &available) == VU_OK && available < total / LEFT_SHARE;
}

void vu_platform_thread_background(void)
{
	/* Not SCHED_IDLE: a thread that never runs while it holds a lock would keep others waiting. */
	setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
}
