/*
 * A stand-in for the capture service: serves Read over a real socket from
 * samples in memory, as the protocol says or, when asked, in every wrong way.
 * Restarting it keeps the audio, as capture's rings do.
 */
#ifndef VU_TESTS_CAPTURE_AID_H
#define VU_TESTS_CAPTURE_AID_H

#include "../folder_aid.h"

#include "rpc/channel.h"
#include "rpc/server.h"
#include "voiceunlock/v1/capture.pb-c.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef enum capture_aid_fault {
	CAPTURE_AID_WELL,
	CAPTURE_AID_NOT_FOUND,   /* no such session */
	CAPTURE_AID_FAILED,      /* SESSION_FAILED with status and text */
	CAPTURE_AID_FAILED_MUTE, /* SESSION_FAILED without either */
	CAPTURE_AID_NO_INFO,
	CAPTURE_AID_ODD_BYTES,
	CAPTURE_AID_WRONG_OFFSET,
	CAPTURE_AID_MORE_THAN_ALL, /* more samples than it says there are */
	CAPTURE_AID_WITHHELD,      /* ended, yet does not give the last samples */
	CAPTURE_AID_NEVER_ENDS,
} capture_aid_fault;

typedef struct capture_aid {
	char folder[TEST_PATH_MAX];
	vu_endpoint endpoint;
	vu_rpc_server *server;
	vu_rpc_service service;
	const int16_t *samples;
	size_t total;
	size_t chunk; /* most samples an answer holds */
	capture_aid_fault fault;
	size_t fault_from;       /* offset from which it is faulty */
	atomic_uint unavailable; /* so many reads are still to be answered UNAVAILABLE */
	atomic_uint reads;
} capture_aid;

/* Serves `total` samples, which outlive it. Fails the test when it cannot. */
void capture_aid_start(capture_aid *aid, const int16_t *samples, size_t total, size_t chunk);
/* Ends the server and starts another on the same socket. */
void capture_aid_restart(capture_aid *aid);
void capture_aid_stop(capture_aid *aid);
vu_channel *capture_aid_channel(const capture_aid *aid);

#endif
