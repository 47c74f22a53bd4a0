/*
 * The blob that travels beside the vector: the MFCC of the speech frames, for
 * scorers that model frames. Layout, all little-endian:
 *
 *   offset size
 *   0      4   magic "VUMF"
 *   4      2   version, 1
 *   6      2   coefficients a frame, 20
 *   8      4   frames, 0 to VU_STATISTICS_FRAMES_MAX
 *   12     4   hop in samples at 16 kHz, 160
 *   16     4*c scale of each coefficient (float32, positive, finite)
 *   ..     4*c offset of each coefficient (float32, finite)
 *   ..     f   link of each frame: 1 when it follows the one before it in time, 0 after a pause
 *   ..     f*c values (int8), by frame: coefficient = offset + scale * value
 *
 * The scale is chosen per blob so that the extremes are kept: the error is at
 * most half a scale, some 1/250 of the coefficient's range. Coefficient 0 is
 * the log energy. No mean is removed: scorers normalize as they were trained.
 */
#ifndef VU_DSP_STATISTICS_H
#define VU_DSP_STATISTICS_H

#include "base/status.h"
#include "dsp/mfcc.h"

#include <stddef.h>
#include <stdint.h>

#define VU_STATISTICS_VERSION      1
#define VU_STATISTICS_FRAMES_MAX   12000 /* 120 s */
#define VU_STATISTICS_HEADER_BYTES (16 + 8 * VU_MFCC_COEFFICIENTS)

/* Bytes of a blob of so many frames. */
size_t vu_statistics_bytes(size_t frames);

/*
 * Packs frames x 20 values into `out`, which has vu_statistics_bytes(frames).
 * follows[t] != 0: frame t follows frame t - 1 directly (NULL: all but the
 * first do). OUT_OF_RANGE for too many frames; values that are not finite
 * count as 0.
 */
vu_status vu_statistics_pack(const float *mfcc, const uint8_t *follows, size_t frames, uint8_t *out);

/* What a blob says about itself; `values` and `follows` point into it. */
typedef struct vu_statistics_view {
	size_t frames;
	float scale[VU_MFCC_COEFFICIENTS];
	float offset[VU_MFCC_COEFFICIENTS];
	const uint8_t *follows;
	const int8_t *values;
} vu_statistics_view;

/*
 * Checks every byte that matters: INVALID_ARGUMENT says what is wrong (magic,
 * sizes, scales), UNIMPLEMENTED names a version that this build does not know.
 */
vu_status vu_statistics_open(const void *blob, size_t bytes, vu_statistics_view *view_out, vu_error *error);

/* Expands all frames into out[frames x 20]. */
void vu_statistics_expand(const vu_statistics_view *view, float *out);

#endif
