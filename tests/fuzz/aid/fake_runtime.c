/* Calls to other services fail as they do when those are down. */
#include "fake_runtime.h"

#include "fake_call.h"

#include <stdlib.h>
#include <string.h>

struct vu_runtime {
	vu_config *config;
};

struct vu_counter {
	double value;
};

vu_runtime *fake_runtime_create(void)
{
	static const char TEXT[] = "ml:\n  background_model: " FUZZ_BACKGROUND "\n";
	vu_runtime *runtime = calloc(1, sizeof *runtime);
	vu_error error;

	if (!runtime || vu_config_parse(TEXT, strlen(TEXT), "fuzz.yaml", &runtime->config, &error) != VU_OK)
		abort();
	return runtime;
}

const vu_config *vu_runtime_config(const vu_runtime *runtime)
{
	return runtime->config;
}

vu_rpc_server *vu_runtime_server(vu_runtime *runtime)
{
	(void)runtime;
	return NULL;
}

vu_channel *vu_runtime_channel(vu_runtime *runtime, vu_service_id id, vu_error *error)
{
	(void)runtime;
	vu_fail(error, VU_UNAVAILABLE, "unable to reach %s: it is down", vu_service_name(id));
	return NULL;
}

const char *vu_runtime_home(const vu_runtime *runtime)
{
	(void)runtime;
	return fake_calls_folder();
}

const char *vu_runtime_folder(const vu_runtime *runtime)
{
	return vu_runtime_home(runtime);
}

const char *vu_runtime_state_folder(const vu_runtime *runtime)
{
	return vu_runtime_home(runtime);
}

int vu_runtime_ring_fd(const vu_runtime *runtime)
{
	(void)runtime;
	return -1;
}

vu_counter *vu_counter_create(vu_runtime *runtime, const char *name, const char *help, bool is_gauge)
{
	static vu_counter all;
	(void)runtime;
	(void)name;
	(void)help;
	(void)is_gauge;
	return &all;
}

void vu_counter_add(vu_counter *counter, double amount)
{
	(void)counter;
	(void)amount;
}

void vu_counter_set(vu_counter *counter, double value)
{
	(void)counter;
	(void)value;
}
