/* ListUsers, Remove, RemoveNamespace, Preload, Stats: what is there, and what is not any more. */
#include "base/clock.h"
#include "base/user_name.h"
#include "expiry.h"
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Who was preloaded stays for this long: about as long as an attempt takes. */
#define PIN_US (30 * INT64_C(1000000))

/* ---- names ---- */

typedef struct name_list {
	char **names;
	size_t count;
	size_t room;
	bool failed;
} name_list;

static bool add_name(void *context, const char *user)
{
	name_list *list = context;

	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		char **names = realloc(list->names, room * sizeof *names);
		if (!names)
			goto fail;
		list->names = names;
		list->room = room;
	}
	list->names[list->count] = strdup(user);
	if (!list->names[list->count])
		goto fail;
	list->count++;
	return true;
fail:
	list->failed = true;
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

vu_status list_names(models *m, const char *namespace, char ***names_out, size_t *count_out, vu_error *error)
{
	name_list list = {0};
	vu_status status = template_store_list(&m->store, namespace, add_name, &list, error);

	if (status == VU_OK && list.failed)
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to list users: out of memory");
	if (status != VU_OK) {
		free_names(list.names, list.count);
		return status;
	}
	if (list.count > 1)
		qsort(list.names, list.count, sizeof *list.names, by_name);
	*names_out = list.names;
	*count_out = list.count;
	return VU_OK;
}

void free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

/* ---- ListUsers ---- */

typedef struct described_user {
	Vu__UserInfo info;
	char path[PATH_MAX];
	char background[VU_MODEL_HASH_HEX_SIZE];
	char extractor[VU_EXTRACTOR_NAME_SIZE];
} described_user;

static void describe(models *m, user_key key, described_user *d)
{
	vu_model_file *file;
	template_facts facts;
	struct stat info;

	vu__user_info__init(&d->info);
	d->info.user = (char *)(uintptr_t)key.user;
	d->info.path = d->path;
	d->info.last_used_us = (uint64_t)template_store_last_used_us(&m->store, key.namespace, key.user);
	if (template_store_path(&m->store, key.namespace, key.user, d->path, NULL) != VU_OK ||
	    lstat(d->path, &info) != 0)
		return;
	d->info.present = true;
	if (!key.namespace[0]) {
		int64_t last_us = last_known_us(m, key);
		d->info.expires_us = (uint64_t)expiry_time_us(last_us);
		d->info.expired = expiry_judge(last_us, expiry_now_us(m)) >= EXPIRY_EXPIRED;
	}
	d->info.bytes = (uint64_t)info.st_size;
	if (template_store_open(&m->store, key.namespace, key.user, &file, NULL) != VU_OK)
		return;
	if (read_facts(file, key, &facts, NULL) == VU_OK &&
	    vu_model_file_text(file, "background", d->background, sizeof d->background, NULL) == VU_OK &&
	    vu_model_file_text(file, "extractor", d->extractor, sizeof d->extractor, NULL) == VU_OK) {
		d->info.verified = true;
		d->info.samples = (uint32_t)facts.samples;
		d->info.enrolled_us = facts.enrolled_us;
		d->info.background = d->background;
		d->info.extractor = d->extractor;
	}
	vu_model_file_close(file);
}

/* Users of one answer: it stays far below the largest message, and describing them takes well under a second. */
#define PAGE_USERS_MAX 1000
#define PAGE_BYTES_MAX (2 * 1024 * 1024)

typedef struct page {
	char **names;
	size_t count;
	bool more; /* there are others after the last */
} page;

/* Named one by one: those that are there. */
static vu_status pick_names(models *m, const Vu__ListUsersRequest *request, name_list *list, vu_error *error)
{
	bool one = request->user && request->user[0];
	size_t count = one ? 1 : request->n_among;

	if (count > PAGE_USERS_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to look for %zu users at once: name at most %d",
		               count, PAGE_USERS_MAX);
	for (size_t i = 0; i < count; i++) {
		const char *user = one ? request->user : request->among[i];
		vu_status status = vu_user_name_check(user, error);
		if (status != VU_OK)
			return status;
		if (template_store_exists(&m->store, request->namespace_, user) && !add_name(list, user))
			return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to list users: out of memory");
	}
	return VU_OK;
}

typedef struct later_names {
	name_list list;
	const char *after; /* only names behind this one */
} later_names;

static bool add_later_name(void *context, const char *user)
{
	later_names *later = context;

	return strcmp(user, later->after) <= 0 || add_name(&later->list, user);
}

/* The names that a request is about: those that it names, or a page of all. */
static vu_status wanted_names(models *m, const Vu__ListUsersRequest *request, page *out, vu_error *error)
{
	later_names later = {.after = request->page_token ? request->page_token : ""};
	size_t room = request->page_size && request->page_size < PAGE_USERS_MAX ? request->page_size : PAGE_USERS_MAX;
	bool named = (request->user && request->user[0]) || request->n_among > 0;
	vu_status status = VU_OK;

	if (named)
		status = pick_names(m, request, &later.list, error);
	else if (later.after[0])
		status = vu_user_name_check(later.after, error);
	if (!named && status == VU_OK) {
		status = template_store_list(&m->store, request->namespace_, add_later_name, &later, error);
		if (status == VU_OK && later.list.failed)
			status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to list users: out of memory");
	}
	if (status != VU_OK) {
		free_names(later.list.names, later.list.count);
		return status;
	}
	if (later.list.count > 1)
		qsort(later.list.names, later.list.count, sizeof *later.list.names, by_name);
	*out = (page){later.list.names, later.list.count, false};
	while (!named && out->count > room) {
		free(out->names[--out->count]);
		out->more = true;
	}
	return VU_OK;
}

/* What a user takes of the answer, roughly and not less. */
static size_t bytes_of(const described_user *d)
{
	return strlen(d->info.user) + strlen(d->path) + sizeof d->background + sizeof d->extractor + 64;
}

void handle_list_users(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__ListUsersRequest *request = (const Vu__ListUsersRequest *)(const void *)message;
	Vu__ListUsersResponse response = VU__LIST_USERS_RESPONSE__INIT;
	described_user *users = NULL;
	Vu__UserInfo **pointers = NULL;
	page wanted = {0};
	size_t bytes = 0;
	vu_error error = {VU_OK, ""};
	vu_status status = check_namespace(request->namespace_, &error);

	if (status == VU_OK)
		status = wanted_names(m, request, &wanted, &error);
	if (status != VU_OK)
		goto out;
	users = calloc(wanted.count + 1, sizeof *users);
	pointers = calloc(wanted.count + 1, sizeof *pointers);
	if (!users || !pointers) {
		status =
		    vu_fail(&error, VU_RESOURCE_EXHAUSTED, "unable to list %zu users: out of memory", wanted.count);
		goto out;
	}
	for (size_t i = 0; i < wanted.count; i++) {
		if (vu_rpc_is_cancelled(call)) {
			status = vu_fail(&error, VU_CANCELLED, "the caller no longer waits");
			goto out;
		}
		describe(m, (user_key){request->namespace_, wanted.names[i]}, &users[i]);
		/* Who asks for somebody by name is about to listen to them. */
		if (request->user && request->user[0] && !request->namespace_[0])
			status = locked_for(m, wanted.names[i], &users[i].info.locked_for_s, &error);
		if (status != VU_OK)
			goto out;
		bytes += bytes_of(&users[i]);
		if (i > 0 && bytes > PAGE_BYTES_MAX) {
			wanted.more = true;
			break;
		}
		pointers[i] = &users[i].info;
		response.n_users++;
	}
	response.users = pointers;
	if (wanted.more)
		response.next_page_token = wanted.names[response.n_users - 1];
	vu_rpc_reply(call, &response.base);
out:
	if (status != VU_OK)
		vu_rpc_fail_error(call, &error);
	free(pointers);
	free(users);
	free_names(wanted.names, wanted.count);
}

/* ---- Remove, RemoveNamespace ---- */

vu_status remove_user(models *m, user_key key, const uint8_t request_id[VU_ID_BYTES], uint64_t *bytes_out,
                      vu_error *error)
{
	pthread_mutex_t *lock = user_lock(m, key);
	vu_status status;

	pthread_mutex_lock(&m->removal_lock);
	pthread_mutex_lock(lock);
	status = template_store_remove(&m->store, key.namespace, key.user, request_id, bytes_out, error);
	if (status == VU_OK) {
		forget_template(m, key);
		atomic_fetch_add(&m->enrolments, 1);
		if (!key.namespace[0])
			forget_habit(m, key.user);
		if (!key.namespace[0])
			drop_guesses(m, key.user);
		if (*bytes_out > 0 && !key.namespace[0] && atomic_load(&m->users) > 0)
			atomic_fetch_sub(&m->users, 1);
	}
	pthread_mutex_unlock(lock);
	pthread_mutex_unlock(&m->removal_lock);
	/* Outside the locks: whoever reads for the index takes them the other way round. */
	if (status == VU_OK && !key.namespace[0])
		voice_index_forget(m->index, key.user);
	return status;
}

void handle_remove(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__RemoveRequest *request = (const Vu__RemoveRequest *)(const void *)message;
	Vu__RemoveResponse response = VU__REMOVE_RESPONSE__INIT;
	char text[96];
	char *erased[3] = {text, (char *)(uintptr_t) "the time of the last use",
	                   (char *)(uintptr_t) "the key that encrypted them"};
	user_key key;
	uint64_t bytes;
	vu_error error = {VU_OK, ""};
	vu_status status = check_key(request->key, &key, &error);

	if (status == VU_OK)
		status = remove_user(m, key, vu_rpc_request_id(call), &bytes, &error);
	if (status == VU_NOT_FOUND)
		vu_fail(&error, status,
		        "user '%s' is not enrolled: jarvis-voice-unlock list shows who is, enroll adds somebody",
		        key.user);
	if (status != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	if (bytes > 0)
		snprintf(text, sizeof text, "voice template and what was kept of enrolment (%llu bytes)",
		         (unsigned long long)bytes);
	else
		snprintf(text, sizeof text, "voice template and what was kept of enrolment");
	response.n_erased = m->vault ? 3 : 2;
	response.erased = erased;
	vu_rpc_reply(call, &response.base);
}

void handle_remove_namespace(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__RemoveNamespaceRequest *request = (const Vu__RemoveNamespaceRequest *)(const void *)message;
	Vu__Empty response = VU__EMPTY__INIT;
	char prefix[VU_USER_NAME_MAX + 16];
	vu_error error = {VU_OK, ""};
	vu_status status = check_namespace(request->namespace_, &error);

	if (status == VU_OK)
		status = template_store_remove_namespace(&m->store, request->namespace_, &error);
	if (status != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	snprintf(prefix, sizeof prefix, "template:%s/", request->namespace_);
	cache_forget(m->cache, CACHE_MODELS, prefix, true);
	vu_rpc_reply(call, &response.base);
}

/* ---- Preload, Stats ---- */

void handle_preload(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__PreloadRequest *request = (const Vu__PreloadRequest *)(const void *)message;
	Vu__PreloadResponse response = VU__PRELOAD_RESPONSE__INIT;
	held_scorer held = {0};
	settings with;
	vu_error error = {VU_OK, ""};
	vu_status status = VU_OK;

	for (size_t i = 0; i < request->n_keys && status == VU_OK; i++) {
		user_key key;
		status = check_key(request->keys[i], &key, &error);
	}
	copy_settings(m, &with);
	if (status == VU_OK)
		status = hold_scorer(m, &with, vu_rpc_deadline_us(call), &held, &error);
	if (status != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	for (size_t i = 0; i < request->n_keys && !vu_rpc_is_cancelled(call); i++) {
		user_key key = {request->keys[i]->namespace_, request->keys[i]->user};
		char text[KEY_SIZE];
		cache_entry *entry;
		bool hit;
		/* Nobody waits for the result: who cannot be loaded will be told so when they are scored. */
		if (hold_template(m, &with, &held, key, vu_rpc_deadline_us(call), &entry, &hit, NULL) != VU_OK)
			continue;
		response.loaded++;
		/* Until they have spoken; a burst of others must not push them out meanwhile. */
		template_key(key, text);
		cache_pin(m->cache, CACHE_MODELS, text, vu_clock_monotonic_us() + PIN_US);
		cache_release(m->cache, entry);
	}
	release_scorer(m, &held);
	vu_rpc_reply(call, &response.base);
}

static bool count_mapped(void *context, const char *key, void *object)
{
	if (strncmp(key, "background:", strlen("background:")) == 0) {
		const vu_model_file *file = ((const vu_background *)object)->file;
		*(uint64_t *)context += vu_model_file_is_mapped(file) ? vu_model_file_bytes(file) : 0;
	}
	return true;
}

static bool count_one(void *context, const char *user)
{
	(void)user;
	++*(int *)context;
	return true;
}

void handle_stats(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	Vu__StatsResponse response = VU__STATS_RESPONSE__INIT;
	Vu__CacheStats parts[CACHE_PARTS];
	Vu__CacheStats *pointers[CACHE_PARTS];
	uint64_t load_us = 0;
	int users = atomic_load(&m->users);
	Vu__ExpectedUser expected[EXPECTED_MAX];
	Vu__ExpectedUser *expected_pointers[EXPECTED_MAX];
	expected_user *items = calloc(EXPECTED_MAX, sizeof *items);
	settings with;

	(void)message;
	if (users < 0) {
		int counted = 0;
		if (template_store_list(&m->store, "", count_one, &counted, NULL) == VU_OK) {
			/* Whoever enrolled meanwhile is counted next time. */
			atomic_compare_exchange_strong(&m->users, &users, counted);
			users = counted;
		}
	}
	for (int part = 0; part < CACHE_PARTS; part++) {
		cache_stats stats;
		cache_get_stats(m->cache, (cache_part)part, &stats);
		vu__cache_stats__init(&parts[part]);
		parts[part].name = (char *)(uintptr_t)cache_part_name((cache_part)part);
		parts[part].bytes = stats.bytes;
		parts[part].items = stats.items;
		parts[part].hits = stats.hits;
		parts[part].misses = stats.misses;
		parts[part].leaving_bytes = stats.leaving_bytes;
		parts[part].loaded = stats.loaded;
		parts[part].unloaded = stats.unloaded;
		parts[part].failures = stats.failures;
		response.preloaded += stats.ahead;
		response.preloaded_used += stats.ahead_used;
		response.total_loaded += stats.loaded;
		response.total_unloaded += stats.unloaded;
		load_us += stats.load_us;
		pointers[part] = &parts[part];
	}
	cache_visit(m->cache, CACHE_MODELS, count_mapped, &response.mapped_bytes);
	copy_settings(m, &with);
	if (items) {
		pthread_mutex_lock(&m->prediction_lock);
		response.n_expected = m->expected_count;
		memcpy(items, m->expected, m->expected_count * sizeof *items);
		pthread_mutex_unlock(&m->prediction_lock);
	}
	for (size_t i = 0; i < response.n_expected; i++) {
		vu__expected_user__init(&expected[i]);
		expected[i].user = items[i].user;
		expected[i].p = items[i].p;
		expected[i].reason = items[i].reason;
		expected_pointers[i] = &expected[i];
	}
	response.expected = expected_pointers;
	response.refusing_loads = cache_is_refusing(m->cache);
	response.users = users > 0 ? (uint32_t)users : 0;
	response.n_caches = CACHE_PARTS;
	response.caches = pointers;
	response.avg_load_ms = response.total_loaded ? (double)load_us / 1000.0 / (double)response.total_loaded : 0;
	response.background = with.background_path;
	vu_rpc_reply(call, &response.base);
	free(items);
}
