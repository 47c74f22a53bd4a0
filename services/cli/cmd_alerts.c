/* alerts [--follow] */
#include "interrupt.h"
#include "output.h"
#include "verbs.h"

/* One line of JSON for each: what scripts and people can both read. */
static void print_alert(void *context, const voiceunlock_alert *alert)
{
	(void)context;
	output_print(json_pack("{s:s, s:f, s:f, s:s, s:I}", "metric", alert->metric, "value", alert->value,
	                       "threshold", alert->threshold, "severity", alert->severity, "since",
	                       (json_int_t)(alert->since_us / 1000000)),
	             stdout);
	fflush(stdout);
}

/* Those that are active now. */
static int list(voiceunlock_client *client)
{
	voiceunlock_error error;
	char *text = NULL;
	json_t *answer;
	const json_t *alerts;

	if (voiceunlock_call(client, "orchestrator/WatchAlerts", "{}", 10.0, &text, &error) != VOICEUNLOCK_OK)
		return cli_fail_error(&error);
	answer = json_loads(text, 0, NULL);
	voiceunlock_text_free(text);
	alerts = json_object_get(answer, "alerts");
	for (size_t i = 0; i < json_array_size(alerts); i++) {
		const json_t *alert = json_array_get(alerts, i);
		voiceunlock_alert copy = {
		    .metric = json_string_value(json_object_get(alert, "metric")),
		    .value = json_number_value(json_object_get(alert, "value")),
		    .threshold = json_number_value(json_object_get(alert, "threshold")),
		    .severity = json_string_value(json_object_get(alert, "severity")),
		    .since_us = (uint64_t)json_integer_value(json_object_get(alert, "since_us")),
		};
		print_alert(NULL, &copy);
	}
	if (json_array_size(alerts) == 0)
		fprintf(stderr, "no alert is active\n");
	json_decref(answer);
	return CLI_OK;
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"follow", no_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	bool follow = false;
	voiceunlock_cancel *cancel = NULL;
	voiceunlock_client *client;
	voiceunlock_error error;
	int exit_code = CLI_OK;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":fh", OPTIONS)) != -1) {
		if (option == 'h')
			return cli_print_help(verb);
		if (option != 'f')
			return CLI_USAGE;
		follow = true;
	}
	if (optind < argc)
		return cli_usage(verb, "alerts takes no arguments");
	if (follow)
		cancel = interrupt_catch();
	client = cli_connect(false, &exit_code);
	if (!client)
		return exit_code;
	if (!follow)
		return list(client);
	(void)voiceunlock_watch_alerts(client, print_alert, NULL, cancel, &error);
	return interrupt_happened() ? CLI_INTERRUPTED : cli_fail_error(&error);
}

const cli_verb CMD_ALERTS = {
    .name = "alerts",
    .arguments = "[--follow]",
    .summary = "alerts that are active, or as they fire",
    .help = "  -f, --follow  go on and print each alert as it fires, until Ctrl-C\n\n"
            "Each is one line of JSON: metric, value, threshold, severity (warning, critical), and\n"
            "since (seconds since 1970). Thresholds are in the configuration under alerts.\n",
    .run = run,
};
