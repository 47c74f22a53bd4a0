/*
 * What a loudspeaker, a second room and a second microphone leave in speech,
 * as one vector an utterance.
 *
 * A loudspeaker gives little below its resonance, colours what is above, and
 * stands in a room whose decay fills the pauses between syllables, on top of
 * the room and the noise of the recording that it plays. So the energy of 28
 * bands (31 Hz wide below 190 Hz, wider above) is followed in windows of
 * 32 ms, one each 10 ms, and the vector holds for each band, in units of
 * 10 dB and relative to the loud frames (their 95th percentile):
 *
 *   offset  count
 *   0       28   mean over the speech
 *   28      28   deviation over the speech
 *   56      28   how far the quietest tenth of all frames lies below the mean
 *   84      28   fall within 40 ms that one frame in ten exceeds
 *   112     28   rise within 40 ms that one frame in ten exceeds
 *   140     28   mean step between neighbouring frames over the deviation
 *   168     48   levels of harmonics (loudspeaker_harmonics.c): for each of 12 bands from 60 Hz
 *                to 2200 Hz, over the voiced frames, mean log level of the harmonics in it
 *                over all harmonics, its deviation, mean log depth of the valley beside
 *                them, and the share of frames with a harmonic there
 *
 * Noise and rooms fill the low bands, but not with harmonics: those show what
 * the loudspeaker gives there, if the voice is low enough.
 *
 * None changes with the level. The spectrum of the microphone is among them:
 * what tells the two apart must be learnt from the same speech in both
 * presentations, over many microphones.
 */
#ifndef VU_DSP_LOUDSPEAKER_TRACES_H
#define VU_DSP_LOUDSPEAKER_TRACES_H

#include "dsp/loudspeaker_harmonics.h"

#define VU_LOUDSPEAKER_BANDS   28
#define VU_LOUDSPEAKER_TRACES  (10 * VU_LOUDSPEAKER_BANDS + VU_LOUDSPEAKER_HARMONICS)
#define VU_LOUDSPEAKER_VERSION "loudspeaker-traces/3"
/* Fewer frames of speech (10 ms each) say too little. */
#define VU_LOUDSPEAKER_FRAMES_MIN 40

#endif
