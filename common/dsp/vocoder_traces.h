/*
 * What a vocoder leaves in voiced speech, as one vector an utterance.
 *
 * A voice is struck by the closing glottis once a pitch period: in every band
 * the energy rises fast, falls slowly, and does so in all bands together. A
 * vocoder makes the phases up, and the shape of the energy within the period
 * with them: it rises as slowly as it falls, bands drift apart, or noise fills
 * the gaps between pulses. So the energy of bands of 1 kHz is followed in
 * windows of 4 ms, one a millisecond, and the vector holds how it looks within
 * 32 ms: over the voiced frames, the mean and the deviation of each figure.
 * None of them changes with the level, or with how loud one band is against
 * another: a microphone is not to be taken for a vocoder. (Statistics of the
 * spectrum itself tell known vocoders apart better, but microphones as well.)
 *
 *   offset  count
 *   0       8 + 8    peakedness: log of the mean square over the squared mean of energies
 *   16      8 + 8    peak: log of the largest energy over the mean
 *   32      8 + 8    valley: log of the smallest over the mean
 *   48      8 + 8    periodicity: largest autocorrelation at lags of 3 to 14 ms
 *   64      8 + 8    lean: skew of the steps of the root of the energy, above 0 when it
 *                    rises faster than it falls
 *   80      28 + 28  correlation of the roots of each two bands
 *   136     7 + 7    lag, to 3 ms, at which those of neighbours fit best
 *   150     7 + 7    what that lag gains
 *
 * Deterministic: the vector does not depend on how the samples were cut into
 * pushes. One object is used by one thread; memory grows with the audio, 32 kB
 * a second, to VU_VOCODER_SECONDS_MAX.
 */
#ifndef VU_DSP_VOCODER_TRACES_H
#define VU_DSP_VOCODER_TRACES_H

#include "dsp/traces.h"

#include <stddef.h>

#define VU_VOCODER_TRACES      164
#define VU_VOCODER_SECONDS_MAX VU_TRACES_SECONDS_MAX
/* Fewer voiced frames (10 ms each) say too little. */
#define VU_VOCODER_FRAMES_MIN 20

/* Names the definition above: a model made for another one does not fit. */
#define VU_VOCODER_TRACES_VERSION "vocoder-traces/1"

typedef struct vu_vocoder_traces vu_vocoder_traces;

/* RESOURCE_EXHAUSTED without memory. */
vu_status vu_vocoder_traces_create(vu_vocoder_traces **traces_out);
void vu_vocoder_traces_destroy(vu_vocoder_traces *traces);

/* Samples of 16 kHz. OUT_OF_RANGE past VU_VOCODER_SECONDS_MAX, RESOURCE_EXHAUSTED without memory. */
vu_status vu_vocoder_traces_push(vu_vocoder_traces *traces, const float *samples, size_t count);

/*
 * Writes the vector of what was pushed, all values finite, and how many voiced
 * frames it rests on. FAILED_PRECONDITION below VU_VOCODER_FRAMES_MIN: nothing
 * is written but the number.
 */
vu_status vu_vocoder_traces_finish(vu_vocoder_traces *traces, float vector[VU_VOCODER_TRACES], size_t *frames_out);

/* Whether what was pushed has a telephone's band: next to nothing above 5 kHz. */
bool vu_vocoder_traces_narrow(const vu_vocoder_traces *traces);

#endif
