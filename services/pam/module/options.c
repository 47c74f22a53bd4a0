/* Options from words. What is not exactly right is refused. */
#include "options.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT_S 8
#define DEFAULT_TRIES     1

static const char *const LEVELS[] = {"convenient", "standard", "strict", NULL};
static const char *const ANTI_SPOOFING[] = {"off", "low", "medium", "high", "maximum", NULL};

/* The text behind "name=", or NULL. */
static const char *value_of(const char *word, const char *name)
{
	size_t length = strlen(name);
	return strncmp(word, name, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static bool read_number(const char *text, int max, int *out)
{
	char *end;
	long number;

	if (*text < '0' || *text > '9')
		return false;
	number = strtol(text, &end, 10);
	if (*end != '\0' || number < 1 || number > max)
		return false;
	*out = (int)number;
	return true;
}

static bool read_choice(const char *text, const char *const *choices, const char **out)
{
	for (; *choices; choices++) {
		if (strcmp(text, *choices) == 0) {
			*out = *choices;
			return true;
		}
	}
	return false;
}

static bool read_word(const char *word, vu_pam_options *out)
{
	const char *value;

	if ((value = value_of(word, "timeout")) != NULL)
		return read_number(value, VU_PAM_TIMEOUT_S_MAX, &out->timeout_s);
	if ((value = value_of(word, "tries")) != NULL)
		return read_number(value, VU_PAM_TRIES_MAX, &out->tries);
	if ((value = value_of(word, "level")) != NULL)
		return read_choice(value, LEVELS, &out->level);
	if ((value = value_of(word, "anti_spoofing")) != NULL)
		return read_choice(value, ANTI_SPOOFING, &out->anti_spoofing);
	if (strcmp(word, "user_prompt") == 0)
		return out->user_prompt = true;
	if (strcmp(word, "quiet") == 0)
		return out->quiet = true;
	return false;
}

const char *vu_pam_options_parse(int argc, const char **argv, vu_pam_options *out)
{
	memset(out, 0, sizeof *out);
	out->timeout_s = DEFAULT_TIMEOUT_S;
	out->tries = DEFAULT_TRIES;
	for (int i = 0; i < argc; i++) {
		if (!read_word(argv[i], out))
			return argv[i];
	}
	return NULL;
}
