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
 *   users_100k_rss_mb      the largest resident memory seen, foretelling included
 *   users_100k_hit_percent answers from the cache
 *   users_100k_ready_ms    from start to the first answer; baseline: 10 users
 *   users_100k_list_ms     the first Stats, which counts all users
 *   users_100k_foretell_ms going through the habits of all to see who comes
 *   users_100k_disk_bytes  on disk for each user, with what the file system rounds to
 *   users_100k_cleanup_mb  resident memory after an aggressive cleanup
 *
 * People whose voices Debian has are enrolled by the whole suite; the 100,000
 * are derived from their templates: the same under another name, sealed for it
 * as the vault does. Days on which they came are written for all. What is said
 * does not matter for time, so that is made of numbers. Takes 5 GB of disk under
 * $TMPDIR. Run from the top of the source tree. Prints one JSON object a line;
 * what grows with the number of users, and how, goes to standard error.
 */
#include "base/clock.h"
#include "base/file.h"
#include "dsp/statistics.h"
#include "habit_store.h"
#include "ml/scorer.h"
#include "ml/utterance.h"
#include "platform/platform.h"
#include "rpc/channel.h"
#include "store/master_key.h"
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
#define PEOPLE_MAX 16
/* Days of habits: of who comes every day, and of the others. */
#define HABIT_DAYS_KNOWN 8
#define HABITS_AHEAD_US  INT64_C(600000000)
#define FRAMES           280
#define CALL_US          60000000

/* A model-server in a state folder of its own. */
typedef struct host {
	const char *name;
	char home[160];
	char sockets[160];
	pid_t pid;
	vu_endpoint endpoint;
	vu_channel *channel;
	vu_vault *vault;
	template_store store;
} host;

static char folder[128];
static host hosts[2] = {{.name = "few"}, {.name = "many"}};
static host *const few_host = &hosts[0];
static host *const many_host = &hosts[1];
static vu_background *background;
static vu_background_scaler *scaler;
static uint64_t random_state = 1;

static _Noreturn void finish(int status)
{
	char command[192];

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		if (hosts[i].pid > 0) {
			kill(hosts[i].pid, SIGTERM);
			waitpid(hosts[i].pid, NULL, 0);
		}
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

static ProtobufCBinaryData say_frames(const person *who)
{
	static float mfcc[FRAMES * VU_MFCC_COEFFICIENTS];
	static uint8_t frames[1 << 16];
	ProtobufCBinaryData blob = {0};
	vu_error error;

	for (size_t t = 0; t < FRAMES; t++)
		for (size_t d = 0; d < VU_MFCC_COEFFICIENTS; d++)
			mfcc[t * VU_MFCC_COEFFICIENTS + d] = who->accent[t / 7 % 12][d] + noise();
	if (vu_statistics_pack(mfcc, NULL, FRAMES, frames) != VU_OK ||
	    vu_utterance_describe(background, frames, vu_statistics_bytes(FRAMES), false, &blob.data, &blob.len,
	                          &error) != VU_OK)
		die("describe an utterance", error.message);
	return blob;
}

static ProtobufCMessage *call(const host *h, const char *method, const ProtobufCMessage *request)
{
	vu_call_options options = {.timeout_us = CALL_US, .wait_for_ready = true};
	ProtobufCMessage *response = NULL;
	vu_error error = {0};

	if (vu_channel_call(h->channel, &vu__models__descriptor, method, request, &response, &options, &error) !=
	    VU_OK)
		die(method, error.message);
	return response;
}

/* ---- the servers ---- */

/* Commands and servers that are started now are about this one. */
static void enter(host *h)
{
	snprintf(h->home, sizeof h->home, "%s/%s", folder, h->name);
	snprintf(h->sockets, sizeof h->sockets, "%s/%s.run", folder, h->name);
	setenv("VOICE_UNLOCK_HOME", h->home, 1);
	setenv("VOICE_UNLOCK_RUNTIME_DIR", h->sockets, 1);
}

/* Milliseconds until it answers. */
static double start(host *h)
{
	char program[] = "build/bin/vu-models";
	char *arguments[] = {program, NULL};
	vu_channel_config config = {
	    .service = "models", .caller = "bench", .endpoints = &h->endpoint, .endpoint_count = 1};
	Vu__HotRequest request = VU__HOT_REQUEST__INIT;
	vu_error error = {0};
	int64_t began_us = vu_clock_monotonic_us();

	enter(h);
	if (posix_spawn(&h->pid, program, NULL, NULL, arguments, environ) != 0)
		die("start", program);
	if (!h->channel && (vu_endpoint_local(h->sockets, "models", &h->endpoint, &error) != VU_OK ||
	                    vu_channel_create(&config, &h->channel, &error) != VU_OK))
		die("reach the model-server", error.message);
	protobuf_c_message_free_unpacked(call(h, "Hot", &request.base), NULL);
	return (double)(vu_clock_monotonic_us() - began_us) / 1000;
}

static void stop(host *h)
{
	kill(h->pid, SIGTERM);
	waitpid(h->pid, NULL, 0);
	h->pid = 0;
}

static double resident_mb(const host *h)
{
	vu_process_memory memory = {0, 0};

	if (vu_platform_process_memory(h->pid, &memory) != VU_OK)
		die("see", "the memory of the model-server");
	return (double)memory.rss_bytes / 1048576;
}

static void clean_up(const host *h)
{
	Vu__CleanupRequest request = VU__CLEANUP_REQUEST__INIT;
	vu_call_options options = {.timeout_us = CALL_US, .wait_for_ready = true};
	vu_error error = {0};

	request.aggressive = true;
	/* Each halves what there is. */
	for (int i = 0; i < 16; i++) {
		ProtobufCMessage *response = NULL;
		if (vu_channel_call(h->channel, &vu__process__descriptor, "Cleanup", &request.base, &response,
		                    &options, &error) != VU_OK)
			die("clean up", error.message);
		protobuf_c_message_free_unpacked(response, NULL);
	}
}

static void preload(const host *h, unsigned number)
{
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__UserKey *pointer = &key;
	Vu__PreloadRequest request = VU__PRELOAD_REQUEST__INIT;
	char name[16];

	snprintf(name, sizeof name, "u%06u", number);
	key.user = name;
	request.keys = &pointer;
	request.n_keys = 1;
	protobuf_c_message_free_unpacked(call(h, "Preload", &request.base), NULL);
}

typedef struct scored {
	double ms;      /* as the caller sees it */
	double load_ms; /* of that, getting the template */
	bool cached;
} scored;

/* What is said does not matter for time: one utterance for all. */
static scored score(const host *h, const stretch *whole, ProtobufCBinaryData statistics, unsigned number)
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
	response = (void *)call(h, "Score", &request.base);
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

/* ---- real people, by the whole suite ---- */

static void run_or_die(const char *command)
{
	if (system(command) != 0)
		die("run", command);
}

/* Returns how many; their names are in `names`. */
static unsigned enroll_people(char names[PEOPLE_MAX][64])
{
	char command[1024];
	unsigned count = 0;
	FILE *list;

	snprintf(command, sizeof command, "build/tests/aid/utterances %s/voices >/dev/null", folder);
	run_or_die(command);
	snprintf(command, sizeof command, "%s/voices/people.txt", folder);
	list = fopen(command, "r");
	if (!list)
		die("read", command);
	run_or_die("build/bin/jarvis-voice-unlock start >/dev/null");
	while (count < PEOPLE_MAX && fscanf(list, "%63s", names[count]) == 1) {
		snprintf(command, sizeof command,
		         "build/bin/jarvis-voice-unlock enroll %s --from %s/voices/%s/enroll-*.wav >/dev/null",
		         names[count], folder, names[count]);
		/* Who cannot be enrolled is left out. */
		count += system(command) == 0;
	}
	fclose(list);
	run_or_die("build/bin/jarvis-voice-unlock stop >/dev/null");
	if (count == 0)
		die("enrol", "anybody");
	return count;
}

/* ---- a hundred thousand out of a few ---- */

typedef struct crowd {
	vu_model_file *originals[PEOPLE_MAX];
	unsigned count;
} crowd;

static void open_vault(host *h)
{
	char path[PATH_MAX];
	vu_error error = {0};

	enter(h);
	if (vu_master_key_path(h->home, path, &error) != VU_OK || vu_vault_create(path, &h->vault, &error) != VU_OK ||
	    template_store_init(&h->store, h->home, &error) != VU_OK ||
	    template_store_use_vault(&h->store, h->vault, true, &error) != VU_OK ||
	    template_store_path(&h->store, "", "u", path, &error) != VU_OK)
		die("open the vault", error.message);
	*strrchr(path, '/') = '\0';
	if (vu_file_make_folder(path, &error) != VU_OK)
		die("open the vault", error.message);
}

/* Enrols on `h` and takes the templates away from there. */
static void gather_crowd(host *h, crowd *c)
{
	char names[PEOPLE_MAX][64];
	char path[PATH_MAX];
	vu_error error = {0};

	enter(h);
	c->count = enroll_people(names);
	open_vault(h);
	for (unsigned i = 0; i < c->count; i++) {
		if (template_store_open(&h->store, "", names[i], &c->originals[i], &error) != VU_OK)
			die("open a template", error.message);
		if (template_store_path(&h->store, "", names[i], path, &error) != VU_OK || unlink(path) != 0)
			die("remove", path);
	}
}

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

/* Users from `first` to before `last`; returns the bytes on disk. As template_store_write, without waiting for the
 * disk. */
static double derive_users(host *h, crowd *c, unsigned first, unsigned last)
{
	double disk = 0;
	vu_error error = {0};

	for (unsigned i = first; i < last; i++) {
		char name[16];
		char owner[24];
		char path[PATH_MAX];
		struct stat info;
		size_t bytes;
		size_t sealed_bytes;
		void *data;
		void *sealed;
		FILE *file;
		snprintf(name, sizeof name, "u%06u", i);
		snprintf(owner, sizeof owner, "/%s", name);
		data = derive(c->originals[i % c->count], name, &bytes);
		if (template_store_path(&h->store, "", name, path, &error) != VU_OK ||
		    vu_vault_seal(h->vault, VU_SEAL_TEMPLATE, owner, data, bytes, &sealed, &sealed_bytes, &error) !=
		        VU_OK)
			die("seal a template", error.message);
		file = fopen(path, "w");
		if (!file || fwrite(sealed, 1, sealed_bytes, file) != sealed_bytes ||
		    fchmod(fileno(file), 0600) != 0 || fclose(file) != 0)
			die("write", path);
		free(sealed);
		free(data);
		if (stat(path, &info) == 0)
			disk += (double)info.st_blocks * 512;
	}
	return disk;
}

static unsigned regulars_of(unsigned users)
{
	return users / 20 ? users / 20 : users;
}

/* Everybody came once in the hours that begin now, and who is regular every day. Returns the bytes on disk. */
static double write_habits(const host *h)
{
	char path[PATH_MAX];
	habit_store *habits;
	int64_t now_us = vu_clock_wall_us();
	/* Not long before a quarter of an hour ends what was seen in it says too little of what comes. */
	habit_moment now = habit_moment_of(now_us + HABITS_AHEAD_US);
	struct stat info;
	vu_error error = {0};

	snprintf(path, sizeof path, "%s/models", h->home);
	if (vu_file_make_folder(path, &error) != VU_OK)
		die("write habits", error.message);
	snprintf(path, sizeof path, "%s/models/prediction.db", h->home);
	if (habit_store_open(path, &habits, &error) != VU_OK)
		die("write habits", error.message);
	for (unsigned i = 0; i < MANY; i++) {
		char name[16];
		int days = i < regulars_of(MANY) ? HABIT_DAYS_KNOWN : 1;
		snprintf(name, sizeof name, "u%06u", i);
		for (int ago = days; ago > 0; ago--) {
			habit_moment at = {now.day - ago, now.minute};
			if (habit_store_visit(habits, name, at, now_us - ago * INT64_C(86400000000), &error) != VU_OK)
				die("write habits", error.message);
		}
	}
	habit_store_close(habits);
	return stat(path, &info) == 0 ? (double)info.st_blocks * 512 : 0;
}

static bool foresee(void *context, const char *user, const habit *h)
{
	habit_forecast forecast;

	(void)user;
	habit_predict(h, habit_moment_of(vu_clock_wall_us()), &forecast);
	*(unsigned *)context += forecast.p > 0;
	return true;
}

/* Milliseconds for going through the habits of all, as the preloader does. */
static double measure_foretelling(const host *h)
{
	char path[PATH_MAX];
	habit_store *habits;
	unsigned known = 0;
	int64_t began_us;
	double ms;
	vu_error error = {0};

	snprintf(path, sizeof path, "%s/models/prediction.db", h->home);
	if (habit_store_open(path, &habits, &error) != VU_OK)
		die("read habits", error.message);
	began_us = vu_clock_monotonic_us();
	if (habit_store_scan(habits, habit_moment_of(vu_clock_wall_us()), foresee, &known, &error) != VU_OK)
		die("foretell", error.message);
	ms = (double)(vu_clock_monotonic_us() - began_us) / 1000;
	if (known < MANY / 2)
		die("foretell", "hardly anybody's habits are known");
	habit_store_close(habits);
	return ms;
}

/* ---- measuring ---- */

static void measure_loading(host *h, const stretch *whole, ProtobufCBinaryData statistics)
{
	double cold[BASE];
	double cached[BASE];
	double preloaded[BASE];
	double first[5];

	for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
		if (h->pid)
			stop(h);
		start(h);
		first[i] = score(h, whole, statistics, 0).ms;
	}
	for (unsigned i = 0; i < BASE; i++) {
		cold[i] = i == 0 ? 0 : score(h, whole, statistics, i).load_ms;
		cached[i] = score(h, whole, statistics, i).load_ms;
	}
	cold[0] = cold[1];
	clean_up(h);
	for (unsigned i = 0; i < BASE; i++) {
		scored s;
		preload(h, i);
		s = score(h, whole, statistics, i);
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
	const host *host;
	unsigned users;
	double times[SCORES];
	double p99;
	double p50;
	double rss_mb;
	double hit_percent;
} day;

/* Most by a twentieth of the users, who come again and again; the rest by anybody. */
static void score_somebody(day *d, const stretch *whole, ProtobufCBinaryData statistics, unsigned n)
{
	unsigned regulars = regulars_of(d->users);
	unsigned draw;
	scored s;

	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	draw = (unsigned)(random_state >> 33);
	s = score(d->host, whole, statistics, draw % 10 < 8 ? draw / 10 % regulars : draw / 10 % d->users);
	if (n < WARM)
		return;
	d->times[n - WARM] = s.ms;
	d->hit_percent += s.cached * 100.0 / SCORES;
	if (n % 50 == 0 && resident_mb(d->host) > d->rss_mb)
		d->rss_mb = resident_mb(d->host);
}

/* By turns, so that whatever else happens on the machine happens to all. */
static void measure_days(day *days, size_t count, const stretch *whole, ProtobufCBinaryData statistics)
{
	for (unsigned n = 0; n < WARM + SCORES; n++)
		for (size_t i = 0; i < count; i++)
			score_somebody(&days[i], whole, statistics, n);
	for (size_t i = 0; i < count; i++) {
		days[i].p99 = quantile(days[i].times, SCORES, 0.99);
		days[i].p50 = quantile(days[i].times, SCORES, 0.5);
	}
}

/* Waits until the server, left alone, has foretold who comes; returns its largest memory meanwhile. */
static double wait_for_foretelling(const host *h)
{
	Vu__Empty nothing = VU__EMPTY__INIT;
	int64_t until_us = vu_clock_monotonic_us() + 120 * INT64_C(1000000);
	double most = 0;
	size_t expected = 0;

	while (expected == 0) {
		Vu__StatsResponse *stats = (void *)call(h, "Stats", &nothing.base);
		expected = stats->n_expected;
		protobuf_c_message_free_unpacked(&stats->base, NULL);
		if (resident_mb(h) > most)
			most = resident_mb(h);
		if (vu_clock_monotonic_us() > until_us)
			die("foretell", "the server expects nobody after two minutes");
		usleep(20000);
	}
	return most;
}

int main(void)
{
	static person someone;
	static stretch whole;
	static crowd people;
	const char *temporary = getenv("TMPDIR");
	Vu__Empty nothing = VU__EMPTY__INIT;
	Vu__StatsResponse *stats;
	ProtobufCBinaryData statistics;
	static day days[2];
	day *few = &days[0];
	day *many = &days[1];
	host *h = many_host;
	double disk;
	double habits_disk;
	double few_ready;
	double many_ready;
	double list_ms;
	double foretell_ms;
	double foretelling_mb;
	int64_t began_us;
	vu_error error;

	snprintf(folder, sizeof folder, "%s/vu-bench.XXXXXX",
	         temporary && strlen(temporary) < 64 ? temporary : "/tmp");
	if (!mkdtemp(folder))
		die("create", folder);
	if (vu_background_open(BACKGROUND, true, &background, &error) != VU_OK ||
	    vu_background_load_scaler(background, &scaler, &error) != VU_OK)
		die("open the background model", error.message);
	setenv("VOICE_UNLOCK_HTTP_PORT", "0", 1);
	setenv("VOICE_UNLOCK_LOG_LEVEL", "error", 1);
	gather_crowd(many_host, &people);
	open_vault(few_host);
	derive_users(few_host, &people, 0, FEW);
	disk = derive_users(many_host, &people, 0, BASE);
	make_person(&someone);
	say_vector(&someone, &whole);
	statistics = say_frames(&someone);
	measure_loading(many_host, &whole, statistics);
	stop(many_host);
	disk += derive_users(many_host, &people, BASE, MANY);
	habits_disk = write_habits(many_host);
	sync(); /* or writing all that would be measured with what follows */
	few_ready = start(few_host);
	many_ready = start(many_host);
	began_us = vu_clock_monotonic_us();
	stats = (void *)call(h, "Stats", &nothing.base);
	if (stats->users != MANY)
		die("count users", "they are not a hundred thousand");
	protobuf_c_message_free_unpacked(&stats->base, NULL);
	list_ms = (double)(vu_clock_monotonic_us() - began_us) / 1000;
	*few = (day){.host = few_host, .users = FEW};
	*many = (day){.host = many_host, .users = MANY};
	measure_days(days, 2, &whole, statistics);
	foretelling_mb = wait_for_foretelling(many_host);
	foretell_ms = measure_foretelling(many_host);
	print_figure("users_100k_list_ms", list_ms, "ms", 0);
	print_figure("users_100k_auth_ms_p99", many->p99, "ms", few->p99);
	print_figure("users_100k_auth_ms_p50", many->p50, "ms", few->p50);
	print_figure("users_100k_rss_mb", foretelling_mb > many->rss_mb ? foretelling_mb : many->rss_mb, "MB",
	             few->rss_mb);
	print_figure("users_100k_hit_percent", many->hit_percent, "%", few->hit_percent);
	print_figure("users_100k_ready_ms", many_ready, "ms", few_ready);
	print_figure("users_100k_foretell_ms", foretell_ms, "ms", 0);
	print_figure("users_100k_disk_bytes", (disk + habits_disk) / MANY, "B", 0);
	clean_up(many_host);
	print_figure("users_100k_cleanup_mb", resident_mb(many_host), "MB", 0);
	fprintf(
	    stderr,
	    "bench: with the number of users grow the disk (templates %.0f B and habits %.0f B a user) and, once, "
	    "counting them (%.1f us) and, at most every minute, foretelling (%.1f us a user); memory grows with "
	    "those who come until the cache is full, and the time of a Score by loading those who are not in it\n",
	    disk / MANY, habits_disk / MANY, 1000 * list_ms / MANY, 1000 * foretell_ms / MANY);
	finish(0);
}
