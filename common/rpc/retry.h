/*
 * When to try again: a pure policy, with the randomness handed in.
 *
 * A failed try may be repeated when its status is UNAVAILABLE, fewer than
 * VU_RETRY_TRIES_MAX tries were made, the channel's token bucket is at least
 * half full after paying for the failure, and the delay ends before the
 * deadline. A call that waits for the service to be ready is bounded by its
 * deadline alone and leaves the bucket as it is.
 */
#ifndef VU_RPC_RETRY_H
#define VU_RPC_RETRY_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define VU_RETRY_TRIES_MAX      4
#define VU_RETRY_DELAY_FIRST_US 20000
#define VU_RETRY_DELAY_MAX_US   1000000
#define VU_RETRY_JITTER         0.2
/* Tokens are counted in tenths: a success gives one tenth, a failure takes ten. */
#define VU_RETRY_TOKENS_MAX     100
#define VU_RETRY_TOKENS_FAILURE 10
#define VU_RETRY_TOKENS_SUCCESS 1

typedef struct vu_retry_bucket {
	int tenths; /* guarded by the owner */
} vu_retry_bucket;

void vu_retry_bucket_init(vu_retry_bucket *bucket);
void vu_retry_bucket_success(vu_retry_bucket *bucket);
/* Takes a token; true when the bucket is still at least half full, so that a retry is allowed. */
bool vu_retry_bucket_failure(vu_retry_bucket *bucket);

/*
 * The delay before try number `tries_made` + 1, in microseconds: 20 ms doubled
 * with each try up to 1 s, times 1 ± 0.2 by `random` in [0, 1).
 */
int64_t vu_retry_delay_us(unsigned tries_made, double random);

typedef struct vu_retry_question {
	vu_status status;    /* how the try ended */
	unsigned tries_made; /* at least 1 */
	bool wait_for_ready;
	int64_t time_left_us; /* to the call's deadline */
	double random;        /* in [0, 1) */
} vu_retry_question;

/* Microseconds to wait before the next try, or -1: do not try again. Pays the bucket. */
int64_t vu_retry_decide(vu_retry_bucket *bucket, const vu_retry_question *question);

#endif
