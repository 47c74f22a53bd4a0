/*
 * Asks the supervisor of $VOICE_UNLOCK_RUNTIME_DIR, for tests.
 *
 * usage: ask_supervisor status | restart SERVICE | stop | reload | whois PID | kill SERVICE
 *
 * status and restart print a line per service:
 *   name pid state health restarts rss_bytes limit_bytes reason
 * `status` ends with "ready" or "not-ready". An error is printed as
 * "STATUS: message" and the exit code is the status's number. `kill` sends
 * SIGKILL to the service and prints the milliseconds until a client that was
 * connected to it all the time is answered by another process that serves.
 */
#include "base/clock.h"
#include "platform/platform.h"
#include "rpc/channel.h"

#include "grpc/health/v1/health.pb-c.h"

#include "voiceunlock/v1/common.pb-c.h"
#include "voiceunlock/v1/process.pb-c.h"
#include "voiceunlock/v1/supervisor.pb-c.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_service(const Vu__ServiceStatus *service)
{
	printf("%s %" PRIu64 " %s %s %" PRIu32 " %" PRIu64 " %" PRIu64 " %s\n", service->name, service->pid,
	       service->state, service->health, service->restarts, service->rss_bytes, service->limit_bytes,
	       service->reason);
}

/* Ends without closing the channel, as every short-lived client does. */
static _Noreturn void leave(int code)
{
	fflush(NULL);
	_exit(code);
}

static ProtobufCMessage *call(vu_channel *channel, const char *method, const ProtobufCMessage *request)
{
	ProtobufCMessage *response = NULL;
	vu_error error = {0};
	vu_call_options options = {.timeout_us = 20 * 1000000LL};
	vu_status status =
	    vu_channel_call(channel, &vu__supervisor__descriptor, method, request, &response, &options, &error);
	if (status != VU_OK) {
		printf("%s: %s\n", vu_status_name(status), error.message);
		leave((int)status);
	}
	return response;
}

static vu_channel *open_channel(const char *folder, const char *service)
{
	vu_endpoint endpoint;
	vu_channel_config config = {
	    .service = service, .caller = "ask_supervisor", .endpoints = &endpoint, .endpoint_count = 1};
	vu_channel *channel = NULL;
	vu_error error = {0};

	if (vu_endpoint_local(folder, service, &endpoint, &error) != VU_OK ||
	    vu_channel_create(&config, &channel, &error) != VU_OK) {
		printf("%s\n", error.message);
		leave(70);
	}
	return channel;
}

/* The pid of the process that answers and serves, or 0. */
static pid_t ask_who_serves(vu_channel *channel)
{
	VuHealth__HealthCheckRequest check = VU_HEALTH__HEALTH_CHECK_REQUEST__INIT;
	Vu__Empty empty = VU__EMPTY__INIT;
	ProtobufCMessage *health = NULL;
	ProtobufCMessage *info = NULL;
	vu_call_options options = {.timeout_us = 10 * 1000000LL, .wait_for_ready = true, .idempotent = true};
	pid_t pid = 0;

	if (vu_channel_call(channel, &vu__process__descriptor, "Info", &empty.base, &info, &options, NULL) == VU_OK &&
	    vu_channel_call(channel, &vu_health__health__descriptor, "Check", &check.base, &health, &options, NULL) ==
	        VU_OK &&
	    ((const VuHealth__HealthCheckResponse *)health)->status ==
	        VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING)
		pid = (pid_t)((const Vu__InfoResponse *)info)->pid;
	if (info)
		protobuf_c_message_free_unpacked(info, NULL);
	if (health)
		protobuf_c_message_free_unpacked(health, NULL);
	return pid;
}

static void kill_and_wait(vu_channel *channel)
{
	pid_t old_pid = ask_who_serves(channel);
	pid_t new_pid;
	int64_t started_us = vu_clock_monotonic_us();

	if (old_pid == 0 || kill(old_pid, SIGKILL) != 0) {
		puts("unable to kill it: it does not serve");
		leave(70);
	}
	do
		new_pid = ask_who_serves(channel);
	while ((new_pid == 0 || new_pid == old_pid) && vu_clock_monotonic_us() - started_us < 20 * 1000000LL);
	printf("%.1f\n", (double)(vu_clock_monotonic_us() - started_us) / 1000);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	char *argument = argc > 2 ? argv[2] : NULL;
	char *folder = vu_platform_runtime_folder();
	vu_channel *channel;
	Vu__Empty empty = VU__EMPTY__INIT;

	if (!folder)
		return 70;
	channel = open_channel(folder, "supervisor");
	if (strcmp(verb, "status") == 0) {
		const Vu__SupervisorStatusResponse *response =
		    (const Vu__SupervisorStatusResponse *)call(channel, "Status", &empty.base);
		for (size_t i = 0; i < response->n_services; i++)
			print_service(response->services[i]);
		puts(response->ready ? "ready" : "not-ready");
	} else if (strcmp(verb, "restart") == 0 && argument) {
		Vu__RestartRequest request = VU__RESTART_REQUEST__INIT;
		request.service = argument;
		print_service((const Vu__ServiceStatus *)call(channel, "Restart", &request.base));
	} else if (strcmp(verb, "whois") == 0 && argument) {
		Vu__WhoIsRequest request = VU__WHO_IS_REQUEST__INIT;
		request.pid = strtoull(argument, NULL, 10);
		printf("%s\n", ((const Vu__WhoIsResponse *)call(channel, "WhoIs", &request.base))->service);
	} else if (strcmp(verb, "stop") == 0) {
		call(channel, "Stop", &empty.base);
	} else if (strcmp(verb, "reload") == 0) {
		call(channel, "Reload", &empty.base);
	} else if (strcmp(verb, "kill") == 0 && argument) {
		kill_and_wait(open_channel(folder, argument));
	} else {
		fputs("usage: ask_supervisor status | restart SERVICE | stop | reload | whois PID | kill SERVICE\n",
		      stderr);
		return 2;
	}
	leave(0);
}
