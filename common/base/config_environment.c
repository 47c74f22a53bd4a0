/* Environment over file. Variables are read, never changed. */
#include "base/config_environment.h"

#include "base/config_table.h"
#include "base/config_value.h"
#include "base/log.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX         "VOICE_UNLOCK_"
#define KNOWN_MAX      96
#define NAME_SHOWN_MAX 64

extern char **environ;

/* Those that are no keys: places, the log, and what a supervisor or a test run hands on. */
static const char *const OTHER_VARIABLES[] = {
    "VOICE_UNLOCK_HOME",     "VOICE_UNLOCK_RUNTIME_DIR", "VOICE_UNLOCK_CONFIG",  "VOICE_UNLOCK_LOG_LEVEL",
    "VOICE_UNLOCK_READY_FD", "VOICE_UNLOCK_PARENT_PID",  "VOICE_UNLOCK_RING_FD", "VOICE_UNLOCK_DATA",
    "VOICE_UNLOCK_KEY_FILE", "VOICE_UNLOCK_MEMORY_MB",
};

vu_status vu_config_environment_apply(vu_config *config, bool *given, vu_error *error)
{
	size_t count;
	const vu_config_key *keys = vu_config_keys(&count);

	for (size_t i = 0; i < count; i++) {
		const char *value = keys[i].environment ? getenv(keys[i].environment) : NULL;
		vu_error problem;
		vu_status status;

		if (!value || !value[0])
			continue;
		status = vu_config_value_parse(&keys[i], value, config, &problem);
		if (status != VU_OK)
			return vu_fail(error, status, "unable to use %s from the environment: %s; change or unset it",
			               keys[i].environment, problem.message);
		given[i] = true;
	}
	return VU_OK;
}

unsigned vu_config_environment_warn(void)
{
	const char *known[KNOWN_MAX];
	size_t known_count = 0;
	size_t key_count;
	const vu_config_key *keys = vu_config_keys(&key_count);
	unsigned unknown = 0;

	for (size_t i = 0; i < key_count && known_count < KNOWN_MAX; i++) {
		if (keys[i].environment)
			known[known_count++] = keys[i].environment;
	}
	for (size_t i = 0; i < sizeof OTHER_VARIABLES / sizeof OTHER_VARIABLES[0] && known_count < KNOWN_MAX; i++)
		known[known_count++] = OTHER_VARIABLES[i];

	for (char **variable = environ; variable && *variable; variable++) {
		char name[NAME_SHOWN_MAX + 1];
		size_t length = strcspn(*variable, "=");
		const char *nearest;
		size_t i;

		if (strncmp(*variable, PREFIX, sizeof PREFIX - 1) != 0)
			continue;
		if (length > NAME_SHOWN_MAX)
			length = NAME_SHOWN_MAX;
		memcpy(name, *variable, length);
		name[length] = '\0';
		for (i = 0; i < known_count && strcmp(known[i], name) != 0; i++)
			;
		if (i < known_count)
			continue;
		unknown++;
		nearest = vu_text_nearest(name, known, known_count);
		if (nearest)
			vu_log_warn("environment variable %s means nothing: did you mean %s?", name, nearest);
		else
			vu_log_warn("environment variable %s means nothing: unset it", name);
	}
	return unknown;
}
