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
 *   168     28   median over the speech
 *   196     28   what one frame of speech in twenty exceeds
 *   224     28   mean of the powers over the speech: what is loud stands above the noise
 *   252     28   mean over the tenth of all frames that has most above 2.7 kHz, where it hisses
 *   280     48   levels of harmonics (loudspeaker_harmonics.c): for each of 12 bands from 60 Hz
 *                to 2200 Hz, over the voiced frames, mean log level of the harmonics in it
 *                over all harmonics, its deviation, mean log depth of the valley beside
 *                them, and the share of frames with a harmonic there
 *   328     10   mean log pitch, its deviation; then of each of the first five harmonics
 *                to the next, the mean step of the log level and its slope against the pitch
 *   338     340  the same once more as contrasts: steps from each band to the next, and to the
 *                third next (of levels of harmonics the second), of mean, peaks, power, hiss
 *                and levels of harmonics; the level of the quietest tenth, peaks and hiss
 *                above it, and its steps from band to band
 *   678     192  what does not ask at which frequency (loudspeaker_colour.c)
 *
 * Noise and rooms fill the low bands, but not with harmonics: those show what
 * the loudspeaker gives there, if the voice is low enough.
 *
 * Noise hides what is faint: peaks and hiss still show where the loudspeaker ends.
 *
 * None changes with the level. The spectrum of the microphone is among them:
 * what tells the two apart must be learnt from the same speech in both
 * presentations, over many microphones.
 */
#ifndef VU_DSP_LOUDSPEAKER_TRACES_H
#define VU_DSP_LOUDSPEAKER_TRACES_H

#include "dsp/loudspeaker_colour.h"
#include "dsp/loudspeaker_harmonics.h"

#define VU_LOUDSPEAKER_BANDS 28
/* Steps over one band and over three (two, of harmonics) of five figures; four more of the quietest tenth. */
#define VU_LOUDSPEAKER_CONTRASTS                                                                                     \
	(4 * (2 * VU_LOUDSPEAKER_BANDS - 4) + (2 * VU_LOUDSPEAKER_HARMONIC_BANDS - 3) + 4 * VU_LOUDSPEAKER_BANDS - 1)
#define VU_LOUDSPEAKER_TRACES                                                                                        \
	(10 * VU_LOUDSPEAKER_BANDS + VU_LOUDSPEAKER_HARMONICS + VU_LOUDSPEAKER_CONTRASTS + VU_LOUDSPEAKER_COLOURS)
#define VU_LOUDSPEAKER_VERSION "loudspeaker-traces/4"
/* Fewer frames of speech (10 ms each) say too little. */
#define VU_LOUDSPEAKER_FRAMES_MIN 40

#endif
