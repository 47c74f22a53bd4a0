/*
 * Measures how long `jarvis-voice-unlock evaluate` takes for a large list:
 * 30,000 trials over 2,000 files, each claimed by 15 of 30 people, through the
 * running services of a private suite, enrolment included.
 *
 * Speech comes from build/tests/aid/utterances: few people and files, repeated
 * by other names. Nothing in the suite knows that two files are the same, so
 * each is uploaded and computed as any other. Prints one JSON object; progress
 * and trouble go to standard error. Run from the top of the source tree. Exit 1
 * when the figure could not be taken or a trial came out without a score.
 */
#include "base/clock.h"

#include <glob.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIALS          30000u
#define FILES           2000u
#define CLAIMS          (TRIALS / FILES)
#define USERS           30u
#define ENROLL_SAMPLES  5u
#define PEOPLE_MAX      32u
#define LINE_BYTES_MAX  1024
#define COMMAND_MAX     1024
#define PERSON_NAME_MAX 64

static char folder[64];
static char people[PEOPLE_MAX][PERSON_NAME_MAX];
static unsigned person_count;

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static _Noreturn void die(const char *what)
{
	char command[COMMAND_MAX];

	fprintf(stderr, "bench: unable to %s\n", what);
	snprintf(command, sizeof command, "build/bin/jarvis-voice-unlock stop >/dev/null 2>&1; rm -rf %s", folder);
	if (folder[0] && system(command) != 0)
		fprintf(stderr, "bench: unable to clean up %s\n", folder);
	_exit(1);
}

static void run(const char *format, ...)
{
	char command[COMMAND_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	if (system(command) != 0)
		die(command);
}

static FILE *create(const char *name)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "w");
	if (!file)
		die("write a list");
	return file;
}

static void read_people(void)
{
	char path[128];
	FILE *list;

	snprintf(path, sizeof path, "%s/voices/people.txt", folder);
	list = fopen(path, "r");
	while (list && person_count < PEOPLE_MAX && fscanf(list, "%63s", people[person_count]) == 1)
		person_count++;
	if (!list || person_count == 0)
		die("read who there is");
	fclose(list);
}

/* User u speaks with the voice of person u modulo their number. */
static void write_enrolment(void)
{
	FILE *list = create("enroll.tsv");

	for (unsigned user = 0; user < USERS; user++)
		for (unsigned sample = 1; sample <= ENROLL_SAMPLES; sample++)
			fprintf(list, "user-%u\tvoices/%s/enroll-%u.wav\n", user, people[user % person_count],
			        sample);
	if (fclose(list) != 0)
		die("write a list");
}

/* 2,000 names for the test utterances, and for each 15 users in a row as claims. */
static void write_trials(void)
{
	FILE *list = create("trials.tsv");
	char pattern[128];
	glob_t found;

	snprintf(pattern, sizeof pattern, "%s/voices/*/test-*.wav", folder);
	if (glob(pattern, 0, NULL, &found) != 0)
		die("find test utterances");
	run("mkdir %s/files", folder);
	for (unsigned file = 0; file < FILES; file++) {
		const char *path = found.gl_pathv[file % found.gl_pathc];
		const char *person = path + strlen(folder) + strlen("/voices/");
		char link_path[128];
		snprintf(link_path, sizeof link_path, "%s/files/%u.wav", folder, file);
		if (symlink(path, link_path) != 0)
			die("link an utterance");
		for (unsigned claim = 0; claim < CLAIMS; claim++) {
			unsigned user = (file + claim) % USERS;
			const char *name = people[user % person_count];
			size_t length = strlen(name);
			bool is_target = strncmp(person, name, length) == 0 && person[length] == '/';
			fprintf(list, "user-%u\tfiles/%u.wav\t%s\n", user, file, is_target ? "target" : "nontarget");
		}
	}
	globfree(&found);
	if (fclose(list) != 0)
		die("write a list");
}

/* Every trial must have come out, with a score. */
static void check_scores(void)
{
	char path[128], line[LINE_BYTES_MAX];
	unsigned rows = 0;
	FILE *scores;

	snprintf(path, sizeof path, "%s/scores.tsv", folder);
	scores = fopen(path, "r");
	if (!scores)
		die("read the scores");
	while (fgets(line, sizeof line, scores)) {
		if (strstr(line, "\tnan"))
			die("use the run: a trial has no score");
		rows++;
	}
	fclose(scores);
	if (rows != TRIALS + 1)
		die("use the run: trials are missing");
}

int main(void)
{
	char home[128], runtime[128];
	int64_t began_us;
	double seconds;

	snprintf(folder, sizeof folder, "/tmp/vu-bench-XXXXXX");
	if (!mkdtemp(folder)) {
		folder[0] = '\0';
		die("make a folder in /tmp");
	}
	snprintf(home, sizeof home, "%s/state", folder);
	snprintf(runtime, sizeof runtime, "%s/run", folder);
	setenv("VOICE_UNLOCK_HOME", home, 1);
	setenv("VOICE_UNLOCK_RUNTIME_DIR", runtime, 1);
	setenv("VOICE_UNLOCK_HTTP_PORT", "0", 1);
	run("build/tests/aid/utterances %s/voices >&2", folder);
	read_people();
	write_enrolment();
	write_trials();
	run("build/bin/jarvis-voice-unlock start >&2");
	began_us = vu_clock_monotonic_us();
	run("build/bin/jarvis-voice-unlock evaluate --enroll %s/enroll.tsv --trials %s/trials.tsv --out "
	    "%s/scores.tsv >&2",
	    folder, folder, folder);
	seconds = (double)(vu_clock_monotonic_us() - began_us) / 1e6;
	check_scores();
	printf(
	    "{\"name\": \"evaluate_30k_s\", \"value\": %.4g, \"unit\": \"s\", \"baseline\": null, \"ratio\": null}\n",
	    seconds);
	fflush(stdout);
	run("build/bin/jarvis-voice-unlock stop >/dev/null; rm -rf %s", folder);
	return 0;
}
