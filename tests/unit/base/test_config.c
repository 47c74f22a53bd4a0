#include "base/config.h"

#include "../folder_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[TEST_PATH_MAX];

static int set_up(void **state)
{
	(void)state;
	test_folder_create(folder);
	setenv("XDG_CONFIG_HOME", folder, 1);
	setenv("VOICE_UNLOCK_HOME", folder, 1);
	setenv("VOICE_UNLOCK_LOG_LEVEL", "error", 1);
	unsetenv("VOICE_UNLOCK_CONFIG");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_folder_remove(folder);
	return 0;
}

static vu_config *parse(const char *text)
{
	vu_config *config = NULL;
	vu_error error = {VU_OK, ""};

	if (vu_config_parse(text, strlen(text), "test.yaml", &config, &error) != VU_OK)
		fail_msg("%s", error.message);
	return config;
}

static void assert_refused(const char *text, const char *message)
{
	vu_config *config = NULL;
	vu_error error = {VU_OK, ""};

	assert_int_equal(vu_config_parse(text, strlen(text), "test.yaml", &config, &error), VU_INVALID_ARGUMENT);
	assert_int_equal(error.status, VU_INVALID_ARGUMENT);
	assert_string_equal(error.message, message);
	assert_null(config);
}

static void nothing_gives_defaults(void **state)
{
	static const char *const nothing[] = {"",
	                                      "# only a comment\n",
	                                      "---\n",
	                                      "performance:\n",
	                                      "ml: null\naudio: ~\n",
	                                      "services:\n  models:\n    endpoints:\n"};

	(void)state;
	for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
		vu_config *config = parse(nothing[i]);
		assert_int_equal(config->performance.max_memory_mb, 400);
		assert_true(config->ml.enable_lazy_loading);
		assert_true(config->ml.preload_threshold == 0.7);
		assert_string_equal(config->audio.device, "default");
		assert_null(config->ml.background_model);
		assert_int_equal(config->authentication.level, VU_LEVEL_STANDARD);
		assert_int_equal(config->security.anti_spoofing, VU_ANTISPOOF_HIGH);
		assert_int_equal(config->http.port, 8640);
		assert_true(config->http.port_is_default);
		assert_int_equal(config->enrollment.phrase_count, 10);
		assert_int_equal(config->endpoints[VU_SERVICE_MODELS].count, 0);
		vu_config_free(config);
	}
}

static void every_kind_of_value_is_read(void **state)
{
	vu_config *config = parse("performance:\n"
	                          "  max_memory_mb: 500\n"
	                          "  background_monitoring: off\n"
	                          "ml:\n"
	                          "  prune: .5\n"
	                          "  background_model: \"/a b/c\"\n"
	                          "  loaders:\n"
	                          "    - kind: svm\n"
	                          "      path: /x\n"
	                          "      sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
	                          "enrollment: {phrases: [one, 'two: three']}\n"
	                          "security:\n"
	                          "  anti_spoofing: off\n"
	                          "http:\n"
	                          "  port: 8640\n"
	                          "services:\n"
	                          "  models:\n"
	                          "    endpoints: [ipc:///tmp/a.sock, 'tls+tcp://mac-2.local:8641']\n");

	(void)state;
	assert_int_equal(config->performance.max_memory_mb, 500);
	assert_false(config->performance.background_monitoring);
	assert_true(config->ml.prune == 0.5);
	assert_string_equal(config->ml.background_model, "/a b/c");
	assert_int_equal(config->ml.loader_count, 1);
	assert_string_equal(config->ml.loaders[0].kind, "svm");
	assert_string_equal(config->ml.loaders[0].path, "/x");
	assert_null(config->ml.loaders[0].object);
	assert_int_equal(config->enrollment.phrase_count, 2);
	assert_string_equal(config->enrollment.phrases[1], "two: three");
	assert_int_equal(config->security.anti_spoofing, VU_ANTISPOOF_OFF);
	assert_false(config->http.port_is_default);
	assert_int_equal(config->endpoints[VU_SERVICE_MODELS].count, 2);
	assert_string_equal(config->endpoints[VU_SERVICE_MODELS].uris[1], "tls+tcp://mac-2.local:8641");
	assert_string_equal(config->source_path, "test.yaml");
	vu_config_free(config);
}

#define AT "unable to read configuration test.yaml, line "

static void bad_structure_is_named_with_line_and_remedy(void **state)
{
	(void)state;
	assert_refused("performance:\n  max_memroy_mb: 1\n",
	               AT "2: unknown key performance.max_memroy_mb; did you mean max_memory_mb?");
	assert_refused("perfomance:\n  max_memory_mb: 1\n",
	               AT "1: unknown key perfomance; did you mean performance?");
	assert_refused("http:\n  port: 1\nmax_memory_mb: 1\n",
	               AT "3: unknown key max_memory_mb; did you mean performance.max_memory_mb?");
	assert_refused("bananas:\n  x: 1\n", AT "1: unknown key bananas; remove the line");
	assert_refused("http:\n  port: 1\n  port: 2\n",
	               AT "3: http.port stands here again, first on line 2; keep one of them");
	assert_refused("http:\n  port: 1\nhttp:\n  port: 2\n",
	               AT "3: http stands here again, first on line 1; keep one of them");
	assert_refused("http: 5\n", AT "1: http must be a section: indent its keys on the lines below");
	assert_refused("http:\n  port: [1]\n", AT "2: http.port must be one value, not a list or a section");
	assert_refused("ml:\n  loaders: 5\n",
	               AT "2: ml.loaders must be a list: write \"- \" before each of its lines");
	assert_refused("- a\n",
	               AT "1: the file must consist of sections, such as \"performance:\" with indented keys below");
	assert_refused("? [a]\n: b\n", AT "1: a key must be a word");
	assert_refused("services:\n  model:\n    endpoints: []\n",
	               AT "2: unknown key services.model; did you mean models?");
	assert_refused("services:\n  models:\n    endpoint: []\n",
	               AT "3: unknown key services.models.endpoint; did you mean endpoints?");
	assert_refused("services:\n  models:\n    endpoints: [a,b,c,d,e,f,g,h,i]\n",
	               AT "3: services.models.endpoints has 9 entries, but may have at most 8");
}

static void bad_syntax_is_named_with_its_line(void **state)
{
	(void)state;
	assert_refused("http:\n\tport: 1\n",
	               AT "2: found character that cannot start any token, while scanning for the "
	                  "next token; correct the YAML there");
	assert_refused("http:\n  port: 1\n---\nml:\n",
	               AT "3: a second document begins; keep one and remove the \"---\" between them");
	assert_refused("http: &a\n  port: 1\nml: *a\n", AT "3: aliases (*name) are not read; write the value out");
	assert_refused("http:\n  port: \xff\n",
	               "unable to read configuration test.yaml: it is not text in UTF-8; save it as such");
}

static void bad_values_are_named_with_their_range(void **state)
{
	(void)state;
	assert_refused("performance:\n  max_memory_mb: 70000\n",
	               AT "2: performance.max_memory_mb is \"70000\", but must be 32 to 65536, as with less the "
	                  "model server cannot serve");
	assert_refused("performance:\n  max_memory_mb: -1\n",
	               AT "2: performance.max_memory_mb is \"-1\", but must be 32 to 65536, as with less the model "
	                  "server cannot serve");
	assert_refused("performance:\n  max_memory_mb: 0x100\n",
	               AT "2: performance.max_memory_mb is \"0x100\", but must be 32 to 65536, as with less the "
	                  "model server cannot serve");
	assert_refused("ml:\n\n  prune: nan\n", AT "3: ml.prune is \"nan\", but must be 0 to 0.9");
	assert_refused("ml:\n  prune: 0.91\n", AT "2: ml.prune is \"0.91\", but must be 0 to 0.9");
	assert_refused("ml:\n  enable_mmap: maybe\n", AT "2: ml.enable_mmap is \"maybe\", but must be true or false");
	assert_refused(
	    "security:\n  anti_spoofing: hihg\n",
	    AT "2: security.anti_spoofing is \"hihg\", but must be off, low, medium, high or maximum; did you "
	       "mean high?");
	assert_refused("audio:\n  device: \"a\\nb\"\n", AT "2: audio.device contains a control character");
	assert_refused("enrollment:\n  phrases: ['']\n",
	               AT "2: entry 1 of enrollment.phrases is empty; write a sentence or remove it");
}

static void contradictions_are_refused(void **state)
{
	(void)state;
	assert_refused("performance:\n  max_memory_mb: 100\n  cache_size_mb: 101\n",
	               AT "3: performance.cache_size_mb is 101, more than performance.max_memory_mb, which is 100; "
	                  "lower the first or raise the second");
	assert_refused("audio:\n  max_duration_s: 2\n  min_duration_s: 2.5\n",
	               AT "3: audio.min_duration_s is 2.5, more than audio.max_duration_s, which is 2; "
	                  "lower the first or raise the second");
	assert_refused("enrollment:\n  min_samples: 11\n",
	               AT "2: enrollment.min_samples is 11, more than enrollment.max_samples, which is 10; "
	                  "lower the first or raise the second");
	assert_refused("ml:\n  loaders: [{path: /x}]\n", AT "2: entry 1 of ml.loaders has no kind; add one");
	assert_refused("ml:\n  loaders: [{kind: x, path: /x, object: /y}]\n",
	               AT "2: entry 1 of ml.loaders must have either object or path");
	assert_refused("ml:\n  loaders: [{kind: x, path: /x, sha256: abc}]\n",
	               AT "2: entry 1 of ml.loaders must have a sha256 of 64 hex digits; sha256sum prints it");
	assert_refused(
	    "services:\n  models:\n    endpoints: ['tcp://x:1']\n",
	    AT "3: services.models.endpoints has \"tcp://x:1\", but an endpoint begins with ipc:// or tls+tcp://");
}

static void an_unset_lower_bound_follows_the_upper(void **state)
{
	vu_config *config = parse("performance:\n  max_memory_mb: 100\naudio:\n  max_duration_s: 1\n"
	                          "enrollment:\n  max_samples: 3\n");

	(void)state;
	assert_int_equal(config->performance.cache_size_mb, 100);
	assert_true(config->audio.min_duration_s == 1);
	assert_int_equal(config->enrollment.min_samples, 3);
	vu_config_free(config);
}

static void oversized_input_is_refused(void **state)
{
	char *text = malloc(VU_CONFIG_FILE_BYTES_MAX + 1);
	vu_config *config;
	vu_error error;

	(void)state;
	assert_non_null(text);
	memset(text, '#', VU_CONFIG_FILE_BYTES_MAX + 1);
	assert_int_equal(vu_config_parse(text, VU_CONFIG_FILE_BYTES_MAX + 1, "t", &config, &error), VU_OUT_OF_RANGE);
	assert_string_equal(error.message,
	                    "unable to read configuration t: it has 262145 bytes, more than the 262144 allowed");
	assert_int_equal(vu_config_parse(text, VU_CONFIG_FILE_BYTES_MAX, "t", &config, &error), VU_OK);
	vu_config_free(config);
	free(text);
}

static void the_file_is_looked_for_in_order(void **state)
{
	char named[TEST_PATH_MAX];
	char sub[TEST_PATH_MAX];
	vu_config *config;
	vu_error error;

	(void)state;
	/* None at all: defaults (unless this machine has one in /etc). */
	if (access("/etc/voice-unlock/config.yaml", F_OK) != 0) {
		assert_int_equal(vu_config_load(NULL, &config, &error), VU_OK);
		assert_null(config->source_path);
		vu_config_free(config);
	}
	snprintf(sub, sizeof sub, "%.200s/voice-unlock", folder);
	assert_int_equal(mkdir(sub, 0700), 0);
	/* Linux looks below XDG_CONFIG_HOME and macOS does too when it is set. */
	test_file_create(sub, "config.yaml", "http:\n  port: 1\n", 0600, NULL);
	assert_int_equal(vu_config_load(NULL, &config, &error), VU_OK);
	assert_int_equal(config->http.port, 1);
	vu_config_free(config);

	test_file_create(folder, "named.yaml", "http:\n  port: 2\n", 0600, named);
	setenv("VOICE_UNLOCK_CONFIG", named, 1);
	assert_int_equal(vu_config_load(NULL, &config, &error), VU_OK);
	assert_int_equal(config->http.port, 2);
	assert_string_equal(config->source_path, named);
	vu_config_free(config);

	setenv("VOICE_UNLOCK_CONFIG", "/nowhere/config.yaml", 1);
	assert_int_equal(vu_config_load(NULL, &config, &error), VU_NOT_FOUND);
	assert_string_equal(error.message, "unable to open /nowhere/config.yaml: No such file or directory");
	assert_int_equal(vu_config_load(named, &config, &error), VU_OK);
	vu_config_free(config);
	unsetenv("VOICE_UNLOCK_CONFIG");
}

static void an_untrusted_file_is_refused(void **state)
{
	char path[TEST_PATH_MAX];
	vu_config *config = NULL;
	vu_error error;

	(void)state;
	test_file_create(folder, "open.yaml", "http:\n  port: 1\n", 0666, path);
	assert_int_equal(vu_config_load(path, &config, &error), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "others can write it; run chmod go-w on it"));
	assert_null(config);
	if (geteuid() == 0) {
		test_file_create(folder, "foreign.yaml", "", 0600, path);
		assert_int_equal(chown(path, 12345, 12345), 0);
		assert_int_equal(vu_config_load(path, &config, &error), VU_PERMISSION_DENIED);
		assert_non_null(strstr(error.message, "it belongs to another user"));
	}
}

static void the_shipped_example_has_every_key_at_its_default(void **state)
{
	char *text = test_file_content("deploy/config/config.yaml");
	vu_config *example = parse(text);
	vu_config *defaults = parse("");
	size_t count;
	const vu_config_key *keys = vu_config_keys(&count);
	char a[2048];
	char b[2048];
	vu_error error;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		char line[80];
		const char *section_end = strchr(keys[i].name, '.');
		const char *section;

		assert_int_equal(vu_config_get(example, keys[i].name, a, sizeof a, &error), VU_OK);
		assert_int_equal(vu_config_get(defaults, keys[i].name, b, sizeof b, &error), VU_OK);
		assert_string_equal(a, b);
		/* It stands there, below its section, and so does its variable. */
		snprintf(line, sizeof line, "\n%.*s:\n", (int)(section_end - keys[i].name), keys[i].name);
		section = strstr(text, line);
		assert_non_null(section);
		snprintf(line, sizeof line, "\n  %s:", section_end + 1);
		assert_non_null(strstr(section, line));
		if (keys[i].environment) {
			snprintf(line, sizeof line, "[%s]", keys[i].environment);
			assert_non_null(strstr(section, line));
		}
	}
	assert_int_equal(vu_config_get(example, "enrollment.phrases", a, sizeof a, &error), VU_OK);
	assert_int_equal(vu_config_get(defaults, "enrollment.phrases", b, sizeof b, &error), VU_OK);
	assert_string_equal(a, b);
	assert_int_equal(example->ml.loader_count, 0);
	vu_config_free(example);
	vu_config_free(defaults);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_gives_defaults),
	    cmocka_unit_test(every_kind_of_value_is_read),
	    cmocka_unit_test(bad_structure_is_named_with_line_and_remedy),
	    cmocka_unit_test(bad_syntax_is_named_with_its_line),
	    cmocka_unit_test(bad_values_are_named_with_their_range),
	    cmocka_unit_test(contradictions_are_refused),
	    cmocka_unit_test(an_unset_lower_bound_follows_the_upper),
	    cmocka_unit_test(oversized_input_is_refused),
	    cmocka_unit_test_setup_teardown(the_file_is_looked_for_in_order, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(an_untrusted_file_is_refused, set_up, tear_down),
	    cmocka_unit_test(the_shipped_example_has_every_key_at_its_default),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
