/*
 * Makes spoken utterances of real people from single recorded words.
 *
 * usage: utterances OUT_FOLDER [SOUNDS_FOLDER]
 *
 * SOUNDS_FOLDER (default: where Debian's ktuberling-data puts it) holds a
 * folder per language, each read by one person. For every person with enough
 * words it writes OUT/<person>/enroll-1.wav … enroll-5.wav and test-1.wav …
 * test-3.wav, live-1.wav when words are left, and OUT/people.txt. No word is used twice, so a test never
 * contains a stretch of an enrolment recording.
 *
 * Words are cross-faded over a bed of the noise of that person's own
 * recordings, so that a join is no splice: the noise floor runs through.
 * People whose words hardly stand out of their noise are left out, and so is
 * the Catalan folder: its words are of two voices (their pitch lies either
 * between 120 and 160 Hz or between 200 and 280 Hz).
 *
 * Everything is deterministic. Exit 1 when fewer than 8 people can be made.
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <sndfile.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEFAULT_SOUNDS        "/usr/share/ktuberling/sounds"
#define TWO_VOICES            "ca"
#define ENROLL_COUNT          5
#define TEST_COUNT            3
#define UTTERANCE_COUNT       (ENROLL_COUNT + TEST_COUNT)
#define PEOPLE_MIN            8
#define WORDS_MAX             256
#define WORD_SECONDS_MAX      3.0
#define SPEECH_SECONDS_MIN    2.2 /* within 20 dB of the loudest: tails and pauses do not count */
#define UTTERANCE_SECONDS_MAX 8.0
/* Loud over quiet frames within a word, median over words: below this the recording is mostly noise. */
#define CONTRAST_DB_MIN 12.0F
#define PAUSE_S         0.12
#define LEAD_S          0.35
#define TAIL_S          0.60
#define FADE_S          0.025
#define NOISE_CHUNK_S   0.060

typedef struct word {
	float *samples;
	size_t count;
	size_t first;  /* of the speech within it */
	size_t last;   /* one past */
	size_t active; /* samples within 20 dB of the loudest */
	float contrast_db;
} word;

typedef struct person {
	char name[64];
	int rate;
	word words[WORDS_MAX];
	size_t word_count;
	float *noise; /* quiet chunks of equal length, one after the other */
	size_t noise_chunks;
	size_t chunk_samples;
} person;

static void die(const char *what, const char *path)
{
	fprintf(stderr, "utterances: unable to %s %s\n", what, path);
	exit(1);
}

static void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size);
	if (!memory) {
		fprintf(stderr, "utterances: out of memory\n");
		exit(1);
	}
	return memory;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, sorted, without dot files. */
static size_t list_folder(const char *path, char ***names_out)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	size_t count = 0;
	char **names = allocate(4096, sizeof *names);

	if (!folder)
		die("open folder", path);
	while ((entry = readdir(folder)) && count < 4096) {
		if (entry->d_name[0] != '.')
			names[count++] = strdup(entry->d_name);
	}
	closedir(folder);
	qsort(names, count, sizeof *names, compare_names);
	*names_out = names;
	return count;
}

static float frame_rms(const float *samples, size_t count)
{
	double sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += (double)samples[i] * samples[i];
	return (float)sqrt(sum / (double)count);
}

static int compare_floats(const void *a, const void *b)
{
	float x = *(const float *)a;
	float y = *(const float *)b;
	return (x > y) - (x < y);
}

/* The 90th over the 10th percentile of the levels of 10 ms frames within the speech. */
static float contrast_of(const word *w, int rate)
{
	size_t hop = (size_t)rate / 100;
	size_t frames = (w->last - w->first) / hop;
	float *levels = allocate(frames, sizeof *levels);
	float ratio;

	for (size_t f = 0; f < frames; f++)
		levels[f] = frame_rms(w->samples + w->first + f * hop, hop) + 1e-6F;
	qsort(levels, frames, sizeof *levels, compare_floats);
	ratio = frames ? levels[frames * 9 / 10] / levels[frames / 10] : 1;
	free(levels);
	return 20 * log10f(ratio);
}

static bool is_clear(const person *p)
{
	float *contrasts = allocate(p->word_count, sizeof *contrasts);
	bool clear;

	for (size_t i = 0; i < p->word_count; i++)
		contrasts[i] = p->words[i].contrast_db;
	qsort(contrasts, p->word_count, sizeof *contrasts, compare_floats);
	clear = contrasts[p->word_count / 2] >= CONTRAST_DB_MIN;
	free(contrasts);
	return clear;
}

/* Finds where the speech of a word begins and ends: the stretch within 30 dB of its loudest 20 ms. */
static bool find_speech(word *w, int rate)
{
	size_t hop = (size_t)rate / 100;
	size_t frames = w->count / hop;
	float loudest = 0;
	size_t margin = (size_t)(0.03 * rate);

	for (size_t f = 0; f < frames; f++) {
		float rms = frame_rms(w->samples + f * hop, hop);
		if (rms > loudest)
			loudest = rms;
	}
	if (loudest < 0.003F)
		return false;
	w->first = w->count;
	w->last = 0;
	w->active = 0;
	for (size_t f = 0; f < frames; f++) {
		if (frame_rms(w->samples + f * hop, hop) > loudest * 0.1F)
			w->active += hop;
		if (frame_rms(w->samples + f * hop, hop) > loudest * 0.0316F) {
			if (f * hop < w->first)
				w->first = f * hop;
			w->last = (f + 1) * hop;
		}
	}
	w->first = w->first > margin ? w->first - margin : 0;
	w->last = w->last + margin < w->count ? w->last + margin : w->count;
	w->contrast_db = w->last > w->first ? contrast_of(w, rate) : 0;
	return w->last > w->first + (size_t)(0.15 * rate);
}

/* Reads one recording as mono. False when it is unreadable, of another rate, or no word. */
static bool read_word(const char *path, int *rate, word *w)
{
	SF_INFO info = {0};
	SNDFILE *file = sf_open(path, SFM_READ, &info);
	float *frames;
	sf_count_t got;

	if (!file)
		return false;
	if (info.frames <= 0 || info.channels < 1 || (double)info.frames > WORD_SECONDS_MAX * info.samplerate ||
	    (*rate != 0 && info.samplerate != *rate) || info.samplerate < 16000) {
		sf_close(file);
		return false;
	}
	frames = allocate((size_t)info.frames * (size_t)info.channels, sizeof *frames);
	got = sf_readf_float(file, frames, info.frames);
	sf_close(file);
	w->count = got > 0 ? (size_t)got : 0;
	w->samples = allocate(w->count, sizeof *w->samples);
	for (size_t i = 0; i < w->count; i++) {
		float sum = 0;
		for (int c = 0; c < info.channels; c++)
			sum += frames[i * (size_t)info.channels + (size_t)c];
		w->samples[i] = sum / (float)info.channels;
	}
	free(frames);
	if (w->count == 0 || !find_speech(w, info.samplerate)) {
		free(w->samples);
		return false;
	}
	*rate = info.samplerate;
	return true;
}

typedef struct chunk_level {
	float rms;
	size_t word;
	size_t offset;
} chunk_level;

static int compare_levels(const void *a, const void *b)
{
	float x = ((const chunk_level *)a)->rms;
	float y = ((const chunk_level *)b)->rms;
	return (x > y) - (x < y);
}

/* Keeps the quietest chunks outside speech as the person's own noise; exact silence does not count as noise. */
static void collect_noise(person *p)
{
	size_t chunk = (size_t)(NOISE_CHUNK_S * p->rate);
	size_t found = 0;
	chunk_level *levels = allocate(200000, sizeof *levels);

	for (size_t i = 0; i < p->word_count; i++) {
		const word *w = &p->words[i];
		for (size_t at = 0; at + chunk <= w->count && found < 200000; at += chunk / 2) {
			float rms;
			if (at + chunk > w->first && at < w->last)
				continue;
			rms = frame_rms(w->samples + at, chunk);
			if (rms < 1e-6F)
				continue;
			levels[found++] = (chunk_level){rms, i, at};
		}
	}
	qsort(levels, found, sizeof *levels, compare_levels);
	/* The quieter half, without the very quietest tenth, which often is faded or gated. */
	size_t from = found / 10;
	size_t keep = found / 2 > from ? found / 2 - from : 0;
	if (keep > 400)
		keep = 400;
	p->chunk_samples = chunk;
	p->noise_chunks = keep;
	p->noise = allocate(keep * chunk, sizeof *p->noise);
	for (size_t i = 0; i < keep; i++) {
		const chunk_level *l = &levels[from + i];
		memcpy(p->noise + i * chunk, p->words[l->word].samples + l->offset, chunk * sizeof(float));
	}
	free(levels);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525U + 1013904223U;
	return *state >> 8;
}

/* Overlap-adds random noise chunks with sine windows, whose squares sum to one: the level stays even. */
static void lay_noise_bed(const person *p, float *out, size_t count, uint32_t *random)
{
	size_t chunk = p->chunk_samples;
	size_t hop = chunk / 2;

	if (p->noise_chunks == 0)
		return;
	for (size_t at = 0; at < count; at += hop) {
		const float *noise = p->noise + (next_random(random) % p->noise_chunks) * chunk;
		for (size_t i = 0; i < chunk && at + i < count; i++)
			out[at + i] += noise[i] * (float)sin(M_PI * ((double)i + 0.5) / (double)chunk);
	}
}

/* Replaces the bed by the word, fading one out while the other fades in, at both ends. */
static void lay_word(float *out, const word *w, size_t at, size_t fade)
{
	size_t length = w->last - w->first;
	for (size_t i = 0; i < length; i++) {
		double in = i < fade ? ((double)i + 0.5) / (double)fade : 1.0;
		double off = length - i <= fade ? ((double)(length - i) - 0.5) / (double)fade : 1.0;
		double angle = (in < off ? in : off) * M_PI / 2;
		out[at + i] = (float)(out[at + i] * cos(angle) + w->samples[w->first + i] * sin(angle));
	}
}

static void write_wav(const char *path, const float *samples, size_t count, int rate)
{
	SF_INFO info = {.samplerate = rate, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
	SNDFILE *file = sf_open(path, SFM_WRITE, &info);

	if (!file)
		die("write", path);
	/* One level of dither keeps a recording with exact zeros from gaining more of them. */
	sf_command(file, SFC_SET_CLIPPING, NULL, SF_TRUE);
	if (sf_writef_float(file, samples, (sf_count_t)count) != (sf_count_t)count)
		die("write", path);
	sf_close(file);
}

/* Makes one utterance from words [*next …); false when the words run out. */
static bool make_utterance(const person *p, const size_t *order, size_t *next, const char *path, uint32_t *random)
{
	size_t pause = (size_t)(PAUSE_S * p->rate);
	size_t lead = (size_t)(LEAD_S * p->rate);
	size_t total = 0;
	size_t active = 0;
	size_t until = *next;
	size_t at;
	size_t count;
	float *out;

	while (until < p->word_count && (double)active < SPEECH_SECONDS_MIN * p->rate &&
	       (double)total < UTTERANCE_SECONDS_MAX * p->rate) {
		const word *w = &p->words[order[until++]];
		total += w->last - w->first + pause;
		active += w->active;
	}
	if ((double)active < SPEECH_SECONDS_MIN * p->rate)
		return false;
	count = lead + total + (size_t)(TAIL_S * p->rate);
	out = allocate(count, sizeof *out);
	lay_noise_bed(p, out, count, random);
	at = lead;
	for (; *next < until; (*next)++) {
		const word *w = &p->words[order[*next]];
		lay_word(out, w, at, (size_t)(FADE_S * p->rate));
		at += w->last - w->first + pause;
	}
	write_wav(path, out, count, p->rate);
	free(out);
	return true;
}

static bool make_person(const char *folder, const char *name, const char *out_folder)
{
	person *p = allocate(1, sizeof *p);
	char path[4096];
	char **files;
	size_t file_count;
	size_t order[WORDS_MAX];
	size_t next = 0;
	uint32_t random = 2463534242U;
	bool complete;

	snprintf(p->name, sizeof p->name, "%s", name);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	file_count = list_folder(path, &files);
	for (size_t i = 0; i < file_count && p->word_count < WORDS_MAX; i++) {
		snprintf(path, sizeof path, "%s/%s/%s", folder, name, files[i]);
		if (read_word(path, &p->rate, &p->words[p->word_count]))
			p->word_count++;
	}
	for (size_t i = 0; i < p->word_count; i++)
		order[i] = i;
	for (size_t i = p->word_count; i > 1; i--) {
		size_t j = next_random(&random) % i;
		size_t swap = order[i - 1];
		order[i - 1] = order[j];
		order[j] = swap;
	}
	complete = p->word_count >= UTTERANCE_COUNT && is_clear(p);
	if (complete)
		collect_noise(p);
	snprintf(path, sizeof path, "%s/%s", out_folder, name);
	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		die("create folder", path);
	for (int i = 0; i < UTTERANCE_COUNT && complete; i++) {
		snprintf(path, sizeof path, "%s/%s/%s-%d.wav", out_folder, name, i < ENROLL_COUNT ? "enroll" : "test",
		         i < ENROLL_COUNT ? i + 1 : i - ENROLL_COUNT + 1);
		complete = make_utterance(p, order, &next, path, &random);
	}
	if (complete) {
		snprintf(path, sizeof path, "%s/%s/live-1.wav", out_folder, name);
		make_utterance(p, order, &next, path, &random);
	} else {
		for (int i = 0; i < UTTERANCE_COUNT; i++) {
			snprintf(path, sizeof path, "%s/%s/%s-%d.wav", out_folder, name,
			         i < ENROLL_COUNT ? "enroll" : "test",
			         i < ENROLL_COUNT ? i + 1 : i - ENROLL_COUNT + 1);
			remove(path);
		}
		snprintf(path, sizeof path, "%s/%s", out_folder, name);
		remove(path);
	}
	for (size_t i = 0; i < file_count; i++)
		free(files[i]);
	free(files);
	for (size_t i = 0; i < p->word_count; i++)
		free(p->words[i].samples);
	free(p->noise);
	free(p);
	return complete;
}

int main(int argc, char **argv)
{
	const char *sounds = argc > 2 ? argv[2] : DEFAULT_SOUNDS;
	char path[4096];
	char **people;
	size_t people_count;
	size_t made = 0;
	FILE *list;

	if (argc < 2) {
		fprintf(stderr, "usage: utterances OUT_FOLDER [SOUNDS_FOLDER]\n");
		return 2;
	}
	if (mkdir(argv[1], 0755) != 0 && errno != EEXIST)
		die("create folder", argv[1]);
	people_count = list_folder(sounds, &people);
	snprintf(path, sizeof path, "%s/people.txt", argv[1]);
	list = fopen(path, "w");
	if (!list)
		die("write", path);
	for (size_t i = 0; i < people_count; i++) {
		struct stat info;
		snprintf(path, sizeof path, "%s/%s", sounds, people[i]);
		if (strcmp(people[i], TWO_VOICES) != 0 && stat(path, &info) == 0 && S_ISDIR(info.st_mode) &&
		    make_person(sounds, people[i], argv[1])) {
			fprintf(list, "%s\n", people[i]);
			made++;
		}
		free(people[i]);
	}
	free(people);
	fclose(list);
	if (made < PEOPLE_MIN) {
		fprintf(stderr,
		        "utterances: only %zu people could be made from %s, %d are needed; install ktuberling-data\n",
		        made, sounds, PEOPLE_MIN);
		return 1;
	}
	return 0;
}
