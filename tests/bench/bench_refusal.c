/*
 * What the time of a refusal tells another user about who is enrolled: nothing,
 * if it takes as long for a name that is as for one that is not.
 *
 *   refusal_ms             median of a refusal for a name that nobody has
 *     baseline             the same for a name that is enrolled
 *
 * Asks a machine suite in a private folder, as another uid, alternately for
 * the one and the other. Needs root for that uid; without it nothing is
 * measured. Run from the top of the source tree.
 */
#include "base/clock.h"
#include "base/id.h"
#include "rpc/channel.h"

#include "voiceunlock/v1/orchestrator.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS   400
#define STRANGER 9 /* news, of every Debian; any that is not root */
#define CALL_US  5000000

static char folder[64];

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof *values, compare);
	return values[ROUNDS / 2];
}

/* ms of one refusal; below 0 when it was none. */
static double refusal(vu_channel *channel, const char *user)
{
	Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;
	vu_call_options options = {.timeout_us = CALL_US};
	ProtobufCMessage *response = NULL;
	vu_error error = {.status = VU_OK};
	char id[VU_ID_HEX_SIZE];
	char name[64];
	int64_t began_us;
	vu_status status;

	vu_id_generate_hex(id);
	snprintf(name, sizeof name, "%s", user);
	request.attempt_id = id;
	request.user = name;
	began_us = vu_clock_monotonic_us();
	status = vu_channel_call(channel, &vu__orchestrator__descriptor, "Authenticate", &request.base, &response,
	                         &options, &error);
	if (response)
		protobuf_c_message_free_unpacked(response, NULL);
	return status == VU_PERMISSION_DENIED ? (double)(vu_clock_monotonic_us() - began_us) / 1e3 : -1;
}

/* In a process of that uid. */
static int measure_as_stranger(void)
{
	static double known[ROUNDS];
	static double unknown[ROUNDS];
	vu_endpoint endpoint;
	vu_channel_config config = {
	    .service = "orchestrator", .caller = "bench", .endpoints = &endpoint, .endpoint_count = 1};
	vu_channel *channel;
	vu_error error = {.status = VU_OK};
	char run[96];

	snprintf(run, sizeof run, "%s/run", folder);
	if (setgid(STRANGER) != 0 || setuid(STRANGER) != 0 ||
	    vu_endpoint_local(run, "orchestrator", &endpoint, &error) != VU_OK ||
	    vu_channel_create(&config, &channel, &error) != VU_OK)
		return 1;
	for (int i = -20; i < ROUNDS; i++) {
		/* Who is first changes, so that being second tells nothing. */
		double a = refusal(channel, i % 2 ? "ada" : "eve");
		double b = refusal(channel, i % 2 ? "eve" : "ada");
		if (a < 0 || b < 0)
			return 1;
		if (i < 0)
			continue;
		known[i] = i % 2 ? a : b;
		unknown[i] = i % 2 ? b : a;
	}
	printf("{\"name\": \"refusal_ms\", \"value\": %.4g, \"unit\": \"ms\", \"baseline\": %.4g, \"ratio\": %.4g}\n",
	       median(unknown), median(known), median(unknown) / median(known));
	fflush(stdout);
	return 0;
}

static void set_place(const char *variable, const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	setenv(variable, path, 1);
}

int main(void)
{
	int status = 1;
	pid_t child;

	if (geteuid() != 0) {
		fprintf(stderr, "bench: refusals are asked for as another uid, which takes root: not measured\n");
		return 0;
	}
	snprintf(folder, sizeof folder, "/tmp/vu-refusal.XXXXXX");
	if (!mkdtemp(folder) || chmod(folder, 0711) != 0)
		return 1;
	/* For this process too, which must not be taken for a client of another suite. */
	setenv("F", folder, 1);
	set_place("VOICE_UNLOCK_HOME", "home");
	set_place("VOICE_UNLOCK_RUNTIME_DIR", "run");
	set_place("VOICE_UNLOCK_CONFIG", "config.yaml");
	setenv("VOICE_UNLOCK_MACHINE", "true", 1);
	if (system("mkdir -m 711 $F/run && printf 'http:\\n  port: 0\\n' >$F/config.yaml && "
	           "build/tests/aid/utterances $F/v >/dev/null && build/bin/jarvis-voice-unlock start >&2 && "
	           "build/bin/jarvis-voice-unlock enroll ada --from $F/v/$(head -n 1 $F/v/people.txt)/enroll-*.wav "
	           ">&2") == 0) {
		child = fork();
		if (child == 0)
			_exit(measure_as_stranger());
		if (child < 0 || waitpid(child, &status, 0) != child)
			status = 1;
	}
	if (system("build/bin/jarvis-voice-unlock stop >&2; rm -rf $F") != 0 || status != 0) {
		fprintf(stderr, "bench: unable to measure refusals\n");
		return 1;
	}
	return 0;
}
