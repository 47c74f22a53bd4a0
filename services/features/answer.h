/* What the extractor found, as the protocol says it. */
#ifndef VU_FEATURES_ANSWER_H
#define VU_FEATURES_ANSWER_H

#include "extract.h"

#include "voiceunlock/v1/features.pb-c.h"

/* Storage of a response; everything it points to lives in here, in the result, or is static. */
typedef struct vu_features_answer {
	Vu__ExtractResponse response;
	Vu__SpeakerVector vector;
	Vu__SpeakerVector crops[VU_CROPS_MAX];
	Vu__SpeakerVector *crop_pointers[VU_CROPS_MAX];
	Vu__Quality quality;
	char advice[256];
	char extractor[64];
	char end_reason[32];
} vu_features_answer;

/* Fills `answer`, which must not move afterwards; `result` must outlive it. */
void vu_features_fill_answer(vu_features_result *result, vu_features_answer *answer);

/* Answers the call. */
void vu_features_reply(vu_rpc_call *call, vu_features_result *result);

#endif
