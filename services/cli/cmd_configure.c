/*
 * configure [KEY [VALUE]]
 *
 * The file is changed and checked as a whole before it is replaced, then a
 * running suite is told to read it. Environment variables beat the file, so a
 * change that they hide is pointed out.
 */
#include "format.h"
#include "audit_note.h"
#include "terminal.h"
#include "verbs.h"

#include "base/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUE_MAX 16384

/* What `configure` asks for on a terminal. */
static const char *const ASKED[] = {"performance.max_memory_mb", "performance.cache_size_mb",
                                    "security.anti_spoofing", "system.mode"};

static const vu_config_key *find_key(const char *name)
{
	size_t count;
	const vu_config_key *keys = vu_config_keys(&count);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}

/* Bad configuration is 8, whatever is wrong with it; a file of somebody else is 9. */
static int fail(const vu_error *error)
{
	return cli_fail(error->status == VU_PERMISSION_DENIED ? CLI_PERMISSION : CLI_CONFIGURATION, "%s",
	                error->message);
}

static int show_all(const vu_config *config)
{
	static const char *const HEADINGS[] = {"KEY", "VALUE", "RANGE", "ENVIRONMENT"};
	format_table *table = format_table_create(HEADINGS, sizeof HEADINGS / sizeof *HEADINGS);
	size_t count;
	const vu_config_key *keys = vu_config_keys(&count);
	char value[VALUE_MAX];

	if (!table)
		return cli_fail(CLI_INTERNAL, "unable to show the configuration: out of memory");
	for (size_t i = 0; i < count; i++) {
		vu_error error;
		if (vu_config_get(config, keys[i].name, value, sizeof value, &error) != VU_OK)
			snprintf(value, sizeof value, "?");
		format_table_add(table, keys[i].name);
		format_table_add(table, value);
		format_table_add(table, keys[i].range ? keys[i].range : "");
		format_table_add(table, keys[i].environment ? keys[i].environment : "");
	}
	format_table_print(table, stdout);
	format_table_free(table);
	printf("\nfrom %s\nset one with: %s configure KEY VALUE\n",
	       config->source_path ? config->source_path : "defaults; there is no file yet", CLI_NAME);
	return CLI_OK;
}

/* Tells a running suite; one that is down reads the file when it starts. */
static int apply(void)
{
	voiceunlock_options options = {.size = sizeof options, .caller = "cli", .tolerate_bad_config = true};
	voiceunlock_client *client = NULL;
	voiceunlock_error error;
	voiceunlock_code code = voiceunlock_create(&options, &client, &error);

	if (code == VOICEUNLOCK_OK)
		code = voiceunlock_reload(client, &error);
	if (code == VOICEUNLOCK_OK) {
		printf("applied to the running suite\n");
		return CLI_OK;
	}
	if (code == VOICEUNLOCK_UNAVAILABLE) {
		printf("the suite is not running; it will be used from the next start\n");
		return CLI_OK;
	}
	if (code == VOICEUNLOCK_INVALID_ARGUMENT || code == VOICEUNLOCK_FAILED_PRECONDITION)
		return cli_fail(CLI_CONFIGURATION, "written, but not applied: %s", error.message);
	return cli_fail(cli_exit_of_code(code), "written, but not applied: %s", error.message);
}

/* Writes one value; nothing is applied yet. */
static int set(const char *path, const char *name, const char *value)
{
	const vu_config_key *key;
	char note[160];
	bool ends_audit = strcmp(name, "security.audit") == 0;
	vu_error error;

	snprintf(note, sizeof note, "%.60s is to be %.60s", name, value);
	/* The last line is that there will be no more. */
	if (ends_audit)
		cli_audit_note("configure", note);
	if (vu_config_set(path, name, value, &error) != VU_OK)
		return fail(&error);
	if (!ends_audit)
		cli_audit_note("configure", note);
	printf("%s: %s\n", name, value);
	key = find_key(name);
	if (key && key->environment && getenv(key->environment))
		printf("mind: %s is set and beats the file; unset it to use this value\n", key->environment);
	return CLI_OK;
}

/* Asks for what matters most; an empty answer keeps what is. */
static int ask(const vu_config *config, const char *path)
{
	bool changed = false;
	vu_error error;

	printf("%s\nPress Enter to keep a value, Ctrl-D to stop.\n\n", path);
	for (size_t i = 0; i < sizeof ASKED / sizeof *ASKED; i++) {
		const vu_config_key *key = find_key(ASKED[i]);
		char value[VALUE_MAX], answer[256];
		if (!key || vu_config_get(config, key->name, value, sizeof value, &error) != VU_OK)
			continue;
		for (;;) {
			printf("%s%s%s (%s; %s) [%s]: ", terminal_colour_code(stdout, TERMINAL_BOLD),
			       key->help ? key->help : key->name, terminal_colour_code(stdout, TERMINAL_PLAIN),
			       key->name, key->range ? key->range : "", value);
			fflush(stdout);
			if (!fgets(answer, sizeof answer, stdin)) {
				putchar('\n');
				return changed ? apply() : CLI_OK;
			}
			answer[strcspn(answer, "\n")] = '\0';
			if (answer[0] == '\0')
				break;
			if (set(path, key->name, answer) == CLI_OK) {
				changed = true;
				break;
			}
		}
	}
	return changed ? apply() : CLI_OK;
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	vu_config *config = NULL;
	char *path = NULL;
	char value[VALUE_MAX];
	vu_error error;
	vu_status status;
	int exit_code;
	int option;

	/* A value may begin with '-': options end at the first word. */
	while ((option = cli_next_option(verb, argc, argv, "+:h", OPTIONS)) != -1) {
		if (option == 'h')
			return cli_print_help(verb);
		return CLI_USAGE;
	}
	if (argc - optind > 2)
		return cli_usage(verb, "configure takes a key and a value");
	status = vu_config_load(NULL, &config, &error);
	/* Setting a value may be what repairs a bad file, so only reading needs a good one. */
	if (status != VU_OK && argc - optind < 2)
		return fail(&error);
	path = config && config->source_path ? strdup(config->source_path) : vu_config_default_path();
	if (!path) {
		vu_config_free(config);
		return cli_fail(CLI_INTERNAL, "unable to find the configuration: out of memory");
	}
	if (argc - optind == 2) {
		exit_code = set(path, argv[optind], argv[optind + 1]);
		if (exit_code == CLI_OK)
			exit_code = apply();
	} else if (argc - optind == 1) {
		status = vu_config_get(config, argv[optind], value, sizeof value, &error);
		exit_code = status == VU_OK ? CLI_OK : fail(&error);
		if (status == VU_OK)
			puts(value);
	} else if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
		exit_code = ask(config, path);
	} else {
		exit_code = show_all(config);
	}
	vu_config_free(config);
	free(path);
	return exit_code;
}

const cli_verb CMD_CONFIGURE = {
    .name = "configure",
    .arguments = "[KEY [VALUE]]",
    .summary = "show, get or set the configuration",
    .help = "With KEY and VALUE, checks and writes the value and applies it to a running suite.\n"
            "With KEY alone, prints its value. Without either, asks for what matters most on a\n"
            "terminal, and lists everything in a pipe. Endpoints of a service are a list:\n"
            "configure services.models.endpoints \"tls+tcp://a:8641, tls+tcp://b:8641\"\n\n"
            "Exit 8 for a bad key, value or file; the file is then as it was.\n",
    .run = run,
};
