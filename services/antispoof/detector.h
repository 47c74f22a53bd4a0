/*
 * What a detector is: something that listens to the samples of one session as
 * they arrive and says at the end how likely it is that a live person spoke.
 *
 * A detector is created for one attempt and used by one thread. Its score is a
 * log-likelihood ratio, higher = more bona fide; below its threshold the
 * detector refuses. A detector that cannot run says so by its status: the
 * service then answers "unavailable" for the whole attempt, never a pass.
 */
#ifndef VU_ANTISPOOF_DETECTOR_H
#define VU_ANTISPOOF_DETECTOR_H

#include "base/config.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_DETECTOR_REASON_MAX 160
#define VU_DETECTOR_DEVICE_MAX 256

/* What a detector may know of the attempt besides its samples. */
typedef struct vu_attempt_context {
	const char *attempt_id;
	uint32_t source_rate_hz;             /* rate before resampling to 16 kHz; 0 = not known */
	char device[VU_DETECTOR_DEVICE_MAX]; /* that the microphone is; "" = no microphone */
	bool isolated;                       /* evaluation: leave no trace and look at none */
	bool enrollment;                     /* remember, refuse nothing */
	int64_t deadline_us;                 /* monotonic */
} vu_attempt_context;

typedef struct vu_detector_result {
	float score;
	float threshold;
	bool ran;                            /* false: there was nothing for it to judge, which is not a refusal */
	char reason[VU_DETECTOR_REASON_MAX]; /* one clause; "" when there is nothing to say */
} vu_detector_result;

typedef struct vu_detector vu_detector;

typedef struct vu_detector_kind {
	const char *name;
	vu_antispoof_level least_level; /* runs at this level and above */
	bool skip_when_isolated;
	/* `shared` is the detector's process-wide part, loaded at first use; may be NULL. */
	vu_status (*create)(void *shared, vu_detector **detector_out, vu_error *error);
	void (*push)(vu_detector *detector, const int16_t *samples, size_t count);
	/* Judges at `level`. Not OK: the detector could not run. */
	vu_status (*finish)(vu_detector *detector, const vu_attempt_context *context, vu_antispoof_level level,
	                    vu_detector_result *result, vu_error *error);
	void (*destroy)(vu_detector *detector);
} vu_detector_kind;

extern const vu_detector_kind vu_replay_memory_detector;
extern const vu_detector_kind vu_injection_detector;
extern const vu_detector_kind vu_synthetic_detector;
extern const vu_detector_kind vu_loudspeaker_detector;

#endif
