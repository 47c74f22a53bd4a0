/* Requests of the model-server, as aid/fake_call.h says, against one that keeps what they leave. */
#include "../../services/models/models.h"
#include "aid/fake_call.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static models *service;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	models_settings settings = {
	    .background_path = FUZZ_BACKGROUND,
	    .cache_bytes = 16u << 20,
	    .map = true,
	    .quantize = true,
	    .components = 20,
	    .load_timeout_ms = 5000,
	    .level = VU_LEVEL_STANDARD,
	    .adaptive = true,
	    .predict = true,
	    .preload_threshold = 0.7,
	    .preload_queue = 5,
	};
	char key_path[128];
	vu_error error;
	(void)argc;
	(void)argv;

	vu_log_set_level(VU_LOG_ERROR);
	snprintf(key_path, sizeof key_path, "%s/key", fake_calls_folder());
	settings.key_path = key_path;
	settings.encrypt = true;
	if (models_create(fake_calls_folder(), &settings, &service, &error) != VU_OK)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fake_calls_run(models_rpc_service(service), data, size);
	return 0;
}
