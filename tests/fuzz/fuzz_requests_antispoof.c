/* Requests of antispoof, as aid/fake_call.h says, while capture is down. */
#include "../../services/antispoof/service.h"
#include "aid/fake_call.h"
#include "aid/fake_runtime.h"
#include "base/log.h"
#include "voiceunlock/v1/antispoof.pb-c.h"

#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	vu_antispoof *service;
	vu_error error;
	(void)argc;
	(void)argv;

	vu_log_set_level(VU_LOG_ERROR);
	if (vu_antispoof_create(fake_runtime_create(), &service, &error) != VU_OK)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fake_calls_run(fake_calls_added(&vu__antispoof__descriptor), data, size);
	return 0;
}
