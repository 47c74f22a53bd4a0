/*
 * Makes a background model smaller, or exact again: numbers stored as another
 * element, the mixture without its lightest components. What comes out is a
 * model of its own, with a hash of its own: templates have to be made for it.
 */
#ifndef VU_ML_BACKGROUND_CONVERT_H
#define VU_ML_BACKGROUND_CONVERT_H

#include "base/status.h"
#include "ml/model_file.h"

/*
 * Adds all sections of `file` (a background) to `writer`. Directions, cohorts
 * and the subspace become `element` (f32, f16 or i8; 0: as they are); the mixture itself, which
 * is small and cannot bear bytes, becomes f16 at the least; scaler and
 * calibration stay as they are. `prune` (0 to 0.9) is the share of the
 * mixture's components to drop, the lightest first; what is left is a multiple
 * of 8. INVALID_ARGUMENT: not a background, another element, prune out of
 * range. DATA_LOSS: a section does not fit.
 */
vu_status vu_background_convert(const vu_model_file *file, vu_model_element element, double prune,
                                vu_model_writer *writer, vu_error *error);

#endif
