/* The choice among configured endpoints. */
#include "listening_endpoint.h"

vu_status vu_listening_endpoint(const vu_config *config, const char *runtime_folder, vu_service_id id,
                                vu_endpoint *out, vu_error *error)
{
	const vu_endpoints *configured = &config->endpoints[id];

	for (unsigned i = 0; i < configured->count; i++) {
		vu_status status = vu_endpoint_parse(configured->uris[i], out, error);
		if (status != VU_OK)
			return status;
		if (out->transport == VU_TRANSPORT_IPC)
			return VU_OK;
	}
	if (configured->count == 0)
		return vu_endpoint_local(runtime_folder, vu_service_name(id), out, error);
	return vu_endpoint_usable(out, false, error);
}
