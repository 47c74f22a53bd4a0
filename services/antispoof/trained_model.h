/*
 * The model that a trained detector shares among attempts: opened at first
 * use, verified whole, mapped read-only. A failure is not remembered: the next
 * attempt tries again, so that a file put right is used without a restart.
 * Any thread.
 */
#ifndef VU_ANTISPOOF_TRAINED_MODEL_H
#define VU_ANTISPOOF_TRAINED_MODEL_H

#include "dsp/traces.h"
#include "ml/voice_detector.h"

typedef struct vu_trained_model vu_trained_model;

/*
 * The model `name`.vum for vectors of `traces`; `what` says in messages what
 * it looks for. All are borrowed for good. `folder` NULL: beside the folder of
 * this program, share/voice-unlock. Opens nothing.
 */
vu_status vu_trained_model_create(const char *name, const char *what, const vu_traces_kind *traces,
                                  const char *folder, bool map, vu_trained_model **model_out, vu_error *error);
void vu_trained_model_destroy(vu_trained_model *model);

/*
 * The detector, valid as long as `model`. Errors as vu_voice_detector_open;
 * FAILED_PRECONDITION also when the file is missing, with the remedy.
 */
vu_status vu_trained_model_get(vu_trained_model *model, const vu_voice_detector **detector_out, vu_error *error);

const vu_traces_kind *vu_trained_model_traces(const vu_trained_model *model);
const char *vu_trained_model_what(const vu_trained_model *model);

#endif
