/* What the parts of this process share, and the table of its RPC methods. */
#ifndef CAPTURE_SERVICE_H
#define CAPTURE_SERVICE_H

#include "audio/ring.h"
#include "microphone.h"
#include "runtime/runtime.h"
#include "sessions.h"
#include "timekeeper.h"

typedef struct capture_service {
	vu_runtime *runtime;
	int own_fd; /* rings of our own when nobody handed us any, else -1 */
	vu_ring *ring;
	capture_sessions *sessions;
	timekeeper *keeper;
	microphone *microphone;
	vu_counter *sessions_opened;
	vu_counter *sessions_open;
	vu_rpc_service rpc;
} capture_service;

/* The methods of voiceunlock.v1.Capture; their context is a capture_service. */
extern const vu_rpc_method CAPTURE_METHODS[];
extern const size_t CAPTURE_METHOD_COUNT;

#endif
