/* Quality figures and advice. */
#include "dsp/quality.h"

#include <math.h>

#define HISTOGRAM_LOW_DBFS   (-120)
#define HISTOGRAM_BINS       140 /* of 1 dB, to +20 */
#define NOISE_HOPS_LEAST     10
#define DIGITAL_SILENCE_DBFS (-99.0f)

static const struct {
	vu_quality_problem problem;
	const char *advice;
} ADVICE[] = {
    {VU_QUALITY_OK, ""},
    {VU_QUALITY_NO_SPEECH,
     "No speech was heard: check that the right microphone is connected and speak after the prompt."},
    {VU_QUALITY_TOO_SHORT, "That was too short: speak a whole sentence."},
    {VU_QUALITY_TOO_QUIET, "That was too quiet: come closer to the microphone or raise its input level."},
    {VU_QUALITY_CLIPPED, "The recording is distorted: move away from the microphone or lower its input level."},
    {VU_QUALITY_TOO_NOISY,
     "There is too much background noise: find a quieter place or come closer to the microphone."},
};

static int histogram_bin(float dbfs)
{
	int bin = (int)floorf(dbfs) - HISTOGRAM_LOW_DBFS;
	return bin < 0 ? 0 : bin >= HISTOGRAM_BINS ? HISTOGRAM_BINS - 1 : bin;
}

float vu_quality_snr_db(const float *level_dbfs, const uint8_t *speech, size_t hops, float tracked_noise_dbfs)
{
	unsigned histogram[HISTOGRAM_BINS] = {0};
	size_t speech_hops = 0;
	size_t noise_hops = 0;
	size_t seen = 0;
	double power = 0.0;
	double noise_power;
	float noise_dbfs = tracked_noise_dbfs;
	double snr;

	for (size_t h = 0; h < hops; h++) {
		if (speech[h]) {
			power += pow(10.0, 0.1 * (double)level_dbfs[h]);
			speech_hops++;
		} else if (level_dbfs[h] > DIGITAL_SILENCE_DBFS) {
			histogram[histogram_bin(level_dbfs[h])]++;
			noise_hops++;
		}
	}
	if (speech_hops == 0)
		return 0.0f;
	if (noise_hops >= NOISE_HOPS_LEAST) {
		for (int bin = 0; bin < HISTOGRAM_BINS; bin++) {
			seen += histogram[bin];
			if (2 * seen >= noise_hops) {
				noise_dbfs = (float)(bin + HISTOGRAM_LOW_DBFS) + 0.5f;
				break;
			}
		}
	}
	noise_power = pow(10.0, 0.1 * (double)noise_dbfs);
	power = power / (double)speech_hops - noise_power;
	if (power <= noise_power)
		return 0.0f;
	snr = 10.0 * log10(power / noise_power);
	return snr > (double)VU_QUALITY_SNR_MOST_DB ? VU_QUALITY_SNR_MOST_DB : (float)snr;
}

void vu_quality_judge(const vu_quality_limits *limits, vu_quality *quality)
{
	vu_quality_problem problem = VU_QUALITY_OK;

	if (quality->speech_ms < VU_QUALITY_SPEECH_LEAST_MS)
		problem = VU_QUALITY_NO_SPEECH;
	else if (quality->speech_ms < VU_QUALITY_VECTOR_LEAST_MS ||
	         quality->speech_ms < limits->min_speech_s * 1000.0)
		problem = VU_QUALITY_TOO_SHORT;
	else if (quality->level_dbfs < VU_QUALITY_LEVEL_LEAST_DBFS)
		problem = VU_QUALITY_TOO_QUIET;
	else if (quality->clipped_pct > VU_QUALITY_CLIPPED_MOST_PCT)
		problem = VU_QUALITY_CLIPPED;
	else if ((double)quality->snr_db < limits->min_snr_db)
		problem = VU_QUALITY_TOO_NOISY;
	quality->problem = problem;
	for (size_t i = 0; i < sizeof ADVICE / sizeof *ADVICE; i++) {
		if (ADVICE[i].problem == problem)
			quality->advice = ADVICE[i].advice;
	}
}
