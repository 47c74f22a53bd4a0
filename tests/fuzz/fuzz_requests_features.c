/* Requests of features, as aid/fake_call.h says, while capture is down. */
#include "../../services/features/service.h"
#include "aid/fake_call.h"
#include "aid/fake_runtime.h"
#include "base/log.h"
#include "voiceunlock/v1/features.pb-c.h"

#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	void *state;
	vu_error error;
	(void)argc;
	(void)argv;

	vu_log_set_level(VU_LOG_ERROR);
	if (vu_features_start(fake_runtime_create(), &state, &error) != VU_OK)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fake_calls_run(fake_calls_added(&vu__features__descriptor), data, size);
	return 0;
}
