/*
 * What features tells models about the frames of an utterance: where its
 * speech lies in the background's subspace, computed once and next to the
 * audio, so that scoring starts from a few hundred numbers; and for enrolment
 * the frames themselves (dsp/statistics.h), which templates keep. Layout, all
 * little-endian:
 *
 *   offset size
 *   0      4   magic "VUUT"
 *   4      2   version, 1
 *   6      2   n: values of the place, 1 to VU_UTTERANCE_PLACE_MAX
 *   8      4   f: bytes of the frames, 0 when they do not travel along
 *   12     64  hash of the background model that placed it, hexadecimal
 *   76     4   reserved, zero
 *   80     4*n the place (float32, finite)
 *   ..     f   the frames
 *
 * Everything here is a pure function; any thread.
 */
#ifndef VU_ML_UTTERANCE_H
#define VU_ML_UTTERANCE_H

#include "base/status.h"
#include "ml/background.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_UTTERANCE_VERSION      1
#define VU_UTTERANCE_HEADER_BYTES 80
#define VU_UTTERANCE_PLACE_MAX    VU_BACKGROUND_PLACE_MAX

/*
 * Places an utterance's frames with a background that models frames and packs
 * the result; `with_frames` packs them too. The caller frees *blob_out. Errors
 * as vu_background_embed; RESOURCE_EXHAUSTED without memory.
 */
vu_status vu_utterance_describe(const vu_background *background, const uint8_t *frames, size_t frames_bytes,
                                bool with_frames, uint8_t **blob_out, size_t *bytes_out, vu_error *error);

/* True for such a blob, false for frames alone; nothing else is checked. */
bool vu_utterance_is_placed(const uint8_t *blob, size_t bytes);

/*
 * The place of a blob that vu_utterance_is_placed, for this background, into
 * `out` (the background's number of dimensions). INVALID_ARGUMENT: damaged.
 * FAILED_PRECONDITION: placed by another background or by another version of
 * features.
 */
vu_status vu_utterance_place(const vu_background *background, const uint8_t *blob, size_t bytes, float *out,
                             vu_error *error);

/*
 * The frames within a blob, or the blob itself when it is nothing but frames.
 * *frames_bytes_out is 0 when they did not travel along. Errors as
 * vu_utterance_place.
 */
vu_status vu_utterance_frames(const uint8_t *blob, size_t bytes, const uint8_t **frames_out, size_t *frames_bytes_out,
                              vu_error *error);

#endif
