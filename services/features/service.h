/* The features service: its state and how the runtime starts and stops it. */
#ifndef VU_FEATURES_SERVICE_H
#define VU_FEATURES_SERVICE_H

#include "runtime/runtime.h"

typedef struct vu_features_service {
	vu_runtime *runtime;
	vu_counter *extractions;
	vu_counter *failures;
	vu_counter *compute_seconds;
	vu_counter *audio_seconds;
} vu_features_service;

/* Registers the methods; allocates nothing that an extraction needs. */
vu_status vu_features_start(vu_runtime *runtime, void **state_out, vu_error *error);
void vu_features_stop(void *state);

#endif
