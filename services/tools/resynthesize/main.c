/*
 * vu-resynthesize: speech through a simple vocoder, for making attacks to
 * train detectors on. Level and length stay.
 *
 *   spectrum.c  sound as overlapping spectra
 *   vocoders.c  what can be done to it
 *
 * Exit codes: 0 done, 2 usage, 4 unreadable input, 70 everything else.
 */
#include "audio/load.h"
#include "dsp/dsp.h"
#include "vocoders.h"

#include <math.h>
#include <sndfile.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX 60.0

static int usage(FILE *to)
{
	fprintf(to, "usage: vu-resynthesize KIND IN OUT [SEED]\n\nOUT is FLAC, 16 kHz mono. Kinds:\n");
	for (size_t i = 0; i < VOCODER_COUNT; i++)
		fprintf(to, "  %-18s %s\n", VOCODERS[i].name, VOCODERS[i].what);
	return to == stdout ? 0 : 2;
}

static double power_of(const float *samples, size_t count)
{
	double sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += (double)samples[i] * (double)samples[i];
	return sum;
}

static bool save(const char *path, const float *samples, size_t count)
{
	SF_INFO info = {.samplerate = VU_SAMPLE_RATE, .channels = 1, .format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16};
	SNDFILE *file = sf_open(path, SFM_WRITE, &info);
	bool good = file && sf_write_float(file, samples, (sf_count_t)count) == (sf_count_t)count;
	return (!file || sf_close(file) == 0) && good;
}

int main(int argc, char **argv)
{
	const vocoder *chosen = NULL;
	float *samples;
	size_t count;
	double before;
	float scale;
	vu_error error;
	vu_status status;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout);
	if (argc < 4 || argc > 5)
		return usage(stderr);
	for (size_t i = 0; i < VOCODER_COUNT; i++) {
		if (strcmp(VOCODERS[i].name, argv[1]) == 0)
			chosen = &VOCODERS[i];
	}
	if (!chosen)
		return usage(stderr);
	if (vu_audio_load(argv[2], SECONDS_MAX, &samples, &count, &error) != VU_OK) {
		fprintf(stderr, "vu-resynthesize: %s\n", error.message);
		return 4;
	}
	before = power_of(samples, count);
	status = chosen->apply(argc == 5 ? strtoull(argv[4], NULL, 10) : 1, samples, count);
	scale = (float)sqrt(before / (power_of(samples, count) + 1e-12));
	for (size_t i = 0; i < count; i++)
		samples[i] = fmaxf(-0.999f, fminf(0.999f, samples[i] * scale));
	if (status != VU_OK || !save(argv[3], samples, count)) {
		fprintf(stderr, "vu-resynthesize: unable to write %s: %s\n", argv[3],
		        status != VU_OK ? vu_status_name(status) : sf_strerror(NULL));
		free(samples);
		return 70;
	}
	free(samples);
	return 0;
}
