/*
 * Giving memory back, and what the supervisor asks about memory: States,
 * SetPressure, Hot. Never fails: what is in use simply stays.
 */
#include "base/allocator.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/user_name.h"
#include "internal.h"
#include "platform/platform.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The supervisor repeats its refusal more often than that. */
#define REFUSAL_US (3 * INT64_C(1000000))
/* Whoever came so lately goes on even when memory is short. */
#define MOMENT_US   (5 * INT64_C(1000000))
#define HOT_DEFAULT 32
#define HOT_MAX     1024

/* ---- cleanup ---- */

/* The background's pages come back from the file when they are needed. */
static bool release_pages(void *context, const char *key, void *object)
{
	(void)context;
	if (strncmp(key, "background:", strlen("background:")) == 0)
		vu_model_file_release_pages(((vu_background *)object)->file);
	return true;
}

/* What everybody needs stays as long as things that are idle do; a template, for a moment. */
static bool is_needed(void *context, cache_part part, const char *key, int64_t idle_us)
{
	const settings *with = context;
	bool is_template =
	    part == CACHE_MODELS && strncmp(key, TEMPLATE_KEY_PREFIX, strlen(TEMPLATE_KEY_PREFIX)) == 0;

	return idle_us < (is_template ? MOMENT_US : with->aggressive_unload_us);
}

uint64_t models_relieve(models *m)
{
	settings with;
	size_t before = cache_bytes(m->cache);
	uint64_t freed;

	copy_settings(m, &with);
	freed = cache_shrink_idle(m->cache, with.aggressive_unload_us, 0);
	freed += cache_shrink_except(m->cache, before / 2, is_needed, &with) + voice_index_drop(m->index);
	cache_visit(m->cache, CACHE_MODELS, release_pages, NULL);
	return freed;
}

uint64_t models_cleanup(models *m, bool aggressive)
{
	settings with;
	size_t before = cache_bytes(m->cache);
	uint64_t freed;

	copy_settings(m, &with);
	freed = cache_shrink_idle(m->cache, with.aggressive_unload_us, 0);
	if (aggressive)
		freed += cache_shrink(m->cache, before / 2) + voice_index_drop(m->index);
	cache_visit(m->cache, CACHE_MODELS, release_pages, NULL);
	return freed;
}

/* Shares of the cache's ceiling and of the process's: where relief begins, and where the cache is brought to. */
#define SHORT_PERCENT    80
#define RELIEVED_PERCENT 70

void relieve_memory(models *m)
{
	settings with;
	vu_process_memory memory = {0, 0};
	size_t target;
	bool is_short;

	copy_settings(m, &with);
	is_short = vu_platform_memory_short() ||
	           (with.max_memory_bytes > 0 && vu_platform_process_memory(getpid(), &memory) == VU_OK &&
	            memory.rss_bytes > with.max_memory_bytes / 100 * SHORT_PERCENT);
	if (!is_short && cache_bytes(m->cache) <= with.cache_bytes / 100 * SHORT_PERCENT)
		return;
	target = is_short ? 0 : with.cache_bytes / 100 * RELIEVED_PERCENT;
	/* What is not idle stays, but neither pages that are free nor those of mapped files need to. */
	if (cache_shrink_idle(m->cache, with.aggressive_unload_us, target) > 0 || is_short) {
		vu_secret_trim();
		vu_allocator_purge();
		cache_visit(m->cache, CACHE_MODELS, release_pages, NULL);
	}
}

/* ---- SetPressure ---- */

void handle_set_pressure(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__PressureRequest *request = (const Vu__PressureRequest *)(const void *)message;
	Vu__Empty response = VU__EMPTY__INIT;

	cache_refuse_loads(m->cache, request->refuse_loads ? vu_clock_monotonic_us() + REFUSAL_US : 0);
	vu_rpc_reply(call, &response.base);
}

/* ---- States ---- */

static void describe(models *m, user_key key, Vu__ModelState *state, vu_error *reason)
{
	static const char *const NAMES[] = {"NOT_LOADED", "LOADING", "LOADED", "LOADING_FAILED"};
	char text[KEY_SIZE];
	cache_report report;

	vu__model_state__init(state);
	template_key(key, text);
	cache_describe(m->cache, CACHE_MODELS, text, &report);
	state->state = (char *)(uintptr_t)NAMES[report.state];
	state->bytes = report.bytes;
	state->failures = report.failures;
	state->paused_s = (uint64_t)(report.paused_us + 999999) / 1000000;
	*reason = report.error;
	if (report.state == CACHE_NOT_LOADED && !template_store_exists(&m->store, key.namespace, key.user)) {
		state->state = (char *)(uintptr_t) "NOT_FOUND";
		vu_fail(reason, VU_NOT_FOUND, "user '%s' is not enrolled", key.user);
	}
	state->reason = reason->message;
}

void handle_states(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__ModelStatesRequest *request = (const Vu__ModelStatesRequest *)(const void *)message;
	Vu__ModelStatesResponse response = VU__MODEL_STATES_RESPONSE__INIT;
	size_t count = request->n_keys;
	Vu__ModelState *states = calloc(count + 1, sizeof *states);
	Vu__ModelState **pointers = calloc(count + 1, sizeof *pointers);
	vu_error *reasons = calloc(count + 1, sizeof *reasons);
	vu_error error = {VU_OK, ""};
	vu_status status = VU_OK;

	if (!states || !pointers || !reasons)
		status = vu_fail(&error, VU_RESOURCE_EXHAUSTED, "unable to tell states: out of memory");
	for (size_t i = 0; i < count && status == VU_OK; i++) {
		user_key key;
		status = check_key(request->keys[i], &key, &error);
		if (status == VU_OK)
			describe(m, key, &states[i], &reasons[i]);
		pointers[i] = &states[i];
	}
	if (status == VU_OK) {
		response.n_states = count;
		response.states = pointers;
		vu_rpc_reply(call, &response.base);
	} else {
		vu_rpc_fail_error(call, &error);
	}
	free(reasons);
	free(pointers);
	free(states);
}

/* ---- Hot ---- */

typedef struct hot_list {
	Vu__UserKey *keys;
	Vu__UserKey **pointers;
	char (*names)[VU_USER_NAME_MAX + 1];
	size_t count;
	size_t room;
} hot_list;

/* Real users alone: those of an evaluation come in order of their list. */
static bool add_hot(void *context, const char *key, void *object)
{
	static const char PREFIX[] = TEMPLATE_KEY_PREFIX "/";
	hot_list *list = context;

	(void)object;
	if (list->count == list->room)
		return false;
	if (strncmp(key, PREFIX, sizeof PREFIX - 1) != 0 || strlen(key) - (sizeof PREFIX - 1) > VU_USER_NAME_MAX)
		return true;
	strcpy(list->names[list->count], key + sizeof PREFIX - 1);
	vu__user_key__init(&list->keys[list->count]);
	list->keys[list->count].user = list->names[list->count];
	list->pointers[list->count] = &list->keys[list->count];
	list->count++;
	return true;
}

void handle_hot(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__HotRequest *request = (const Vu__HotRequest *)(const void *)message;
	Vu__HotResponse response = VU__HOT_RESPONSE__INIT;
	size_t room = request->limit == 0 ? HOT_DEFAULT : request->limit > HOT_MAX ? HOT_MAX : request->limit;
	hot_list list = {
	    .keys = calloc(room, sizeof *list.keys),
	    .pointers = calloc(room, sizeof *list.pointers),
	    .names = calloc(room, sizeof *list.names),
	    .room = room,
	};

	if (list.keys && list.pointers && list.names) {
		cache_visit(m->cache, CACHE_MODELS, add_hot, &list);
		response.n_keys = list.count;
		response.keys = list.pointers;
		vu_rpc_reply(call, &response.base);
	} else {
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED, "unable to list hot models: out of memory");
	}
	free(list.names);
	free(list.pointers);
	free(list.keys);
}
