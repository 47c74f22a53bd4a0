/*
 * The configuration file as hostile bytes: reading it, and editing it, must end
 * in a configuration or in a message, never otherwise. What was read is shown
 * again key by key, since that walks everything that was allocated.
 */
#include "base/config.h"
#include "base/log.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

static void remove_file(void)
{
	unlink(path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* Memory where there is a folder of it: every edit is fsynced. */
	snprintf(path, sizeof path, "%s/vu-fuzz-config.%ld", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
	         (long)getpid());
	atexit(remove_file);
	return 0;
}

static void show_all(const vu_config *config)
{
	static char text[1 << 20];
	size_t count;
	const vu_config_key *keys = vu_config_keys(&count);
	vu_error error;

	for (size_t i = 0; i < count; i++) {
		if (vu_config_get(config, keys[i].name, text, sizeof text, &error) != VU_OK)
			abort();
	}
	if (vu_config_get(config, "enrollment.phrases", text, sizeof text, &error) != VU_OK ||
	    vu_config_get(config, "ml.loaders", text, sizeof text, &error) != VU_OK ||
	    vu_config_get(config, "services.models.endpoints", text, sizeof text, &error) != VU_OK)
		abort();
}

/* An edit either fails with a message or gives a file that is read with the new value. */
static void edit(const uint8_t *data, size_t size)
{
	FILE *file = fopen(path, "w");
	vu_config *config = NULL;
	vu_error error = {VU_OK, ""};

	if (!file)
		abort();
	if (fwrite(data, 1, size, file) != size || fclose(file) != 0)
		abort();
	if (vu_config_set(path, "http.port", "4711", &error) != VU_OK) {
		if (error.message[0] == '\0')
			abort();
		return;
	}
	if (vu_config_load(path, &config, &error) != VU_OK || config->http.port != 4711)
		abort();
	vu_config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	vu_config *config = NULL;
	vu_error error = {VU_OK, ""};

	if (vu_config_parse((const char *)data, size, "fuzz.yaml", &config, &error) == VU_OK) {
		show_all(config);
		vu_config_free(config);
		edit(data, size);
	} else if (error.message[0] == '\0') {
		abort();
	}
	return 0;
}
