/*
 * antispoof_3s_ms: what the detector of synthetic speech computes for 3 s:
 * traces fed in pushes of 100 ms, finished, and scored by the model that
 * ships. CPU time of one thread, the median of many runs, over a signal that is
 * made here.
 *
 * Prints one JSON object.
 */
#include "dsp/vocoder_traces.h"
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
#define MODEL   "build/share/voice-unlock/synthetic.vum"

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

static int run(const vu_voice_detector *detector, double *ms)
{
	vu_vocoder_traces *traces;
	float vector[VU_VOCODER_TRACES];
	size_t frames;
	double began = now_ms();
	vu_status status = vu_vocoder_traces_create(&traces);

	for (int n = 0; n < SECONDS * RATE && status == VU_OK; n += PUSH)
		status = vu_vocoder_traces_push(traces, samples + n, PUSH);
	if (status == VU_OK)
		status = vu_vocoder_traces_finish(traces, vector, &frames);
	if (status == VU_OK && !isfinite(vu_voice_detector_score(detector, vector)))
		status = VU_INTERNAL;
	*ms = now_ms() - began;
	vu_vocoder_traces_destroy(traces);
	return status == VU_OK && frames > 200;
}

int main(void)
{
	static double ms[RUNS];
	vu_voice_detector *detector;
	vu_error error;

	if (vu_voice_detector_open(MODEL, true, VU_VOCODER_TRACES_VERSION, VU_VOCODER_TRACES, &detector, &error) !=
	    VU_OK) {
		fprintf(stderr, "unable to measure: %s\n", error.message);
		return 1;
	}
	make_signal();
	for (int i = 0; i < RUNS; i++) {
		if (!run(detector, &ms[i])) {
			fprintf(stderr, "unable to measure: the detector heard no voice\n");
			return 1;
		}
	}
	qsort(ms, RUNS, sizeof *ms, compare);
	printf("{\"name\":\"antispoof_3s_ms\",\"value\":%.3f,\"unit\":\"ms\",\"baseline\":null,\"ratio\":null}\n",
	       ms[RUNS / 2]);
	vu_voice_detector_destroy(detector);
	return 0;
}
