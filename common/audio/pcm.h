/* Samples: s16 little-endian as they travel and are stored, float in [-1, 1) as they are computed with. */
#ifndef VU_AUDIO_PCM_H
#define VU_AUDIO_PCM_H

#include <stddef.h>
#include <stdint.h>

/* What takes the place of the level of digital silence, which has none. */
#define VU_PCM_DBFS_MIN (-120.0f)

/*
 * A float sample beyond this is no audio in [-1, 1] that clipped but audio of
 * another scale (such as -32768 to 32767).
 */
#define VU_PCM_FLOAT_MAX 16.0f

/* s16 to float and back is exact. Floats beyond full scale are clipped, NaN becomes 0. */
void vu_pcm_from_s16(const int16_t *in, size_t count, float *out);
void vu_pcm_to_s16(const float *in, size_t count, int16_t *out);

/* The same from bytes of any alignment, little-endian. */
void vu_pcm_from_s16le(const uint8_t *in, size_t count, float *out);
void vu_pcm_from_f32le(const uint8_t *in, size_t count, float *out);

/* Index of the first sample that is NaN, infinite or beyond VU_PCM_FLOAT_MAX; `count` when all are usable. */
size_t vu_pcm_find_unusable(const float *samples, size_t count);

/* The largest magnitude. */
float vu_pcm_peak(const float *samples, size_t count);

/* An amplitude (1 = full scale) as dBFS, never below VU_PCM_DBFS_MIN. */
float vu_pcm_dbfs(float amplitude);

#endif
