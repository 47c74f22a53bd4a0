/* Sound through a codec and back, in memory. */
#ifndef VU_TRAIN_DETECTOR_CODEC_H
#define VU_TRAIN_DETECTOR_CODEC_H

#include "base/status.h"

#include <stddef.h>

typedef enum codec_kind { CODEC_MP3, CODEC_OPUS, CODEC_VORBIS, CODEC_ULAW, CODEC_SPEEX } codec_kind;
#define CODEC_KINDS 5

/*
 * `compression` from 0 (best sound) to 1. What the codec delays is kept. When
 * the codec is missing in this libsndfile the samples stay as they are and the
 * status is UNIMPLEMENTED.
 */
vu_status codec_apply(codec_kind kind, double compression, float *samples, size_t count);

/* What codec_apply does for CODEC_SPEEX, which libsndfile does not have. */
vu_status speex_apply(double compression, float *samples, size_t count);

#endif
