/* The rules of placement.h. Names are resolved, so this may take as long as that does. */
#include "rpc/placement.h"

#include <string.h>

static void call_too(vu_placement *out, const vu_endpoint *endpoint)
{
	for (size_t i = 0; i < out->call_count; i++) {
		if (strcmp(out->call[i].uri, endpoint->uri) == 0)
			return;
	}
	out->call[out->call_count++] = *endpoint;
}

static vu_status place(vu_placement *out, const char *uri, vu_service_id id, bool *has_socket,
                       vu_is_own_address is_own, vu_error *error)
{
	vu_endpoint endpoint;
	vu_status status = vu_endpoint_parse(uri, &endpoint, error);

	if (status)
		return status;
	if (endpoint.transport == VU_TRANSPORT_TLS && (id == VU_SERVICE_ORCHESTRATOR || id == VU_SERVICE_SUPERVISOR))
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to use endpoint \"%s\": the %s decides for the machine that it is on; remove "
		               "services.%s.endpoints",
		               uri, vu_service_name(id), vu_service_name(id));
	if (endpoint.transport == VU_TRANSPORT_IPC) {
		if (!*has_socket)
			out->local = endpoint;
		*has_socket = true;
		out->here = true;
		call_too(out, &endpoint);
	} else if (is_own(endpoint.host)) {
		out->here = true;
		out->remote = true;
		out->listen[out->listen_count++] = endpoint;
		call_too(out, &out->local);
	} else {
		out->remote = true;
		call_too(out, &endpoint);
	}
	return VU_OK;
}

vu_status vu_placement_find(const vu_config *config, const char *runtime_folder, vu_service_id id,
                            vu_is_own_address is_own, vu_placement *out, vu_error *error)
{
	const vu_endpoints *list = config ? &config->endpoints[id] : NULL;
	bool has_socket = false;
	vu_status status;

	memset(out, 0, sizeof *out);
	/* A socket of the list takes its place, wherever in the list it stands. */
	for (unsigned i = 0; list && i < list->count && !has_socket; i++)
		has_socket = vu_endpoint_parse(list->uris[i], &out->local, error) == VU_OK &&
		             out->local.transport == VU_TRANSPORT_IPC;
	status = has_socket ? VU_OK : vu_endpoint_local(runtime_folder, vu_service_name(id), &out->local, error);
	for (unsigned i = 0; list && i < list->count && !status; i++)
		status = place(out, list->uris[i], id, &has_socket, is_own, error);
	if (!status && (!list || list->count == 0)) {
		out->here = true;
		call_too(out, &out->local);
	}
	return status;
}
