/*
 * How a loudspeaker colours what it plays, as figures that do not ask at which
 * frequency. A part of the loudspeaker traces.
 *
 * Peaks and dips of a loudspeaker lie anywhere, but stay where they are: they
 * show alike in vowels, in hiss and in the noise that was recorded along. So
 * the energy of 62 bands (31 Hz wide to 530 Hz, a twelfth of an octave above)
 * is followed in windows of 32 ms, one each 10 ms, and five curves are drawn
 * over them, in units of 10 dB relative to the loud frames: the mean over the
 * speech, the mean of its powers, the mean over the tenth of the frames that
 * hiss most, over the quietest tenth, and over the loudest. What a curve does
 * beside its mean over half an octave to either side is its roughness. In the
 * vector lie
 *
 *   offset  count
 *   0       20   roughness of four curves in five ranges: to 500 Hz, and each octave above
 *   20      50   in each range, of five pairs of curves, how alike they are rough:
 *                correlation, and the root of the covariance with its sign
 *   70      12   of three curves, below what part of the axis 1, 5, 95 and 99 % of the power lie
 *   82      8    from which part of the axis to which two curves stand 6 and 10 dB above the quietest
 *   90      12   of three curves, the steepest rise over a third of an octave below 1 kHz,
 *                the steepest fall above, and where
 *   102     16   energy of the first curve, the hissing one, the loudest, and of the first two
 *                together, in four ranges of ripples along the axis, logarithmic
 *   118     32   in 16 groups of bands, over loud frames, the slope of the level against the
 *                loudness (what bends adds more when it is loud), and what is left of it
 *   150     42   in 6 groups, mean square step over 1, 2, 4, 8, 16 and 32 frames over the
 *                variance, and the skew of the steps over 4: it rises fast and decays slowly
 */
#ifndef VU_DSP_LOUDSPEAKER_COLOUR_H
#define VU_DSP_LOUDSPEAKER_COLOUR_H

#include "dsp/traces.h"

#define VU_LOUDSPEAKER_COLOURS 192

extern const vu_traces_kind vu_loudspeaker_colour_kind;

/*
 * In place of pushing samples, for who has their spectrum: the power of one
 * window more, VU_FFT_SIZE / 2 + 1 bins (trace_spectrum.h, one window each
 * VU_HOP_SAMPLES).
 */
vu_status vu_loudspeaker_colour_take(vu_traces *traces, const float *power);

#endif
