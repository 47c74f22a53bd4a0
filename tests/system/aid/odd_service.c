/*
 * A service that misbehaves on demand, for the tests of the supervisor.
 *
 * Copied beside vu-supervisor under the name of a service (vu-models, …), it
 * runs as that service on the runtime that all share, without the service's
 * own methods. What it does wrong stands in the file
 * $VOICE_UNLOCK_HOME/odd/<service>, read at start; no file, no mischief:
 *
 *   exit N          says why on standard error and exits with N before it is ready
 *   abort-after MS  is ready, then aborts
 *   never-ready     hangs in its start
 *   no-stop         does not end when told to
 *   hold MB         holds that much memory and gives it back when asked to clean up
 *   keep MB         once it is ready holds that much shared memory, which no limit of its own counts, and does not
 *   gulp MB         allocates that much as fast as it can once it is ready, and keeps what it got
 *   say TEXT        writes TEXT to its log
 *   refuse-reload   answers a new configuration with FAILED_PRECONDITION
 */
#include "base/log.h"
#include "platform/platform.h"
#include "runtime/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct odd_service {
	vu_runtime *runtime;
	char mischief[64];
	char argument[256];
	uv_timer_t timer;
	char *held;
	size_t held_bytes;
} odd_service;

static vu_service_definition definition;
static odd_service odd;

/* Before the runtime confines this process, which is no place for such a file. */
static void read_mischief(void)
{
	char *home = vu_platform_home_folder();
	char path[4096];
	FILE *file;

	snprintf(path, sizeof path, "%s/odd/%s", home ? home : "", vu_service_name(definition.id));
	free(home);
	file = fopen(path, "r");
	if (!file)
		return;
	if (fscanf(file, "%63s %255[^\n]", odd.mischief, odd.argument) < 1)
		odd.mischief[0] = '\0';
	fclose(file);
}

static bool does(const char *mischief)
{
	return strcmp(odd.mischief, mischief) == 0;
}

static void abort_now(uv_timer_t *timer)
{
	(void)timer;
	abort();
}

/* Shared memory, so that neither the allocator's bound nor the system's is in the way, and once both hold. */
static void keep(uv_timer_t *timer)
{
	(void)timer;
	odd.held_bytes = (size_t)atoi(odd.argument) << 20;
	odd.held = mmap(NULL, odd.held_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON, -1, 0);
	if (odd.held != MAP_FAILED)
		memset(odd.held, 1, odd.held_bytes);
}

/* In pieces as a loader would, every page written to. */
static void gulp(uv_timer_t *timer)
{
	enum { PIECE_BYTES = 256 * 1024 };
	size_t wanted = (size_t)atoi(odd.argument) << 20;
	size_t got = 0;
	char *piece;

	(void)timer;
	while (got < wanted && (piece = malloc(PIECE_BYTES)) != NULL) {
		memset(piece, 1, PIECE_BYTES);
		got += PIECE_BYTES;
	}
	vu_log_info("gulped %zu MB of %zu MB", got >> 20, wanted >> 20);
}

static vu_status start(vu_runtime *runtime, void **state_out, vu_error *error)
{
	(void)error;
	odd.runtime = runtime;
	if (does("exit")) {
		vu_log_error("unable to go on: the test said %s", odd.argument);
		_exit(atoi(odd.argument));
	}
	if (does("say"))
		vu_log_info("%s", odd.argument);
	while (does("never-ready"))
		pause();
	if (does("abort-after")) {
		uv_timer_init(vu_runtime_loop(runtime), &odd.timer);
		uv_timer_start(&odd.timer, abort_now, (uint64_t)atoi(odd.argument), 0);
	}
	if (does("gulp")) {
		uv_timer_init(vu_runtime_loop(runtime), &odd.timer);
		uv_timer_start(&odd.timer, gulp, 1000, 0);
	}
	if (does("hold")) {
		odd.held_bytes = (size_t)atoi(odd.argument) << 20;
		odd.held = malloc(odd.held_bytes);
		if (odd.held)
			memset(odd.held, 1, odd.held_bytes);
	}
	if (does("keep")) {
		uv_timer_init(vu_runtime_loop(runtime), &odd.timer);
		uv_timer_start(&odd.timer, keep, 500, 0);
	}
	*state_out = &odd;
	return VU_OK;
}

static vu_status reload(void *state, const vu_config *config, vu_error *error)
{
	(void)state;
	(void)config;
	if (does("refuse-reload"))
		return vu_fail(error, VU_FAILED_PRECONDITION, "unable to change while running: the test said so");
	return VU_OK;
}

static uint64_t cleanup(void *state, bool aggressive)
{
	uint64_t freed = 0;
	(void)state;
	if (does("hold") && aggressive && odd.held) {
		free(odd.held);
		odd.held = NULL;
		freed = odd.held_bytes;
	}
	return freed;
}

static void stop(void *state)
{
	(void)state;
	while (does("no-stop"))
		pause();
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *program = slash ? slash + 1 : argv[0];

	definition.id = strncmp(program, "vu-", 3) == 0 ? vu_service_by_name(program + 3) : VU_SERVICE_COUNT;
	if (definition.id == VU_SERVICE_COUNT) {
		fprintf(stderr, "odd_service: unable to run as '%s': copy it under the name of a service\n", program);
		return 2;
	}
	read_mischief();
	definition.start = start;
	definition.reload = reload;
	definition.cleanup = cleanup;
	definition.stop = stop;
	return vu_runtime_main(&definition, argc, argv);
}
