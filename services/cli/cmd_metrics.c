/* metrics NAME [--since S] [--json] */
#include "format.h"
#include "output.h"
#include "verbs.h"

#include <stdlib.h>

static void print_metric(const json_t *metric)
{
	const json_t *points = json_object_get(metric, "points");
	static const char *const QUANTILES[] = {"p50", "p90", "p99"};
	char text[FORMAT_MAX];

	for (size_t i = 0; i < json_array_size(points); i++) {
		const json_t *point = json_array_get(points, i);
		printf("%s  %.6g\n",
		       format_time((uint64_t)json_integer_value(json_object_get(point, "time_us")), text),
		       json_number_value(json_object_get(point, "value")));
	}
	if (json_array_size(points) == 0) {
		printf("nothing was measured in that time\n");
		return;
	}
	for (size_t i = 0; i < sizeof QUANTILES / sizeof *QUANTILES; i++)
		printf("%s%s %.6g", i ? ", " : "", QUANTILES[i],
		       json_number_value(json_object_get(metric, QUANTILES[i])));
	printf("\n");
}

static int show(voiceunlock_client *client, const char *name, long since_s, bool as_json)
{
	json_t *request = json_pack("{s:s, s:I}", "name", name, "since_s", (json_int_t)since_s);
	char *question = request ? json_dumps(request, JSON_COMPACT) : NULL;
	char *text = NULL;
	voiceunlock_error error;
	voiceunlock_code code;
	json_t *metric;

	json_decref(request);
	if (!question)
		return cli_fail(CLI_USAGE, "unable to ask for this metric: its name is no text");
	code = voiceunlock_call(client, "orchestrator/Metric", question, 10.0, &text, &error);
	free(question);
	if (code == VOICEUNLOCK_NOT_FOUND)
		return cli_fail(CLI_USAGE, "%s", error.message);
	if (code != VOICEUNLOCK_OK)
		return cli_fail_error(&error);
	metric = json_loads(text, 0, NULL);
	voiceunlock_text_free(text);
	if (!metric)
		return cli_fail(CLI_INTERNAL, "unable to read the metric: it is no JSON");
	output_clear_nan(metric);
	if (as_json)
		return output_print(metric, stdout);
	print_metric(metric);
	json_decref(metric);
	return CLI_OK;
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"since", required_argument, NULL, 's'},
	                                        {"json", no_argument, NULL, 'j'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {NULL, 0, NULL, 0}};
	bool as_json = false;
	long since_s = 3600;
	voiceunlock_client *client;
	int exit_code = CLI_OK;
	int option;

	while ((option = cli_next_option(verb, argc, argv, ":s:jh", OPTIONS)) != -1) {
		switch (option) {
		case 's':
			if (!cli_parse_whole(verb, "--since", optarg, 1, 31 * 86400, &since_s))
				return CLI_USAGE;
			break;
		case 'j':
			as_json = true;
			break;
		case 'h':
			return cli_print_help(verb);
		default:
			return CLI_USAGE;
		}
	}
	if (argc - optind != 1)
		return cli_usage(verb, "metrics takes the name of one metric");
	client = cli_connect(false, &exit_code);
	return client ? show(client, argv[optind], since_s, as_json) : exit_code;
}

const cli_verb CMD_METRICS = {
    .name = "metrics",
    .arguments = "NAME [--since S] [--json]",
    .summary = "history of one metric",
    .help = "  -s, --since S  of the last S seconds (3600): up to an hour every 5 s, else every\n"
            "                 5 min, up to 31 days\n"
            "  -j, --json     one JSON object\n\n"
            "NAME is one of memory_system_percent memory_ml_mb memory_cache_mb cpu_percent\n"
            "model_load_time_ms inference_time_ms feature_time_ms antispoof_time_ms auth_time_ms\n"
            "cache_hit_percent auth_success_rate disk_read_bytes disk_write_bytes; of each process\n"
            "memory_capture_mb memory_features_mb memory_antispoof_mb memory_orchestrator_mb\n"
            "memory_supervisor_mb (that of the model server is memory_ml_mb), of each cache\n"
            "memory_cache_models_mb memory_cache_scalers_mb memory_cache_pca_mb.\n",
    .run = run,
};
