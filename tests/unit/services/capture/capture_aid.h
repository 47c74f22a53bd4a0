/* A ring with sessions, as the capture service has them, and audio for them. */
#ifndef CAPTURE_AID_H
#define CAPTURE_AID_H

#include "audio/ring.h"

#include <stddef.h>
#include <stdint.h>

/* 32 hex digits that begin with `number`. Static, overwritten by the next call. */
const char *capture_aid_id(unsigned number);

/* Shared memory of a supervisor that outlives the rings opened on it. */
int capture_aid_memory(void);
vu_ring *capture_aid_ring(int fd);

/* 16 kHz: noise floor, voice from `voice_start` to `voice_end` samples. The caller frees. */
float *capture_aid_speech(size_t count, size_t voice_start, size_t voice_end);

#endif
