/* Exit codes, messages and options. Whatever a person typed is shown without its control characters. */
#include "cli.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 1024
#define CHOICES_MAX 32

int cli_exit_of_verdict(voiceunlock_verdict verdict)
{
	switch (verdict) {
	case VOICEUNLOCK_ACCEPT:
		return CLI_OK;
	case VOICEUNLOCK_REJECT:
		return CLI_REJECT;
	case VOICEUNLOCK_SPOOF:
		return CLI_SPOOF;
	case VOICEUNLOCK_NO_SPEECH:
		return CLI_NO_SPEECH;
	case VOICEUNLOCK_NOT_ENROLLED:
		return CLI_NOT_ENROLLED;
	case VOICEUNLOCK_LOCKED:
		return CLI_LOCKED;
	case VOICEUNLOCK_VERDICT_UNAVAILABLE:
		return CLI_UNAVAILABLE;
	case VOICEUNLOCK_VERDICT_UNKNOWN:
		break;
	}
	return CLI_INTERNAL;
}

int cli_exit_of_code(voiceunlock_code code)
{
	switch (code) {
	case VOICEUNLOCK_OK:
		return CLI_OK;
	case VOICEUNLOCK_CANCELLED:
		return CLI_INTERRUPTED;
	case VOICEUNLOCK_INVALID_ARGUMENT:
	case VOICEUNLOCK_ALREADY_EXISTS:
		return CLI_USAGE;
	case VOICEUNLOCK_NOT_FOUND:
		return CLI_NOT_ENROLLED;
	case VOICEUNLOCK_DEADLINE_EXCEEDED:
	case VOICEUNLOCK_UNAVAILABLE:
	case VOICEUNLOCK_ABORTED:
	case VOICEUNLOCK_RESOURCE_EXHAUSTED:
		return CLI_UNAVAILABLE;
	case VOICEUNLOCK_PERMISSION_DENIED:
	case VOICEUNLOCK_UNAUTHENTICATED:
		return CLI_PERMISSION;
	case VOICEUNLOCK_UNKNOWN:
	case VOICEUNLOCK_FAILED_PRECONDITION:
	case VOICEUNLOCK_OUT_OF_RANGE:
	case VOICEUNLOCK_UNIMPLEMENTED:
	case VOICEUNLOCK_INTERNAL:
	case VOICEUNLOCK_DATA_LOSS:
		break;
	}
	return CLI_INTERNAL;
}

char *cli_printable(const char *text, char *out, size_t size)
{
	size_t used = 0;

	for (const unsigned char *c = (const unsigned char *)text; *c && used + 1 < size; c++) {
		bool control = *c < 0x20 || *c == 0x7F;
		if (*c == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0) {
			control = true;
			c++;
		}
		out[used++] = control ? '?' : (char)*c;
	}
	out[used] = '\0';
	return out;
}

static void tell(const char *format, va_list arguments)
{
	char message[MESSAGE_MAX], printable[MESSAGE_MAX];

	vsnprintf(message, sizeof message, format, arguments);
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", CLI_NAME, cli_printable(message, printable, sizeof printable));
}

int cli_fail(int exit_code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	tell(format, arguments);
	va_end(arguments);
	return exit_code;
}

int cli_fail_error(const voiceunlock_error *error)
{
	if (error->code == VOICEUNLOCK_CANCELLED)
		return cli_fail(CLI_INTERRUPTED, "interrupted");
	return cli_fail(cli_exit_of_code(error->code), "%s", error->message);
}

int cli_usage(const cli_verb *verb, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	tell(format, arguments);
	va_end(arguments);
	fprintf(stderr, "usage: %s %s%s%s\nrun: %s %s --help\n", CLI_NAME, verb->name, verb->arguments[0] ? " " : "",
	        verb->arguments, CLI_NAME, verb->name);
	return CLI_USAGE;
}

int cli_print_help(const cli_verb *verb)
{
	printf("usage: %s %s%s%s\n\n%s", CLI_NAME, verb->name, verb->arguments[0] ? " " : "", verb->arguments,
	       verb->help);
	return CLI_OK;
}

void cli_suggest(const char *word, const char *const *choices, size_t count)
{
	const char *nearest = vu_text_nearest(word, choices, count);

	if (nearest)
		fprintf(stderr, "did you mean: %s\n", nearest);
}

int cli_next_option(const cli_verb *verb, int argc, char **argv, const char *shorts, const struct option *longs)
{
	int index = optind < 1 ? 1 : optind;
	int option;

	opterr = 0;
	option = getopt_long(argc, argv, shorts, longs, NULL);
	if (option == ':') {
		cli_usage(verb, "%s needs a value", argv[optind - 1]);
		return '?';
	}
	if (option == '?') {
		const char *choices[CHOICES_MAX];
		char word[64], wanted[66];
		size_t count = 0;
		const char *given = optind > 0 && optind <= argc ? argv[optind - 1] : "";

		/* getopt_long moves on past a long option, but not always past a bundle of short ones. */
		if (given[0] != '-' && index < argc)
			given = argv[index];
		cli_usage(verb, "%s is no option of '%s', or takes no value", given, verb->name);
		snprintf(word, sizeof word, "%s", given);
		word[strcspn(word, "=")] = '\0';
		for (; count < CHOICES_MAX && longs[count].name; count++)
			choices[count] = longs[count].name;
		if (strncmp(word, "--", 2) == 0) {
			const char *nearest = vu_text_nearest(word + 2, choices, count);
			if (nearest && snprintf(wanted, sizeof wanted, "--%s", nearest) > 0)
				fprintf(stderr, "did you mean: %s\n", wanted);
		}
	}
	return option;
}

bool cli_parse_number(const cli_verb *verb, const char *what, const char *text, double min, double max,
                      double *number_out)
{
	char *end;
	double number;

	errno = 0;
	number = strtod(text, &end);
	if (end == text || *end != '\0' || errno != 0 || !isfinite(number) || number < min || number > max) {
		cli_usage(verb, "%s '%s' is not a number from %g to %g", what, text, min, max);
		return false;
	}
	*number_out = number;
	return true;
}

bool cli_parse_whole(const cli_verb *verb, const char *what, const char *text, long min, long max, long *number_out)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || number < min || number > max) {
		cli_usage(verb, "%s '%s' is not a whole number from %ld to %ld", what, text, min, max);
		return false;
	}
	*number_out = number;
	return true;
}

voiceunlock_client *cli_connect(bool tolerate_bad_config, int *exit_out)
{
	voiceunlock_options options = {
	    .size = sizeof options, .caller = "cli", .tolerate_bad_config = tolerate_bad_config};
	voiceunlock_client *client = NULL;
	voiceunlock_error error;
	voiceunlock_code code = voiceunlock_create(&options, &client, &error);

	if (code == VOICEUNLOCK_OK)
		return client;
	/* Creating a client reads the configuration and does nothing else that can be wrong. */
	*exit_out = cli_exit_of_code(code);
	if (code == VOICEUNLOCK_INVALID_ARGUMENT || code == VOICEUNLOCK_NOT_FOUND ||
	    code == VOICEUNLOCK_OUT_OF_RANGE || code == VOICEUNLOCK_FAILED_PRECONDITION)
		*exit_out = CLI_CONFIGURATION;
	cli_fail(*exit_out, "%s", error.message);
	return NULL;
}
