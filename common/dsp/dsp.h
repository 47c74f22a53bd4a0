/* Constants that all signal processing shares. Samples are float in [-1, 1), 16 kHz, mono. */
#ifndef VU_DSP_DSP_H
#define VU_DSP_DSP_H

#define VU_SAMPLE_RATE   16000
#define VU_FRAME_SAMPLES 400 /* 25 ms */
#define VU_HOP_SAMPLES   160 /* 10 ms */
#define VU_FFT_SIZE      512

#endif
