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
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_folder_remove(folder);
	return 0;
}

static void assert_content(const char *path, const char *expected)
{
	char *content = test_file_content(path);

	assert_string_equal(content, expected);
	free(content);
}

/* Setting key to value turns `before` into `after`. */
static void assert_edit(const char *before, const char *key, const char *value, const char *after)
{
	char path[TEST_PATH_MAX];
	vu_error error = {VU_OK, ""};

	test_file_create(folder, "config.yaml", before, 0600, path);
	if (vu_config_set(path, key, value, &error) != VU_OK)
		fail_msg("%s", error.message);
	assert_content(path, after);
	assert_int_equal(test_folder_entries(folder), 1);
}

static void assert_refused(const char *before, const char *key, const char *value, vu_status status,
                           const char *message)
{
	char path[TEST_PATH_MAX];
	vu_error error = {VU_OK, ""};

	test_file_create(folder, "config.yaml", before, 0600, path);
	assert_int_equal(vu_config_set(path, key, value, &error), status);
	assert_non_null(strstr(error.message, message));
	assert_content(path, before);
	assert_int_equal(test_folder_entries(folder), 1);
}

static void a_value_is_replaced_where_it_stands(void **state)
{
	(void)state;
	assert_edit("# top\nhttp:   # web\n    port:   1   # why\n# end", "http.port", "22",
	            "# top\nhttp:   # web\n    port:   22   # why\n# end");
	assert_edit("http: {port: 1}\n", "http.port", "2", "http: {port: 2}\n");
	assert_edit("audio:\n  device: \"a # b\" # c\n", "audio.device", "x: y", "audio:\n  device: \"x: y\" # c\n");
	assert_edit("audio:\n  device:\n  channels: 1\n", "audio.device", "mic",
	            "audio:\n  device: mic\n  channels: 1\n");
	assert_edit("audio:\n  device: # none\n", "audio.device", "mic", "audio:\n  device: mic # none\n");
	/* Offsets count bytes, not letters. */
	assert_edit("# \u00e9\u00e9\u00e9 \u674e\naudio:\n  device: \u00e9\n  channels: 2\n", "audio.channels", "1",
	            "# \u00e9\u00e9\u00e9 \u674e\naudio:\n  device: \u00e9\n  channels: 1\n");
	assert_edit("\xef\xbb\xbfhttp:\r\n  port: 1\r\n", "http.port", "2", "\xef\xbb\xbfhttp:\r\n  port: 2\r\n");
}

static void a_missing_key_is_added_to_its_section(void **state)
{
	(void)state;
	assert_edit("audio:\n    # about the device\n    device: x\n", "audio.channels", "2",
	            "audio:\n    channels: 2\n    # about the device\n    device: x\n");
	assert_edit("audio: {device: x}\n", "audio.channels", "2", "audio: {channels: 2, device: x}\n");
	assert_edit("audio: {}\n", "audio.channels", "2", "audio: {channels: 2}\n");
	assert_edit("audio:\nhttp:\n  port: 1\n", "audio.channels", "2", "audio:\n  channels: 2\nhttp:\n  port: 1\n");
	assert_edit("audio:", "audio.channels", "2", "audio:\n  channels: 2\n");
	assert_edit("audio: null\n", "audio.channels", "2", "audio: \n  channels: 2\n");
	assert_edit("enrollment:\n  phrases:\n  - a\n  - b\n", "enrollment.max_samples", "7",
	            "enrollment:\n  max_samples: 7\n  phrases:\n  - a\n  - b\n");
}

static void a_missing_section_is_added_to_the_file(void **state)
{
	(void)state;
	assert_edit("", "http.port", "1", "http:\n  port: 1\n");
	assert_edit("# nothing", "http.port", "1", "# nothing\nhttp:\n  port: 1\n");
	assert_edit("---\n", "http.port", "1", "---\nhttp:\n  port: 1\n");
	assert_edit("ml:\n  prune: 0", "http.port", "1", "ml:\n  prune: 0\nhttp:\n  port: 1\n");
	assert_edit("{ml: {prune: 0}}\n", "http.port", "1", "{http: {port: 1}, ml: {prune: 0}}\n");
}

static void values_are_written_as_yaml_reads_them(void **state)
{
	(void)state;
	assert_edit("", "ml.enable_mmap", "off", "ml:\n  enable_mmap: false\n");
	assert_edit("", "ml.prune", "0.250", "ml:\n  prune: 0.25\n");
	assert_edit("", "monitoring.interval_s", "3.6e3", "monitoring:\n  interval_s: 3600\n");
	assert_edit("", "audio.device", "yes", "audio:\n  device: \"yes\"\n");
	assert_edit("", "audio.device", "My \"mic\" \\ 2", "audio:\n  device: \"My \\\"mic\\\" \\\\ 2\"\n");
	assert_edit("alerts:\n  command: /bin/true\n", "alerts.command", "", "alerts:\n  command: \"\"\n");
}

static void endpoints_are_set_as_a_list(void **state)
{
	static const char KEY[] = "services.models.endpoints";
	static const char A[] = "tls+tcp://a:1", AB[] = "[ tls+tcp://a:1,tls+tcp://b:2 ]";

	(void)state;
	assert_edit("", KEY, A, "services:\n  models: {endpoints: [\"tls+tcp://a:1\"]}\n");
	assert_edit(
	    "ml:\n  prune: 0 # none\n", KEY, AB,
	    "ml:\n  prune: 0 # none\nservices:\n  models: {endpoints: [\"tls+tcp://a:1\", \"tls+tcp://b:2\"]}\n");
	assert_edit("services:\n  capture:\n    endpoints: []\n", KEY, A,
	            "services:\n  models: {endpoints: [\"tls+tcp://a:1\"]}\n  capture:\n    endpoints: []\n");
	assert_edit(
	    "services:\n  models:\n    endpoints: [tls+tcp://old:1, tls+tcp://older:2] # why\nhttp:\n  port: 1\n",
	    KEY, A, "services:\n  models:\n    endpoints: [\"tls+tcp://a:1\"] # why\nhttp:\n  port: 1\n");
	assert_edit("services:\n  models:\n    endpoints:\n    - tls+tcp://old:1\n    - tls+tcp://older:2 # why\n"
	            "# next\nhttp:\n  port: 1\n",
	            KEY, A,
	            "services:\n  models:\n    endpoints: [\"tls+tcp://a:1\"] # why\n# next\nhttp:\n  port: 1\n");
	assert_edit("services:\n  models:\n    endpoints:\n", KEY, A,
	            "services:\n  models:\n    endpoints: [\"tls+tcp://a:1\"]\n");
	assert_edit("services:\n  models:\n", KEY, A, "services:\n  models:\n    endpoints: [\"tls+tcp://a:1\"]\n");
	assert_edit("services: {models: {}}\n", KEY, A, "services: {models: {endpoints: [\"tls+tcp://a:1\"]}}\n");
	assert_edit("services: {models: {endpoints: [tls+tcp://a:1]}}\n", KEY, "[]",
	            "services: {models: {endpoints: []}}\n");
	assert_refused("http:\n  port: 1\n", KEY, "tcp://a:1", VU_INVALID_ARGUMENT,
	               "an endpoint begins with ipc:// or tls+tcp://");
	assert_refused("http:\n  port: 1\n", KEY, "a]}}\nhttp: {port: 2}", VU_INVALID_ARGUMENT,
	               "unable to set services.models.endpoints: it contains a control character");
	assert_refused("http:\n  port: 1\n", KEY, "[tls+tcp://a:1", VU_INVALID_ARGUMENT,
	               "unable to set services.models.endpoints to [tls+tcp://a:1");
	assert_refused("", "services.modles.endpoints", A, VU_NOT_FOUND,
	               "unable to find key services.modles.endpoints");
}

static void what_is_refused_leaves_the_file_alone(void **state)
{
	(void)state;
	assert_refused("http:\n  port: 1\n", "http.prot", "2", VU_NOT_FOUND,
	               "unable to find key http.prot: did you mean http.port?");
	assert_refused("http:\n  port: 1\n", "http.port", "70000", VU_INVALID_ARGUMENT,
	               "unable to set http.port: http.port is \"70000\", but must be 0 to 65535");
	assert_refused("performance:\n  max_memory_mb: 100\n", "performance.cache_size_mb", "200",
	               VU_INVALID_ARGUMENT,
	               "unable to set performance.cache_size_mb to 200: performance.cache_size_mb is 200, more than "
	               "performance.max_memory_mb, which is 100; lower the first or raise the second");
	assert_refused("", "ml.loaders", "x", VU_INVALID_ARGUMENT,
	               "unable to set ml.loaders: it is a list; write it into ");
	assert_refused("http:\n  port: 1\n  prt: 2\n", "http.port", "2", VU_INVALID_ARGUMENT,
	               "line 3: unknown key http.prt; did you mean port?");
	assert_refused("http:\n  port: 1\n...\n", "ml.prune", "0.5", VU_INVALID_ARGUMENT,
	               "is too unusual; write \"0.5\" into it by hand");
	assert_refused("audio:\n  device: \"x\"\n", "audio.device", "a\nb", VU_INVALID_ARGUMENT,
	               "unable to set audio.device: audio.device contains a control character");
}

static void a_missing_file_is_made_with_its_folder(void **state)
{
	char path[TEST_PATH_MAX];
	vu_config *config;
	vu_error error;

	(void)state;
	snprintf(path, sizeof path, "%.200s/a/b/config.yaml", folder);
	assert_int_equal(vu_config_set(path, "http.port", "7", &error), VU_OK);
	assert_int_equal(vu_config_load(path, &config, &error), VU_OK);
	assert_int_equal(config->http.port, 7);
	vu_config_free(config);
}

static void an_untrusted_file_is_not_edited(void **state)
{
	char path[TEST_PATH_MAX];
	vu_error error;

	(void)state;
	test_file_create(folder, "config.yaml", "http:\n  port: 1\n", 0666, path);
	assert_int_equal(vu_config_set(path, "http.port", "7", &error), VU_PERMISSION_DENIED);
	assert_content(path, "http:\n  port: 1\n");
}

/* Every key set in turn into the shipped example, which keeps all its comments. */
static void the_shipped_example_can_be_edited(void **state)
{
	char path[TEST_PATH_MAX];
	char *example = test_file_content("deploy/config/config.yaml");
	char *content;
	size_t count;
	size_t comments = 0;
	const vu_config_key *keys = vu_config_keys(&count);
	vu_config *config;
	vu_error error;
	char value[64];

	(void)state;
	test_file_create(folder, "config.yaml", example, 0600, path);
	for (size_t i = 0; i < count; i++) {
		const char *wanted = keys[i].kind == VU_CONFIG_BOOL     ? "false"
		                     : keys[i].kind == VU_CONFIG_CHOICE ? keys[i].choices[1]
		                     : keys[i].kind == VU_CONFIG_TEXT   ? "word"
		                                                        : NULL;
		if (!wanted)
			continue;
		if (vu_config_set(path, keys[i].name, wanted, &error) != VU_OK)
			fail_msg("%s", error.message);
		assert_int_equal(vu_config_load(path, &config, &error), VU_OK);
		assert_int_equal(vu_config_get(config, keys[i].name, value, sizeof value, &error), VU_OK);
		assert_string_equal(value, wanted);
		vu_config_free(config);
	}
	content = test_file_content(path);
	for (const char *a = example, *b = content; *a || *b; a += strcspn(a, "\n"), b += strcspn(b, "\n")) {
		a += *a == '\n';
		b += *b == '\n';
		if (*a == '#' || strncmp(a, "  #", 3) == 0) {
			assert_int_equal(strcspn(a, "\n"), strcspn(b, "\n"));
			assert_int_equal(strncmp(a, b, strcspn(a, "\n")), 0);
			comments++;
		}
	}
	assert_true(comments > count);
	free(content);
	free(example);
}

static void who_could_read_it_can_read_it_still(void **state)
{
	char path[TEST_PATH_MAX];
	struct stat info;
	vu_error error;

	(void)state;
	test_file_create(folder, "config.yaml", "http:\n  port: 1\n", 0644, path);
	assert_int_equal(vu_config_set(path, "http.port", "2", &error), VU_OK);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0644);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(vu_config_set(path, "http.port", "3", &error), VU_OK);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(vu_config_set(path, "http.port", "3", &error), VU_OK);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_value_is_replaced_where_it_stands, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_missing_key_is_added_to_its_section, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_missing_section_is_added_to_the_file, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(values_are_written_as_yaml_reads_them, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(who_could_read_it_can_read_it_still, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(endpoints_are_set_as_a_list, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_is_refused_leaves_the_file_alone, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_missing_file_is_made_with_its_folder, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(an_untrusted_file_is_not_edited, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_shipped_example_can_be_edited, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
