/*
 * antispoof_3s_ms: what the trained detectors, of synthetic speech and of
 * loudspeakers, compute for 3 s: traces fed in pushes of 100 ms, finished, and
 * scored by the models that ship. CPU time of one thread, the median of many
 * runs, over a signal that is made here.
 *
 * antispoof_loaded_mb: what the two models hold in memory, mapped or not.
 *
 * Prints one JSON object a line.
 */
#include "dsp/traces.h"
#include "ml/voice_detector.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RATE    16000
#define PUSH    1600
#define RUNS    101
#define SECONDS 3
#define KINDS   2

static const struct {
	const char *model;
	const vu_traces_kind *traces;
} MODELS[KINDS] = {
    {"build/share/voice-unlock/synthetic.vum", &vu_synthetic_traces_kind},
    {"build/share/voice-unlock/loudspeaker.vum", &vu_loudspeaker_traces_kind},
};

static float samples[SECONDS * RATE];

/* A harmonic voice in syllables over faint noise. */
static void make_signal(void)
{
	uint32_t state = 1;
	double phase = 0.0;

	for (int n = 0; n < SECONDS * RATE; n++) {
		double t = (double)n / RATE;
		double pitch = 140.0 + 30.0 * sin(4.0 * t);
		double sum = 0.0;

		phase += 2.0 * M_PI * pitch / RATE;
		for (int k = 1; k <= 40; k++)
			sum += sin(k * phase) / k;
		state = state * 1664525u + 1013904223u;
		samples[n] = (float)(0.1 * (1.2 + sin(2.0 * M_PI * 2.5 * t)) * sum +
		                     0.0005 * ((double)(state >> 8) / 8388608.0 - 1.0));
	}
}

static double now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

static int run(const vu_traces_kind *kind, const vu_voice_detector *detector)
{
	vu_traces *traces;
	float vector[VU_TRACES_MAX];
	bool narrow;
	vu_status status = kind->create(&traces);

	for (int n = 0; n < SECONDS * RATE && status == VU_OK; n += PUSH)
		status = kind->push(traces, samples + n, PUSH);
	if (status == VU_OK)
		status = kind->finish(traces, vector, &narrow);
	if (status == VU_OK && !isfinite(vu_voice_detector_score(detector, vector)))
		status = VU_INTERNAL;
	kind->destroy(traces);
	return status == VU_OK;
}

int main(void)
{
	static double ms[RUNS];
	vu_voice_detector *detectors[KINDS];
	size_t bytes = 0;
	vu_error error;

	for (int k = 0; k < KINDS; k++) {
		if (vu_voice_detector_open(MODELS[k].model, true, MODELS[k].traces->version,
		                           (uint32_t)MODELS[k].traces->size, &detectors[k], &error) != VU_OK) {
			fprintf(stderr, "unable to measure: %s\n", error.message);
			return 1;
		}
		bytes += vu_voice_detector_bytes(detectors[k]);
	}
	make_signal();
	for (int i = 0; i < RUNS; i++) {
		double began = now_ms();
		for (int k = 0; k < KINDS; k++) {
			if (!run(MODELS[k].traces, detectors[k])) {
				fprintf(stderr, "unable to measure: a detector heard no voice\n");
				return 1;
			}
		}
		ms[i] = now_ms() - began;
	}
	qsort(ms, RUNS, sizeof *ms, compare);
	printf("{\"name\":\"antispoof_3s_ms\",\"value\":%.3f,\"unit\":\"ms\",\"baseline\":null,\"ratio\":null}\n",
	       ms[RUNS / 2]);
	printf("{\"name\":\"antispoof_loaded_mb\",\"value\":%.3f,\"unit\":\"MB\",\"baseline\":null,"
	       "\"ratio\":null}\n",
	       (double)bytes / 1e6);
	for (int k = 0; k < KINDS; k++)
		vu_voice_detector_destroy(detectors[k]);
	return 0;
}
