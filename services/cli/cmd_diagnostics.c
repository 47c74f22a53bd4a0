/*
 * diagnostics FILE: everything needed to debug in one JSON file. Made of what
 * the services answer and the ends of their logs; no template and no key is
 * ever asked for. With security.anonymize_logs names are left out: the logs
 * have none then, and of the status only numbers of users and lockouts remain.
 */
#include "output.h"
#include "verbs.h"

#include "base/config.h"
#include "base/file.h"
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_BYTES_MAX (64 * 1024)

/* The answer of a method as JSON, or an object that says why there is none. */
static json_t *ask(voiceunlock_client *client, const char *method, const char *request)
{
	voiceunlock_error error;
	char *text = NULL;
	json_t *answer;

	if (voiceunlock_call(client, method, request, 10.0, &text, &error) != VOICEUNLOCK_OK)
		return json_pack("{s:s}", "error", error.message);
	answer = json_loads(text, 0, NULL);
	voiceunlock_text_free(text);
	output_clear_nan(answer);
	return answer ? answer : json_null();
}

static json_t *describe_status(voiceunlock_client *client, bool anonymize)
{
	voiceunlock_suite *suite = NULL;
	voiceunlock_error error;
	json_t *status;

	if (voiceunlock_get_status(client, &suite, &error) != VOICEUNLOCK_OK)
		return json_pack("{s:s}", "error", error.message);
	status = output_suite(suite);
	if (anonymize) {
		json_object_set_new(status, "lockouts", json_integer((json_int_t)suite->lockout_count));
		json_object_set_new(status, "expected", json_integer((json_int_t)suite->expected_count));
	}
	voiceunlock_suite_free(suite);
	return status;
}

static json_t *describe_configuration(void)
{
	json_t *object = json_object();
	vu_config *config = NULL;
	char value[1024];
	size_t count;
	const vu_config_key *keys = vu_config_keys(&count);
	vu_error error;

	if (vu_config_load(NULL, &config, &error) != VU_OK) {
		json_object_set_new(object, "error", json_string(error.message));
		return object;
	}
	json_object_set_new(object, "file", config->source_path ? json_string(config->source_path) : json_null());
	for (size_t i = 0; i < count; i++) {
		if (vu_config_get(config, keys[i].name, value, sizeof value, &error) == VU_OK)
			json_object_set_new(object, keys[i].name, json_string(value));
	}
	vu_config_free(config);
	return object;
}

/* The last lines of a log as texts; an empty list where there is none. */
static json_t *tail_of_log(const char *home, const char *name)
{
	json_t *lines = json_array();
	char path[PATH_MAX];
	char *text = malloc(LOG_BYTES_MAX + 1);
	ssize_t got = 0;
	off_t size;
	int fd;

	snprintf(path, sizeof path, "%s/log/%s.log", home, name);
	fd = text ? open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (fd >= 0) {
		size = lseek(fd, 0, SEEK_END);
		got = pread(fd, text, LOG_BYTES_MAX, size > LOG_BYTES_MAX ? size - LOG_BYTES_MAX : 0);
		close(fd);
	}
	if (text)
		text[got > 0 ? got : 0] = '\0';
	for (char *line = text, *rest; line && *line; line = rest) {
		json_t *entry;
		rest = line + strcspn(line, "\n");
		if (*rest)
			*rest++ = '\0';
		/* The first may have been cut; what is no JSON is left out. */
		entry = json_loads(line, 0, NULL);
		if (entry)
			json_array_append_new(lines, entry);
	}
	free(text);
	return lines;
}

static json_t *describe_metrics(voiceunlock_client *client)
{
	static const char *const NAMES[] = {
	    "memory_system_percent",  "memory_ml_mb",         "memory_cache_mb",        "cpu_percent",
	    "model_load_time_ms",     "inference_time_ms",    "feature_time_ms",        "antispoof_time_ms",
	    "auth_time_ms",           "cache_hit_percent",    "auth_success_rate",      "disk_read_bytes",
	    "disk_write_bytes",       "memory_capture_mb",    "memory_features_mb",     "memory_antispoof_mb",
	    "memory_orchestrator_mb", "memory_supervisor_mb", "memory_cache_models_mb", "memory_cache_scalers_mb",
	    "memory_cache_pca_mb",
	};
	json_t *metrics = json_object();

	for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
		char request[96];
		snprintf(request, sizeof request, "{\"name\":\"%s\"}", NAMES[i]);
		json_object_set_new(metrics, NAMES[i], ask(client, "orchestrator/Metric", request));
	}
	return metrics;
}

static json_t *collect(voiceunlock_client *client, bool anonymize)
{
	json_t *all = json_object();
	json_t *log = json_object();
	json_t *counters = json_object();
	json_t *versions = json_object();
	char *home = vu_platform_home_folder();

	json_object_set_new(all, "time", json_integer((json_int_t)time(NULL)));
	json_object_set_new(all, "configuration", describe_configuration());
	json_object_set_new(all, "status", describe_status(client, anonymize));
	json_object_set_new(all, "performance_report", ask(client, "orchestrator/Report", "{}"));
	json_object_set_new(all, "metrics", describe_metrics(client));
	json_object_set_new(all, "alerts", ask(client, "orchestrator/WatchAlerts", "{}"));
	for (int id = 0; id < VU_SERVICE_COUNT; id++) {
		const char *name = vu_service_name((vu_service_id)id);
		char method[64];
		snprintf(method, sizeof method, "%s/Counters", name);
		json_object_set_new(counters, name, ask(client, method, "{}"));
		snprintf(method, sizeof method, "%s/Info", name);
		json_object_set_new(versions, name, ask(client, method, "{}"));
		if (home && !anonymize)
			json_object_set_new(log, name, tail_of_log(home, name));
	}
	json_object_set_new(all, "counters", counters);
	json_object_set_new(all, "versions", versions);
	json_object_set_new(all, "log", log);
	free(home);
	return all;
}

static int run(const cli_verb *verb, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	voiceunlock_client *client;
	vu_config *config = NULL;
	vu_error error;
	bool anonymize = true;
	char *text;
	json_t *all;
	int exit_code = CLI_OK;
	int option;
	vu_status status;

	while ((option = cli_next_option(verb, argc, argv, ":h", OPTIONS)) != -1)
		return option == 'h' ? cli_print_help(verb) : CLI_USAGE;
	if (argc - optind != 1)
		return cli_usage(verb, "diagnostics takes the name of the file to write");
	client = cli_connect(true, &exit_code);
	if (!client)
		return exit_code;
	if (vu_config_load(NULL, &config, NULL) == VU_OK) {
		anonymize = config->security.anonymize_logs;
		vu_config_free(config);
	}
	all = collect(client, anonymize);
	text = json_dumps(all, JSON_INDENT(1));
	json_decref(all);
	if (!text)
		return cli_fail(CLI_INTERNAL, "unable to write %s: out of memory", argv[optind]);
	status = vu_file_write_atomically(argv[optind], text, strlen(text), &error);
	free(text);
	if (status != VU_OK)
		return cli_fail(status == VU_PERMISSION_DENIED ? CLI_PERMISSION : CLI_INTERNAL, "%s", error.message);
	printf("%s is written; look through it before you give it to anybody%s\n", argv[optind],
	       anonymize ? "" : ": it names users");
	return CLI_OK;
}

const cli_verb CMD_DIAGNOSTICS = {
    .name = "diagnostics",
    .arguments = "FILE",
    .summary = "write everything needed to debug into one JSON file",
    .help = "FILE gets configuration, status, performance report, metrics, counters, versions and\n"
            "the ends of the logs; no template and no key. With security.anonymize_logs it has no\n"
            "names and no logs.\n",
    .run = run,
};
