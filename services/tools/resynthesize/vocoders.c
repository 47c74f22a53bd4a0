/*
 * Two families. Griffin-Lim: magnitudes, or 80 mel bands of them, are kept and
 * the phase is found by iteration (Griffin and Lim, 1984), as early neural
 * text to speech ended. Source and filter: a smooth envelope (cepstrum of
 * low order, as in WORLD and mel-cepstral vocoders) filters a train of pulses
 * at the measured pitch, noise, or pulses below 2.5 kHz and noise above.
 */
#include "vocoders.h"

#include "base/random.h"
#include "dsp/dsp.h"
#include "dsp/pitch.h"
#include "spectrum.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MELS           80
#define CEPSTRUM_ORDER 24
#define MIXED_BIN      80 /* 2.5 kHz */
#define VOICED         0.55f

static const double PI = 3.14159265358979323846;

static float magnitude(vu_fft_bin bin)
{
	return sqrtf(bin.re * bin.re + bin.im * bin.im);
}

/* ---- Griffin-Lim ---- */

/* Keeps 80 mel bands of the magnitudes and spreads them out again. */
static void squeeze_mel(float (*magnitudes)[SPECTRUM_BINS], size_t count)
{
	static const double TOP = 2840.02; /* mel of 8 kHz */

	for (size_t t = 0; t < count; t++) {
		float bands[MELS + 2] = {0};
		float weights[MELS + 2] = {0};
		for (size_t k = 0; k < SPECTRUM_BINS; k++) {
			double place = 2595 * log10(1 + (double)k * 31.25 / 700) / TOP * (MELS + 1);
			size_t band = (size_t)fmin(place, MELS);
			float share = (float)(place - (double)band);
			bands[band] += magnitudes[t][k] * (1 - share);
			weights[band] += 1 - share;
			bands[band + 1] += magnitudes[t][k] * share;
			weights[band + 1] += share;
		}
		for (size_t b = 0; b < MELS + 2; b++)
			bands[b] = weights[b] > 1e-3f ? bands[b] / weights[b] : 0;
		for (size_t k = 0; k < SPECTRUM_BINS; k++) {
			double place = 2595 * log10(1 + (double)k * 31.25 / 700) / TOP * (MELS + 1);
			size_t band = (size_t)fmin(place, MELS);
			float share = (float)(place - (double)band);
			magnitudes[t][k] = bands[band] * (1 - share) + bands[band + 1] * share;
		}
	}
}

static vu_status griffin_lim(uint64_t seed, float *samples, size_t count, bool mel, unsigned rounds)
{
	spectrum s = {0};
	float(*magnitudes)[SPECTRUM_BINS] = NULL;
	vu_status status = spectrum_of(samples, count, &s);

	if (status != VU_OK)
		goto out;
	status = VU_RESOURCE_EXHAUSTED;
	magnitudes = malloc(s.count * sizeof *magnitudes);
	if (!magnitudes)
		goto out;
	for (size_t t = 0; t < s.count; t++) {
		for (size_t k = 0; k < SPECTRUM_BINS; k++)
			magnitudes[t][k] = magnitude(s.frames[t][k]);
	}
	if (mel)
		squeeze_mel(magnitudes, s.count);
	for (size_t t = 0; t < s.count; t++) {
		for (size_t k = 0; k < SPECTRUM_BINS; k++) {
			double phase = 2 * PI * vu_random_uniform(&seed);
			s.frames[t][k].re = magnitudes[t][k] * (float)cos(phase);
			s.frames[t][k].im = magnitudes[t][k] * (float)sin(phase);
		}
	}
	status = spectrum_to_sound(&s, samples, count);
	for (unsigned round = 0; round < rounds && status == VU_OK; round++) {
		spectrum_free(&s);
		status = spectrum_of(samples, count, &s);
		for (size_t t = 0; t < s.count && status == VU_OK; t++) {
			for (size_t k = 0; k < SPECTRUM_BINS; k++) {
				float scale = magnitudes[t][k] / (magnitude(s.frames[t][k]) + 1e-9f);
				s.frames[t][k].re *= scale;
				s.frames[t][k].im *= scale;
			}
		}
		if (status == VU_OK)
			status = spectrum_to_sound(&s, samples, count);
	}
out:
	free(magnitudes);
	spectrum_free(&s);
	return status;
}

static vu_status apply_griffin_lim(uint64_t seed, float *samples, size_t count)
{
	return griffin_lim(seed, samples, count, false, 40);
}

static vu_status apply_rough_griffin_lim(uint64_t seed, float *samples, size_t count)
{
	return griffin_lim(seed, samples, count, false, 5);
}

static vu_status apply_mel_griffin_lim(uint64_t seed, float *samples, size_t count)
{
	return griffin_lim(seed, samples, count, true, 40);
}

/* ---- source and filter ---- */

typedef enum excitation { PULSES, NOISE, MIXED } excitation;

/* Pulses at the pitch where there is one, noise elsewhere, both of unit power. */
static vu_status excite(uint64_t *seed, const float *samples, size_t count, float *pulses, float *noise)
{
	vu_pitch *pitch;
	float frame[VU_PITCH_FRAME_SAMPLES];
	vu_pitch_estimate now = {0};
	double phase = 0;
	vu_status status = vu_pitch_create(&pitch);

	if (status != VU_OK)
		return status;
	for (size_t i = 0; i < count; i++) {
		if (i % 80 == 0) {
			for (size_t k = 0; k < VU_PITCH_FRAME_SAMPLES; k++) {
				size_t at = i + k;
				bool inside =
				    at >= VU_PITCH_FRAME_SAMPLES / 2 && at < count + VU_PITCH_FRAME_SAMPLES / 2;
				frame[k] = inside ? samples[at - VU_PITCH_FRAME_SAMPLES / 2] : 0;
			}
			now = vu_pitch_analyze(pitch, frame);
		}
		noise[i] =
		    (float)((vu_random_uniform(seed) + vu_random_uniform(seed) + vu_random_uniform(seed) - 1.5) * 2);
		pulses[i] = 0;
		if (now.hz < VU_PITCH_MIN_HZ || now.voicing < VOICED) {
			pulses[i] = noise[i];
			continue;
		}
		phase += (double)now.hz / VU_SAMPLE_RATE;
		if (phase >= 1) {
			phase -= 1;
			pulses[i] = sqrtf(VU_SAMPLE_RATE / now.hz);
		}
	}
	vu_pitch_destroy(pitch);
	return VU_OK;
}

/* The envelope: the log spectrum without its fine structure. */
static void smooth(const vu_fft_bin *frame, float *envelope)
{
	double cepstrum[CEPSTRUM_ORDER];

	for (size_t n = 0; n < CEPSTRUM_ORDER; n++) {
		double sum = 0;
		for (size_t k = 0; k < SPECTRUM_BINS; k++)
			sum +=
			    log((double)magnitude(frame[k]) + 1e-5) * cos(PI * (double)(n * k) / (SPECTRUM_BINS - 1));
		cepstrum[n] = sum / SPECTRUM_BINS * (n ? 2 : 1);
	}
	for (size_t k = 0; k < SPECTRUM_BINS; k++) {
		double sum = 0;
		for (size_t n = 0; n < CEPSTRUM_ORDER; n++)
			sum += cepstrum[n] * cos(PI * (double)(n * k) / (SPECTRUM_BINS - 1));
		envelope[k] = (float)exp(sum);
	}
}

static vu_status source_filter(uint64_t seed, float *samples, size_t count, excitation kind)
{
	float *pulses = malloc((count + 1) * sizeof *pulses);
	float *noise = malloc((count + 1) * sizeof *noise);
	spectrum speech = {0};
	spectrum voiced = {0};
	spectrum unvoiced = {0};
	vu_status status = VU_RESOURCE_EXHAUSTED;

	if (!pulses || !noise)
		goto out;
	status = excite(&seed, samples, count, pulses, noise);
	if (status != VU_OK || (status = spectrum_of(samples, count, &speech)) != VU_OK ||
	    (status = spectrum_of(pulses, count, &voiced)) != VU_OK ||
	    (status = spectrum_of(noise, count, &unvoiced)) != VU_OK)
		goto out;
	for (size_t t = 0; t < speech.count; t++) {
		float envelope[SPECTRUM_BINS];
		smooth(speech.frames[t], envelope);
		for (size_t k = 0; k < SPECTRUM_BINS; k++) {
			bool noisy = kind == NOISE || (kind == MIXED && k > MIXED_BIN);
			vu_fft_bin source = noisy ? unvoiced.frames[t][k] : voiced.frames[t][k];
			speech.frames[t][k].re = source.re * envelope[k] * 0.1f;
			speech.frames[t][k].im = source.im * envelope[k] * 0.1f;
		}
	}
	status = spectrum_to_sound(&speech, samples, count);
out:
	spectrum_free(&unvoiced);
	spectrum_free(&voiced);
	spectrum_free(&speech);
	free(noise);
	free(pulses);
	return status;
}

static vu_status apply_pulses(uint64_t seed, float *samples, size_t count)
{
	return source_filter(seed, samples, count, PULSES);
}

static vu_status apply_noise(uint64_t seed, float *samples, size_t count)
{
	return source_filter(seed, samples, count, NOISE);
}

static vu_status apply_mixed(uint64_t seed, float *samples, size_t count)
{
	return source_filter(seed, samples, count, MIXED);
}

const vocoder VOCODERS[] = {
    {"griffin-lim", "magnitudes, phase by 40 rounds of Griffin-Lim", apply_griffin_lim},
    {"rough-griffin-lim", "the same, 5 rounds", apply_rough_griffin_lim},
    {"mel-griffin-lim", "80 mel bands, 40 rounds", apply_mel_griffin_lim},
    {"pulses", "smooth envelope, pulses at the pitch or noise", apply_pulses},
    {"mixed", "smooth envelope, pulses below 2.5 kHz, noise above", apply_mixed},
    {"noise", "smooth envelope, noise: a whisper", apply_noise},
};
const size_t VOCODER_COUNT = sizeof VOCODERS / sizeof *VOCODERS;
