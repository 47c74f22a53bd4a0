/* From vu_features to ExtractResponse. Nothing is copied but short texts. */
#include "answer.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

static void fill_vector(vu_vector *from, Vu__SpeakerVector *to)
{
	vu__speaker_vector__init(to);
	to->n_values = VU_VECTOR_DIMENSIONS;
	to->values = from->values;
	to->start_ms = from->start_ms;
	to->end_ms = from->end_ms;
}

static void fill_quality(const vu_quality *from, vu_features_answer *answer)
{
	Vu__Quality *to = &answer->quality;

	vu__quality__init(to);
	to->speech_ms = from->speech_ms;
	to->total_ms = from->total_ms;
	to->snr_db = from->snr_db;
	to->clipped_pct = from->clipped_pct;
	to->level_dbfs = from->level_dbfs;
	to->problem = (Vu__QualityProblem)from->problem;
	snprintf(answer->advice, sizeof answer->advice, "%s", from->advice);
	to->advice = answer->advice;
}

void vu_features_fill_answer(vu_features_result *result, vu_features_answer *answer)
{
	Vu__ExtractResponse *response = &answer->response;
	vu_features *features = &result->features;
	const ProtobufCEnumValue *reason =
	    protobuf_c_enum_descriptor_get_value(&vu__end_reason__descriptor, (int)result->end.reason);

	vu__extract_response__init(response);
	snprintf(answer->extractor, sizeof answer->extractor, "%s", vu_extractor_name());
	response->extractor = answer->extractor;
	if (features->has_vector) {
		fill_vector(&features->vector, &answer->vector);
		response->vector = &answer->vector;
	}
	for (size_t i = 0; i < features->crop_count; i++) {
		fill_vector(&features->crops[i], &answer->crops[i]);
		answer->crop_pointers[i] = &answer->crops[i];
	}
	response->n_crops = features->crop_count;
	response->crops = answer->crop_pointers;
	response->statistics.data = result->utterance ? result->utterance : features->statistics;
	response->statistics.len = result->utterance ? result->utterance_bytes : features->statistics_bytes;
	fill_quality(&features->quality, answer);
	response->quality = &answer->quality;
	response->compute_us = result->compute_us;
	response->ended_us = result->end.ended_us;
	snprintf(answer->end_reason, sizeof answer->end_reason, "%s", reason ? reason->name : "END_NOT_YET");
	response->end_reason = answer->end_reason;
	response->done_us = (uint64_t)vu_clock_monotonic_us();
}

void vu_features_reply(vu_rpc_call *call, vu_features_result *result)
{
	vu_features_answer *answer = calloc(1, sizeof *answer);

	if (!answer) {
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED, "unable to extract features: out of memory");
		return;
	}
	vu_features_fill_answer(result, answer);
	vu_rpc_reply(call, &answer->response.base);
	free(answer);
}
