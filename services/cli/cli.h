/*
 * What every verb shares: the table of verbs, exit codes, reading options,
 * and telling people what went wrong.
 */
#ifndef VU_CLI_CLI_H
#define VU_CLI_CLI_H

#include "voiceunlock.h"

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CLI_NAME "jarvis-voice-unlock"

enum cli_exit {
	CLI_OK = 0,
	CLI_REJECT = 1, /* also: nobody identified, doctor found a problem */
	CLI_USAGE = 2,  /* also: duplicate user, bad user name */
	CLI_SPOOF = 3,
	CLI_NO_SPEECH = 4,
	CLI_NOT_ENROLLED = 5,
	CLI_LOCKED = 6,
	CLI_UNAVAILABLE = 7,
	CLI_CONFIGURATION = 8,
	CLI_PERMISSION = 9,
	CLI_INTERNAL = 70,
	CLI_INTERRUPTED = 130,
};

typedef struct cli_verb {
	const char *name;
	const char *arguments;                                          /* as after the name in a usage line */
	const char *summary;                                            /* one line of `help` */
	const char *help;                                               /* what `--help` adds */
	int (*run)(const struct cli_verb *verb, int argc, char **argv); /* argv[0] is the verb */
} cli_verb;

/* All verbs in the order of `help`, *count_out of them. */
const cli_verb *const *cli_verbs(size_t *count_out);
/* NULL when there is none of that name. */
const cli_verb *cli_find_verb(const char *name);

/* ---- exit codes ---- */

int cli_exit_of_verdict(voiceunlock_verdict verdict);
int cli_exit_of_code(voiceunlock_code code);

/* ---- telling ---- */

/* "jarvis-voice-unlock: …" on standard error; returns `exit_code`. Control characters are shown as '?'. */
int cli_fail(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same from an error of the library. */
int cli_fail_error(const voiceunlock_error *error);
/* Usage of the verb on standard error after a message; returns CLI_USAGE. */
int cli_usage(const cli_verb *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `--help` of the verb on standard output; returns CLI_OK. */
int cli_print_help(const cli_verb *verb);
/* "did you mean …" on standard error when one of `choices` is near. */
void cli_suggest(const char *word, const char *const *choices, size_t count);

/* Copies text for a person's eyes: control characters become '?', what does not fit is cut. Returns `out`. */
char *cli_printable(const char *text, char *out, size_t size);

/* ---- options ---- */

/*
 * getopt_long that speaks for itself. Returns the option, 1 for an argument
 * when `shorts` begins with '-', -1 at the end, and '?' after it has told what
 * is wrong; the verb then returns CLI_USAGE.
 */
int cli_next_option(const cli_verb *verb, int argc, char **argv, const char *shorts, const struct option *longs);

/* Numbers with nothing after them and within bounds; false after telling what is wrong with `what`. */
bool cli_parse_number(const cli_verb *verb, const char *what, const char *text, double min, double max,
                      double *number_out);
bool cli_parse_whole(const cli_verb *verb, const char *what, const char *text, long min, long max, long *number_out);

/* ---- the suite ---- */

/* A client, or NULL after telling why; *exit_out is then the exit code. */
voiceunlock_client *cli_connect(bool tolerate_bad_config, int *exit_out);

#endif
