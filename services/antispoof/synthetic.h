/*
 * The model that the detector of synthetic speech shares among attempts:
 * opened at first use, verified whole, mapped read-only. A failure is not
 * remembered: the next attempt tries again, so that a file put right is used
 * without a restart. Any thread.
 */
#ifndef VU_ANTISPOOF_SYNTHETIC_H
#define VU_ANTISPOOF_SYNTHETIC_H

#include "ml/voice_detector.h"

typedef struct vu_synthetic vu_synthetic;

/* `path` NULL: beside the folder of this program, share/voice-unlock/synthetic.vum. Opens nothing. */
vu_status vu_synthetic_create(const char *path, bool map, vu_synthetic **synthetic_out, vu_error *error);
void vu_synthetic_destroy(vu_synthetic *synthetic);

/*
 * The detector, valid as long as `synthetic`. Errors as
 * vu_voice_detector_open; FAILED_PRECONDITION also when the file is missing,
 * with the remedy.
 */
vu_status vu_synthetic_get(vu_synthetic *synthetic, const vu_voice_detector **detector_out, vu_error *error);

#endif
