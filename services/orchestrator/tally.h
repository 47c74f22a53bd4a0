/* Counts of what was decided since the process began, for /metrics. Any thread, no lock. */
#ifndef VU_ORCHESTRATOR_TALLY_H
#define VU_ORCHESTRATOR_TALLY_H

#include <stdatomic.h>
#include <stdint.h>

#define VU_TALLY_VERDICTS 8

typedef struct vu_tally {
	atomic_uint_fast64_t verdicts[VU_TALLY_VERDICTS]; /* by number of the verdict */
	atomic_uint_fast64_t attempts;
	atomic_uint_fast64_t total_us;    /* time of all attempts together */
	atomic_uint_fast64_t decision_us; /* of it, after the end of speech */
	atomic_uint_fast64_t enrollments;
	atomic_uint_fast64_t features_us; /* of attempts in which somebody spoke */
	atomic_uint_fast64_t antispoof_us;
	atomic_uint_fast64_t score_us;
	atomic_uint_fast64_t spoken; /* how many these were */
} vu_tally;

#endif
