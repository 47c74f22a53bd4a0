/*
 * Pulls the audio of a capture session by offset until the session ends.
 *
 * Reads are long polls that wait for capture when it restarts and go on at the
 * offset reached, so the sink sees every sample exactly once and in order,
 * whatever happens to the connection or to capture in between.
 */
#ifndef VU_RUNTIME_AUDIO_PULL_H
#define VU_RUNTIME_AUDIO_PULL_H

#include "base/status.h"
#include "rpc/channel.h"
#include "rpc/server.h"
#include "voiceunlock/v1/capture.pb-c.h"

#include <stddef.h>
#include <stdint.h>

/* Longest wait of one read: how soon a pull notices that its caller has gone. */
#define VU_AUDIO_PULL_WAIT_MS 200
/* Samples a read waits for while somebody speaks: 100 ms. */
#define VU_AUDIO_PULL_MIN_SAMPLES 1600
#define VU_AUDIO_PULL_MAX_SAMPLES 32768

/*
 * Takes the next samples, [offset, offset + count) of the session, in [-1, 1).
 * Called at least once when the session ends well, maybe with count 0. `info`
 * is the session as of this read. Anything but OK ends the pull with that
 * status; the sink then fills `error`.
 */
typedef vu_status (*vu_audio_sink)(void *context, uint64_t offset, const float *samples, size_t count,
                                   const Vu__SessionInfo *info, vu_error *error);

/* How the session ended. */
typedef struct vu_audio_end {
	Vu__EndReason reason;
	Vu__AudioSource source;
	uint64_t total_samples;
	uint64_t speech_start; /* capture's own marks */
	uint64_t speech_end;
	uint64_t first_sample_us; /* monotonic */
	uint64_t ended_us;        /* monotonic */
	uint32_t source_rate;
} vu_audio_end;

/*
 * Pulls until the session has ended and all of it has been delivered.
 *
 * `deadline_us` is a point of vu_clock_monotonic_us. `call` may be NULL; with
 * it the pull ends soon after vu_rpc_is_cancelled: with CANCELLED when the
 * call's time is over, with UNAVAILABLE when this process is stopping, so that
 * the caller repeats the call with the next one.
 * Failures: DEADLINE_EXCEEDED; NOT_FOUND and others from capture; a session
 * that failed gives its own failure status and text (ABORTED when it names
 * none); DATA_LOSS when capture's answers contradict each other.
 */
vu_status vu_audio_pull(vu_channel *capture, const char *session_id, int64_t deadline_us, const vu_rpc_call *call,
                        vu_audio_sink sink, void *context, vu_audio_end *end_out, vu_error *error);

#endif
