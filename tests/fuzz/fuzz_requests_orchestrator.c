/* Requests of the orchestrator, as aid/fake_call.h says, while all others are down: none may be let in. */
#include "../../services/orchestrator/orchestrator.h"
#include "aid/fake_call.h"
#include "aid/fake_runtime.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static vu_orchestrator *orchestrator;

static vu_channel *no_channel(void *context, vu_service_id id, vu_error *error)
{
	return vu_runtime_channel(context, id, error);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	vu_runtime *runtime = fake_runtime_create();
	char audit_key_path[128];
	vu_orchestrator_setup setup = {
	    .config = vu_runtime_config(runtime),
	    .peers = {.channel = no_channel, .context = runtime},
	    .home = fake_calls_folder(),
	    .audit_key_path = audit_key_path,
	    .clock = vu_clock_system(),
	};
	vu_error error;
	(void)argc;
	(void)argv;

	/* What is down is logged as an error. */
	vu_log_set_level((vu_log_level)(VU_LOG_ERROR + 1));
	snprintf(audit_key_path, sizeof audit_key_path, "%s/key", fake_calls_folder());
	if (vu_orchestrator_create(&setup, &orchestrator, &error) != VU_OK)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fake_calls_run(vu_orchestrator_service(orchestrator), data, size);
	return 0;
}
