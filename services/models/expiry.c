/* See the header. */
#include "expiry.h"

#define DAY_US (86400 * INT64_C(1000000))

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
