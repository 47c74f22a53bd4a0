/*
 * Measures the running suite as its user meets it: how soon it is ready, what
 * it costs in memory, how long an authentication takes from a file and after
 * live speech, how soon a killed service serves again.
 *
 * Everything happens in a private folder under /tmp. Speech comes from
 * build/tests/aid/utterances, the microphone is tests/system/virtual-mic.
 * Prints one JSON object a line; progress and trouble go to standard error.
 * Run from the top of the source tree. Exit 1 when a figure could not be taken.
 */
#include "base/clock.h"
#include "base/id.h"
#include "platform/platform.h"
#include "rpc/channel.h"
#include "grpc/health/v1/health.pb-c.h"
#include "voiceunlock/v1/capture.pb-c.h"
#include "voiceunlock/v1/orchestrator.pb-c.h"
#include "voiceunlock/v1/supervisor.pb-c.h"

#include <signal.h>
#include <sndfile.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define START_RUNS 5
#define FILE_RUNS  60
#define LIVE_RUNS  8
#define KILL_RUNS  5
#define RATE       16000
#define FILE_S     3
#define CALL_US    20000000

static char folder[64];
static char person[64]; /* the first that utterances could make */
static vu_channel *capture;
static vu_channel *orchestrator;
static vu_channel *supervisor;

static _Noreturn void die(const char *what, const char *why)
{
	char command[256];
	fprintf(stderr, "bench: unable to %s: %s\n", what, why);
	snprintf(
	    command, sizeof command,
	    "build/bin/jarvis-voice-unlock stop >/dev/null 2>&1; tests/system/virtual-mic stop %s/mic; rm -rf %s",
	    folder, folder);
	if (system(command) != 0)
		fprintf(stderr, "bench: unable to clean up %s\n", folder);
	_exit(1);
}

static void run_or_die(const char *command)
{
	if (system(command) != 0)
		die("run", command);
}

static void print_figure(const char *name, double value, const char *unit)
{
	printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", \"baseline\": null, \"ratio\": null}\n", name,
	       value, unit);
	fflush(stdout);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The value below which a share `q` of the runs lies. */
static double quantile(double *values, size_t count, double q)
{
	qsort(values, count, sizeof *values, compare_doubles);
	size_t at = (size_t)(q * (double)count);
	return values[at < count ? at : count - 1];
}

static ProtobufCMessage *call(vu_channel *channel, const ProtobufCServiceDescriptor *service, const char *method,
                              const ProtobufCMessage *request)
{
	vu_call_options options = {.timeout_us = CALL_US, .wait_for_ready = true};
	ProtobufCMessage *response = NULL;
	vu_error error = {0};

	if (vu_channel_call(channel, service, method, request, &response, &options, &error) != VU_OK)
		die(method, error.message);
	return response;
}

static void release(void *message)
{
	protobuf_c_message_free_unpacked(message, NULL);
}

static vu_channel *open_channel(const char *service)
{
	vu_endpoint endpoint;
	vu_channel_config config = {
	    .service = service, .caller = "bench", .endpoints = &endpoint, .endpoint_count = 1};
	vu_channel *channel;
	vu_error error = {0};

	if (vu_endpoint_local(getenv("VOICE_UNLOCK_RUNTIME_DIR"), service, &endpoint, &error) != VU_OK ||
	    vu_channel_create(&config, &channel, &error) != VU_OK)
		die("reach the suite", error.message);
	return channel;
}

/* Starts or stops the suite by its own programs and returns how long that took, in ms. */
static double timed_run(const char *program, const char *argument)
{
	char *arguments[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)argument, NULL};
	int64_t began_us = vu_clock_monotonic_us();
	int status = -1;
	pid_t pid;

	if (posix_spawn(&pid, program, NULL, NULL, arguments, environ) != 0 || waitpid(pid, &status, 0) != pid ||
	    status != 0)
		die("run", program);
	return (double)(vu_clock_monotonic_us() - began_us) / 1000;
}

/* Sum over all processes of the suite: PSS in bytes, or CPU time in microseconds. */
static uint64_t sum_over_processes(vu_status (*measure)(pid_t, uint64_t *))
{
	Vu__Empty empty = VU__EMPTY__INIT;
	Vu__SupervisorStatusResponse *status =
	    (void *)call(supervisor, &vu__supervisor__descriptor, "Status", &empty.base);
	uint64_t sum = 0;

	for (size_t i = 0; i < status->n_services; i++) {
		uint64_t one = 0;
		if (status->services[i]->pid == 0 || measure((pid_t)status->services[i]->pid, &one) != VU_OK)
			die("measure", status->services[i]->name);
		sum += one;
	}
	release(status);
	return sum;
}

static void choose_person(void)
{
	char path[256];
	FILE *list;

	snprintf(path, sizeof path, "%s/voices/people.txt", folder);
	list = fopen(path, "r");
	if (!list || fscanf(list, "%63s", person) != 1)
		die("read", path);
	fclose(list);
}

static void read_voice(const char *name, float **samples_out, size_t *count_out, uint32_t *rate_out)
{
	char path[256];
	SF_INFO info = {0};
	SNDFILE *file;

	snprintf(path, sizeof path, "%s/voices/%s/%s.wav", folder, person, name);
	file = sf_open(path, SFM_READ, &info);
	if (!file || info.channels != 1)
		die("read", path);
	*samples_out = malloc((size_t)info.frames * sizeof **samples_out);
	*count_out = (size_t)sf_readf_float(file, *samples_out, info.frames);
	*rate_out = (uint32_t)info.samplerate;
	sf_close(file);
}

/* Opens a session and hands it the samples. */
static void upload(const char *session_id, const float *samples, size_t count, uint32_t rate)
{
	Vu__OpenSessionRequest open = VU__OPEN_SESSION_REQUEST__INIT;

	open.session_id = (char *)(uintptr_t)session_id;
	open.source = VU__AUDIO_SOURCE__AUDIO_SOURCE_UPLOAD;
	open.sample_rate = rate;
	open.channels = 1;
	open.format = VU__SAMPLE_FORMAT__SAMPLE_FORMAT_F32LE;
	release(call(capture, &vu__capture__descriptor, "OpenSession", &open.base));
	for (size_t at = 0; at < count;) {
		Vu__AppendRequest append = VU__APPEND_REQUEST__INIT;
		size_t part = count - at < 200000 ? count - at : 200000;
		append.session_id = (char *)(uintptr_t)session_id;
		append.offset_frames = at;
		append.pcm.data = (uint8_t *)(uintptr_t)(samples + at);
		append.pcm.len = part * sizeof *samples;
		at += part;
		append.last = at == count;
		release(call(capture, &vu__capture__descriptor, "Append", &append.base));
	}
}

static void close_session(char *session_id)
{
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	request.session_id = session_id;
	release(call(capture, &vu__capture__descriptor, "CloseSession", &request.base));
}

static void enroll(void)
{
	Vu__BeginEnrollmentRequest begin = VU__BEGIN_ENROLLMENT_REQUEST__INIT;
	Vu__EnrollmentRequest commit = VU__ENROLLMENT_REQUEST__INIT;
	char enrollment[VU_ID_HEX_SIZE];

	vu_id_generate_hex(enrollment);
	begin.enrollment_id = enrollment;
	begin.user = (char *)(uintptr_t) "bench";
	release(call(orchestrator, &vu__orchestrator__descriptor, "BeginEnrollment", &begin.base));
	for (int n = 1; n <= 5; n++) {
		Vu__AddSampleRequest add = VU__ADD_SAMPLE_REQUEST__INIT;
		char session[VU_ID_HEX_SIZE];
		char sample[VU_ID_HEX_SIZE];
		char name[16];
		float *samples;
		size_t count;
		uint32_t rate;

		snprintf(name, sizeof name, "enroll-%d", n);
		read_voice(name, &samples, &count, &rate);
		vu_id_generate_hex(session);
		vu_id_generate_hex(sample);
		upload(session, samples, count, rate);
		free(samples);
		add.enrollment_id = enrollment;
		add.sample_id = sample;
		add.session_id = session;
		release(call(orchestrator, &vu__orchestrator__descriptor, "AddSample", &add.base));
		close_session(session);
	}
	commit.enrollment_id = enrollment;
	release(call(orchestrator, &vu__orchestrator__descriptor, "CommitEnrollment", &commit.base));
}

/* One attempt: on the session given, or by the microphone when NULL. */
static Vu__AuthenticateResponse *authenticate(char *session, bool isolated)
{
	Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;
	char attempt[VU_ID_HEX_SIZE];

	vu_id_generate_hex(attempt);
	request.attempt_id = attempt;
	request.user = (char *)(uintptr_t) "bench";
	if (session)
		request.session_id = session;
	request.isolated = isolated;
	request.anti_spoofing = (char *)(uintptr_t) "high";
	return (void *)call(orchestrator, &vu__orchestrator__descriptor, "Authenticate", &request.base);
}

static void bench_file(void)
{
	double times[FILE_RUNS];
	double scores[FILE_RUNS];
	float *samples;
	size_t count;
	uint32_t rate;
	size_t accepted = 0;

	run_or_die("command -v sox >/dev/null");
	char command[512];
	snprintf(command, sizeof command, "sox %s/voices/%s/test-1.wav -r %d %s/voices/%s/three.wav trim 0 %d",
	         folder, person, RATE, folder, person, FILE_S);
	run_or_die(command);
	read_voice("three", &samples, &count, &rate);
	for (size_t i = 0; i < FILE_RUNS; i++) {
		char session[VU_ID_HEX_SIZE];
		int64_t began_us = vu_clock_monotonic_us();
		Vu__AuthenticateResponse *response;

		vu_id_generate_hex(session);
		upload(session, samples, count, rate);
		response = authenticate(session, true);
		times[i] = (double)(vu_clock_monotonic_us() - began_us) / 1000;
		scores[i] = response->timing->score_ms;
		accepted += response->verdict == VU__VERDICT__VERDICT_ACCEPT;
		release(response);
		close_session(session);
	}
	free(samples);
	if (accepted == 0)
		die("authenticate from a file", "no attempt was accepted");
	print_figure("auth_file_3s_ms_p50", quantile(times, FILE_RUNS, 0.5), "ms");
	print_figure("auth_file_3s_ms_p99", quantile(times, FILE_RUNS, 0.99), "ms");
	print_figure("score_ms", quantile(scores, FILE_RUNS, 0.5), "ms");
}

static void bench_live(void)
{
	double decisions[LIVE_RUNS];
	double cpu[LIVE_RUNS];
	char command[512];
	size_t done = 0;

	snprintf(command, sizeof command,
	         "(sleep 0.7; exec tests/system/virtual-mic play %s/mic %s/voices/%s/test-2.wav) >/dev/null 2>&1 &",
	         folder, folder, person);
	for (size_t i = 0; i < LIVE_RUNS; i++) {
		uint64_t cpu_before = sum_over_processes(vu_platform_process_cpu);
		int64_t began_us = vu_clock_monotonic_us();
		Vu__AuthenticateResponse *response;

		run_or_die(command);
		/* Not isolated, so that history and replay memory are paid for; the same words again are refused, in
		 * the same time. */
		response = authenticate(NULL, false);
		if (response->verdict == VU__VERDICT__VERDICT_NO_SPEECH ||
		    response->verdict == VU__VERDICT__VERDICT_UNAVAILABLE) {
			fprintf(stderr, "bench: a live attempt failed: %s\n", response->reason);
			release(response);
			continue;
		}
		cpu[done] = 100.0 * (double)(sum_over_processes(vu_platform_process_cpu) - cpu_before) /
		            (double)(vu_clock_monotonic_us() - began_us);
		decisions[done++] = response->timing->decision_ms;
		release(response);
		sleep(1);
	}
	if (done < LIVE_RUNS / 2)
		die("authenticate by the microphone", "most attempts failed");
	print_figure("decision_after_speech_ms_p50", quantile(decisions, done, 0.5), "ms");
	print_figure("decision_after_speech_ms_p99", quantile(decisions, done, 0.99), "ms");
	/* What the user waits in all: the silence that ends speech, and the decision. */
	print_figure("wait_after_last_word_ms_p50", 800 + quantile(decisions, done, 0.5), "ms");
	print_figure("cpu_percent_auth", quantile(cpu, done, 0.5), "%");
}

static void bench_kill(void)
{
	double times[KILL_RUNS];
	vu_channel *features = open_channel("features");
	VuHealth__HealthCheckRequest check = VU_HEALTH__HEALTH_CHECK_REQUEST__INIT;

	for (size_t i = 0; i < KILL_RUNS; i++) {
		Vu__Empty empty = VU__EMPTY__INIT;
		Vu__SupervisorStatusResponse *status;
		pid_t pid = 0;
		int64_t began_us;
		bool serving = false;

		release(call(features, &vu_health__health__descriptor, "Check", &check.base));
		status = (void *)call(supervisor, &vu__supervisor__descriptor, "Status", &empty.base);
		for (size_t s = 0; s < status->n_services; s++) {
			if (strcmp(status->services[s]->name, "features") == 0)
				pid = (pid_t)status->services[s]->pid;
		}
		release(status);
		if (pid <= 0)
			die("find", "features");
		began_us = vu_clock_monotonic_us();
		kill(pid, SIGKILL);
		while (!serving) {
			VuHealth__HealthCheckResponse *health =
			    (void *)call(features, &vu_health__health__descriptor, "Check", &check.base);
			serving = health->status == VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
			release(health);
		}
		times[i] = (double)(vu_clock_monotonic_us() - began_us) / 1000;
		sleep(2);
	}
	print_figure("kill_to_serving_ms", quantile(times, KILL_RUNS, 0.5), "ms");
}

/* Takes over the exports that virtual-mic prints, so that the suite inherits them. */
static void start_microphone(void)
{
	char command[192];
	char line[1024];
	FILE *exports;

	snprintf(command, sizeof command, "mkdir -m 700 %s/mic && tests/system/virtual-mic start %s/mic", folder,
	         folder);
	exports = popen(command, "r");
	while (exports && fgets(line, sizeof line, exports)) {
		char *name = strncmp(line, "export ", 7) == 0 ? line + 7 : NULL;
		char *value = name ? strchr(name, '=') : NULL;
		if (!value)
			continue;
		*value++ = '\0';
		value[strcspn(value, "\n")] = '\0';
		if (*value == '\'') {
			value++;
			value[strcspn(value, "'")] = '\0';
		}
		setenv(name, value, 1);
	}
	if (!exports || pclose(exports) != 0)
		die("start the virtual microphone", "see above");
}

int main(void)
{
	double ready[START_RUNS];
	char path[256];

	snprintf(folder, sizeof folder, "/tmp/vu-bench.XXXXXX");
	if (!mkdtemp(folder))
		die("create", folder);
	snprintf(path, sizeof path, "%s/state", folder);
	setenv("VOICE_UNLOCK_HOME", path, 1);
	snprintf(path, sizeof path, "%s/run", folder);
	setenv("VOICE_UNLOCK_RUNTIME_DIR", path, 1);
	setenv("VOICE_UNLOCK_HTTP_PORT", "0", 1);
	setenv("VOICE_UNLOCK_MAX_ATTEMPTS", "100", 1);
	snprintf(path, sizeof path, "build/tests/aid/utterances %s/voices", folder);
	run_or_die(path);
	choose_person();
	start_microphone();
	for (size_t i = 0; i < START_RUNS; i++) {
		if (i > 0)
			timed_run("build/bin/jarvis-voice-unlock", "stop");
		ready[i] = timed_run("build/bin/vu-supervisor", "--detach");
	}
	print_figure("suite_ready_ms", quantile(ready, START_RUNS, 0.5), "ms");
	capture = open_channel("capture");
	orchestrator = open_channel("orchestrator");
	supervisor = open_channel("supervisor");
	sleep(2);
	print_figure("pss_idle_mb", (double)sum_over_processes(vu_platform_process_pss) / 1e6, "MB");
	enroll();
	bench_file();
	bench_live();
	sleep(2);
	print_figure("pss_after_auth_mb", (double)sum_over_processes(vu_platform_process_pss) / 1e6, "MB");
	bench_kill();
	timed_run("build/bin/jarvis-voice-unlock", "stop");
	snprintf(path, sizeof path, "tests/system/virtual-mic stop %s/mic; rm -rf %s", folder, folder);
	run_or_die(path);
	fflush(stdout);
	_exit(0); /* NNG may hang when it is closed */
}
