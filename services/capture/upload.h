/*
 * Audio handed in by a client, in chunks by offset. Repeating a chunk is
 * harmless: what is already there is skipped. A chunk that leaves a gap is not
 * taken; the answer says where the next one must begin, which is 0 after
 * capture was restarted in the middle.
 */
#ifndef CAPTURE_UPLOAD_H
#define CAPTURE_UPLOAD_H

#include "session.h"

#define UPLOAD_CHUNK_BYTES_MAX (1024u * 1024)

typedef struct upload_chunk {
	uint64_t offset_frames;
	const uint8_t *bytes;
	size_t byte_count;
	bool last;
} upload_chunk;

/*
 * Adds a chunk to `session`, whose writer the caller holds. INVALID_ARGUMENT
 * (chunk too large, not whole frames, NaN, another scale): nothing of the
 * chunk was taken. FAILED_PRECONDITION: no upload. A session that failed
 * answers its failure.
 */
vu_status upload_append(capture_session *session, const upload_chunk *chunk, uint64_t *next_offset_out,
                        bool *enough_out, vu_error *error);

#endif
