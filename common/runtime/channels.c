/*
 * Endpoints and channels, from the configuration as it was when the process
 * started to use them: a changed endpoint needs a restart of who uses it.
 */
#include "runtime/internal.h"

#include "rpc/credentials.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* The endpoints of a service: those configured, else the local one. */
static vu_status endpoints_of(const vu_runtime *runtime, vu_service_id id, vu_endpoint *out, size_t *count_out,
                              vu_error *error)
{
	const vu_endpoints *configured = &vu_runtime_config(runtime)->endpoints[id];
	vu_status status;

	for (unsigned i = 0; i < configured->count; i++) {
		status = vu_endpoint_parse(configured->uris[i], &out[i], error);
		if (status != VU_OK)
			return status;
	}
	*count_out = configured->count;
	if (configured->count > 0)
		return VU_OK;
	*count_out = 1;
	return vu_endpoint_local(runtime->folder, vu_service_name(id), &out[0], error);
}

vu_status vu_runtime_own_endpoint(const vu_runtime *runtime, vu_endpoint *out, vu_error *error)
{
	vu_endpoint endpoints[VU_CONFIG_ENDPOINTS_MAX];
	size_t count;
	vu_status status = endpoints_of(runtime, runtime->definition->id, endpoints, &count, error);

	if (status != VU_OK)
		return status;
	/* The list says where clients find the service; this process is the one among them on this machine. */
	for (size_t i = 0; i < count; i++) {
		if (endpoints[i].transport == VU_TRANSPORT_IPC) {
			*out = endpoints[i];
			return VU_OK;
		}
	}
	*out = endpoints[0];
	return VU_OK;
}

vu_status vu_runtime_credentials(vu_runtime *runtime, const vu_endpoint *endpoints, size_t count, bool locked,
                                 const vu_credentials **out, vu_error *error)
{
	bool remote = false;
	char folder[PATH_MAX];
	vu_status status = VU_OK;
	int bytes;

	*out = NULL;
	for (size_t i = 0; i < count; i++)
		remote = remote || endpoints[i].transport == VU_TRANSPORT_TLS;
	if (!remote)
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
	vu_endpoint endpoints[VU_CONFIG_ENDPOINTS_MAX];
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
		config.endpoints = endpoints;
		if (endpoints_of(runtime, id, endpoints, &config.endpoint_count, error) == VU_OK &&
		    vu_runtime_credentials(runtime, endpoints, config.endpoint_count, true, &config.credentials,
		                           error) == VU_OK &&
		    vu_channel_create(&config, &channel, error) == VU_OK)
			runtime->channels[id] = channel;
		else
			channel = NULL;
	}
	pthread_mutex_unlock(&runtime->lock);
	return channel;
}
