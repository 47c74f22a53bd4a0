/* doctor [--repair] [--json] */
#include "doctor_checks.h"
#include "output.h"
#include "terminal.h"
#include "verbs.h"

typedef struct findings {
	json_t *checks; /* NULL: text is printed as it comes */
	unsigned problems;
} findings;

static void add_finding(void *context, const char *name, doctor_result result, const char *detail, const char *remedy)
{
	static const char *const WORDS[] = {"ok", "mind", "problem"};
	static const terminal_colour COLOURS[] = {TERMINAL_GREEN, TERMINAL_YELLOW, TERMINAL_RED};
	findings *found = context;
	char printable[1024];

	found->problems += result == DOCTOR_PROBLEM;
	if (found->checks) {
		json_t *check = json_object();
		json_object_set_new(check, "name", json_string(name));
		json_object_set_new(check, "result", json_string(WORDS[result]));
		json_object_set_new(check, "detail", output_text(detail));
		json_object_set_new(check, "remedy", output_text(remedy));
		json_array_append_new(found->checks, check);
		return;
	}
	printf("%s%-7s%s  %-13s  %s\n", terminal_colour_code(stdout, COLOURS[result]), WORDS[result],
	       terminal_colour_code(stdout, TERMINAL_PLAIN), name,
	       cli_printable(detail, printable, sizeof printable));
	if (remedy[0])
		printf("%-24s%s\n", "", cli_printable(remedy, printable, sizeof printable));
	fflush(stdout);
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"json", no_argument, NULL, 'j'},
	                                        {"repair", no_argument, NULL, 'r'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {NULL, 0, NULL, 0}};
	findings found = {0};
	doctor_report report = {.add = add_finding, .context = &found};
	voiceunlock_client *client;
	vu_config *config = NULL;
	vu_error load_error = {.status = VU_OK};
	doctor_suite suite;
	bool as_json = false;
	bool repair = false;
	int exit_code = CLI_OK;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":jrh", OPTIONS)) != -1) {
		if (option == 'j')
			as_json = true;
		else if (option == 'r')
			repair = true;
		else if (option == 'h')
			return cli_print_help(verb);
		else
			return CLI_USAGE;
	}
	if (optind < argc)
		return cli_usage(verb, "doctor takes no arguments");
	if (as_json)
		found.checks = json_array();
	if (vu_config_load(NULL, &config, &load_error) != VU_OK)
		config = NULL;
	doctor_find_suite(config, &suite);
	if (repair)
		doctor_repair(&suite, &report);
	doctor_check_config(config, &load_error, &report);
	doctor_check_folders(&suite, &report);
	doctor_check_sockets(&suite, &report);
	doctor_check_key(&suite, &report);
	doctor_check_unit(&suite, &report);
	doctor_check_pam(&suite, NULL, &report);
	doctor_check_confinement(config, &report);
	doctor_check_disk(&report);
	doctor_check_memory(config, &report);
	doctor_check_locked_memory(&report);
	client = cli_connect(true, &exit_code);
	if (!client)
		return exit_code;
	if (doctor_check_suite(client, &report)) {
		doctor_check_microphone(client, config, &report);
		doctor_check_templates(client, &report);
	}
	if (as_json) {
		json_t *json = json_object();
		json_object_set_new(json, "ok", json_boolean(found.problems == 0));
		json_object_set_new(json, "checks", found.checks);
		if (output_print(json, stdout) != CLI_OK)
			return CLI_INTERNAL;
	} else if (found.problems > 0) {
		printf("\n%u %s\n", found.problems, found.problems == 1 ? "problem" : "problems");
	} else {
		printf("\nall is well\n");
	}
	vu_config_free(config);
	return found.problems > 0 ? CLI_REJECT : CLI_OK;
}

const cli_verb CMD_DOCTOR = {
    .name = "doctor",
    .arguments = "[--repair] [--json]",
    .summary = "check microphone, folders, keys, units, PAM, disk, configuration, services; name the remedy",
    .help = "  -r, --repair  first put right what may be without asking: take away the access of others to\n"
            "                folders, keys and sockets, as root give back what is root's of the machine suite\n"
            "                by mistake, have systemd read changed units\n"
            "  -j, --json    one JSON object\n\n"
            "Exit 0 when all is well, 1 when there is a problem.\n",
    .run = run,
};
