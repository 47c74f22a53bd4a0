/*
 * The process's own part of its memory ceiling. The supervisor samples and
 * kills, which comes too late for what grows within milliseconds; so once the
 * process is ready, it gets no more than what is left up to the ceiling, however
 * fast the growth: malloc returns NULL then. The allocator refuses, which counts
 * what it maps; and behind it the system, which counts all private memory (heap,
 * mappings, stacks). What the idle process has mapped and does not use, stacks
 * above all, is added, as each of them counts it. Where the system has no such
 * limit, the allocator's and sampling remain.
 */
#include "runtime/internal.h"

#include "base/allocator_bound.h"
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
	uint64_t room;

	if (limit == runtime->guarded_bytes)
		return;
	/* Measured once: later there is more in use than what an idle process needs. */
	if (runtime->idle_resident_bytes == 0) {
		vu_platform_process_memory(getpid(), &memory);
		runtime->idle_resident_bytes = memory.rss_bytes;
		runtime->idle_mapped_bytes = vu_allocator_mapped_bytes();
		if (vu_platform_process_data(getpid(), &runtime->idle_data_bytes) != VU_OK)
			runtime->idle_data_bytes = 0;
	}
	taken = limit / REST_SHARE + runtime->idle_resident_bytes;
	room = limit > taken ? limit - taken : 0;
	vu_allocator_bound(limit == 0 ? 0 : runtime->idle_mapped_bytes + room);
	if (runtime->idle_data_bytes == 0 ||
	    vu_platform_limit_data(limit == 0 ? 0 : runtime->idle_data_bytes + room) != VU_OK)
		vu_log_debug("private memory is bounded by the allocator and the supervisor, not by the system");
	runtime->guarded_bytes = limit;
}
