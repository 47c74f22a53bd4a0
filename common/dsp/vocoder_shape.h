/* How the energies of the bands move within one frame. Private to the vocoder traces. */
#ifndef VU_DSP_VOCODER_SHAPE_H
#define VU_DSP_VOCODER_SHAPE_H

#include "dsp/vocoder_traces.h"

#define VU_VOCODER_BANDS 8
/* Windows, 1 ms apart, that make a frame. */
#define VU_VOCODER_WINDOWS 29
#define VU_VOCODER_PAIRS   (VU_VOCODER_BANDS * (VU_VOCODER_BANDS - 1) / 2)
/* Figures of a frame: five a band, one a pair, two a pair of neighbours. */
#define VU_VOCODER_FIGURES (5 * VU_VOCODER_BANDS + VU_VOCODER_PAIRS + 2 * (VU_VOCODER_BANDS - 1))

/*
 * The figures of the frame that begins at energies[0], in the order of
 * vocoder_traces.h; returns how periodic its lower bands are, from -1 to 1.
 */
float vu_vocoder_shape(const float (*energies)[VU_VOCODER_BANDS], float figures[VU_VOCODER_FIGURES]);

#endif
