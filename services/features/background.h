/*
 * The background model as features needs it: to say where an utterance's frames
 * lie, so that models need not. Mapped read-only at first use, shared by all
 * extractions, given back at a cleanup; a new file or path is taken by the next
 * extraction, while those under way keep what they have. Any thread.
 */
#ifndef VU_FEATURES_BACKGROUND_H
#define VU_FEATURES_BACKGROUND_H

#include "base/config.h"
#include "base/status.h"
#include "ml/background.h"

#include <stdint.h>

typedef struct vu_features_background vu_features_background;

/* Opens nothing. INVALID_ARGUMENT: the configured path is too long. */
vu_status vu_features_background_create(const vu_config *config, vu_features_background **holder_out,
                                        vu_error *error);
/* Nothing may be held any more. */
void vu_features_background_destroy(vu_features_background *holder);

/* Takes path and manner of loading from here on from this configuration. */
vu_status vu_features_background_configure(vu_features_background *holder, const vu_config *config, vu_error *error);

/*
 * The model, loaded when it is not; give it back with release.
 * FAILED_PRECONDITION: there is no such file, or it was trained for another
 * extractor; else as vu_background_open.
 */
vu_status vu_features_background_hold(vu_features_background *holder, const vu_background **background_out,
                                      vu_error *error);
void vu_features_background_release(vu_features_background *holder, const vu_background *background);

/* Gives the memory back unless it is in use. Returns the bytes freed. */
uint64_t vu_features_background_drop(vu_features_background *holder);

#endif
