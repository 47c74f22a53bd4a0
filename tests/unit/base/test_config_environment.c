#include "base/config_environment.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

extern char **environ;

/* Nothing of the machine's own settings may be seen here. */
static int set_up(void **state)
{
	char *name;

	(void)state;
	for (char **variable = environ; *variable;) {
		if (strncmp(*variable, "VOICE_UNLOCK_", 13) != 0) {
			variable++;
			continue;
		}
		name = strndup(*variable, strcspn(*variable, "="));
		unsetenv(name);
		free(name);
		variable = environ;
	}
	unsetenv("VOICE_UNLOCK_CONFIG");
	setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
	vu_log_set_level(VU_LOG_ERROR);
	return 0;
}

static void the_environment_beats_defaults(void **state)
{
	vu_config *config;
	vu_error error;

	(void)state;
	setenv("VOICE_UNLOCK_MAX_MEMORY", "123", 1);
	setenv("VOICE_UNLOCK_ENCRYPT", "no", 1);
	setenv("VOICE_UNLOCK_ANTI_SPOOFING", "low", 1);
	setenv("VOICE_UNLOCK_DEVICE", "USB mic", 1);
	setenv("VOICE_UNLOCK_HTTP_PORT", "0", 1);
	setenv("VOICE_UNLOCK_PRUNE", "", 1);
	assert_int_equal(vu_config_load(NULL, &config, &error), VU_OK);
	assert_int_equal(config->performance.max_memory_mb, 123);
	assert_int_equal(config->performance.cache_size_mb, 123);
	assert_false(config->security.encrypt);
	assert_int_equal(config->security.anti_spoofing, VU_ANTISPOOF_LOW);
	assert_string_equal(config->audio.device, "USB mic");
	assert_int_equal(config->http.port, 0);
	assert_false(config->http.port_is_default);
	vu_config_free(config);
}

static void a_bad_variable_is_named(void **state)
{
	vu_config *config;
	vu_error error;

	(void)state;
	setenv("VOICE_UNLOCK_CHANNELS", "3", 1);
	assert_int_equal(vu_config_load(NULL, &config, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message,
	                    "unable to use VOICE_UNLOCK_CHANNELS from the environment: audio.channels is "
	                    "\"3\", but must be 1 to 2; change or unset it");
}

static void contradictions_reach_over_the_environment(void **state)
{
	vu_config *config;
	vu_error error;

	(void)state;
	setenv("VOICE_UNLOCK_MAX_MEMORY", "100", 1);
	setenv("VOICE_UNLOCK_CACHE_SIZE", "200", 1);
	assert_int_equal(vu_config_load(NULL, &config, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message,
	                    "unable to use the configuration: performance.cache_size_mb is 200, more than "
	                    "performance.max_memory_mb, which is 100; lower the first or raise the second");
}

static void unknown_variables_are_counted(void **state)
{
	static const char *const known[] = {"HOME",    "RUNTIME_DIR", "CONFIG", "LOG_LEVEL", "READY_FD", "PARENT_PID",
	                                    "RING_FD", "DATA",        "LEVEL",  "MIN_SNR",   "ADAPTIVE"};
	char name[64];

	(void)state;
	assert_int_equal(vu_config_environment_warn(), 0);
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		snprintf(name, sizeof name, "VOICE_UNLOCK_%s", known[i]);
		setenv(name, "1", 1);
	}
	setenv("VOICE_UNLOCKED", "1", 1);
	assert_int_equal(vu_config_environment_warn(), 0);
	setenv("VOICE_UNLOCK_LEVLE", "strict", 1);
	setenv("VOICE_UNLOCK_", "strict", 1);
	assert_int_equal(vu_config_environment_warn(), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(the_environment_beats_defaults, set_up),
	    cmocka_unit_test_setup(a_bad_variable_is_named, set_up),
	    cmocka_unit_test_setup(contradictions_reach_over_the_environment, set_up),
	    cmocka_unit_test_setup(unknown_variables_are_counted, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
