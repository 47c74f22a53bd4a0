/*
 * The model-server with 10 users and with 100,000, started alone in a folder of
 * its own:
 *
 *   load_first_access_ms   the first Score after a start, background included
 *   load_cold_ms           loading a template that is not in the cache, median
 *   load_cached_ms         the same when it is
 *   load_preloaded_ms      the same after Preload
 *   users_100k_auth_ms_p99 one Score as its caller sees it, over a day's mix: most
 *                          by a twentieth of the users, the rest by anybody;
 *                          baseline: the same with 10 users
 *   users_100k_rss_mb      the largest resident memory seen meanwhile
 *   users_100k_hit_percent answers from the cache
 *   users_100k_ready_ms    from start to the first answer; baseline: 10 users
 *   users_100k_list_ms     the first Stats, which counts all users
 *   users_100k_disk_bytes  on disk for each user, with what the file system rounds to
 *   users_100k_cleanup_mb  resident memory after an aggressive cleanup
 *
 * Voices are made of numbers; what is computed does not depend on them. The
 * 100,000 are derived from 40 who were enrolled through the server: the same
 * template under another name, in plain files, since sealing so many takes
 * longer than all the rest. Takes 2 GB of disk under $TMPDIR. Run from the top
 * of the source tree. Prints one JSON object a line.
 */
#include "base/clock.h"
#include "base/file.h"
#include "dsp/statistics.h"
#include "ml/scorer.h"
#include "ml/utterance.h"
#include "platform/platform.h"
#include "rpc/channel.h"
#include "template_store.h"
#include "voiceunlock/v1/models.pb-c.h"
#include "voiceunlock/v1/process.pb-c.h"

#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define BACKGROUND "build/share/voice-unlock/background.vum"
#define BASE       40
#define FEW        10
#define MANY       100000
#define SCORES     20000
#define WARM       2000
#define SAMPLES    5
#define CROPS      6
#define FRAMES     280
#define CALL_US    60000000

static char folder[128];
static pid_t server;
static vu_channel *channel;
static vu_background *background;
static vu_background_scaler *scaler;
static uint64_t random_state = 1;

static _Noreturn void finish(int status)
{
	char command[192];

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

	snprintf(name, sizeof name, "u%06u", number);
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

/* ---- the server ---- */

/* Milliseconds until it answers. */
static double start(void)
{
	char program[] = "build/bin/vu-models";
	char *arguments[] = {program, NULL};
	static vu_endpoint endpoint;
	vu_channel_config config = {
	    .service = "models", .caller = "bench", .endpoints = &endpoint, .endpoint_count = 1};
	Vu__HotRequest request = VU__HOT_REQUEST__INIT;
	vu_error error = {0};
	int64_t began_us = vu_clock_monotonic_us();

	if (posix_spawn(&server, program, NULL, NULL, arguments, environ) != 0)
		die("start", program);
	if (!channel && (vu_endpoint_local(folder, "models", &endpoint, &error) != VU_OK ||
	                 vu_channel_create(&config, &channel, &error) != VU_OK))
		die("reach the model-server", error.message);
	protobuf_c_message_free_unpacked(call("Hot", &request.base), NULL);
	return (double)(vu_clock_monotonic_us() - began_us) / 1000;
}

static void stop(void)
{
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	server = 0;
}

static double resident_mb(void)
{
	vu_process_memory memory = {0, 0};

	if (vu_platform_process_memory(server, &memory) != VU_OK)
		die("see", "the memory of the model-server");
	return (double)memory.rss_bytes / 1048576;
}

static void clean_up(void)
{
	Vu__CleanupRequest request = VU__CLEANUP_REQUEST__INIT;
	vu_call_options options = {.timeout_us = CALL_US, .wait_for_ready = true};
	vu_error error = {0};

	request.aggressive = true;
	/* Each halves what there is. */
	for (int i = 0; i < 16; i++) {
		ProtobufCMessage *response = NULL;
		if (vu_channel_call(channel, &vu__process__descriptor, "Cleanup", &request.base, &response, &options,
		                    &error) != VU_OK)
			die("clean up", error.message);
		protobuf_c_message_free_unpacked(response, NULL);
	}
}

static void preload(unsigned number)
{
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__UserKey *pointer = &key;
	Vu__PreloadRequest request = VU__PRELOAD_REQUEST__INIT;
	char name[16];

	snprintf(name, sizeof name, "u%06u", number);
	key.user = name;
	request.keys = &pointer;
	request.n_keys = 1;
	protobuf_c_message_free_unpacked(call("Preload", &request.base), NULL);
}

typedef struct scored {
	double ms;      /* as the caller sees it */
	double load_ms; /* of that, getting the template */
	bool cached;
} scored;

/* What is said does not matter for time: one utterance for all. */
static scored score(const stretch *whole, ProtobufCBinaryData statistics, unsigned number)
{
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__ScoreRequest request = VU__SCORE_REQUEST__INIT;
	Vu__ScoreResponse *response;
	Vu__SpeakerVector vector = whole->vector;
	scored out;
	char name[16];
	int64_t began_us;

	snprintf(name, sizeof name, "u%06u", number);
	key.user = name;
	request.key = &key;
	request.extractor = background->extractor;
	request.vector = &vector;
	request.statistics = statistics;
	began_us = vu_clock_monotonic_us();
	response = (void *)call("Score", &request.base);
	out.ms = (double)(vu_clock_monotonic_us() - began_us) / 1000;
	out.load_ms = (double)response->load_us / 1000;
	out.cached = response->cached;
	protobuf_c_message_free_unpacked(&response->base, NULL);
	return out;
}

/* ---- figures ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

static double quantile(double *values, size_t count, double q)
{
	qsort(values, count, sizeof *values, compare);
	return values[(size_t)((double)(count - 1) * q)];
}

static double mean(const double *values, size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += values[i];
	return sum / (double)count;
}

static void print_figure(const char *name, double value, const char *unit, double baseline)
{
	if (baseline > 0)
		printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", \"baseline\": %.4g, \"ratio\": %.4g}\n",
		       name, value, unit, baseline, value / baseline);
	else
		printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", \"baseline\": null, \"ratio\": null}\n",
		       name, value, unit);
	fflush(stdout);
}

/* ---- a hundred thousand out of forty ---- */

static void *derive(const vu_model_file *from, const char *user, size_t *bytes_out)
{
	vu_model_writer *writer;
	void *data;
	vu_error error = {0};

	if (vu_model_writer_create(VU_MODEL_TEMPLATE, &writer) != VU_OK)
		die("derive a template", "out of memory");
	for (size_t i = 0; i < vu_model_file_section_count(from); i++) {
		vu_model_section section;
		vu_model_file_section_at(from, i, &section);
		if (strcmp(section.name, "user") == 0)
			vu_model_writer_add_text(writer, "user", user);
		else
			vu_model_writer_add(writer, section.name, section.element, section.rows, section.columns,
			                    section.data);
	}
	if (vu_model_writer_finish(writer, &data, bytes_out, &error) != VU_OK)
		die("derive a template", error.message);
	vu_model_writer_destroy(writer);
	return data;
}

/* Returns the bytes on disk of all of them. */
static double derive_users(void)
{
	static vu_model_file *originals[BASE];
	template_store store;
	double disk = 0;
	vu_error error = {0};

	if (template_store_init(&store, folder, &error) != VU_OK)
		die("find templates", error.message);
	for (unsigned i = 0; i < MANY; i++) {
		char name[16];
		char path[PATH_MAX];
		struct stat info;
		size_t bytes;
		void *data;
		FILE *file;
		snprintf(name, sizeof name, "u%06u", i);
		if (template_store_path(&store, "", name, path, &error) != VU_OK)
			die("find a template", error.message);
		if (i < BASE && vu_model_file_open(path, VU_MODEL_TEMPLATE, false, &originals[i], &error) != VU_OK)
			die("open a template", error.message);
		if (i >= BASE) {
			data = derive(originals[i % BASE], name, &bytes);
			file = fopen(path, "w");
			if (!file || fwrite(data, 1, bytes, file) != bytes || fchmod(fileno(file), 0600) != 0 ||
			    fclose(file) != 0)
				die("write", path);
			free(data);
		}
		if (stat(path, &info) == 0)
			disk += (double)info.st_blocks * 512;
	}
	return disk;
}

/* ---- measuring ---- */

static void measure_loading(const stretch *whole, ProtobufCBinaryData statistics)
{
	double cold[BASE];
	double cached[BASE];
	double preloaded[BASE];
	double first[5];

	for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
		if (server)
			stop();
		start();
		first[i] = score(whole, statistics, 0).ms;
	}
	for (unsigned i = 0; i < BASE; i++) {
		cold[i] = i == 0 ? 0 : score(whole, statistics, i).load_ms;
		cached[i] = score(whole, statistics, i).load_ms;
	}
	cold[0] = cold[1];
	clean_up();
	for (unsigned i = 0; i < BASE; i++) {
		scored s;
		preload(i);
		s = score(whole, statistics, i);
		if (!s.cached)
			die("preload", "it was not there when it was scored");
		preloaded[i] = s.load_ms;
	}
	print_figure("load_first_access_ms", quantile(first, sizeof first / sizeof *first, 0.5), "ms", 0);
	print_figure("load_cold_ms", quantile(cold, BASE, 0.5), "ms", 0);
	/* The server tells whole microseconds, which is about what these take: the mean says more than the median. */
	print_figure("load_cached_ms", mean(cached, BASE), "ms", 0);
	print_figure("load_preloaded_ms", mean(preloaded, BASE), "ms", 0);
}

typedef struct day {
	double p99;
	double p50;
	double rss_mb;
	double hit_percent;
} day;

/* Most by a twentieth of the users, who come again and again; the rest by anybody. */
static day measure_day(const stretch *whole, ProtobufCBinaryData statistics, unsigned users)
{
	static double times[SCORES];
	day d = {0};
	unsigned hits = 0;

	for (unsigned i = 0; i < WARM + SCORES; i++) {
		unsigned regulars = users / 20 ? users / 20 : users;
		unsigned draw;
		scored s;
		random_state = random_state * 6364136223846793005u + 1442695040888963407u;
		draw = (unsigned)(random_state >> 33);
		s = score(whole, statistics, draw % 10 < 8 ? draw / 10 % regulars : draw / 10 % users);
		if (i < WARM)
			continue;
		times[i - WARM] = s.ms;
		hits += s.cached;
		if (i % 50 == 0 && resident_mb() > d.rss_mb)
			d.rss_mb = resident_mb();
	}
	d.p99 = quantile(times, SCORES, 0.99);
	d.p50 = quantile(times, SCORES, 0.5);
	d.hit_percent = 100.0 * hits / SCORES;
	return d;
}

int main(void)
{
	static person people[BASE];
	static stretch whole;
	const char *temporary = getenv("TMPDIR");
	Vu__Empty nothing = VU__EMPTY__INIT;
	Vu__StatsResponse *stats;
	ProtobufCBinaryData statistics;
	double bytes;
	double disk;
	double few_ready;
	double many_ready;
	int64_t began_us;
	day few;
	day many;
	vu_error error;

	snprintf(folder, sizeof folder, "%s/vu-bench.XXXXXX",
	         temporary && strlen(temporary) < 64 ? temporary : "/tmp");
	if (!mkdtemp(folder))
		die("create", folder);
	if (vu_background_open(BACKGROUND, true, &background, &error) != VU_OK ||
	    vu_background_load_scaler(background, &scaler, &error) != VU_OK)
		die("open the background model", error.message);
	setenv("VOICE_UNLOCK_HOME", folder, 1);
	setenv("VOICE_UNLOCK_RUNTIME_DIR", folder, 1);
	setenv("VOICE_UNLOCK_LOG_LEVEL", "error", 1);
	setenv("VOICE_UNLOCK_ENCRYPT", "false", 1);
	start();
	for (unsigned i = 0; i < BASE; i++) {
		make_person(&people[i]);
		enroll(&people[i], i, &bytes);
	}
	say_vector(&people[0], &whole);
	statistics = say_frames(&people[0], false);
	measure_loading(&whole, statistics);
	few = measure_day(&whole, statistics, FEW);
	stop();
	few_ready = start();
	stop();
	disk = derive_users();
	many_ready = start();
	began_us = vu_clock_monotonic_us();
	stats = (void *)call("Stats", &nothing.base);
	if (stats->users != MANY)
		die("count users", "they are not a hundred thousand");
	protobuf_c_message_free_unpacked(&stats->base, NULL);
	print_figure("users_100k_list_ms", (double)(vu_clock_monotonic_us() - began_us) / 1000, "ms", 0);
	many = measure_day(&whole, statistics, MANY);
	print_figure("users_100k_auth_ms_p99", many.p99, "ms", few.p99);
	print_figure("users_100k_auth_ms_p50", many.p50, "ms", few.p50);
	print_figure("users_100k_rss_mb", many.rss_mb, "MB", few.rss_mb);
	print_figure("users_100k_hit_percent", many.hit_percent, "%", few.hit_percent);
	print_figure("users_100k_ready_ms", many_ready, "ms", few_ready);
	print_figure("users_100k_disk_bytes", disk / MANY, "B", 0);
	clean_up();
	print_figure("users_100k_cleanup_mb", resident_mb(), "MB", 0);
	finish(0);
}
