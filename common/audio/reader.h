/*
 * Reading sound files, in the client: any format libsndfile knows, decoded in
 * chunks. Every kind of bad file gives an error that says what is wrong with
 * it and what to do:
 *
 *   NOT_FOUND           no such file
 *   PERMISSION_DENIED   may not be read
 *   INVALID_ARGUMENT    folder, device, empty, no sound file, NaN or samples of another scale, odd rate or channels
 *   OUT_OF_RANGE        too many bytes or too long
 *   DATA_LOSS           damaged: it ends or breaks before its declared length
 *
 * One reader is used by one thread at a time.
 */
#ifndef VU_AUDIO_READER_H
#define VU_AUDIO_READER_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_READER_BYTES_MAX   (1024ll * 1024 * 1024)
#define VU_READER_SECONDS_MAX 600u

typedef struct vu_reader vu_reader;

typedef struct vu_reader_info {
	uint32_t sample_rate; /* 8000 to 192000 */
	uint32_t channels;    /* 1 to 8 */
	uint64_t frames;      /* as the file declares, never 0 */
	bool fits_s16;        /* s16 holds its samples without loss */
} vu_reader_info;

/* Opens `path`. Nothing has been decoded yet, so a damaged body shows in vu_reader_next. */
vu_status vu_reader_open(const char *path, vu_reader **reader_out, vu_reader_info *info_out, vu_error *error);

/* The same from an open descriptor at its start, which stays the caller's; `name` is for messages. */
vu_status vu_reader_open_fd(int fd, const char *name, vu_reader **reader_out, vu_reader_info *info_out,
                            vu_error *error);

void vu_reader_close(vu_reader *reader);

/*
 * Decodes up to `frames_max` frames, interleaved, into `out` (room for
 * frames_max x channels); *frames_out is 0 at the end. Samples are finite and
 * within VU_PCM_FLOAT_MAX; beyond 1 they are for the caller to clip.
 */
vu_status vu_reader_next(vu_reader *reader, float *out, size_t frames_max, size_t *frames_out, vu_error *error);

/* The same as s16, clipped. */
vu_status vu_reader_next_s16(vu_reader *reader, int16_t *out, size_t frames_max, size_t *frames_out, vu_error *error);

/*
 * After the end: OK, or INVALID_ARGUMENT when the whole file was digital
 * silence. Whoever can live with silence need not ask.
 */
vu_status vu_reader_check_heard(const vu_reader *reader, vu_error *error);

#endif
