/*
 * Simulated months of people's routines: what share of authentications finds
 * the model loaded, with prediction, with plain LRU, and with an oracle that
 * knows the future and preloads under the same limits; and how many models are
 * loaded in vain for each that was loaded ahead and used.
 *
 * The cache and the estimate are those of the model-server; time is simulated.
 * Memory is short all the time: what is idle for two hours is unloaded, so in
 * the morning nothing is there unless somebody foresaw it. Preloading happens
 * every five minutes, for the likeliest above the default threshold, at most
 * the default queue at a time, within 60 % of the cache. The first two weeks,
 * in which habits are learned, are not counted. Prints JSON objects; a table of
 * all routines goes to standard error, and one of what ml.preload_threshold and
 * ml.max_preload_queue change; it fails when that is not what they are for.
 */
#include "cache.h"
#include "habit.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAYS        140
#define LEARNING    14
#define FIRST_DAY   19723 /* Monday, 2024-01-01 */
#define TICK_MIN    5
#define DAY_MIN     1440
#define IDLE_MIN    120
#define USERS_MAX   64
#define VISITS_MAX  40 /* of one user on one day */
#define MODEL_BYTES 14000
#define THRESHOLD   0.7
#define QUEUE       5
#define BUDGET      0.6
#define RUNS        3

/* ml.preload_threshold and ml.max_preload_queue. */
static double threshold = THRESHOLD;
static int queue = QUEUE;

/* ---- chance ---- */

static uint64_t chance_state;

static double uniform(void)
{
	chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
	return (double)(chance_state >> 11) / 9007199254740992.0;
}

static double normal(double mean, double deviation)
{
	return mean + deviation * sqrt(-2 * log(uniform() + 1e-300)) * cos(6.283185307179586 * uniform());
}

/* ---- routines ---- */

typedef struct day_plan {
	int minutes[VISITS_MAX];
	int count;
} day_plan;

typedef struct person {
	double first;  /* usual minute of the first visit */
	double spread; /* of it, minutes */
	double lunch;
	double leaves;
	int away_from; /* days of a holiday */
	int away_days;
	int kind;
	day_plan days[DAYS];
} person;

static void plan(person *p, int day, double minute)
{
	day_plan *d = &p->days[day];

	if (minute >= 0 && minute < DAY_MIN && d->count < VISITS_MAX)
		d->minutes[d->count++] = (int)minute;
}

/* Visits at random between two minutes, so far apart on average. */
static void plan_between(person *p, int day, double from, double to, double gap)
{
	for (double at = from - gap * log(1 - uniform()); at < to; at -= gap * log(1 - uniform()))
		plan(p, day, at);
}

static bool is_away(const person *p, int day)
{
	return day >= p->away_from && day < p->away_from + p->away_days;
}

/* In at about the same time, back from lunch, screen locks in between; ill now and then; a holiday. */
static void plan_office(person *p, int day, int weekday)
{
	double in;
	double back;

	if (weekday >= 5 || is_away(p, day) || uniform() < 0.04)
		return;
	in = normal(p->first, p->spread);
	back = normal(p->lunch, 12);
	plan(p, day, in);
	plan_between(p, day, in + 10, back - 45, 60);
	plan(p, day, back);
	plan_between(p, day, back + 10, normal(p->leaves, 30), 60);
}

/* Mornings, afternoons of the children, evenings; later at weekends. */
static void plan_family(person *p, int day, int weekday)
{
	bool weekend = weekday >= 5;

	if (is_away(p, day))
		return;
	if (uniform() < 0.95)
		plan(p, day, weekend ? normal(p->first + 100, 35) : normal(p->first, p->spread));
	if (p->kind == 1 && !weekend && uniform() < 0.93)
		plan(p, day, normal(15.5 * 60, 15));
	if (uniform() < 0.93) {
		double evening = normal(p->leaves, 20);
		plan(p, day, evening);
		plan_between(p, day, evening + 10, evening + 150, 50);
	}
}

/* Early, late and night shifts that change every week. */
static void plan_shift(person *p, int day, int weekday)
{
	static const double BEGINS[] = {6 * 60, 14 * 60, 22 * 60};
	double in = normal(BEGINS[(day / 7 + p->kind) % 3] - 10, 10);

	if (weekday >= 5 || is_away(p, day) || uniform() < 0.04)
		return;
	plan(p, day, in);
	plan_between(p, day, in + 10, in + 470, 80);
}

static void plan_random(person *p, int day, int weekday)
{
	(void)weekday;
	plan_between(p, day, 0, DAY_MIN, 720);
}

typedef struct routine {
	const char *name;
	void (*plan)(person *p, int day, int weekday);
	int users;
	bool counts; /* for the figures that are aimed at */
} routine;

static const routine ROUTINES[] = {
    {"office", plan_office, 60, true},
    {"family", plan_family, 5, true},
    {"shift", plan_shift, 36, false},
    {"random", plan_random, 36, false},
};

static int by_minute(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void make_people(const routine *r, person *people)
{
	memset(people, 0, (size_t)r->users * sizeof *people);
	for (int u = 0; u < r->users; u++) {
		person *p = &people[u];
		p->kind = u % 3;
		p->first = r->plan == plan_family ? 6.7 * 60 + uniform() * 45 : 8 * 60 + uniform() * 90;
		p->spread = 8 + uniform() * 10;
		p->lunch = 12.75 * 60 + uniform() * 45;
		p->leaves = r->plan == plan_family ? 19 * 60 + uniform() * 60 : p->first + 510;
		p->away_from = LEARNING + (int)(uniform() * (DAYS - LEARNING - 7));
		p->away_days = 7;
		for (int day = 0; day < DAYS; day++) {
			r->plan(p, day, habit_weekday(FIRST_DAY + day));
			qsort(p->days[day].minutes, (size_t)p->days[day].count, sizeof(int), by_minute);
		}
	}
}

/* ---- the simulation ---- */

typedef enum policy { PLAIN_LRU, PREDICTION, ORACLE, POLICIES } policy;

typedef struct outcome {
	uint64_t visits;
	uint64_t ready;
	uint64_t ahead;
	uint64_t ahead_used;
} outcome;

static int64_t now_min; /* since the beginning */

static int64_t tell_time(void *context)
{
	(void)context;
	return (now_min + 1) * 60 * INT64_C(1000000);
}

static vu_status load(void *context, void **object_out, size_t *bytes_out, vu_error *error)
{
	(void)context;
	(void)error;
	*object_out = NULL;
	*bytes_out = MODEL_BYTES;
	return VU_OK;
}

static void unload(void *object)
{
	(void)object;
}

/* True when it was there. */
static bool use(cache *c, int user, bool ahead)
{
	char key[16];
	cache_request request = {.part = CACHE_MODELS,
	                         .key = key,
	                         .load = load,
	                         .destroy = unload,
	                         .deadline_us = INT64_MAX,
	                         .ahead = ahead};
	cache_entry *entry;
	bool hit;

	snprintf(key, sizeof key, "%d", user);
	if (cache_acquire(c, &request, &entry, &hit, NULL) != VU_OK)
		abort();
	cache_release(c, entry);
	return hit;
}

static bool expect(cache *c, int user, double p)
{
	char key[16];

	snprintf(key, sizeof key, "%d", user);
	return cache_expect(c, CACHE_MODELS, key, p, tell_time(NULL) + 10 * 60 * INT64_C(1000000));
}

/* Minutes until this person comes; a lot when not within the next day. */
static int minutes_ahead(const person *p)
{
	int day = (int)(now_min / DAY_MIN);
	int minute = (int)(now_min % DAY_MIN);

	for (int d = day; d < DAYS && d <= day + 1; d++)
		for (int i = 0; i < p->days[d].count; i++) {
			int ahead = (d - day) * DAY_MIN + p->days[d].minutes[i] - minute;
			if (ahead >= 0)
				return ahead;
		}
	return 100000;
}

typedef struct wish {
	int user;
	double p;
} wish;

static int by_wish(const void *a, const void *b)
{
	double left = ((const wish *)a)->p;
	double right = ((const wish *)b)->p;
	return left < right ? 1 : left > right ? -1 : ((const wish *)a)->user - ((const wish *)b)->user;
}

static void preload(cache *c, policy how, const person *people, const habit *habits, int users, size_t ceiling)
{
	habit_moment now = {FIRST_DAY + (int32_t)(now_min / DAY_MIN), (int32_t)(now_min % DAY_MIN)};
	wish wishes[USERS_MAX];
	int count = 0;

	for (int u = 0; u < users; u++) {
		habit_forecast forecast = {0};
		if (how == PREDICTION) {
			habit_predict(&habits[u], now, &forecast);
		} else {
			int ahead = minutes_ahead(&people[u]);
			forecast.p = ahead < IDLE_MIN ? 1 - ahead / 1000.0 : 0;
		}
		if (forecast.p >= threshold)
			wishes[count++] = (wish){u, forecast.p};
	}
	qsort(wishes, (size_t)count, sizeof *wishes, by_wish);
	for (int i = 0, loaded = 0; i < count && loaded < queue; i++) {
		if (expect(c, wishes[i].user, wishes[i].p))
			continue;
		if ((double)cache_bytes(c) + MODEL_BYTES > BUDGET * (double)ceiling)
			break;
		use(c, wishes[i].user, true);
		expect(c, wishes[i].user, wishes[i].p);
		loaded++;
	}
}

static void visit_minute(cache *c, const person *people, habit *habits, int users, bool counted, outcome *out)
{
	int day = (int)(now_min / DAY_MIN);
	int minute = (int)(now_min % DAY_MIN);

	for (int u = 0; u < users; u++) {
		const day_plan *d = &people[u].days[day];
		for (int i = 0; i < d->count; i++) {
			bool ready;
			if (d->minutes[i] != minute)
				continue;
			ready = use(c, u, false);
			if (counted) {
				out->visits++;
				out->ready += ready;
			}
			habit_visit(&habits[u], (habit_moment){FIRST_DAY + day, minute});
		}
	}
}

static void simulate(const routine *r, policy how, const person *people, outcome *out)
{
	/* Room for everybody and half as many again: what is short is the rest of the machine. */
	size_t ceiling = (size_t)(r->users + r->users / 2 + 1) * MODEL_BYTES;
	cache_options options = {ceiling, 0, 0, {tell_time, tell_time, NULL}};
	habit *habits = calloc((size_t)r->users, sizeof *habits);
	cache_stats before = {0};
	cache_stats after;
	cache *c;

	if (!habits || cache_create(&options, &c) != VU_OK)
		abort();
	for (now_min = 0; now_min < (int64_t)DAYS * DAY_MIN; now_min++) {
		if (now_min == LEARNING * DAY_MIN)
			cache_get_stats(c, CACHE_MODELS, &before);
		if (now_min % TICK_MIN == 0) {
			cache_shrink_idle(c, IDLE_MIN * 60 * INT64_C(1000000), 0);
			if (how != PLAIN_LRU)
				preload(c, how, people, habits, r->users, ceiling);
		}
		visit_minute(c, people, habits, r->users, now_min >= LEARNING * DAY_MIN, out);
	}
	cache_get_stats(c, CACHE_MODELS, &after);
	out->ahead += after.ahead - before.ahead;
	out->ahead_used += after.ahead_used - before.ahead_used;
	cache_destroy(c);
	free(habits);
}

/* ---- what the settings change ---- */

typedef struct trial {
	double threshold;
	int queue;
} trial;

/* Of the second routine, which is quickly run through. */
static outcome try_settings(trial with, person *people)
{
	const routine *r = &ROUTINES[1];
	outcome o = {0};

	threshold = with.threshold;
	queue = with.queue;
	chance_state = 7919;
	make_people(r, people);
	simulate(r, PREDICTION, people, &o);
	threshold = THRESHOLD;
	queue = QUEUE;
	fprintf(stderr, "%-8s %-11g %8d %8.1f %8llu %8llu\n", r->name, with.threshold, with.queue,
	        100 * (double)o.ready / (double)o.visits, (unsigned long long)o.ahead,
	        (unsigned long long)o.ahead_used);
	return o;
}

/*
 * A higher threshold preloads less, and a queue of none nothing. Who is not loaded at one look for the shortness of
 * the queue is at the next, five minutes later, so that its length matters only where many come at once.
 */
static bool settings_matter(person *people)
{
	static const double THRESHOLDS[] = {0.2, 0.5, THRESHOLD, 0.9, 1};
	static const int QUEUES[] = {0, 1, QUEUE};
	uint64_t last = UINT64_MAX;
	uint64_t first = 0;
	bool fits = true;

	fprintf(stderr, "%-8s %-11s %8s %8s %8s %8s\n", "routine", "threshold", "queue", "ready%", "ahead", "used");
	for (size_t i = 0; i < sizeof THRESHOLDS / sizeof *THRESHOLDS; i++) {
		uint64_t ahead = try_settings((trial){THRESHOLDS[i], QUEUE}, people).ahead;
		first = i == 0 ? ahead : first;
		fits = fits && ahead <= last;
		last = ahead;
	}
	fits = fits && last < first;
	for (size_t i = 0; i < sizeof QUEUES / sizeof *QUEUES; i++) {
		uint64_t ahead = try_settings((trial){THRESHOLD, QUEUES[i]}, people).ahead;
		fits = fits && (ahead > 0) == (QUEUES[i] > 0);
	}
	return fits;
}

int main(void)
{
	static const char *const NAMES[POLICIES] = {"lru", "prediction", "oracle"};
	static person people[USERS_MAX];
	double worst_ready = 1e9;
	double worst_baseline = 1e9;
	double worst_vain = 0;

	fprintf(stderr, "%-8s %-11s %8s %8s %8s %8s %8s\n", "routine", "policy", "visits", "ready%", "ahead", "used",
	        "vain/use");
	for (size_t i = 0; i < sizeof ROUTINES / sizeof *ROUTINES; i++) {
		const routine *r = &ROUTINES[i];
		outcome outcomes[POLICIES] = {{0}};
		double share[POLICIES];
		double vain;
		for (uint64_t run = 1; run <= RUNS; run++) {
			chance_state = run * 7919;
			make_people(r, people);
			for (int how = 0; how < POLICIES; how++)
				simulate(r, (policy)how, people, &outcomes[how]);
		}
		for (int how = 0; how < POLICIES; how++) {
			const outcome *o = &outcomes[how];
			share[how] = (double)o->ready / (double)o->visits;
			/* What was loaded before the count began may be used after. */
			vain = o->ahead > o->ahead_used && o->ahead_used > 0
			           ? (double)(o->ahead - o->ahead_used) / (double)o->ahead_used
			           : 0;
			fprintf(stderr, "%-8s %-11s %8llu %8.1f %8llu %8llu %8.2f\n", r->name, NAMES[how],
			        (unsigned long long)o->visits, 100 * share[how], (unsigned long long)o->ahead,
			        (unsigned long long)o->ahead_used, vain);
			if (how == PREDICTION && r->counts && vain > worst_vain)
				worst_vain = vain;
		}
		if (!r->counts)
			continue;
		if (share[PREDICTION] / share[ORACLE] < worst_ready) {
			worst_ready = share[PREDICTION] / share[ORACLE];
			worst_baseline = share[PLAIN_LRU] / share[ORACLE];
		}
	}
	printf("{\"name\": \"preload_ready_vs_oracle\", \"value\": %.4f, \"unit\": \"share\", \"baseline\": %.4f, "
	       "\"ratio\": %.4f}\n",
	       worst_ready, worst_baseline, worst_ready / worst_baseline);
	printf(
	    "{\"name\": \"loads_vain_ratio\", \"value\": %.4f, \"unit\": \"share\", \"baseline\": null, \"ratio\": "
	    "null}\n",
	    worst_vain);
	if (!settings_matter(people)) {
		fprintf(stderr, "bench_prediction: the settings do not change what is preloaded as they should\n");
		return 1;
	}
	return 0;
}
