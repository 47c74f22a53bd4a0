/* macOS lets no process choose its CPU. */
#include "platform/platform.h"

vu_status vu_platform_pin_to_one_cpu(void)
{
	return VU_UNIMPLEMENTED;
}
