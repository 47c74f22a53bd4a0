/* Threads take files in turn; every file has its own places, so that order does not depend on them. */
#include "examples.h"

#include "audio/load.h"
#include "base/random.h"
#include "presented.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX  16
#define NOISY_SNR_DB 10.0

typedef struct work {
	const file_list *list;
	const channels *channel;
	const examples_how *how;
	size_t each;     /* places of a file */
	example *places; /* list->count x each */
	bool *good;
	atomic_size_t next;
} work;

/* One file on its way: `samples` as they are, `now` as they shall be described. */
typedef struct taking {
	work *w;
	size_t index;
	uint64_t seed;
	const float *samples;
	float *now;
	size_t count;
	size_t length;
	size_t place;
} taking;

static size_t places_of(const examples_how *how)
{
	if (how->copies == 0)
		return 1;
	return how->loudspeakers ? 5 + 2 * (size_t)how->copies : 2 + (size_t)how->copies;
}

static vu_status describe(const vu_traces_kind *kind, const float *samples, size_t count, example *out)
{
	vu_traces *traces;
	vu_status status = kind->create(&traces);

	if (status != VU_OK)
		return status;
	status = kind->push(traces, samples, count);
	if (status == VU_OK)
		status = kind->finish(traces, out->vector, &out->narrow);
	kind->destroy(traces);
	return status;
}

static void begin(taking *t)
{
	memcpy(t->now, t->samples, t->count * sizeof *t->now);
	t->length = t->count;
}

/* Describes what `now` holds when it came about, as the file's next example. */
static void add(taking *t, vu_status status, example_role role, bool spoof)
{
	size_t place = t->index * t->w->each + t->place++;
	example *e = &t->w->places[place];

	e->file = (uint32_t)t->index;
	e->role = role;
	e->spoof = spoof;
	t->w->good[place] = status == VU_OK && describe(t->w->how->traces, t->now, t->length, e) == VU_OK;
}

static void add_presented(taking *t, unsigned number, bool by_loudspeaker, bool measuring)
{
	bool spoof = t->w->list->files[t->index].spoof;
	const presented_how how = {.by_loudspeaker = by_loudspeaker, .recorded = !spoof, .measuring = measuring};

	begin(t);
	add(t, presented_apply(t->w->channel, &how, t->seed + number, t->now, &t->length),
	    measuring ? ROLE_MEASURING : ROLE_ALTERED, by_loudspeaker);
}

static void add_loudspeakers(taking *t, bool genuine)
{
	const examples_how *how = t->w->how;
	/* Of attacks there are more files, and only one side of them counts. */
	unsigned played = genuine ? how->copies : (how->copies + 1) / 2;

	if (genuine) {
		for (unsigned i = 0; i < how->copies; i++)
			add_presented(t, 100 + i, false, false);
		begin(t);
		add(t, channels_apply(t->w->channel, t->seed + 1, t->now, &t->length), ROLE_ALTERED, false);
		begin(t);
		add(t, channels_telephone(t->now, t->length), ROLE_ALTERED, false);
		add_presented(t, 300, false, true);
	}
	for (unsigned i = 0; i < played; i++)
		add_presented(t, 200 + i, true, false);
	add_presented(t, 400, true, true);
}

static void add_channels(taking *t, bool spoof)
{
	for (unsigned copy = 1; copy <= t->w->how->copies; copy++) {
		begin(t);
		add(t, channels_apply(t->w->channel, t->seed + copy, t->now, &t->length), ROLE_ALTERED, spoof);
	}
	begin(t);
	add(t, channels_telephone(t->now, t->length), ROLE_ALTERED, spoof);
}

static vu_status present(const work *w, uint64_t seed, float *samples, size_t count)
{
	if (w->how->how == PRESENT_NOISY)
		return channels_add_noise(w->channel, seed, NOISY_SNR_DB, samples, count);
	if (w->how->how == PRESENT_TELEPHONE)
		return channels_telephone(samples, count);
	return VU_OK;
}

static void take_file(work *w, size_t index)
{
	const listed_file *file = &w->list->files[index];
	const char *slash = strrchr(file->path, '/');
	float *samples = NULL;
	taking t = {.w = w, .index = index, .seed = vu_random_hash(slash ? slash + 1 : file->path, w->how->seed)};
	vu_error error;

	if (vu_audio_load(file->path, EXAMPLE_SECONDS_MAX, &samples, &t.count, &error) != VU_OK) {
		fprintf(stderr, "vu-train-detector: leaving out: %s\n", error.message);
		return;
	}
	t.samples = samples;
	t.now = malloc((t.count + 1) * sizeof *t.now);
	if (t.now) {
		begin(&t);
		/* An attack as a file is no business of who looks for loudspeakers. */
		if (!w->how->loudspeakers || !file->spoof || w->how->copies == 0)
			add(&t, w->how->copies == 0 ? present(w, t.seed, t.now, t.length) : VU_OK, ROLE_AS_IS,
			    file->spoof);
		if (w->how->copies > 0 && w->how->loudspeakers)
			add_loudspeakers(&t, !file->spoof);
		else if (w->how->copies > 0)
			add_channels(&t, file->spoof);
	}
	free(t.now);
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

static void gather(const work *w, examples *out)
{
	for (size_t f = 0; f < w->list->count; f++) {
		size_t before = out->count;
		for (size_t i = f * w->each; i < (f + 1) * w->each; i++) {
			if (w->good[i])
				w->places[out->count++] = w->places[i];
		}
		out->skipped += out->count == before;
	}
	out->all = w->places;
}

vu_status examples_make(const file_list *list, const channels *c, const examples_how *how, examples *out,
                        vu_error *error)
{
	work w = {.list = list, .channel = c, .how = how, .each = places_of(how)};
	pthread_t workers[THREADS_MAX];
	unsigned started = 0;

	*out = (examples){.traces = how->traces};
	w.places = malloc((list->count * w.each + 1) * sizeof *w.places);
	w.good = calloc(list->count * w.each + 1, 1);
	if (!w.places || !w.good) {
		free(w.places);
		free(w.good);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to describe the files: out of memory");
	}
	while (started < how->threads && started < THREADS_MAX &&
	       pthread_create(&workers[started], NULL, take_files, &w) == 0)
		started++;
	if (started == 0)
		take_files(&w);
	for (unsigned i = 0; i < started; i++)
		pthread_join(workers[i], NULL);
	gather(&w, out);
	free(w.good);
	return VU_OK;
}

void examples_free(examples *e)
{
	free(e->all);
	*e = (examples){0};
}
