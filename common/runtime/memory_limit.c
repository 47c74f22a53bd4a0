/*
 * The process's own part of its memory ceiling. The supervisor samples and
 * kills, which comes too late for what grows within milliseconds; so once the
 * process is ready, the system refuses it more private memory (heap, mappings,
 * stacks) than is left up to the ceiling: malloc returns NULL then, however fast
 * the growth. What the idle process has mapped and does not use, stacks above
 * all, is added, as the system counts it. Where there is no such limit, sampling
 * alone remains. (Extent hooks that count within jemalloc would bound it everywhere, but 5.3.0 with hooks waits for
 * itself or crashes in threads whose first call is free(), as NNG's is.)
 */
#include "runtime/internal.h"

#include "base/log.h"
#include "platform/platform.h"

#include <unistd.h>

/* Of the ceiling, left for mapped files and for stacks that grow within what they have mapped. */
#define REST_SHARE 32

/* 0: none. The model server's is the configuration's, so that a reload can change it. */
static uint64_t limit_of(const vu_runtime *runtime)
{
	uint64_t megabytes = runtime->definition->id == VU_SERVICE_MODELS
	                         ? vu_runtime_config(runtime)->performance.max_memory_mb
	                         : runtime->inherited.memory_limit_mb;
	return megabytes << 20;
}

void vu_memory_limit_guard(vu_runtime *runtime)
{
	vu_process_memory memory = {0, 0};
	uint64_t limit = limit_of(runtime);
	uint64_t taken;

	if (limit == runtime->guarded_bytes)
		return;
	/* Measured once: later there is more in use than what an idle process needs. */
	if (runtime->idle_data_bytes == 0) {
		vu_platform_process_memory(getpid(), &memory);
		runtime->idle_resident_bytes = memory.rss_bytes;
		if (vu_platform_process_data(getpid(), &runtime->idle_data_bytes) != VU_OK)
			return;
	}
	taken = limit / REST_SHARE + runtime->idle_resident_bytes;
	if (vu_platform_limit_data(limit == 0 ? 0 : runtime->idle_data_bytes + (limit > taken ? limit - taken : 0)) ==
	    VU_OK)
		runtime->guarded_bytes = limit;
	else
		vu_log_debug("private memory is bounded by the supervisor alone");
}
