/*
 * The life of a service process, in order. Whatever fails on the way up ends
 * the process with a message and an exit code; after the RPC library has begun
 * to work the process ends by _exit, because closing NNG 1.5.2 may hang.
 */
#include "runtime/internal.h"

#include "base/allocator.h"
#include "base/clock.h"
#include "base/log.h"
#include "platform/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int exit_code_of(vu_status status)
{
	switch (status) {
	case VU_OK:
		return VU_EXIT_OK;
	case VU_INVALID_ARGUMENT:
	case VU_FAILED_PRECONDITION:
		return VU_EXIT_CONFIGURATION;
	case VU_PERMISSION_DENIED:
		return VU_EXIT_PERMISSION;
	default:
		return VU_EXIT_INTERNAL;
	}
}

/* A file that cannot be found or is too large is a matter of configuration as well. */
static int exit_code_of_config(vu_status status)
{
	return status == VU_NOT_FOUND || status == VU_OUT_OF_RANGE ? VU_EXIT_CONFIGURATION : exit_code_of(status);
}

/* -1: go on. */
static int read_arguments(const char *name, int argc, char **argv)
{
	if (argc == 1)
		return -1;
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("vu-%s %s\n", name, VU_VERSION);
		return VU_EXIT_OK;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		printf("usage: vu-%s [--help | --version]\n\n"
		       "Runs the %s service of Voice Unlock in the foreground until SIGTERM; SIGHUP reads the\n"
		       "configuration again. It is usually started by vu-supervisor.\n",
		       name, name);
		return VU_EXIT_OK;
	}
	fprintf(stderr, "unable to understand \"%s\": vu-%s takes no argument but --help and --version\n", argv[1],
	        name);
	return VU_EXIT_USAGE;
}

/* Who is who, and that we are somebody: before then others would take us for a client. */
static vu_status read_roster(vu_runtime *runtime, vu_error *error)
{
	vu_status status;

	if (runtime->inherited.roster_fd < 0)
		return VU_OK;
	status = vu_roster_open(runtime->inherited.roster_fd, &runtime->roster, error);
	runtime->inherited.roster_fd = -1;
	return status == VU_OK ? vu_roster_wait(runtime->roster, runtime->definition->id, VU_ROSTER_MS, error)
	                       : status;
}

/* Before anything is started: allocator, parent, configuration, folders. */
static int prepare(vu_runtime *runtime, vu_error *error)
{
	vu_config *config = NULL;
	vu_status status = vu_allocator_check(error);

	if (status != VU_OK)
		return exit_code_of(status);
	/* Voices pass through all of them. */
	vu_platform_protect_memory();
	/* Read first: it warns about the environment only when no supervisor has done so. */
	status = vu_config_load(NULL, &config, error);
	if (status != VU_OK)
		return exit_code_of_config(status);
	atomic_store(&runtime->config, config);
	status = vu_inherited_take(&runtime->inherited, error);
	if (status == VU_OK && runtime->inherited.parent > 0) {
		status = vu_platform_die_with_parent(runtime->inherited.parent);
		if (status != VU_OK)
			vu_fail(error, status, "unable to watch the supervisor: %s", vu_status_name(status));
	}
	if (status == VU_OK)
		status = read_roster(runtime, error);
	if (status == VU_OK)
		status = vu_runtime_prepare_folders(runtime, error);
	if (status == VU_OK)
		status = vu_lifecycle_init(runtime, error);
	return exit_code_of(status);
}

/* Server and service. Readiness is reported from the loop. */
static vu_status start(vu_runtime *runtime, vu_error *error)
{
	const vu_service_definition *definition = runtime->definition;
	vu_rpc_server_config config;
	vu_placement placement;
	vu_status status = vu_runtime_placement(runtime, definition->id, &placement, error);

	if (status != VU_OK)
		return status;
	if (!placement.here)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to serve %s on this machine: services.%s.endpoints places it at %s%s; add one "
		               "of this machine's addresses, or call it there",
		               runtime->name, runtime->name, placement.call[0].uri,
		               placement.call_count > 1 ? " and others" : "");
	memset(&config, 0, sizeof config);
	status = vu_runtime_credentials(runtime, &placement, false, &config.credentials, error);
	if (status != VU_OK)
		return status;
	config.service = runtime->name;
	config.endpoint = &placement.local;
	config.remote_endpoints = placement.listen;
	config.remote_endpoint_count = placement.listen_count;
	config.in_flight_max = definition->in_flight_max;
	config.workers_max = definition->workers_max;
	config.roster = runtime->roster;
	config.any_uid = definition->front && vu_runtime_config(runtime)->system.machine;
	status = vu_rpc_server_create(&config, &runtime->server, error);
	if (status == VU_OK)
		status = vu_process_service_add(runtime, error);
	if (status == VU_OK)
		status = definition->start(runtime, &runtime->state, error);
	if (status == VU_OK)
		status = vu_rpc_server_listen(runtime->server, error);
	if (status == VU_OK && definition->listening)
		status = definition->listening(runtime->state, error);
	if (status != VU_OK)
		return status;
	vu_log_info("listening on %s", placement.local.uri);
	for (size_t i = 0; i < placement.listen_count; i++)
		vu_log_info("listening on %s", placement.listen[i].uri);
	return VU_OK;
}

static _Noreturn void leave(int code)
{
	fflush(stdout);
	fflush(stderr);
	_exit(code);
}

int vu_runtime_main(const vu_service_definition *definition, int argc, char **argv)
{
	/* Static: threads of libraries may still look at it while the process ends. */
	static vu_runtime runtime;
	vu_error error = {VU_OK, ""};
	vu_status status;
	int code;

	runtime.definition = definition;
	runtime.name = vu_service_name(definition->id);
	runtime.started_us = vu_clock_monotonic_us();
	pthread_mutex_init(&runtime.lock, NULL);
	vu_log_init(runtime.name);
	code = read_arguments(runtime.name, argc, argv);
	if (code >= 0)
		return code;
	umask(077);
	vu_platform_keep_listening();

	code = prepare(&runtime, &error);
	if (code != VU_EXIT_OK) {
		vu_log_error("%s", error.message);
		return code;
	}
	status = vu_confinement_enter(&runtime, &error);
	if (status == VU_OK)
		status = start(&runtime, &error);
	if (status == VU_OK)
		status = vu_confinement_close(&runtime, &error);
	if (status != VU_OK) {
		vu_log_error("%s", error.message);
		leave(exit_code_of(status));
	}
	vu_lifecycle_run(&runtime);
	if (definition->stop)
		definition->stop(runtime.state);
	vu_log_info("stopped");
	leave(atomic_load(&runtime.exit_code));
}

vu_rpc_server *vu_runtime_server(vu_runtime *runtime)
{
	return runtime->server;
}

uv_loop_t *vu_runtime_loop(vu_runtime *runtime)
{
	return &runtime->loop;
}

int vu_runtime_ring_fd(const vu_runtime *runtime)
{
	return runtime->inherited.ring_fd;
}
