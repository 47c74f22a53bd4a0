/* The table of verbs. */
#include "verbs.h"

#include <string.h>

static const cli_verb *const VERBS[] = {
    &CMD_START,   &CMD_STOP,   &CMD_RESTART,     &CMD_STATUS,  &CMD_ENROLL,  &CMD_TEST,        &CMD_IDENTIFY,
    &CMD_LIST,    &CMD_REMOVE, &CMD_CONFIGURE,   &CMD_EXPORT,  &CMD_HISTORY, &CMD_EVALUATE,    &CMD_REPORT,
    &CMD_METRICS, &CMD_ALERTS, &CMD_DIAGNOSTICS, &CMD_CLEANUP, &CMD_AUDIT,   &CMD_UNLOCK_USER, &CMD_ROTATE_KEY,
    &CMD_CALL,    &CMD_DOCTOR, &CMD_HELP,        &CMD_VERSION,
};
enum { VERB_COUNT = sizeof VERBS / sizeof *VERBS };

const cli_verb *const *cli_verbs(size_t *count_out)
{
	*count_out = VERB_COUNT;
	return VERBS;
}

const cli_verb *cli_find_verb(const char *name)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (strcmp(VERBS[i]->name, name) == 0)
			return VERBS[i];
	}
	return NULL;
}

void cli_suggest_verb(const char *word)
{
	const char *names[VERB_COUNT];

	for (size_t i = 0; i < VERB_COUNT; i++)
		names[i] = VERBS[i]->name;
	cli_suggest(word, names, VERB_COUNT);
}

void cli_print_overview(FILE *out)
{
	fprintf(out, "usage: %s VERB [ARGUMENT…]\n\nUnlocks by your voice, and by nobody else's.\n\n", CLI_NAME);
	for (size_t i = 0; i < VERB_COUNT; i++)
		fprintf(out, "  %-11s %s\n", VERBS[i]->name, VERBS[i]->summary);
	fprintf(out,
	        "\nTo begin: %s start, then %s enroll NAME, then %s test --user NAME.\n"
	        "Every verb has --help. Root asks the suite of the whole machine with --machine before the verb.\n",
	        CLI_NAME, CLI_NAME, CLI_NAME);
}
