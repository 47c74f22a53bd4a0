/*
 * Any method of any process: its schema is asked of the process itself
 * (Reflection), so nothing here knows the services. A call is made once; what
 * it changes is the caller's affair.
 */
#include "internal.h"

#include "base/text.h"
#include "rpc/json.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 192
#define CHOICES_MAX    128

/* "models/Stats" taken apart. */
typedef struct method_name {
	vu_service_id process;
	char service[NAME_MAX_BYTES]; /* "Process", "voiceunlock.v1.Models", or "" when any will do */
	char method[NAME_MAX_BYTES];
} method_name;

/* The process that offers a service by its name: "voiceunlock.v1.Models" is in models. */
static vu_service_id process_of_service(const char *service)
{
	const char *dot = strrchr(service, '.');
	char name[NAME_MAX_BYTES];
	size_t used = 0;

	for (const char *c = dot ? dot + 1 : service; *c && used + 1 < sizeof name; c++)
		name[used++] = (char)tolower((unsigned char)*c);
	name[used] = '\0';
	return vu_service_by_name(name);
}

static vu_status fail_process(const char *text, vu_error *error)
{
	const char *names[VU_SERVICE_COUNT];
	const char *nearest;

	for (int id = 0; id < VU_SERVICE_COUNT; id++)
		names[id] = vu_service_name((vu_service_id)id);
	nearest = vu_text_nearest(text, names, VU_SERVICE_COUNT);
	if (nearest)
		return vu_fail(error, VU_INVALID_ARGUMENT, "there is no process '%s'; did you mean %s", text,
		               nearest);
	return vu_fail(error, VU_INVALID_ARGUMENT,
	               "there is no process '%s'; say PROCESS/METHOD, for example models/Stats or "
	               "models/Process.Info",
	               text);
}

static vu_status take_apart(const char *text, method_name *name, vu_error *error)
{
	char copy[NAME_MAX_BYTES];
	char *first, *rest, *last;

	if (*text == '/')
		text++;
	if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy)
		return vu_fail(error, VU_INVALID_ARGUMENT, "the name of the method is longer than %d bytes",
		               NAME_MAX_BYTES - 1);
	memset(name, 0, sizeof *name);
	first = copy;
	rest = strchr(copy, '/');
	if (!rest || rest == copy || rest[1] == '\0')
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "'%s' is no method; say PROCESS/METHOD, for example models/Stats", copy);
	*rest++ = '\0';
	name->process = vu_service_by_name(first);
	if (name->process == VU_SERVICE_COUNT) {
		name->process = process_of_service(first);
		if (name->process == VU_SERVICE_COUNT)
			return fail_process(first, error);
		/* "Models/Stats" and "voiceunlock.v1.Models/Stats" name the service and with it the process. */
		strcpy(name->service, first);
	}
	last = strrchr(rest, '/');
	if (!last)
		last = strrchr(rest, '.');
	if (last) {
		*last = '\0';
		strcpy(name->service, rest);
		rest = last + 1;
	}
	strcpy(name->method, rest);
	return VU_OK;
}

static vu_status describe(voiceunlock_client *client, vu_service_id process, Vu__DescribeResponse **schema_out,
                          vu_error *error)
{
	Vu__DescribeRequest request = VU__DESCRIBE_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	vu_client_call_options options = {.timeout_us = VU_CLIENT_LOOKUP_US, .idempotent = true};
	vu_status status = vu_client_call(client, process, &vu__reflection__descriptor, "Describe", &request.base,
	                                  &response, &options, error);

	if (status == VU_OK)
		*schema_out = (Vu__DescribeResponse *)response;
	return status;
}

/* True when `full` is `wanted`, or ends in it after a dot. */
static bool is_service(const char *full, const char *wanted)
{
	size_t full_length = strlen(full), length = strlen(wanted);

	if (strcmp(full, wanted) == 0)
		return true;
	return full_length > length && full[full_length - length - 1] == '.' &&
	       strcmp(full + full_length - length, wanted) == 0;
}

/* A process's own service wins over those that all have (Process, Health, Reflection). */
static bool is_own(const char *full, vu_service_id process)
{
	return process_of_service(full) == process;
}

static vu_status find_method(const Vu__DescribeResponse *schema, const method_name *name,
                             const Vu__ServiceSchema **service_out, const Vu__MethodSchema **method_out,
                             vu_error *error)
{
	const char *choices[CHOICES_MAX];
	const char *nearest;
	size_t count = 0;

	*method_out = NULL;
	for (size_t i = 0; i < schema->n_services; i++) {
		const Vu__ServiceSchema *service = schema->services[i];
		if (name->service[0] != '\0' && !is_service(service->name, name->service))
			continue;
		for (size_t k = 0; k < service->n_methods; k++) {
			if (count < CHOICES_MAX)
				choices[count++] = service->methods[k]->name;
			if (strcmp(service->methods[k]->name, name->method) != 0)
				continue;
			if (!*method_out || is_own(service->name, name->process)) {
				*service_out = service;
				*method_out = service->methods[k];
			}
		}
	}
	if (*method_out)
		return VU_OK;
	if (count == 0)
		return vu_fail(error, VU_UNIMPLEMENTED, "%s has no service '%s'", vu_service_name(name->process),
		               name->service);
	nearest = vu_text_nearest(name->method, choices, count);
	return vu_fail(error, VU_UNIMPLEMENTED, "%s has no method '%s'%s%s", vu_service_name(name->process),
	               name->method, nearest ? "; did you mean " : "", nearest ? nearest : "");
}

static vu_status call(voiceunlock_client *client, const char *text, const char *json_in, double timeout_s,
                      char **json_out, vu_error *error)
{
	Vu__DescribeResponse *schema = NULL;
	const Vu__ServiceSchema *service = NULL;
	const Vu__MethodSchema *method = NULL;
	uint8_t *request = NULL, *response = NULL;
	size_t request_bytes = 0, response_bytes = 0;
	char full[2 * NAME_MAX_BYTES + 4];
	vu_client_call_options options = {.timeout_us = (int64_t)(timeout_s * 1e6)};
	method_name name;
	vu_status status;

	if (!isfinite(timeout_s) || timeout_s <= 0 || timeout_s > 3600)
		return vu_fail(error, VU_INVALID_ARGUMENT, "the timeout is not between 0 and 3600 seconds");
	status = take_apart(text, &name, error);
	if (status == VU_OK)
		status = describe(client, name.process, &schema, error);
	if (status == VU_OK)
		status = find_method(schema, &name, &service, &method, error);
	if (status == VU_OK)
		status = vu_rpc_json_to_wire(schema, method->input, json_in ? json_in : "", &request, &request_bytes,
		                             error);
	if (status != VU_OK)
		goto out;
	options.idempotent = method->idempotent;
	snprintf(full, sizeof full, "/%s/%s", service->name, method->name);
	status = vu_client_call_bytes(client, name.process, full, request, request_bytes, &response, &response_bytes,
	                              &options, error);
	if (status == VU_OK)
		status = vu_rpc_wire_to_json(schema, method->output, response, response_bytes, json_out, error);
out:
	free(response);
	free(request);
	if (schema)
		vu__describe_response__free_unpacked(schema, NULL);
	return status;
}

voiceunlock_code voiceunlock_call(voiceunlock_client *client, const char *method, const char *json_in,
                                  double timeout_s, char **json_out, voiceunlock_error *error)
{
	vu_error inner = {.status = VU_OK};

	return vu_client_return(call(client, method, json_in, timeout_s, json_out, &inner), &inner, error);
}

static vu_status list_methods(voiceunlock_client *client, const char *process, voiceunlock_text_list **list_out,
                              vu_error *error)
{
	Vu__DescribeResponse *schema = NULL;
	voiceunlock_text_list *list = NULL;
	bool out_of_memory = false;
	size_t count = 0;
	vu_status status;

	if (vu_service_by_name(process) == VU_SERVICE_COUNT)
		return fail_process(process, error);
	status = describe(client, vu_service_by_name(process), &schema, error);
	if (status != VU_OK)
		return status;
	for (size_t i = 0; i < schema->n_services; i++)
		count += schema->services[i]->n_methods;
	list = vu_client_array(1, sizeof *list, &out_of_memory);
	if (list)
		list->texts = vu_client_array(count, sizeof *list->texts, &out_of_memory);
	for (size_t i = 0; list && list->texts && i < schema->n_services; i++) {
		for (size_t k = 0; k < schema->services[i]->n_methods; k++) {
			char full[2 * NAME_MAX_BYTES];
			snprintf(full, sizeof full, "%s/%s", schema->services[i]->name,
			         schema->services[i]->methods[k]->name);
			list->texts[list->count++] = vu_client_copy(full, &out_of_memory);
		}
	}
	vu__describe_response__free_unpacked(schema, NULL);
	if (out_of_memory) {
		voiceunlock_text_list_free(list);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to list the methods: out of memory");
	}
	*list_out = list;
	return VU_OK;
}

voiceunlock_code voiceunlock_list_methods(voiceunlock_client *client, const char *process,
                                          voiceunlock_text_list **list_out, voiceunlock_error *error)
{
	vu_error inner = {.status = VU_OK};

	return vu_client_return(list_methods(client, process, list_out, &inner), &inner, error);
}
