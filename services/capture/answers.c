/* Answers are packed before the reply returns, so messages live on the stack and point into the record. */
#include "answers.h"

#include "dsp/dsp.h"

void answers_fill_info(vu_ring_record *record, Vu__SessionInfo *info)
{
	Vu__SessionInfo filled = VU__SESSION_INFO__INIT;

	filled.state = (Vu__SessionState)record->state;
	filled.end_reason = (Vu__EndReason)record->end_reason;
	filled.total_samples = record->total_samples;
	filled.speech_start = record->speech_start;
	filled.speech_end = record->speech_end;
	filled.speech_ms = (uint32_t)(record->speech_samples * 1000 / VU_SAMPLE_RATE);
	filled.level_dbfs = record->level_dbfs;
	filled.peak_dbfs = record->peak_dbfs;
	filled.first_sample_us = record->first_sample_us;
	filled.ended_us = record->ended_us;
	filled.source = (Vu__AudioSource)record->source;
	filled.source_rate = record->source_rate;
	filled.failure = record->failure;
	filled.failure_status = record->failure_status;
	filled.device = record->device;
	filled.playing = record->playing;
	*info = filled;
}

void answers_info(vu_rpc_call *call, const vu_ring_record *record)
{
	vu_ring_record copy = *record;
	Vu__SessionInfo info;

	answers_fill_info(&copy, &info);
	vu_rpc_reply(call, &info.base);
}

void answers_read(vu_rpc_call *call, const vu_ring_record *record, const int16_t *samples, uint64_t offset,
                  uint32_t max_samples)
{
	Vu__ReadResponse response = VU__READ_RESPONSE__INIT;
	vu_ring_record copy = *record;
	Vu__SessionInfo info;
	uint64_t count = record->total_samples - offset;

	if (count > max_samples)
		count = max_samples;
	answers_fill_info(&copy, &info);
	response.info = &info;
	response.offset = offset;
	response.pcm_s16le.len = (size_t)count * sizeof *samples;
	/* protobuf-c has no pointer to const; packing only reads. */
	response.pcm_s16le.data = (uint8_t *)(uintptr_t)(samples + offset);
	vu_rpc_reply(call, &response.base);
}

void answers_open(vu_rpc_call *call, const vu_ring_record *record)
{
	Vu__OpenSessionResponse response = VU__OPEN_SESSION_RESPONSE__INIT;
	vu_ring_record copy = *record;

	if (record->state == VU_RING_FAILED) {
		vu_rpc_fail(call, (vu_status)record->failure_status, "%s", record->failure);
		return;
	}
	response.session_id = copy.id;
	response.sample_rate = VU_SAMPLE_RATE;
	response.device = copy.device;
	vu_rpc_reply(call, &response.base);
}
