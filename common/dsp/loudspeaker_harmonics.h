/*
 * What a loudspeaker does to the harmonics of a voice: what lies between them
 * is noise and rooms, but they themselves show what the loudspeaker gives at
 * their frequency. A part of the loudspeaker traces; see there for the figures.
 */
#ifndef VU_DSP_LOUDSPEAKER_HARMONICS_H
#define VU_DSP_LOUDSPEAKER_HARMONICS_H

#include "dsp/traces.h"

#define VU_LOUDSPEAKER_HARMONIC_BANDS  12
#define VU_LOUDSPEAKER_FIRST_HARMONICS 5
#define VU_LOUDSPEAKER_HARMONICS       (4 * VU_LOUDSPEAKER_HARMONIC_BANDS + 2 * VU_LOUDSPEAKER_FIRST_HARMONICS)

extern const vu_traces_kind vu_loudspeaker_harmonics_kind;

#endif
