/*
 * Loading through the cache. The background, its scaler and its projection are
 * three entries, so that each is counted and given back by itself. A template
 * is verified (format, hash, whose it is, what made it) before anybody sees it,
 * and trained again from what was kept of enrolment when only the background
 * or the number of components has changed.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/user_name.h"
#include "internal.h"
#include "ml/adaptation.h"
#include "ml/background_path.h"

#include <stdio.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What a file takes in memory besides its bytes, at most: what is unpacked from it and how it is kept. */
#define BACKGROUND_OVERHEAD (512u * 1024)
#define TEMPLATE_OVERHEAD   16384u

static size_t predict_file(const char *path, size_t overhead)
{
	struct stat info;
	return stat(path, &info) == 0 ? (size_t)info.st_size + overhead : overhead;
}

/* Another number for another file, or for the same one written again. */
static uint64_t stamp_file(const char *path)
{
	struct stat info;

	if (stat(path, &info) != 0)
		return 0;
	return ((uint64_t)info.st_ino * 31 + (uint64_t)info.st_size) * 1000003 + (uint64_t)info.st_ctime;
}

/* ---- the background ---- */

typedef struct background_context {
	const settings *with;
	const vu_background *background; /* for its parts */
} background_context;

static void destroy_background(void *object)
{
	vu_background_destroy(object);
}

static vu_status load_background(void *context, void **object_out, size_t *bytes_out, vu_error *error)
{
	const settings *with = ((background_context *)context)->with;
	vu_background *background;
	vu_status status = vu_background_open(with->background_path, with->map, &background, error);

	if (status == VU_NOT_FOUND)
		return vu_fail(
		    error, VU_FAILED_PRECONDITION,
		    "unable to load the background model %s: no such file; build again, or set ml.background_model",
		    with->background_path);
	if (status != VU_OK)
		return status;
	*object_out = background;
	*bytes_out = background->bytes;
	vu_log_info("loaded background model %.12s from %s", background->id, with->background_path);
	return VU_OK;
}

static size_t predict_background(void *context)
{
	return predict_file(((background_context *)context)->with->background_path, BACKGROUND_OVERHEAD);
}

static uint64_t stamp_background(void *context)
{
	return stamp_file(((background_context *)context)->with->background_path);
}

static vu_status load_scaler(void *context, void **object_out, size_t *bytes_out, vu_error *error)
{
	vu_background_scaler *scaler;
	vu_status status = vu_background_load_scaler(((background_context *)context)->background, &scaler, error);

	if (status == VU_OK) {
		*object_out = scaler;
		*bytes_out = sizeof *scaler;
	}
	return status;
}

static vu_status load_projection(void *context, void **object_out, size_t *bytes_out, vu_error *error)
{
	const background_context *c = context;
	vu_background_projection *projection;
	vu_status status = vu_background_load_projection(c->background, c->with->components, &projection, error);

	if (status == VU_OK) {
		*object_out = projection;
		*bytes_out = vu_background_projection_bytes(c->with->components);
	}
	return status;
}

static int64_t load_deadline(const settings *with, int64_t deadline_us)
{
	int64_t limit = vu_clock_monotonic_us() + (int64_t)with->load_timeout_ms * 1000;
	return limit < deadline_us ? limit : deadline_us;
}

static vu_status hold_parts(models *m, const settings *with, int64_t deadline_us, bool ahead, held_scorer *held,
                            vu_error *error)
{
	char key[KEY_SIZE];
	char edition[VU_BACKGROUND_EDITION_SIZE];
	background_context context = {with, NULL};
	cache_request request = {
	    .key = key, .context = &context, .deadline_us = load_deadline(with, deadline_us), .ahead = ahead};
	bool hit;
	vu_status status;

	memset(held, 0, sizeof *held);
	/* A file put in its place is another background; the old one ages out. */
	vu_background_edition(with->background_path, edition);
	snprintf(key, sizeof key, "background:%s:%s", edition, with->background_path);
	request.part = CACHE_MODELS;
	request.load = load_background;
	request.destroy = destroy_background;
	request.predict = predict_background;
	request.stamp = stamp_background;
	status = cache_acquire(m->cache, &request, &held->background, &hit, error);
	if (status != VU_OK)
		return status;
	context.background = cache_object(held->background);
	snprintf(key, sizeof key, "%s", context.background->id);
	request.part = CACHE_SCALERS;
	request.load = load_scaler;
	request.destroy = free;
	request.predict = NULL;
	status = cache_acquire(m->cache, &request, &held->parts, &hit, error);
	if (status != VU_OK)
		goto fail;
	snprintf(key, sizeof key, "%s/%u", context.background->id, with->components);
	request.part = CACHE_PCA;
	request.load = load_projection;
	status = cache_acquire(m->cache, &request, &held->projection, &hit, error);
	if (status != VU_OK)
		goto fail;
	held->scorer = (vu_scorer){context.background, cache_object(held->parts), cache_object(held->projection)};
	return VU_OK;
fail:
	release_scorer(m, held);
	return status;
}

vu_status hold_scorer(models *m, const settings *with, int64_t deadline_us, held_scorer *held, vu_error *error)
{
	atomic_store(&m->asked_us, vu_clock_monotonic_us());
	return hold_parts(m, with, deadline_us, false, held, error);
}

vu_status hold_scorer_ahead(models *m, const settings *with, held_scorer *held, vu_error *error)
{
	return hold_parts(m, with, INT64_MAX, true, held, error);
}

void release_scorer(models *m, held_scorer *held)
{
	cache_release(m->cache, held->projection);
	cache_release(m->cache, held->parts);
	cache_release(m->cache, held->background);
	memset(held, 0, sizeof *held);
}

vu_status models_load_background(models *m, vu_error *error)
{
	settings with;
	held_scorer held;
	vu_status status;

	copy_settings(m, &with);
	status = hold_scorer(m, &with, INT64_MAX, &held, error);
	if (status == VU_OK)
		release_scorer(m, &held);
	return status;
}

/* ---- whose a template is ---- */

void write_facts(vu_model_writer *writer, user_key key, const template_facts *facts)
{
	uint64_t numbers[4] = {facts->enrolled_us, facts->samples, facts->support_vectors, facts->train_us};

	vu_model_writer_add_text(writer, "user", key.user);
	vu_model_writer_add_text(writer, "namespace", key.namespace);
	vu_model_writer_add(writer, "facts", VU_ELEMENT_U64, 1, 4, numbers);
	vu_model_writer_add(writer, "request", VU_ELEMENT_BYTES, 1, VU_ID_BYTES, facts->request_id);
}

vu_status read_facts(const vu_model_file *file, user_key key, template_facts *facts, vu_error *error)
{
	char user[VU_USER_NAME_MAX + 1];
	char namespace[VU_USER_NAME_MAX + 1];
	vu_model_section section;
	const uint64_t *numbers;
	vu_status status = vu_model_file_text(file, "user", user, sizeof user, error);

	if (status == VU_OK)
		status = vu_model_file_text(file, "namespace", namespace, sizeof namespace, error);
	if (status == VU_OK && (strcmp(user, key.user) != 0 || strcmp(namespace, key.namespace) != 0))
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to use template %s: it belongs to '%s', not to '%s'; restore it or enrol "
		               "again with --replace",
		               vu_model_file_name(file), user, key.user);
	if (status == VU_OK)
		status = vu_model_file_require(file, "facts", VU_ELEMENT_U64, 1, 4, &section, error);
	if (status != VU_OK)
		return status;
	numbers = section.data;
	*facts = (template_facts){numbers[0], numbers[1], numbers[2], numbers[3], {0}};
	status = vu_model_file_require(file, "request", VU_ELEMENT_BYTES, 1, VU_ID_BYTES, &section, error);
	if (status == VU_OK)
		memcpy(facts->request_id, section.data, VU_ID_BYTES);
	return status;
}

pthread_mutex_t *user_lock(models *m, user_key key)
{
	unsigned hash = 5381;

	for (const char *c = key.user; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	for (const char *c = key.namespace; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	return &m->user_locks[hash % USER_LOCKS];
}

/* ---- templates ---- */

typedef struct template_context {
	models *models;
	const settings *with;
	const held_scorer *held;
	user_key key;
} template_context;

void template_key(user_key key, char text[KEY_SIZE])
{
	/* '/' is in no name, so the two never run into each other. */
	snprintf(text, KEY_SIZE, TEMPLATE_KEY_PREFIX "%s/%s", key.namespace, key.user);
}

static void destroy_template(void *object)
{
	vu_template_destroy(object);
}

/* Opens and verifies; *retrainable_out with FAILED_PRECONDITION when training again would help, the template then
 * being open. */
static vu_status open_template(const template_context *c, vu_template **template_out, template_facts *facts,
                               bool *retrainable_out, vu_error *error)
{
	vu_model_file *file;
	vu_template *t;
	vu_status status = template_store_open(&c->models->store, c->key.namespace, c->key.user, &file, error);

	*retrainable_out = false;
	if (status == VU_NOT_FOUND)
		return vu_fail(error, VU_NOT_FOUND, "user '%s' is not enrolled: run jarvis-voice-unlock enroll '%s'",
		               c->key.user, c->key.user);
	if (status == VU_OK)
		status = vu_template_create(file, &t, error);
	if (status != VU_OK)
		return status;
	status = read_facts(t->file, c->key, facts, error);
	if (status == VU_OK)
		status = vu_scorer_check_template(&c->held->scorer, t, retrainable_out, error);
	if (status == VU_OK || *retrainable_out)
		*template_out = t;
	else
		vu_template_destroy(t);
	return status;
}

static vu_status write_retrained(const template_context *c, const vu_template *old, template_facts *facts,
                                 vu_error *error)
{
	vu_scorer_options options = {.quantize = c->with->quantize, .prune = c->with->prune};
	vu_scorer_trained trained;
	vu_model_writer *writer = NULL;
	void *data = NULL;
	size_t bytes = 0;
	vu_status status = vu_model_writer_create(VU_MODEL_TEMPLATE, &writer);

	if (status == VU_OK)
		status = vu_scorer_retrain(&c->held->scorer, old, &options, writer, &trained, error);
	if (status != VU_OK)
		goto out;
	facts->support_vectors = trained.support_vectors;
	write_facts(writer, c->key, facts);
	copy_phrases(writer, old->file);
	status = vu_model_writer_finish(writer, &data, &bytes, error);
	if (status == VU_OK)
		status = template_store_write(&c->models->store, c->key.namespace, c->key.user, data, bytes, error);
	if (status == VU_OK)
		vu_log_info("trained the template of a user again from what was kept of enrolment");
out:
	if (data)
		sodium_memzero(data, bytes);
	free(data);
	vu_model_writer_destroy(writer);
	return status;
}

/* Trains again under the user's lock, on whatever the file holds by then. */
static vu_status retrain(const template_context *c, vu_template **template_out, vu_error *error)
{
	template_facts facts;
	bool retrainable;
	vu_template *old = NULL;
	pthread_mutex_t *lock = user_lock(c->models, c->key);
	vu_status status;

	pthread_mutex_lock(lock);
	status = open_template(c, &old, &facts, &retrainable, error);
	if (status != VU_OK && retrainable) {
		vu_error reason;
		if (write_retrained(c, old, &facts, &reason) == VU_OK) {
			vu_template_destroy(old);
			old = NULL;
			status = open_template(c, &old, &facts, &retrainable, error);
		} else {
			vu_log_warn("%s", reason.message);
		}
	}
	pthread_mutex_unlock(lock);
	if (status == VU_OK)
		*template_out = old;
	else
		vu_template_destroy(old);
	return status;
}

static size_t predict_template(void *context)
{
	const template_context *c = context;
	char path[PATH_MAX];

	if (template_store_path(&c->models->store, c->key.namespace, c->key.user, path, NULL) != VU_OK)
		return 0;
	return predict_file(path, TEMPLATE_OVERHEAD);
}

static uint64_t stamp_template(void *context)
{
	const template_context *c = context;
	char path[PATH_MAX];

	if (template_store_path(&c->models->store, c->key.namespace, c->key.user, path, NULL) != VU_OK)
		return 0;
	return stamp_file(path);
}

static vu_status load_template(void *context, void **object_out, size_t *bytes_out, vu_error *error)
{
	const template_context *c = context;
	vu_template *t = NULL;
	template_facts facts;
	bool retrainable;
	vu_status status = open_template(c, &t, &facts, &retrainable, error);
	if (status != VU_OK && retrainable) {
		vu_template_destroy(t);
		status = retrain(c, &t, error);
	}
	if (status != VU_OK)
		return status;
	if (!c->with->adaptive)
		vu_adaptation_set_aside(t);
	*object_out = t;
	*bytes_out = sizeof *t + vu_model_file_bytes(t->file) + (t->adapted ? sizeof *t->adapted : 0);
	return VU_OK;
}

static vu_status hold(models *m, const settings *with, const held_scorer *held, user_key key, int64_t deadline_us,
                      bool ahead, cache_entry **entry_out, bool *hit_out, vu_error *error)
{
	char text[KEY_SIZE];
	template_context context = {m, with, held, key};
	cache_request request = {
	    .part = CACHE_MODELS,
	    .key = text,
	    .load = load_template,
	    .context = &context,
	    .destroy = destroy_template,
	    .predict = predict_template,
	    .stamp = stamp_template,
	    .ahead = ahead,
	    .deadline_us = load_deadline(with, deadline_us),
	};
	vu_status status = check_expiry(m, key, error);

	if (status != VU_OK)
		return status;
	template_key(key, text);
	status = cache_acquire(m->cache, &request, entry_out, hit_out, error);
	if (status != VU_OK)
		return status;
	/* Loaded for other settings a moment ago: load again rather than score what does not fit. */
	if (vu_scorer_check_template(&held->scorer, cache_object(*entry_out), NULL, NULL) != VU_OK) {
		cache_release(m->cache, *entry_out);
		cache_forget(m->cache, CACHE_MODELS, text, false);
		status = cache_acquire(m->cache, &request, entry_out, hit_out, error);
		if (status != VU_OK)
			return status;
		status = vu_scorer_check_template(&held->scorer, cache_object(*entry_out), NULL, error);
		if (status != VU_OK)
			cache_release(m->cache, *entry_out);
	}
	return status;
}

vu_status hold_template(models *m, const settings *with, const held_scorer *held, user_key key, int64_t deadline_us,
                        cache_entry **entry_out, bool *hit_out, vu_error *error)
{
	return hold(m, with, held, key, deadline_us, false, entry_out, hit_out, error);
}

vu_status hold_template_ahead(models *m, const settings *with, const held_scorer *held, user_key key,
                              cache_entry **entry_out, vu_error *error)
{
	bool hit;
	return hold(m, with, held, key, INT64_MAX, true, entry_out, &hit, error);
}

vu_status read_template(models *m, const settings *with, const held_scorer *held, user_key key,
                        vu_template **template_out, vu_error *error)
{
	template_context context = {m, with, held, key};
	void *object;
	size_t bytes;
	vu_status status = load_template(&context, &object, &bytes, error);

	if (status == VU_OK)
		*template_out = object;
	return status;
}

const vu_template *held_template(const cache_entry *entry)
{
	return cache_object(entry);
}

void forget_template(models *m, user_key key)
{
	char text[KEY_SIZE];

	template_key(key, text);
	cache_forget(m->cache, CACHE_MODELS, text, false);
}
