/* Frames of the people of synthetic.h, and a small background that models frames. Deterministic. */
#ifndef VU_TESTS_SYNTHETIC_FRAMES_H
#define VU_TESTS_SYNTHETIC_FRAMES_H

#include <stddef.h>
#include <stdint.h>

/* A blob of dsp/statistics.h of one utterance; the caller frees it. */
uint8_t *synthetic_frames(unsigned person, unsigned utterance, size_t frames, size_t *bytes_out);

/* A background of `people` (at least 12) with frames, written to `path`. */
void synthetic_frames_background_save(const char *path, unsigned people, const char *extractor);

#endif
