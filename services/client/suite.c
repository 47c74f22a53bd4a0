/* The suite itself: status, stopping, restarting, configuration, microphones, processes. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A supervisor that stops and starts a service again needs longer than a look-up. */
#define RESTART_US (30 * 1000000LL)
#define DEVICES_US (15 * 1000000LL)
/* One long poll for alerts. */
#define ALERT_WAIT_MS 20000

static vu_status ask_supervisor(voiceunlock_client *client, const char *method, const ProtobufCMessage *request,
                                int64_t timeout_us, ProtobufCMessage **response_out, vu_error *error)
{
	vu_client_call_options call = {.timeout_us = timeout_us, .idempotent = true};

	return vu_client_call(client, VU_SERVICE_SUPERVISOR, &vu__supervisor__descriptor, method, request,
	                      response_out, &call, error);
}

static void convert_services(Vu__ServiceStatus *const *from, size_t count, voiceunlock_suite *suite,
                             bool *out_of_memory)
{
	suite->services = vu_client_array(count, sizeof *suite->services, out_of_memory);
	for (size_t i = 0; suite->services && i < count; i++) {
		voiceunlock_service *to = &suite->services[suite->service_count++];
		to->name = vu_client_copy(from[i]->name, out_of_memory);
		to->pid = from[i]->pid;
		to->state = vu_client_copy(from[i]->state, out_of_memory);
		to->health = vu_client_copy(from[i]->health, out_of_memory);
		to->restarts = from[i]->restarts;
		to->rss_bytes = from[i]->rss_bytes;
		to->limit_bytes = from[i]->limit_bytes;
		to->uptime_s = from[i]->uptime_s;
		to->reason = vu_client_copy(from[i]->reason, out_of_memory);
	}
}

static void convert_suite(const Vu__SuiteStatusResponse *from, voiceunlock_suite *suite, bool *out_of_memory)
{
	suite->complete = true;
	suite->ready = from->ready;
	suite->uptime_s = from->uptime_s;
	convert_services(from->services, from->n_services, suite, out_of_memory);
	suite->model_server_rss_bytes = from->model_server_rss_bytes;
	suite->max_bytes = from->max_bytes;
	suite->users = from->users;
	suite->caches = vu_client_array(from->n_caches, sizeof *suite->caches, out_of_memory);
	for (size_t i = 0; suite->caches && i < from->n_caches; i++) {
		voiceunlock_cache *to = &suite->caches[suite->cache_count++];
		to->name = vu_client_copy(from->caches[i]->name, out_of_memory);
		to->bytes = from->caches[i]->bytes;
		to->items = from->caches[i]->items;
		to->hits = from->caches[i]->hits;
		to->misses = from->caches[i]->misses;
	}
	suite->lockouts = vu_client_array(from->n_lockouts, sizeof *suite->lockouts, out_of_memory);
	for (size_t i = 0; suite->lockouts && i < from->n_lockouts; i++) {
		voiceunlock_lockout *to = &suite->lockouts[suite->lockout_count++];
		to->user = vu_client_copy(from->lockouts[i]->user, out_of_memory);
		to->remaining_s = from->lockouts[i]->remaining_s;
		to->failures = from->lockouts[i]->failures;
	}
	suite->expected = vu_client_array(from->n_expected, sizeof *suite->expected, out_of_memory);
	for (size_t i = 0; suite->expected && i < from->n_expected; i++) {
		voiceunlock_expected *to = &suite->expected[suite->expected_count++];
		to->user = vu_client_copy(from->expected[i]->user, out_of_memory);
		to->p = from->expected[i]->p;
		to->reason = vu_client_copy(from->expected[i]->reason, out_of_memory);
	}
}

/*
 * The supervisor is asked first: it alone knows whether there is a suite, and
 * it answers when the orchestrator cannot.
 */
static vu_status get_status(voiceunlock_client *client, voiceunlock_suite **suite_out, vu_error *error)
{
	Vu__Empty request = VU__EMPTY__INIT;
	ProtobufCMessage *supervisor = NULL, *response = NULL;
	const Vu__SupervisorStatusResponse *answer;
	vu_client_call_options call = {.timeout_us = VU_CLIENT_LOOKUP_US, .idempotent = true};
	voiceunlock_suite *suite;
	bool out_of_memory = false;
	bool orchestrator_serves = false;
	vu_status status = ask_supervisor(client, "Status", &request.base, VU_CLIENT_LOOKUP_US, &supervisor, error);

	if (status != VU_OK)
		return status;
	answer = (const Vu__SupervisorStatusResponse *)supervisor;
	for (size_t i = 0; i < answer->n_services; i++)
		orchestrator_serves |= strcmp(answer->services[i]->name, "orchestrator") == 0 &&
		                       strcmp(answer->services[i]->health, "SERVING") == 0;
	suite = calloc(1, sizeof *suite);
	if (!suite) {
		protobuf_c_message_free_unpacked(supervisor, NULL);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep the status: out of memory");
	}
	if (orchestrator_serves && vu_client_call(client, VU_SERVICE_ORCHESTRATOR, &vu__orchestrator__descriptor,
	                                          "Status", &request.base, &response, &call, NULL) == VU_OK) {
		convert_suite((const Vu__SuiteStatusResponse *)response, suite, &out_of_memory);
		protobuf_c_message_free_unpacked(response, NULL);
	}
	if (suite->service_count == 0)
		convert_services(answer->services, answer->n_services, suite, &out_of_memory);
	if (!suite->complete) {
		suite->ready = false;
		suite->uptime_s = answer->uptime_s;
	}
	protobuf_c_message_free_unpacked(supervisor, NULL);
	if (out_of_memory) {
		voiceunlock_suite_free(suite);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep the status: out of memory");
	}
	*suite_out = suite;
	return VU_OK;
}

voiceunlock_code voiceunlock_get_status(voiceunlock_client *client, voiceunlock_suite **suite_out,
                                        voiceunlock_error *error)
{
	vu_error inner = {.status = VU_OK};

	return vu_client_return(get_status(client, suite_out, &inner), &inner, error);
}

void voiceunlock_suite_free(voiceunlock_suite *suite)
{
	if (!suite)
		return;
	for (size_t i = 0; i < suite->service_count; i++) {
		free(suite->services[i].name);
		free(suite->services[i].state);
		free(suite->services[i].health);
		free(suite->services[i].reason);
	}
	for (size_t i = 0; i < suite->cache_count; i++)
		free(suite->caches[i].name);
	for (size_t i = 0; i < suite->lockout_count; i++)
		free(suite->lockouts[i].user);
	for (size_t i = 0; i < suite->expected_count; i++) {
		free(suite->expected[i].user);
		free(suite->expected[i].reason);
	}
	free(suite->services);
	free(suite->caches);
	free(suite->lockouts);
	free(suite->expected);
	free(suite);
}

/* Asks by reflection, so that the client need not change when the service learns to answer. */
voiceunlock_code voiceunlock_report(voiceunlock_client *client, char **json_out, voiceunlock_error *error)
{
	vu_error inner = {.status = VU_OK};
	voiceunlock_code code = voiceunlock_call(client, "orchestrator/Report", NULL, 10.0, json_out, error);

	if (code == VOICEUNLOCK_UNIMPLEMENTED || code == VOICEUNLOCK_NOT_FOUND)
		return vu_client_return(
		    vu_fail(&inner, VU_UNIMPLEMENTED,
		            "unable to fetch the performance report: this version of the suite does "
		            "not offer it"),
		    &inner, error);
	return code;
}

/* One long poll; *after is where the next begins. */
static vu_status take_alerts(voiceunlock_client *client, voiceunlock_alert_callback callback, void *context,
                             voiceunlock_cancel *cancel, uint64_t *after, vu_error *error)
{
	Vu__WatchAlertsRequest request = VU__WATCH_ALERTS_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	const Vu__WatchAlertsResponse *answer;
	vu_client_call_options options = {
	    .timeout_us = ALERT_WAIT_MS * 1000LL + VU_CLIENT_LOOKUP_US, .idempotent = true, .cancel = cancel};
	vu_status status;

	request.after = *after;
	request.wait_ms = ALERT_WAIT_MS;
	status = vu_client_call(client, VU_SERVICE_ORCHESTRATOR, &vu__orchestrator__descriptor, "WatchAlerts",
	                        &request.base, &response, &options, error);
	if (status != VU_OK)
		return status;
	answer = (const Vu__WatchAlertsResponse *)response;
	for (size_t i = 0; i < answer->n_alerts; i++) {
		const Vu__Alert *from = answer->alerts[i];
		voiceunlock_alert alert = {.metric = from->metric,
		                           .value = from->value,
		                           .threshold = from->threshold,
		                           .severity = from->severity,
		                           .since_us = from->since_us};
		/* The end of an alert is none. */
		if (from->active)
			callback(context, &alert);
	}
	*after = answer->last;
	protobuf_c_message_free_unpacked(response, NULL);
	return VU_OK;
}

voiceunlock_code voiceunlock_watch_alerts(voiceunlock_client *client, voiceunlock_alert_callback callback,
                                          void *context, voiceunlock_cancel *cancel, voiceunlock_error *error)
{
	vu_error inner = {.status = VU_OK};
	uint64_t after = 0;
	vu_status status;

	do
		status = take_alerts(client, callback, context, cancel, &after, &inner);
	while (status == VU_OK);
	return vu_client_return(status, &inner, error);
}

voiceunlock_code voiceunlock_stop_suite(voiceunlock_client *client, voiceunlock_error *error)
{
	Vu__Empty request = VU__EMPTY__INIT;
	ProtobufCMessage *response = NULL;
	vu_error inner = {.status = VU_OK};
	vu_status status = ask_supervisor(client, "Stop", &request.base, VU_CLIENT_LOOKUP_US, &response, &inner);

	if (status == VU_OK)
		protobuf_c_message_free_unpacked(response, NULL);
	return vu_client_return(status, &inner, error);
}

voiceunlock_code voiceunlock_restart_service(voiceunlock_client *client, const char *service, uint64_t *pid_out,
                                             voiceunlock_error *error)
{
	Vu__RestartRequest request = VU__RESTART_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	char name[64];
	vu_error inner = {.status = VU_OK};
	vu_status status;

	if ((size_t)snprintf(name, sizeof name, "%s", service) >= sizeof name)
		return vu_client_return(vu_fail(&inner, VU_NOT_FOUND, "there is no service of so long a name"),
		                        &inner, error);
	request.service = name;
	status = ask_supervisor(client, "Restart", &request.base, RESTART_US, &response, &inner);
	if (status == VU_OK) {
		if (pid_out)
			*pid_out = ((const Vu__ServiceStatus *)response)->pid;
		protobuf_c_message_free_unpacked(response, NULL);
	}
	return vu_client_return(status, &inner, error);
}

voiceunlock_code voiceunlock_reload(voiceunlock_client *client, voiceunlock_error *error)
{
	Vu__Empty request = VU__EMPTY__INIT;
	ProtobufCMessage *response = NULL;
	vu_error inner = {.status = VU_OK};
	vu_status status = ask_supervisor(client, "Reload", &request.base, RESTART_US, &response, &inner);

	if (status == VU_OK)
		protobuf_c_message_free_unpacked(response, NULL);
	return vu_client_return(status, &inner, error);
}

voiceunlock_code voiceunlock_list_devices(voiceunlock_client *client, voiceunlock_device_list **list_out,
                                          voiceunlock_error *error)
{
	Vu__Empty request = VU__EMPTY__INIT;
	ProtobufCMessage *response = NULL;
	const Vu__DevicesResponse *answer;
	vu_client_call_options call = {.timeout_us = DEVICES_US, .idempotent = true};
	vu_error inner = {.status = VU_OK};
	voiceunlock_device_list *list;
	bool out_of_memory = false;
	vu_status status = vu_client_call(client, VU_SERVICE_CAPTURE, &vu__capture__descriptor, "ListDevices",
	                                  &request.base, &response, &call, &inner);

	if (status != VU_OK)
		return vu_client_return(status, &inner, error);
	answer = (const Vu__DevicesResponse *)response;
	list = calloc(1, sizeof *list);
	if (list)
		list->devices = vu_client_array(answer->n_devices, sizeof *list->devices, &out_of_memory);
	for (size_t i = 0; list && list->devices && i < answer->n_devices; i++) {
		voiceunlock_device *to = &list->devices[list->count++];
		to->name = vu_client_copy(answer->devices[i]->name, &out_of_memory);
		to->host_api = vu_client_copy(answer->devices[i]->host_api, &out_of_memory);
		to->channels = answer->devices[i]->channels;
		to->default_rate = answer->devices[i]->default_rate;
		to->is_default = answer->devices[i]->is_default;
	}
	protobuf_c_message_free_unpacked(response, NULL);
	if (!list || out_of_memory) {
		voiceunlock_device_list_free(list);
		return vu_client_return(
		    vu_fail(&inner, VU_RESOURCE_EXHAUSTED, "unable to list the microphones: out of memory"), &inner,
		    error);
	}
	*list_out = list;
	return VOICEUNLOCK_OK;
}

void voiceunlock_device_list_free(voiceunlock_device_list *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->count; i++) {
		free(list->devices[i].name);
		free(list->devices[i].host_api);
	}
	free(list->devices);
	free(list);
}

voiceunlock_code voiceunlock_get_process(voiceunlock_client *client, const char *service,
                                         voiceunlock_process *process_out, voiceunlock_error *error)
{
	Vu__Empty request = VU__EMPTY__INIT;
	ProtobufCMessage *response = NULL;
	const Vu__InfoResponse *answer;
	vu_client_call_options call = {.timeout_us = VU_CLIENT_LOOKUP_US, .idempotent = true};
	vu_error inner = {.status = VU_OK};
	vu_service_id id = vu_service_by_name(service);
	vu_status status;

	if (id == VU_SERVICE_COUNT)
		return vu_client_return(vu_fail(&inner, VU_NOT_FOUND, "there is no service called '%s'", service),
		                        &inner, error);
	status =
	    vu_client_call(client, id, &vu__process__descriptor, "Info", &request.base, &response, &call, &inner);
	if (status != VU_OK)
		return vu_client_return(status, &inner, error);
	answer = (const Vu__InfoResponse *)response;
	memset(process_out, 0, sizeof *process_out);
	process_out->pid = answer->pid;
	snprintf(process_out->version, sizeof process_out->version, "%s", answer->version);
	snprintf(process_out->allocator, sizeof process_out->allocator, "%s", answer->allocator);
	process_out->uptime_ms = answer->uptime_ms;
	process_out->rss_bytes = answer->rss_bytes;
	process_out->heap_bytes = answer->heap_bytes;
	protobuf_c_message_free_unpacked(response, NULL);
	return VOICEUNLOCK_OK;
}
