/* report [--json] */
#include "output.h"
#include "verbs.h"

static double number(const json_t *report, const char *first, const char *second, const char *third)
{
	const json_t *value = json_object_get(report, first);

	value = json_object_get(value, second);
	if (third)
		value = json_object_get(value, third);
	return json_is_number(value) ? json_number_value(value) : 0.0;
}

static void print_report(const json_t *report)
{
	const json_t *recommendations = json_object_get(report, "recommendations");

	printf("memory   model server %.1f MB of %.0f MB, all processes %.1f MB, machine %.0f %% in use\n",
	       number(report, "ml_performance", "memory", "model_server_mb"),
	       number(report, "ml_performance", "memory", "max_mb"),
	       number(report, "ml_performance", "memory", "suite_mb"),
	       number(report, "ml_performance", "memory", "system_percent"));
	printf("models   %.0f loaded now, %.0f loads and %.0f unloads so far, %.2f ms a load\n",
	       number(report, "ml_performance", "models", "loaded"),
	       number(report, "ml_performance", "models", "total_loaded"),
	       number(report, "ml_performance", "models", "total_unloaded"),
	       number(report, "ml_performance", "models", "avg_load_time_ms"));
	printf("cache    %.0f items, %.2f MB, %.1f %% hits\n", number(report, "ml_performance", "cache", "items"),
	       number(report, "ml_performance", "cache", "size_mb"),
	       number(report, "ml_performance", "cache", "hit_rate"));
	printf("attempts %.0f, %.1f %% accepted, %.0f ms (half), %.0f ms (nine in ten), %.0f ms (99 in 100)\n",
	       number(report, "auth", "count", NULL), number(report, "auth", "success_rate", NULL),
	       number(report, "auth", "p50_ms", NULL), number(report, "auth", "p90_ms", NULL),
	       number(report, "auth", "p99_ms", NULL));
	for (size_t i = 0; i < json_array_size(recommendations); i++)
		printf("advice   %s\n", json_string_value(json_array_get(recommendations, i)));
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	bool as_json = false;
	voiceunlock_client *client;
	voiceunlock_error error;
	char *text = NULL;
	json_t *report;
	int exit_code = CLI_OK;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":jh", OPTIONS)) != -1) {
		if (option == 'h')
			return cli_print_help(verb);
		if (option != 'j')
			return CLI_USAGE;
		as_json = true;
	}
	if (optind < argc)
		return cli_usage(verb, "report takes no arguments");
	client = cli_connect(false, &exit_code);
	if (!client)
		return exit_code;
	if (voiceunlock_report(client, &text, &error) != VOICEUNLOCK_OK)
		return cli_fail_error(&error);
	report = json_loads(text, 0, NULL);
	voiceunlock_text_free(text);
	if (!report)
		return cli_fail(CLI_INTERNAL, "unable to read the report: it is no JSON");
	output_clear_nan(report);
	if (as_json)
		return output_print(report, stdout);
	print_report(report);
	json_decref(report);
	return CLI_OK;
}

const cli_verb CMD_REPORT = {
    .name = "report",
    .arguments = "[--json]",
    .summary = "how the suite does: memory, models, cache, attempts, advice",
    .help = "  -j, --json  one JSON object\n",
    .run = run,
};
