/* The features service: its state and how the runtime starts and stops it. */
#ifndef VU_FEATURES_SERVICE_H
#define VU_FEATURES_SERVICE_H

#include "background.h"

#include "runtime/runtime.h"

typedef struct vu_features_service {
	vu_runtime *runtime;
	vu_features_background *background;
	vu_counter *extractions;
	vu_counter *failures;
	vu_counter *compute_seconds;
	vu_counter *audio_seconds;
} vu_features_service;

/* Registers the methods; loads nothing that an extraction needs, unless ml.enable_lazy_loading is off. */
vu_status vu_features_start(vu_runtime *runtime, void **state_out, vu_error *error);
vu_status vu_features_reload(void *state, const vu_config *config, vu_error *error);
uint64_t vu_features_cleanup(void *state, bool aggressive);
void vu_features_stop(void *state);

#endif
