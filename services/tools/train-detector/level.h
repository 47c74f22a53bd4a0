/* Levels of samples, and noise under them. */
#ifndef VU_TRAIN_DETECTOR_LEVEL_H
#define VU_TRAIN_DETECTOR_LEVEL_H

#include "filter.h"

double level_power(const float *samples, size_t count);
/* Scales to a root mean square; silence stays silence. */
void level_set(double rms, float *samples, size_t count);
/* To 16 bits and back, clipping. */
void level_quantize(float *samples, size_t count);
/* From `start` (0 to 1) of the noise on, over and over; nothing of silent noise. */
void level_add_noise(const sound *noise, double snr_db, double start, float *samples, size_t count);

#endif
