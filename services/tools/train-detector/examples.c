/* Threads take files in turn; every file has its own place, so that order does not depend on them. */
#include "examples.h"

#include "audio/load.h"
#include "random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX  16
#define NOISY_SNR_DB 10.0

typedef struct work {
	const file_list *list;
	const channels *channel;
	presentation how;
	unsigned copies;
	uint64_t seed;
	example *places; /* list->count x (copies + 1) */
	bool *good;
	atomic_size_t next;
} work;

static vu_status describe(const float *samples, size_t count, float *vector)
{
	vu_vocoder_traces *traces;
	size_t frames;
	vu_status status = vu_vocoder_traces_create(&traces);

	if (status != VU_OK)
		return status;
	status = vu_vocoder_traces_push(traces, samples, count);
	if (status == VU_OK)
		status = vu_vocoder_traces_finish(traces, vector, &frames);
	vu_vocoder_traces_destroy(traces);
	return status;
}

static vu_status present(const work *w, unsigned copy, uint64_t seed, float *samples, size_t *count)
{
	if (copy > 0)
		return channels_apply(w->channel, seed + copy, samples, count);
	if (w->how == PRESENT_NOISY)
		return channels_add_noise(w->channel, seed, NOISY_SNR_DB, samples, *count);
	if (w->how == PRESENT_TELEPHONE)
		return channels_telephone(samples, *count);
	return VU_OK;
}

static void take_file(work *w, size_t index)
{
	const listed_file *file = &w->list->files[index];
	const char *slash = strrchr(file->path, '/');
	uint64_t seed = random_hash(slash ? slash + 1 : file->path, w->seed);
	float *samples = NULL;
	float *copy_of = NULL;
	size_t count;
	vu_error error;

	if (vu_audio_load(file->path, EXAMPLE_SECONDS_MAX, &samples, &count, &error) != VU_OK) {
		fprintf(stderr, "vu-train-detector: leaving out: %s\n", error.message);
		return;
	}
	copy_of = malloc(count * sizeof *copy_of);
	for (unsigned copy = 0; copy_of && copy <= w->copies; copy++) {
		size_t place = index * (w->copies + 1) + copy;
		size_t length = count;
		memcpy(copy_of, samples, count * sizeof *copy_of);
		w->places[place].file = (uint32_t)index;
		w->places[place].copy = copy;
		w->good[place] = present(w, copy, seed, copy_of, &length) == VU_OK &&
		                 describe(copy_of, length, w->places[place].vector) == VU_OK;
	}
	free(copy_of);
	free(samples);
}

static void *take_files(void *context)
{
	work *w = context;
	size_t index;
	while ((index = atomic_fetch_add(&w->next, 1)) < w->list->count)
		take_file(w, index);
	return NULL;
}

vu_status examples_make(const file_list *list, const channels *c, presentation how, unsigned copies, uint64_t seed,
                        unsigned threads, examples *out, vu_error *error)
{
	size_t places = list->count * (copies + 1);
	work w = {list, c, how, copies, seed, malloc(places * sizeof(example)), calloc(places + 1, 1), 0};
	pthread_t workers[THREADS_MAX];
	unsigned started = 0;

	*out = (examples){0};
	if (!w.places || !w.good) {
		free(w.places);
		free(w.good);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to describe the files: out of memory");
	}
	while (started < threads && started < THREADS_MAX &&
	       pthread_create(&workers[started], NULL, take_files, &w) == 0)
		started++;
	if (started == 0)
		take_files(&w);
	for (unsigned i = 0; i < started; i++)
		pthread_join(workers[i], NULL);
	for (size_t i = 0; i < places; i++) {
		if (w.good[i])
			w.places[out->count++] = w.places[i];
		else if (i % (copies + 1) == 0)
			out->skipped++;
	}
	out->all = w.places;
	free(w.good);
	return VU_OK;
}

void examples_free(examples *e)
{
	free(e->all);
	*e = (examples){0};
}
