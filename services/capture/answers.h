/* From a session's record to the messages of the protocol. */
#ifndef CAPTURE_ANSWERS_H
#define CAPTURE_ANSWERS_H

#include "audio/ring.h"
#include "rpc/server.h"

#include "voiceunlock/v1/capture.pb-c.h"

/* Fills `info`, whose strings point into `record`. */
void answers_fill_info(vu_ring_record *record, Vu__SessionInfo *info);

/* Each answers `call`. */
void answers_info(vu_rpc_call *call, const vu_ring_record *record);
void answers_read(vu_rpc_call *call, const vu_ring_record *record, const int16_t *samples, uint64_t offset,
                  uint32_t max_samples);
/* OK, or the session's failure. */
void answers_open(vu_rpc_call *call, const vu_ring_record *record);

#endif
