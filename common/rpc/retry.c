/* The retry policy. Nothing here fails or waits. */
#include "rpc/retry.h"

void vu_retry_bucket_init(vu_retry_bucket *bucket)
{
	bucket->tenths = VU_RETRY_TOKENS_MAX;
}

void vu_retry_bucket_success(vu_retry_bucket *bucket)
{
	if (bucket->tenths < VU_RETRY_TOKENS_MAX)
		bucket->tenths += VU_RETRY_TOKENS_SUCCESS;
}

bool vu_retry_bucket_failure(vu_retry_bucket *bucket)
{
	bucket->tenths -= VU_RETRY_TOKENS_FAILURE;
	if (bucket->tenths < 0)
		bucket->tenths = 0;
	return bucket->tenths >= VU_RETRY_TOKENS_MAX / 2;
}

int64_t vu_retry_delay_us(unsigned tries_made, double random)
{
	int64_t delay = VU_RETRY_DELAY_FIRST_US;
	for (unsigned i = 1; i < tries_made && delay < VU_RETRY_DELAY_MAX_US; i++)
		delay *= 2;
	if (delay > VU_RETRY_DELAY_MAX_US)
		delay = VU_RETRY_DELAY_MAX_US;
	return (int64_t)((double)delay * (1.0 + VU_RETRY_JITTER * (2.0 * random - 1.0)));
}

int64_t vu_retry_decide(vu_retry_bucket *bucket, const vu_retry_question *question)
{
	int64_t delay;

	if (question->status != VU_UNAVAILABLE)
		return -1;
	/* Waiting for a service that is being brought back is no hammering. */
	if (!question->wait_for_ready) {
		bool allowed = vu_retry_bucket_failure(bucket);
		if (!allowed || question->tries_made >= VU_RETRY_TRIES_MAX)
			return -1;
	}
	delay = vu_retry_delay_us(question->tries_made, question->random);
	return delay < question->time_left_us ? delay : -1;
}
