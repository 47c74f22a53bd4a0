/*
 * Loads who is expected, in idle time and at low priority, on a thread of its
 * own; and gives memory back when it is short. It sleeps nearly always: it
 * looks at memory every few seconds, and foretells once a minute, or less often
 * where that takes long, so that it stays below half a percent of a processor.
 * Loading is paced by performance.max_cpu_percent.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "internal.h"
#include "platform/platform.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOK_US     (10 * INT64_C(1000000))
#define FORETELL_US (60 * INT64_C(1000000))
/* Foretelling takes at most one part in so many of the time. */
#define FORETELL_PART 200
/* Nobody may have asked for anything for so long. */
#define IDLE_US 500000
/* Preloading fills no more than this share of the cache and of the process's memory. */
#define BUDGET_PERCENT 60
/* How long an expectation holds: until it is renewed, with time to spare. */
#define EXPECTED_US (10 * FORETELL_US)

struct preloader {
	models *models;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;
};

static bool is_idle(models *m)
{
	return vu_clock_monotonic_us() - atomic_load(&m->asked_us) >= IDLE_US;
}

/* Whether so many bytes more stay within the share of preloading. */
static bool within_budget(models *m, const settings *with, size_t more)
{
	vu_process_memory memory = {0, 0};

	if (cache_is_refusing(m->cache) || cache_bytes(m->cache) + more > with->cache_bytes / 100 * BUDGET_PERCENT)
		return false;
	if (with->max_memory_bytes == 0 || vu_platform_process_memory(getpid(), &memory) != VU_OK)
		return true;
	return memory.rss_bytes + more <= with->max_memory_bytes / 100 * BUDGET_PERCENT;
}

static size_t template_bytes(models *m, const char *user)
{
	char path[PATH_MAX];
	struct stat info;

	if (template_store_path(&m->store, "", user, path, NULL) != VU_OK || stat(path, &info) != 0)
		return 0;
	return (size_t)info.st_size;
}

/* True when it was not there and is now. */
static bool preload(models *m, const settings *with, const held_scorer *held, const expected_user *one)
{
	user_key key = {"", one->user};
	cache_entry *entry;
	char text[KEY_SIZE];
	int64_t until_us = vu_clock_monotonic_us() + EXPECTED_US;
	size_t bytes = template_bytes(m, one->user);
	vu_error error;

	template_key(key, text);
	if (cache_expect(m->cache, CACHE_MODELS, text, one->p, until_us))
		return false;
	/* Nobody waits for the result: who cannot be loaded will be told so when they are scored. */
	if (bytes == 0 || !within_budget(m, with, bytes) ||
	    hold_template_ahead(m, with, held, key, &entry, &error) != VU_OK)
		return false;
	cache_release(m->cache, entry);
	cache_expect(m->cache, CACHE_MODELS, text, one->p, until_us);
	return true;
}

/* Sleeps so long unless it is told to stop; false when it was. */
static bool rest(struct preloader *p, int64_t us)
{
	int64_t until_us = vu_clock_monotonic_us() + us;
	bool go_on;

	pthread_mutex_lock(&p->lock);
	while (!p->stopping && vu_clock_monotonic_us() < until_us) {
		struct timespec until;
		int64_t left_us = until_us - vu_clock_monotonic_us();
		/* The wall clock may jump: the end itself is monotonic. */
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += (time_t)(left_us / 1000000);
		until.tv_nsec += (long)(left_us % 1000000) * 1000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&p->wake, &p->lock, &until);
	}
	go_on = !p->stopping;
	pthread_mutex_unlock(&p->lock);
	return go_on;
}

int64_t preload_rest_us(int64_t worked_us, uint32_t percent)
{
	return percent == 0 || percent >= 100 ? 0 : worked_us * (100 - percent) / percent;
}

/* One, and the rest that it has earned; false when the thread is to stop. */
static bool preload_paced(models *m, const settings *with, const held_scorer *held, const expected_user *one,
                          unsigned *loaded)
{
	int64_t began_us = vu_clock_monotonic_us();
	int64_t rest_us;

	*loaded += preload(m, with, held, one);
	rest_us = preload_rest_us(vu_clock_monotonic_us() - began_us, with->cpu_percent);
	return !m->preloader || rest(m->preloader, rest_us);
}

unsigned preload_expected(models *m)
{
	settings with;
	expected_user *items;
	held_scorer held;
	size_t count = 0;
	unsigned loaded = 0;
	vu_error error = {VU_OK, ""};

	copy_settings(m, &with);
	items = calloc(with.preload_queue + 1, sizeof *items);
	if (!items)
		return 0;
	if (expect_users(m, &with, items, with.preload_queue, &count, &error) != VU_OK)
		vu_log_warn("unable to foretell who comes: %s", error.message);
	if (count == 0 || !within_budget(m, &with, 0) || hold_scorer_ahead(m, &with, &held, &error) != VU_OK)
		goto out;
	for (size_t i = 0; i < count && is_idle(m); i++) {
		if (!preload_paced(m, &with, &held, &items[i], &loaded))
			break;
	}
	release_scorer(m, &held);
	if (loaded > 0)
		vu_log_debug("preloaded %u of %zu expected users", loaded, count);
out:
	free(items);
	return loaded;
}

static void *run(void *argument)
{
	struct preloader *p = argument;
	int64_t next_us = vu_clock_monotonic_us();

	vu_platform_thread_background();
	while (rest(p, LOOK_US)) {
		int64_t began_us = vu_clock_monotonic_us();
		int64_t took_us;
		relieve_memory(p->models);
		if (began_us < next_us || !is_idle(p->models))
			continue;
		preload_expected(p->models);
		vu_secret_forget_work(WORK_STACK_BYTES);
		took_us = vu_clock_monotonic_us() - began_us;
		next_us = began_us + FORETELL_US + took_us * FORETELL_PART;
	}
	return NULL;
}

vu_status models_start_preloading(models *m, vu_error *error)
{
	struct preloader *p = calloc(1, sizeof *p);
	pthread_attr_t attributes;
	int result;

	if (!p)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start preloading: out of memory");
	p->models = m;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	pthread_attr_init(&attributes);
	/* Stacks count against the process's ceiling. */
	pthread_attr_setstacksize(&attributes, 512 * 1024);
	m->preloader = p;
	result = pthread_create(&p->thread, &attributes, run, p);
	pthread_attr_destroy(&attributes);
	if (result != 0) {
		m->preloader = NULL;
		pthread_cond_destroy(&p->wake);
		pthread_mutex_destroy(&p->lock);
		free(p);
		return vu_fail_errno(error, result, "unable to start preloading");
	}
	return VU_OK;
}

void models_stop_preloading(models *m)
{
	struct preloader *p = m->preloader;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
	m->preloader = NULL;
}
