/*
 * Endpoints and channels, from the configuration as it was when the process
 * started to use them: a changed endpoint needs a restart of who uses it.
 */
#include "runtime/internal.h"

#include "platform/platform.h"
#include "rpc/credentials.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

vu_status vu_runtime_placement(const vu_runtime *runtime, vu_service_id id, vu_placement *out, vu_error *error)
{
	return vu_placement_find(vu_runtime_config(runtime), runtime->folder, id, vu_platform_is_own_address, out,
	                         error);
}

vu_status vu_runtime_credentials(vu_runtime *runtime, const vu_placement *placement, bool locked,
                                 vu_credentials **out, vu_error *error)
{
	char folder[PATH_MAX];
	vu_status status = VU_OK;
	int bytes;

	*out = NULL;
	if (!placement->remote)
		return VU_OK;
	bytes = snprintf(folder, sizeof folder, "%s/tls", runtime->home);
	if (bytes < 0 || (size_t)bytes >= sizeof folder)
		return vu_fail(error, VU_OUT_OF_RANGE,
		               "unable to read credentials: the state folder's name is too long");
	if (!locked)
		pthread_mutex_lock(&runtime->lock);
	if (!runtime->credentials)
		status = vu_credentials_load(folder, &runtime->credentials, error);
	*out = runtime->credentials;
	if (!locked)
		pthread_mutex_unlock(&runtime->lock);
	return status;
}

vu_channel *vu_runtime_channel(vu_runtime *runtime, vu_service_id id, vu_error *error)
{
	vu_placement placement;
	vu_channel_config config;
	vu_channel *channel;

	if ((unsigned)id >= VU_SERVICE_COUNT) {
		vu_fail(error, VU_INVALID_ARGUMENT, "unable to reach service %d: there is none of that number",
		        (int)id);
		return NULL;
	}
	pthread_mutex_lock(&runtime->lock);
	channel = runtime->channels[id];
	if (!channel) {
		memset(&config, 0, sizeof config);
		config.service = vu_service_name(id);
		config.caller = runtime->name;
		config.endpoints = placement.call;
		if (vu_runtime_placement(runtime, id, &placement, error) == VU_OK) {
			config.endpoint_count = placement.call_count;
			if (vu_runtime_credentials(runtime, &placement, true, &config.credentials, error) == VU_OK &&
			    vu_channel_create(&config, &channel, error) == VU_OK)
				runtime->channels[id] = channel;
			else
				channel = NULL;
		}
	}
	pthread_mutex_unlock(&runtime->lock);
	return channel;
}
