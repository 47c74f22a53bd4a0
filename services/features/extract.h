/* Features.Extract. */
#ifndef VU_FEATURES_EXTRACT_H
#define VU_FEATURES_EXTRACT_H

#include "background.h"

#include "base/status.h"
#include "dsp/extractor.h"
#include "rpc/channel.h"
#include "rpc/server.h"
#include "runtime/audio_pull.h"

#include <stdint.h>

/* The RPC handler; `context` is a vu_features_service. Blocks until the session ends, so it runs on a worker. */
void vu_features_extract(void *context, vu_rpc_call *call, const ProtobufCMessage *request);

typedef struct vu_features_job {
	vu_channel *capture;
	const char *session_id;
	int64_t deadline_us;     /* monotonic */
	const vu_rpc_call *call; /* ends the job when it is cancelled; NULL in tests */
	vu_extractor_config config;
	bool frames;                        /* the frames travel along with where they lie */
	vu_features_background *background; /* NULL: frames are not placed */
} vu_features_job;

typedef struct vu_features_result {
	vu_features features;    /* statistics belong to `extractor` */
	vu_extractor *extractor; /* the caller destroys it, also after a failure */
	uint8_t *utterance;      /* of ml/utterance.h, or NULL where the background does not model frames; the
	                            caller frees it, also after a failure */
	size_t utterance_bytes;
	vu_audio_end end;
	uint64_t compute_us; /* CPU time of this thread in the extractor, waiting not counted */
	uint64_t samples;
} vu_features_result;

/*
 * Pulls a session to its end and describes it. Failures are those of
 * vu_audio_pull and vu_features_background_hold, and RESOURCE_EXHAUSTED when
 * the session is longer than the extractor takes or memory is short.
 */
vu_status vu_features_run(const vu_features_job *job, vu_features_result *result, vu_error *error);

#endif
