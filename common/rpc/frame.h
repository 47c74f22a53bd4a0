/*
 * The frame of every message: u32 little-endian header length, header
 * (RequestHeader or ResponseHeader of rpc.proto), payload up to the end.
 *
 * Headers are read and written by hand, straight from and to the message, with
 * hard limits: no allocation, unknown or repeated fields and text that is not
 * UTF-8 are refused. Spans point into the frame and live as long as it does.
 */
#ifndef VU_RPC_FRAME_H
#define VU_RPC_FRAME_H

#include "base/id.h"
#include "base/status.h"
#include "rpc/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_FRAME_PREFIX_BYTES      4
#define VU_FRAME_HEADER_BYTES_MAX  4096
#define VU_FRAME_CALLER_BYTES_MAX  64
#define VU_FRAME_DETAILS_BYTES_MAX 2048
/* Room that any header we write fits into, prefix included. */
#define VU_FRAME_HEAD_BYTES_MAX 1024
/* What NNG and a session (session.h) may put around a frame; the receive limit of sockets is the message limit plus
 * this. */
#define VU_FRAME_NNG_SLACK_BYTES 192

typedef struct vu_span {
	const uint8_t *data;
	size_t bytes;
} vu_span;

typedef struct vu_request_header {
	vu_span method; /* 1 to VU_RPC_METHOD_NAME_MAX bytes */
	uint8_t request_id[VU_ID_BYTES];
	uint64_t timeout_us; /* 0: the caller gave none */
	uint32_t attempt;
	vu_span caller;
	unsigned metadata_count;
	struct {
		vu_span key;
		vu_span value;
	} metadata[VU_RPC_METADATA_MAX];
} vu_request_header;

typedef struct vu_response_header {
	uint32_t status;
	vu_span message;
	vu_span details;
	uint64_t server_time_us;
} vu_response_header;

/* INTERNAL with the reason when the frame is malformed. */
vu_status vu_frame_parse_request(const void *frame, size_t bytes, vu_request_header *header_out, vu_span *payload_out,
                                 vu_error *error);
vu_status vu_frame_parse_response(const void *frame, size_t bytes, vu_response_header *header_out,
                                  vu_span *payload_out, vu_error *error);

/*
 * Prefix and header into `head`; returns their length. 0 when a part is over
 * its limit. At most one metadata entry is written.
 */
size_t vu_frame_write_request(uint8_t head[VU_FRAME_HEAD_BYTES_MAX], const vu_request_header *header);
/* The message is cut to VU_ERROR_MESSAGE_MAX - 1 bytes at a character's border; details are not written. */
size_t vu_frame_write_response(uint8_t head[VU_FRAME_HEAD_BYTES_MAX], vu_status status, const char *message,
                               uint64_t server_time_us);

#endif
