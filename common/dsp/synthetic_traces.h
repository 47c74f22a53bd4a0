/*
 * What synthesis leaves in speech, as one vector an utterance: the traces of
 * vocoders (dsp/vocoder_traces.h) and three more parts, each told by what a
 * generator has to make up.
 *
 *   offset  count
 *   0       164   vocoder traces: the shape of the energy within a pitch period
 *   164     160   texture of the short-time spectrum (synthetic_texture.c)
 *   324     24    depth of the valleys between harmonics (synthetic_harmonics.c)
 *   348     32    fine lines of the long-term spectrum (synthetic_lines.c)
 *
 * None of them holds the spectrum itself, which is the microphone's. Of texture:
 *
 *   0       8 x 7   share of each rate of change (1-2, -4, -8, -16, -25, -35, -50 Hz) in
 *                   the movement of each band of 1 kHz, logarithmic
 *   56      8 x 6   in the faintest three tenths of frames, per band: mean and deviation
 *                   of the scatter of the log spectrum about a line, of its skew, its
 *                   mean step from bin to bin, and the log of the mean of its exponential
 *   104     8 + 8   mean step of the log spectrum from frame to frame, in speech and in
 *                   those faint frames
 *   120     20 + 20 log deviations of cepstra from 4 to 8 kHz in speech: of their slope
 *                   over themselves, and of its slope over that
 *
 * Of harmonics, per band of 1 kHz, over the voiced frames: mean depth, its
 * deviation, log of the mean step. Of lines, per band of 1 kHz, of what sticks
 * out of the log spectrum (less its running median) averaged over the louder
 * half of the windows: log deviation, most, fourth most above the median, skew. Transposed convolutions leave
 * lines at fixed places. Only the first 30 s count for lines.
 *
 * Half a step of 16 bits of noise is added first, always the same, so that
 * digital silence is nothing special. A part with too little to go by is 0.
 * Deterministic; memory grows with the audio, 45 kB a second, and 4 MB for
 * the lines.
 */
#ifndef VU_DSP_SYNTHETIC_TRACES_H
#define VU_DSP_SYNTHETIC_TRACES_H

#include "dsp/traces.h"
#include "dsp/vocoder_traces.h"

#define VU_TEXTURE_TRACES   160
#define VU_HARMONIC_TRACES  24
#define VU_LINE_TRACES      32
#define VU_SYNTHETIC_TRACES (VU_VOCODER_TRACES + VU_TEXTURE_TRACES + VU_HARMONIC_TRACES + VU_LINE_TRACES)

/* Names the definition above: a model made for another one does not fit. */
#define VU_SYNTHETIC_TRACES_VERSION "synthetic-traces/1"

/* The parts, each as a kind of its own; they do not say whether the band is narrow. */
extern const vu_traces_kind vu_texture_traces_kind;
extern const vu_traces_kind vu_harmonic_traces_kind;
extern const vu_traces_kind vu_line_traces_kind;

#endif
