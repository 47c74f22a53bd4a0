/*
 * features_3s_ms: everything the features service computes for 3 s of speech,
 * without waiting: an extractor created, fed in pushes of 100 ms and finished,
 * and the frames placed by the background model that ships.
 * CPU time of one thread, so that what else runs on the machine does not count;
 * the median of many runs. The signal is made here, so the figure
 * needs no recording; finish alone is in features_finish_ms, for 10 s with
 * crops, and placing alone in features_place_3s_ms: both are what a user waits
 * for. Run from the top of the source tree.
 *
 * Prints one JSON object per line.
 */
#include "dsp/extractor.h"
#include "ml/utterance.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RATE        16000
#define PUSH        1600
#define RUNS        101
#define SECONDS_MAX 10
#define BACKGROUND  "build/share/voice-unlock/background.vum"

static float samples[SECONDS_MAX * RATE];
static vu_features features;
static vu_background *background;

/* A gliding harmonic voice in syllables over faint noise. */
static void make_signal(void)
{
	uint32_t state = 1;
	double phase = 0.0;

	for (int n = 0; n < SECONDS_MAX * RATE; n++) {
		double t = (double)n / RATE;
		double pitch = 140.0 + 30.0 * sin(4.0 * t);
		double loud = fmax(0.0, sin(2.0 * M_PI * 2.5 * t));
		double sum = 0.0;

		phase += 2.0 * M_PI * pitch / RATE;
		for (int k = 1; k <= 20; k++)
			sum += sin(k * phase) / (1.0 + fabs(k * pitch - 700.0 - 300.0 * sin(7.0 * t)) / 200.0);
		state = state * 1664525u + 1013904223u;
		samples[n] = (float)(0.08 * loud * sum + 0.0005 * ((double)(state >> 8) / 8388608.0 - 1.0));
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

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof *values, compare);
	return values[count / 2];
}

/* One utterance; false when the extractor fails or hears no voice. */
static int run(int seconds, int crops, double *all_ms, double *finish_ms, double *place_ms)
{
	uint8_t *utterance = NULL;
	size_t utterance_bytes;
	const vu_extractor_config config = {crops != 0, {1.0, 10.0}};
	vu_extractor *extractor = NULL;
	double began = now_ms();
	double fed;
	vu_status status = vu_extractor_create(&config, &extractor);

	for (int n = 0; n < seconds * RATE && status == VU_OK; n += PUSH)
		status = vu_extractor_push(extractor, samples + n, PUSH);
	fed = now_ms();
	if (status == VU_OK)
		status = vu_extractor_finish(extractor, &features);
	*finish_ms = now_ms() - fed;
	if (status == VU_OK && background->model_count > 0)
		status = vu_utterance_describe(background, features.statistics, features.statistics_bytes, crops,
		                               &utterance, &utterance_bytes, NULL);
	*all_ms = now_ms() - began;
	*place_ms = *all_ms - (fed - began) - *finish_ms;
	free(utterance);
	vu_extractor_destroy(extractor);
	return status == VU_OK && features.has_vector;
}

int main(void)
{
	static double all_ms[RUNS];
	static double finish_ms[RUNS];
	static double place_ms[RUNS];
	double unused;
	vu_error error;

	if (vu_background_open(BACKGROUND, true, &background, &error) != VU_OK) {
		fprintf(stderr, "%s\n", error.message);
		return 1;
	}
	make_signal();
	for (int i = 0; i < RUNS; i++) {
		if (!run(3, 0, &all_ms[i], &unused, &place_ms[i]) ||
		    !run(SECONDS_MAX, 1, &unused, &finish_ms[i], &unused)) {
			fprintf(stderr, "unable to measure: the extractor failed\n");
			return 1;
		}
	}
	printf("{\"name\":\"features_3s_ms\",\"value\":%.3f,\"unit\":\"ms\",\"baseline\":null,\"ratio\":null}\n",
	       median(all_ms, RUNS));
	printf("{\"name\":\"features_finish_ms\",\"value\":%.3f,\"unit\":\"ms\",\"baseline\":null,\"ratio\":null}\n",
	       median(finish_ms, RUNS));
	printf(
	    "{\"name\":\"features_place_3s_ms\",\"value\":%.3f,\"unit\":\"ms\",\"baseline\":null,\"ratio\":null}\n",
	    median(place_ms, RUNS));
	return 0;
}
