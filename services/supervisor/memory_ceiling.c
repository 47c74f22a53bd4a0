/* The thresholds of the memory ceiling. */
#include "memory_ceiling.h"

vu_ceiling_verdict vu_memory_ceiling_judge(vu_memory_ceiling *ceiling, uint64_t rss_bytes, uint64_t limit_bytes,
                                           int64_t now_us)
{
	if (limit_bytes == 0)
		return VU_CEILING_FINE;
	if (rss_bytes >= limit_bytes)
		return VU_CEILING_KILL;
	if (rss_bytes < limit_bytes / 100 * VU_CLEANUP_PERCENT) {
		ceiling->asked_us = 0;
		return VU_CEILING_FINE;
	}
	if (ceiling->asked_us != 0 && now_us - ceiling->asked_us < VU_CLEANUP_AGAIN_US)
		return VU_CEILING_FINE;
	ceiling->asked_us = now_us;
	return VU_CEILING_CLEANUP;
}

bool vu_memory_ceiling_refuses_loads(uint64_t rss_bytes, uint64_t limit_bytes)
{
	return limit_bytes != 0 && rss_bytes >= limit_bytes / 100 * VU_REFUSE_PERCENT;
}
