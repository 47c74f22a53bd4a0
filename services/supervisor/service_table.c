/* The table. A new service is one line here and its id in common/base/config.h. */
#include "service_table.h"

#define BIT(id) (1u << (id))

/*
 * Capture's ceiling covers its session rings when all of them are full
 * (VU_RING_MEMORY_BYTES, shared pages count as resident).
 */
const vu_service_entry VU_SERVICE_TABLE[] = {
    [VU_SERVICE_CAPTURE] = {.id = VU_SERVICE_CAPTURE, .program = "vu-capture", .memory_mb = 320, .gets_ring = true},
    [VU_SERVICE_FEATURES] = {.id = VU_SERVICE_FEATURES,
                             .program = "vu-features",
                             .depends_on = BIT(VU_SERVICE_CAPTURE),
                             .memory_mb = 200},
    [VU_SERVICE_MODELS] = {.id = VU_SERVICE_MODELS, .program = "vu-models", .memory_mb = 0},
    [VU_SERVICE_ANTISPOOF] = {.id = VU_SERVICE_ANTISPOOF,
                              .program = "vu-antispoof",
                              .depends_on = BIT(VU_SERVICE_CAPTURE),
                              .memory_mb = 300},
    [VU_SERVICE_ORCHESTRATOR] = {.id = VU_SERVICE_ORCHESTRATOR,
                                 .program = "vu-orchestrator",
                                 .depends_on = BIT(VU_SERVICE_CAPTURE) | BIT(VU_SERVICE_FEATURES) |
                                               BIT(VU_SERVICE_MODELS) | BIT(VU_SERVICE_ANTISPOOF),
                                 .memory_mb = 200},
};

_Static_assert(sizeof VU_SERVICE_TABLE / sizeof VU_SERVICE_TABLE[0] == VU_CHILD_COUNT,
               "every service but the supervisor has an entry");

uint64_t vu_service_memory_limit(vu_service_id id, const vu_config *config)
{
	uint32_t limit_mb = VU_SERVICE_TABLE[id].memory_mb;
	return (uint64_t)(limit_mb ? limit_mb : config->performance.max_memory_mb) << 20;
}

vu_service_set vu_service_set_startable(vu_service_set waiting, vu_service_set settled)
{
	vu_service_set startable = 0;
	for (unsigned id = 0; id < VU_CHILD_COUNT; id++) {
		if ((waiting & BIT(id)) && !(VU_SERVICE_TABLE[id].depends_on & ~settled))
			startable |= BIT(id);
	}
	return startable;
}

vu_service_set vu_service_set_stoppable(vu_service_set up)
{
	vu_service_set needed = 0;
	for (unsigned id = 0; id < VU_CHILD_COUNT; id++) {
		if (up & BIT(id))
			needed |= VU_SERVICE_TABLE[id].depends_on;
	}
	return up & ~needed;
}
