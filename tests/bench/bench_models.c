/*
 * The model-server with 1,000 users, started alone in a folder of its own:
 *
 *   identify_1000_ms        one Identify as its caller sees it, the median over
 *                           voices never identified before, so that templates
 *                           are opened anew
 *   identify_1000_first_ms  the first after a start: all voices are indexed
 *   enroll_ms               one Enroll of five samples
 *   template_bytes          of one of them
 *
 * Voices are made of numbers; what is computed does not depend on them. Run
 * from the top of the source tree. Prints one JSON object a line.
 */
#include "base/clock.h"
#include "dsp/statistics.h"
#include "ml/scorer.h"
#include "ml/utterance.h"
#include "rpc/channel.h"
#include "voiceunlock/v1/models.pb-c.h"

#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define BACKGROUND "build/share/voice-unlock/background.vum"
#define USERS      1000
#define SAMPLES    5
#define CROPS      6
#define FRAMES     280
#define PROBES     60
#define CALL_US    60000000

static char folder[] = "/tmp/vu-bench.XXXXXX";
static pid_t server;
static vu_channel *channel;
static vu_background *background;
static vu_background_scaler *scaler;
static uint64_t random_state = 1;

static _Noreturn void finish(int status)
{
	char command[64];

	if (server > 0) {
		kill(server, SIGTERM);
		waitpid(server, NULL, 0);
	}
	snprintf(command, sizeof command, "rm -rf %s", folder);
	if (system(command) != 0)
		status = 1;
	fflush(stdout);
	_exit(status); /* NNG may hang when it is closed */
}

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "bench: unable to %s: %s\n", what, why);
	finish(1);
}

/* About normal, mean 0 and variance 1. */
static float noise(void)
{
	double sum = 0;

	for (int i = 0; i < 12; i++) {
		random_state = random_state * 6364136223846793005u + 1442695040888963407u;
		sum += (double)(random_state >> 11) / 9007199254740992.0;
	}
	return (float)(sum - 6);
}

/* One stretch of somebody's speech, as a message. */
typedef struct stretch {
	Vu__SpeakerVector vector;
	float values[VU_BACKGROUND_DIMENSIONS];
} stretch;

typedef struct person {
	float vector[VU_BACKGROUND_DIMENSIONS];
	float accent[12][VU_MFCC_COEFFICIENTS];
} person;

static void make_person(person *who)
{
	for (size_t d = 0; d < VU_BACKGROUND_DIMENSIONS; d++)
		who->vector[d] = noise();
	for (size_t s = 0; s < 12; s++)
		for (size_t d = 0; d < VU_MFCC_COEFFICIENTS; d++)
			who->accent[s][d] = 3 * noise();
}

static void say_vector(const person *who, stretch *out)
{
	vu__speaker_vector__init(&out->vector);
	for (size_t d = 0; d < VU_BACKGROUND_DIMENSIONS; d++)
		out->values[d] = scaler->mean[d] + (who->vector[d] + 0.5f * noise()) / scaler->inverse[d];
	out->vector.values = out->values;
	out->vector.n_values = VU_BACKGROUND_DIMENSIONS;
}

static ProtobufCBinaryData say_frames(const person *who, bool keep)
{
	static float mfcc[FRAMES * VU_MFCC_COEFFICIENTS];
	static uint8_t frames[1 << 16];
	ProtobufCBinaryData blob = {0};
	vu_error error;

	for (size_t t = 0; t < FRAMES; t++)
		for (size_t d = 0; d < VU_MFCC_COEFFICIENTS; d++)
			mfcc[t * VU_MFCC_COEFFICIENTS + d] = who->accent[t / 7 % 12][d] + noise();
	if (vu_statistics_pack(mfcc, NULL, FRAMES, frames) != VU_OK ||
	    vu_utterance_describe(background, frames, vu_statistics_bytes(FRAMES), keep, &blob.data, &blob.len,
	                          &error) != VU_OK)
		die("describe an utterance", error.message);
	return blob;
}

static ProtobufCMessage *call(const char *method, const ProtobufCMessage *request)
{
	vu_call_options options = {.timeout_us = CALL_US, .wait_for_ready = true};
	ProtobufCMessage *response = NULL;
	vu_error error = {0};

	if (vu_channel_call(channel, &vu__models__descriptor, method, request, &response, &options, &error) != VU_OK)
		die(method, error.message);
	return response;
}

static void enroll(const person *who, unsigned number, double *bytes_out)
{
	static stretch wholes[SAMPLES];
	static stretch crops[SAMPLES][CROPS];
	Vu__SpeakerVector *crop_pointers[SAMPLES][CROPS];
	Vu__EnrollSample samples[SAMPLES];
	Vu__EnrollSample *pointers[SAMPLES];
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__EnrollRequest request = VU__ENROLL_REQUEST__INIT;
	Vu__EnrollResponse *response;
	char name[16];

	snprintf(name, sizeof name, "u%04u", number);
	key.user = name;
	for (size_t s = 0; s < SAMPLES; s++) {
		vu__enroll_sample__init(&samples[s]);
		say_vector(who, &wholes[s]);
		samples[s].vector = &wholes[s].vector;
		for (size_t c = 0; c < CROPS; c++) {
			say_vector(who, &crops[s][c]);
			crop_pointers[s][c] = &crops[s][c].vector;
		}
		samples[s].crops = crop_pointers[s];
		samples[s].n_crops = CROPS;
		samples[s].statistics = say_frames(who, true);
		pointers[s] = &samples[s];
	}
	request.key = &key;
	request.extractor = background->extractor;
	request.samples = pointers;
	request.n_samples = SAMPLES;
	response = (void *)call("Enroll", &request.base);
	*bytes_out = (double)response->template_bytes;
	protobuf_c_message_free_unpacked(&response->base, NULL);
	for (size_t s = 0; s < SAMPLES; s++)
		free(samples[s].statistics.data);
}

/* Milliseconds; true in *right_out when it is who it should be. */
static double identify(const person *who, unsigned number, bool *right_out)
{
	stretch whole;
	Vu__IdentifyRequest request = VU__IDENTIFY_REQUEST__INIT;
	Vu__IdentifyResponse *response;
	char name[16];
	int64_t began_us;
	double ms;

	snprintf(name, sizeof name, "u%04u", number);
	say_vector(who, &whole);
	request.extractor = background->extractor;
	request.vector = &whole.vector;
	request.statistics = say_frames(who, false);
	request.max_candidates = 5;
	began_us = vu_clock_monotonic_us();
	response = (void *)call("Identify", &request.base);
	ms = (double)(vu_clock_monotonic_us() - began_us) / 1000;
	*right_out = response->n_candidates == 5 && strcmp(response->candidates[0]->user, name) == 0;
	protobuf_c_message_free_unpacked(&response->base, NULL);
	free(request.statistics.data);
	return ms;
}

static void start(void)
{
	char program[] = "build/bin/vu-models";
	char *arguments[] = {program, NULL};
	vu_endpoint endpoint;
	vu_channel_config config = {
	    .service = "models", .caller = "bench", .endpoints = &endpoint, .endpoint_count = 1};
	vu_error error = {0};

	if (posix_spawn(&server, program, NULL, NULL, arguments, environ) != 0)
		die("start", program);
	if (!channel && (vu_endpoint_local(folder, "models", &endpoint, &error) != VU_OK ||
	                 vu_channel_create(&config, &channel, &error) != VU_OK))
		die("reach the model-server", error.message);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof *values, compare);
	return values[count / 2];
}

static void print_figure(const char *name, double value, const char *unit)
{
	printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", \"baseline\": null, \"ratio\": null}\n", name,
	       value, unit);
}

int main(void)
{
	person *people = calloc(USERS, sizeof *people);
	double times[USERS];
	double bytes = 0;
	unsigned right = 0;
	double first;
	bool is_right;
	vu_error error;

	if (!people || !mkdtemp(folder))
		die("create", folder);
	if (vu_background_open(BACKGROUND, true, &background, &error) != VU_OK ||
	    vu_background_load_scaler(background, &scaler, &error) != VU_OK)
		die("open the background model", error.message);
	setenv("VOICE_UNLOCK_HOME", folder, 1);
	setenv("VOICE_UNLOCK_RUNTIME_DIR", folder, 1);
	setenv("VOICE_UNLOCK_LOG_LEVEL", "error", 1);
	start();
	for (unsigned i = 0; i < USERS; i++) {
		int64_t began_us;
		make_person(&people[i]);
		began_us = vu_clock_monotonic_us();
		enroll(&people[i], i, &bytes);
		times[i] = (double)(vu_clock_monotonic_us() - began_us) / 1000;
	}
	print_figure("enroll_ms", median(times, USERS), "ms");
	print_figure("template_bytes", bytes, "B");
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	start();
	first = identify(&people[0], 0, &is_right);
	for (unsigned i = 0; i < PROBES; i++) {
		unsigned who = 1 + i * (USERS / PROBES);
		times[i] = identify(&people[who], who, &is_right);
		right += is_right;
	}
	if (right < PROBES * 9 / 10)
		die("identify", "most voices were taken for others");
	print_figure("identify_1000_ms", median(times, PROBES), "ms");
	print_figure("identify_1000_first_ms", first, "ms");
	finish(0);
}
