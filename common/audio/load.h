/* A whole sound file as samples: for tools that work through many files. */
#ifndef VU_AUDIO_LOAD_H
#define VU_AUDIO_LOAD_H

#include "base/status.h"

#include <stddef.h>

/*
 * Reads `path` (any format libsndfile knows) as 16 kHz mono, at most
 * `seconds_max` of it. Errors as vu_reader_open and vu_reader_next; digital
 * silence is INVALID_ARGUMENT. The caller frees *samples_out.
 */
vu_status vu_audio_load(const char *path, double seconds_max, float **samples_out, size_t *count_out,
                        vu_error *error);

#endif
