/*
 * vu-challenge: how well spoken challenges are checked, for evaluations.
 *
 * Reads which recordings are a person's enrolment, a phrase each, and which are
 * answers, and what was said in them. Every answer is held against every
 * challenge that could have been put to that person (all ordered choices of as
 * many phrases as were said): against the one that asked what was said it must
 * match, against all others it must not. `other` as what was said: none of the
 * enrolled phrases, so that it answers no challenge (of two phrases).
 *
 * Prints one line per comparison with --all, then the figures. Exit codes: 0
 * done, 1 a recording could not be used, 2 usage, 70 everything else.
 */
#include "audio/load.h"
#include "dsp/extractor.h"
#include "ml/frames.h"
#include "ml/phrase.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_SOME_FAILED 1
#define EXIT_USAGE       2
#define EXIT_INTERNAL    70
#define LINE_MAX_BYTES   4096
#define PEOPLE_MAX       1000
#define NAME_SIZE        64
#define SECONDS_MAX      30.0
#define ASKED            2
#define FRAMES_KEPT      290 /* of each of five samples, as templates do */

typedef struct person {
	char name[NAME_SIZE];
	size_t count;
	uint32_t phrases[VU_PHRASES_MAX];
	uint8_t *blobs[VU_PHRASES_MAX];
	size_t bytes[VU_PHRASES_MAX];
} person;

typedef struct tally {
	unsigned long right, right_refused;
	unsigned long wrong, wrong_accepted;
	unsigned long order, order_accepted; /* of wrong: the right phrases in another order */
	unsigned long half, half_accepted;   /* of wrong: one of two is right */
	unsigned long unusable;
} tally;

static person *people;
static size_t people_count;
static bool print_all;

/* The frames of a recording as features would send them; NULL when it cannot be used. */
static uint8_t *describe(const char *path, size_t *bytes_out)
{
	const vu_extractor_config config = {.limits = {1.0, 5.0}};
	float *samples = NULL;
	size_t count = 0;
	vu_extractor *extractor = NULL;
	vu_features features;
	uint8_t *blob = NULL;
	vu_error error = {.status = VU_OK};

	if (vu_audio_load(path, SECONDS_MAX, &samples, &count, &error) != VU_OK) {
		fprintf(stderr, "vu-challenge: %s\n", error.message);
		return NULL;
	}
	if (vu_extractor_create(&config, &extractor) == VU_OK &&
	    vu_extractor_push(extractor, samples, count) == VU_OK &&
	    vu_extractor_finish(extractor, &features) == VU_OK && features.has_vector) {
		blob = malloc(features.statistics_bytes);
		if (blob)
			memcpy(blob, features.statistics, features.statistics_bytes);
		*bytes_out = features.statistics_bytes;
	} else {
		fprintf(stderr, "vu-challenge: unable to use %s: there is no speech in it\n", path);
	}
	vu_extractor_destroy(extractor);
	free(samples);
	return blob;
}

static person *find_person(const char *name, bool add)
{
	for (size_t i = 0; i < people_count; i++)
		if (strcmp(people[i].name, name) == 0)
			return &people[i];
	if (!add || people_count == PEOPLE_MAX)
		return NULL;
	snprintf(people[people_count].name, NAME_SIZE, "%s", name);
	return &people[people_count++];
}

/* Splits a line at its two tabs; false when it has not two. */
static bool split(char *line, char **name, char **what, char **path)
{
	char *first = strchr(line, '\t');
	char *second = first ? strchr(first + 1, '\t') : NULL;

	line[strcspn(line, "\r\n")] = '\0';
	if (!second || first == line || first + 1 == second || second[1] == '\0')
		return false;
	*first = *second = '\0';
	*name = line;
	*what = first + 1;
	*path = second + 1;
	return strlen(line) < NAME_SIZE;
}

static bool enroll(const char *name, const char *what, const char *path)
{
	person *p = find_person(name, true);
	uint8_t *whole;
	size_t whole_bytes;
	vu_error error;

	if (!p || p->count == VU_PHRASES_MAX)
		return false;
	whole = describe(path, &whole_bytes);
	if (!whole)
		return false;
	p->blobs[p->count] = malloc(whole_bytes);
	if (!p->blobs[p->count] || vu_frames_shorten(whole, whole_bytes, FRAMES_KEPT, p->blobs[p->count],
	                                             &p->bytes[p->count], &error) != VU_OK) {
		free(whole);
		return false;
	}
	free(whole);
	p->phrases[p->count++] = (uint32_t)strtoul(what, NULL, 10);
	return true;
}

static void count_result(tally *t, const uint32_t *said, const uint32_t *asked, bool matches)
{
	bool right = said && memcmp(said, asked, ASKED * sizeof *said) == 0;

	if (right) {
		t->right++;
		t->right_refused += !matches;
		return;
	}
	t->wrong++;
	t->wrong_accepted += matches;
	if (said && said[0] == asked[1] && said[1] == asked[0]) {
		t->order++;
		t->order_accepted += matches;
	} else if (said &&
	           (said[0] == asked[0] || said[0] == asked[1] || said[1] == asked[0] || said[1] == asked[1])) {
		t->half++;
		t->half_accepted += matches;
	}
}

static bool answer(const char *name, const char *what, const char *path, tally *t)
{
	const person *p = find_person(name, false);
	vu_phrase_sample samples[VU_PHRASES_MAX];
	uint32_t said[ASKED];
	bool other = strcmp(what, "other") == 0;
	uint8_t *blob;
	size_t bytes;
	vu_error error;

	if (!p || (!other && sscanf(what, "%u,%u", &said[0], &said[1]) != ASKED))
		return false;
	blob = describe(path, &bytes);
	if (!blob)
		return false;
	for (size_t i = 0; i < p->count; i++)
		samples[i] = (vu_phrase_sample){p->blobs[i], p->bytes[i], p->phrases[i]};
	for (size_t a = 0; a < p->count; a++) {
		for (size_t b = 0; b < p->count; b++) {
			uint32_t asked[ASKED] = {p->phrases[a], p->phrases[b]};
			vu_phrase_match match;
			if (asked[0] == asked[1])
				continue;
			if (vu_phrase_check(samples, p->count, asked, ASKED, blob, bytes, &match, &error) != VU_OK) {
				fprintf(stderr, "vu-challenge: %s: %s\n", path, error.message);
				free(blob);
				return false;
			}
			if (print_all)
				printf("%s\t%s\t%u,%u\t%.4f\t%.4f\t%d\n", name, what, asked[0], asked[1],
				       (double)match.distance, (double)match.margin, match.matches);
			count_result(t, other ? NULL : said, asked, match.matches);
		}
	}
	free(blob);
	return true;
}

static double percent(unsigned long part, unsigned long whole)
{
	return whole ? 100.0 * (double)part / (double)whole : (double)NAN;
}

int main(int argc, char **argv)
{
	char line[LINE_MAX_BYTES];
	tally t = {0};
	FILE *list;
	unsigned long number = 0;

	if (argc == 3 && strcmp(argv[1], "--all") == 0)
		print_all = true;
	else if (argc != 2 || argv[1][0] == '-') {
		fprintf(argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr,
		        "usage: vu-challenge [--all] LIST\n\n"
		        "Each line of LIST: PERSON<TAB>WHAT<TAB>PATH. WHAT is `enroll:N` for an enrolled\n"
		        "sample of phrase N, `N,M` for an answer in which phrase N and then M were said,\n"
		        "and `other` for one in which nothing was said that is enrolled. A person's\n"
		        "enrolment comes before the answers.\n");
		return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : EXIT_USAGE;
	}
	list = fopen(argv[argc - 1], "re");
	people = calloc(PEOPLE_MAX, sizeof *people);
	if (!list || !people) {
		fprintf(stderr, "vu-challenge: unable to read %s\n", argv[argc - 1]);
		return list ? EXIT_INTERNAL : EXIT_USAGE;
	}
	while (fgets(line, sizeof line, list)) {
		char *name, *what, *path;
		number++;
		if (!split(line, &name, &what, &path)) {
			fprintf(stderr, "vu-challenge: unable to read line %lu: write PERSON, WHAT and PATH\n",
			        number);
			return EXIT_USAGE;
		}
		if (strncmp(what, "enroll:", 7) == 0 ? !enroll(name, what + 7, path)
		                                     : !answer(name, what, path, &t)) {
			fprintf(stderr, "vu-challenge: line %lu is left out\n", number);
			t.unusable++;
		}
	}
	fclose(list);
	printf("people %zu\n", people_count);
	printf("right refused %lu of %lu (%.2f %%)\n", t.right_refused, t.right, percent(t.right_refused, t.right));
	printf("wrong accepted %lu of %lu (%.3f %%)\n", t.wrong_accepted, t.wrong,
	       percent(t.wrong_accepted, t.wrong));
	printf("  of these in another order %lu of %lu, one of two right %lu of %lu\n", t.order_accepted, t.order,
	       t.half_accepted, t.half);
	if (t.unusable > 0)
		printf("left out %lu lines\n", t.unusable);
	for (size_t i = 0; i < people_count; i++)
		for (size_t k = 0; k < people[i].count; k++)
			free(people[i].blobs[k]);
	free(people);
	return t.unusable > 0 ? EXIT_SOME_FAILED : 0;
}
