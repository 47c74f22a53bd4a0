/*
 * The mel scale of HTK, mel = 2595 log10(1 + f / 700): one formula without
 * pieces, and its triangles of height 1 need no area normalization here since
 * gains per filter vanish with the mean of the logarithm.
 */
#ifndef VU_DSP_MEL_H
#define VU_DSP_MEL_H

double vu_mel_from_hz(double hz);
double vu_mel_to_hz(double mel);

#endif
