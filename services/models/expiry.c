/* See the header. */
#include "expiry.h"

#include <stdlib.h>

#define DAY_US (86400 * INT64_C(1000000))

int64_t expiry_clock_now_us(expiry_clock *clock, int64_t wall_us, int64_t steady_us)
{
	int64_t offset_us = wall_us - steady_us;

	if (!clock->begun || offset_us - clock->offset_us <= EXPIRY_STEP_US) {
		*clock = (expiry_clock){.begun = true, .offset_us = offset_us};
	} else if (!clock->doubted || llabs(offset_us - clock->claimed_us) > EXPIRY_STEP_US) {
		clock->doubted = true;
		clock->claimed_us = offset_us;
		clock->since_us = steady_us;
	} else if (steady_us - clock->since_us >= DAY_US) {
		*clock = (expiry_clock){.begun = true, .offset_us = offset_us};
	}
	return steady_us + clock->offset_us;
}

int64_t expiry_time_us(int64_t last_us)
{
	return last_us + EXPIRY_UNUSED_DAYS * DAY_US;
}

expiry_state expiry_judge(int64_t last_us, int64_t now_us)
{
	int64_t left_us = last_us > 0 ? expiry_time_us(last_us) - now_us : INT64_MAX;

	if (left_us > EXPIRY_WARNING_DAYS * DAY_US)
		return EXPIRY_FRESH;
	if (left_us > 0)
		return EXPIRY_SOON;
	return left_us > -EXPIRY_GRACE_DAYS * DAY_US ? EXPIRY_EXPIRED : EXPIRY_OVERDUE;
}
