/*
 * replay_lookup_ms: finding what an attempt of 3 s may be a copy of among
 * 100,000 past attempts, and comparing it with the best candidates: all that
 * happens between its imprint and the verdict, reading them from disk included. CPU time,
 * the median of many attempts that are no copies. replay_imprint_ms: making the
 * imprints of one attempt. replay_index_mb: what the index takes.
 *
 * The past is made of the imprints of made voices, every peak moved at random.
 * Prints one JSON object a line.
 */
#include "replay_memory.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RATE     16000
#define SECONDS  3
#define VOICES   40
#define ATTEMPTS 100000
#define RUNS     41

static int16_t samples[SECONDS * RATE];
static uint64_t state = 1;

static double uniform(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (double)(state >> 11) / 9007199254740992.0;
}

/* A harmonic voice whose pitch and formants change from syllable to syllable, over faint noise. */
static void make_voice(void)
{
	double pitch = 0;
	double formant[3] = {0, 0, 0};
	double phase = 0;

	for (int n = 0; n < SECONDS * RATE; n++) {
		double t = (double)(n % 2600) / 2600;
		double sum = 0;
		if (n % 2600 == 0) {
			pitch = 90 + 130 * uniform();
			formant[0] = 300 + 500 * uniform();
			formant[1] = 900 + 1300 * uniform();
			formant[2] = 2300 + 900 * uniform();
		}
		phase += 2 * M_PI * pitch * (1 + 0.1 * t) / RATE;
		for (int h = 1; h <= 25; h++) {
			double weight = 0;
			for (int k = 0; k < 3; k++)
				weight += exp(-pow((pitch * h - formant[k]) / 200, 2));
			sum += weight * sin(h * phase);
		}
		samples[n] = (int16_t)lrint(2500 * sum * sin(M_PI * t) + 300 * (uniform() - 0.5));
	}
}

static double now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

static int by_row(const void *a, const void *b)
{
	return (int)((const vu_imprint_peak *)a)->row - (int)((const vu_imprint_peak *)b)->row;
}

/* The imprint with every peak moved: another utterance, as far as the index can tell. */
static void move_peaks(const vu_imprint *from, vu_imprint *to)
{
	*to = *from;
	for (size_t i = 0; i < to->peak_count; i++) {
		double row = from->peaks[i].row + 16 * (uniform() - 0.5);
		double band = from->peaks[i].band + 10 * (uniform() - 0.5);
		to->peaks[i].row = (uint16_t)fmax(0, fmin((double)to->rows - 1, row));
		to->peaks[i].band = (uint16_t)fmax(0, fmin(VU_IMPRINT_BANDS - 1, band));
	}
	qsort(to->peaks, to->peak_count, sizeof to->peaks[0], by_row);
}

static vu_imprinter *hear(void)
{
	vu_imprinter *imprinter = NULL;
	make_voice();
	if (vu_imprinter_create(&imprinter) != VU_OK ||
	    vu_imprinter_push(imprinter, samples, SECONDS * RATE) != VU_OK)
		return NULL;
	return imprinter;
}

static void print(const char *name, double value, const char *unit)
{
	printf("{\"name\":\"%s\",\"value\":%.3f,\"unit\":\"%s\",\"baseline\":null,\"ratio\":null}\n", name, value,
	       unit);
}

/* Remembers ATTEMPTS attempts. */
static vu_status fill(vu_replay_memory *memory, vu_error *error)
{
	static vu_imprint moved;
	vu_imprint *voices[VOICES] = {NULL};
	vu_status status = VU_OK;

	for (int i = 0; i < VOICES && status == VU_OK; i++) {
		vu_imprinter *imprinter = hear();
		status = imprinter ? vu_imprinter_make(imprinter, 1, &voices[i]) : VU_RESOURCE_EXHAUSTED;
		vu_imprinter_destroy(imprinter);
	}
	for (int i = 0; i < ATTEMPTS && status == VU_OK; i++) {
		char id[33];
		snprintf(id, sizeof id, "%032d", i);
		move_peaks(voices[i % VOICES], &moved);
		status = vu_replay_memory_remember(memory, id, &moved, error);
	}
	for (int i = 0; i < VOICES; i++)
		vu_imprint_destroy(voices[i]);
	return status;
}

int main(void)
{
	static const vu_replay_limits limits = {2 * ATTEMPTS, 1u << 30, 400};
	static double lookup_ms[RUNS];
	static double imprint_ms[RUNS];
	char folder[] = "/tmp/vu-bench-XXXXXX";
	char command[64];
	vu_replay_memory *memory = NULL;
	vu_replay_stats stats;
	vu_error error = {0};
	vu_status status = VU_INTERNAL;

	if (mkdtemp(folder))
		status = vu_replay_memory_open(folder, vu_clock_system(), &limits, &memory, &error);
	if (status == VU_OK)
		status = fill(memory, &error);
	for (int i = 0; i < RUNS && status == VU_OK; i++) {
		vu_imprinter *imprinter = hear();
		vu_imprint *imprint = NULL;
		vu_replay_match match;
		double began = now_ms();
		status = imprinter ? vu_imprinter_make(imprinter, 1, &imprint) : VU_RESOURCE_EXHAUSTED;
		imprint_ms[i] = now_ms() - began;
		vu_imprint_destroy(imprint);
		if (status == VU_OK)
			status = vu_replay_memory_meet(memory, "query", imprinter, &match, &error);
		lookup_ms[i] = (double)match.lookup_us / 1e3;
		vu_imprinter_destroy(imprinter);
	}
	if (status == VU_OK)
		status = vu_replay_memory_stats(memory, &stats, &error);
	vu_replay_memory_close(memory);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	if (system(command) != 0 || status != VU_OK) {
		fprintf(stderr, "unable to measure: %s\n", error.message);
		return 1;
	}
	qsort(lookup_ms, RUNS, sizeof lookup_ms[0], compare);
	qsort(imprint_ms, RUNS, sizeof imprint_ms[0], compare);
	print("replay_lookup_ms", lookup_ms[RUNS / 2], "ms");
	print("replay_imprint_ms", imprint_ms[RUNS / 2], "ms");
	print("replay_index_mb", (double)stats.index_bytes / 1048576, "MiB");
	return 0;
}
