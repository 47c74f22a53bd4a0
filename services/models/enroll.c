/*
 * Enroll and Agreement. A template appears whole or not at all; the request's
 * id is written in it, so that a repeated request finds that it was done.
 */
#include "base/clock.h"
#include "internal.h"

#include <stdio.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define WARNINGS_MAX 34
#define WARNING_SIZE 256
/* Each sample of a new voice is held against so many others: those nearest to it. */
#define NEIGHBOURS 5

typedef struct warnings {
	size_t count;
	char texts[WARNINGS_MAX][WARNING_SIZE];
	char *pointers[WARNINGS_MAX];
} warnings;

static char *next_warning(warnings *w)
{
	if (w->count == WARNINGS_MAX)
		return NULL;
	w->pointers[w->count] = w->texts[w->count];
	return w->texts[w->count++];
}

/* True when the template that is there was made by this very request. */
static bool was_done_before(models *m, user_key key, const uint8_t *request_id, template_facts *facts,
                            uint64_t *bytes)
{
	vu_model_file *file;
	bool same;

	if (template_store_open(&m->store, key.namespace, key.user, &file, NULL) != VU_OK)
		return false;
	same = read_facts(file, key, facts, NULL) == VU_OK && memcmp(facts->request_id, request_id, VU_ID_BYTES) == 0;
	*bytes = vu_model_file_bytes(file);
	vu_model_file_close(file);
	return same;
}

static vu_status train_and_write(models *m, const settings *with, const held_scorer *held, user_key key,
                                 const vu_scorer_sample *samples, const Vu__EnrollRequest *request,
                                 template_facts *facts, vu_scorer_trained *trained, uint64_t *bytes_out,
                                 vu_error *error)
{
	vu_scorer_options options = {.quantize = with->quantize, .prune = with->prune};
	vu_model_writer *writer = NULL;
	void *data = NULL;
	size_t bytes = 0;
	size_t count = request->n_samples;
	int64_t start = vu_clock_monotonic_us();
	vu_status status = vu_model_writer_create(VU_MODEL_TEMPLATE, &writer);

	if (status != VU_OK)
		return vu_fail(error, status, "unable to enrol: out of memory");
	status = vu_scorer_train(&held->scorer, samples, count, &options, writer, trained, error);
	if (status != VU_OK)
		goto out;
	facts->enrolled_us = (uint64_t)vu_clock_wall_us();
	facts->samples = count;
	facts->support_vectors = trained->support_vectors;
	facts->train_us = (uint64_t)(vu_clock_monotonic_us() - start);
	write_facts(writer, key, facts);
	write_phrases(writer, request->samples, count);
	status = vu_model_writer_finish(writer, &data, &bytes, error);
	if (status == VU_OK && bytes > VU_TEMPLATE_BYTES_MAX)
		status = vu_fail(error, VU_OUT_OF_RANGE,
		                 "unable to enrol: the template would have %zu bytes, more than %d", bytes,
		                 VU_TEMPLATE_BYTES_MAX);
	if (status == VU_OK)
		status = template_store_write(&m->store, key.namespace, key.user, data, bytes, error);
	if (status == VU_OK)
		*bytes_out = bytes;
out:
	if (data)
		sodium_memzero(data, bytes);
	free(data);
	vu_model_writer_destroy(writer);
	return status;
}

static void warn_of_samples(const vu_scorer_trained *trained, warnings *w)
{
	for (uint32_t s = 0; s < trained->samples; s++) {
		char *text = trained->agrees[s] ? NULL : next_warning(w);
		if (text)
			snprintf(text, WARNING_SIZE,
			         "sample %u sounds unlike the others: enrol again with --replace if somebody else "
			         "spoke or it was noisy",
			         s + 1);
	}
}

/* The users nearest to any of the samples, each once. */
static vu_status gather_neighbours(models *m, const settings *with, const held_scorer *held, const char *namespace,
                                   const vu_probe *probes, size_t count, int64_t deadline_us, voice_found *all)
{
	voice_found *found = malloc(sizeof *found);
	vu_status status = found ? VU_OK : VU_RESOURCE_EXHAUSTED;

	all->count = 0;
	for (size_t s = 0; s < count && status == VU_OK; s++) {
		status =
		    find_nearest(m, with, held, namespace, &probes[s], NULL, deadline_us, NEIGHBOURS, found, NULL);
		for (size_t i = 0; status == VU_OK && i < found->count; i++) {
			size_t known = 0;
			while (known < all->count && strcmp(all->users[known], found->users[i]) != 0)
				known++;
			if (known == all->count && all->count < VOICE_FOUND_MAX)
				strcpy(all->users[all->count++], found->users[i]);
		}
	}
	free(found);
	return status;
}

/* How many of the probes a user's template would accept. */
static size_t count_accepted(models *m, const settings *with, const held_scorer *held, user_key other,
                             const vu_probe *probes, size_t count, int64_t deadline_us)
{
	cache_entry *entry;
	bool hit;
	size_t accepted = 0;

	if (hold_template(m, with, held, other, deadline_us, &entry, &hit, NULL) != VU_OK)
		return 0;
	for (size_t s = 0; s < count; s++) {
		vu_score score;
		vu_scorer_compare(&held->scorer, held_template(entry), &probes[s], VU_LEVEL_STANDARD, &score);
		accepted += score.fused >= score.threshold;
	}
	cache_release(m->cache, entry);
	return accepted;
}

/* Whether the new voice would be taken for another user's, or nearly. It is only a warning: what fails is left out.
 */
static void warn_of_neighbours(models *m, const settings *with, const held_scorer *held, user_key key,
                               const vu_scorer_sample *samples, size_t count, int64_t deadline_us, warnings *w)
{
	vu_probe *probes = malloc(count * sizeof *probes);
	voice_found *near = malloc(sizeof *near);

	deadline_us -= 200000; /* what the answer itself may take */
	if (!probes || !near)
		goto out;
	for (size_t s = 0; s < count; s++)
		if (vu_scorer_prepare(&held->scorer, &samples[s].whole, &probes[s], NULL) != VU_OK)
			goto out;
	if (gather_neighbours(m, with, held, key.namespace, probes, count, deadline_us, near) != VU_OK)
		goto out;
	for (size_t i = 0; i < near->count; i++) {
		user_key other = {key.namespace, near->users[i]};
		size_t accepted;
		char *text;
		if (strcmp(near->users[i], key.user) == 0)
			continue;
		if (vu_clock_monotonic_us() > deadline_us)
			break;
		accepted = count_accepted(m, with, held, other, probes, count, deadline_us);
		/* One sample in so many may come close by chance; a third of them does not. */
		if (accepted * 3 < count || accepted == 0)
			continue;
		text = next_warning(w);
		if (text)
			snprintf(text, WARNING_SIZE,
			         "this voice is close to that of user '%s': use --level strict, or enrol with more "
			         "samples",
			         near->users[i]);
	}
out:
	free(near);
	free(probes);
}

void handle_enroll(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__EnrollRequest *request = (const Vu__EnrollRequest *)(const void *)message;
	Vu__EnrollResponse response = VU__ENROLL_RESPONSE__INIT;
	vu_scorer_sample samples[VU_SCORER_SAMPLES_MAX];
	vu_scorer_trained trained = {0};
	template_facts facts = {0};
	held_scorer held = {0};
	settings with;
	user_key key;
	char path[PATH_MAX];
	float *crops = NULL;
	warnings *w = NULL;
	pthread_mutex_t *lock;
	bool existed = false;
	bool repeated = false;
	uint64_t bytes = 0;
	vu_error error = {VU_OK, ""};
	vu_status status = check_key(request->key, &key, &error);

	copy_settings(m, &with);
	if (status == VU_OK && request->n_samples == 0)
		status =
		    vu_fail(&error, VU_INVALID_ARGUMENT, "unable to enrol user '%s': there are no samples", key.user);
	if (status == VU_OK)
		status = check_samples(request->samples, request->n_samples, samples, &crops, &error);
	for (size_t i = 0; status == VU_OK && i < request->n_samples; i++)
		status = check_phrase(request->samples[i]->phrase, &error);
	if (status == VU_OK)
		status = hold_scorer(m, &with, vu_rpc_deadline_us(call), &held, &error);
	if (status == VU_OK)
		status = check_extractor(&held, request->extractor, &error);
	if (status == VU_OK)
		status = template_store_path(&m->store, key.namespace, key.user, path, &error);
	w = calloc(1, sizeof *w);
	if (status == VU_OK && !w)
		status = vu_fail(&error, VU_RESOURCE_EXHAUSTED, "unable to enrol: out of memory");
	if (status != VU_OK)
		goto out;

	lock = user_lock(m, key);
	pthread_mutex_lock(lock);
	existed = template_store_exists(&m->store, key.namespace, key.user);
	repeated = existed && was_done_before(m, key, vu_rpc_request_id(call), &facts, &bytes);
	if (!repeated) {
		if (existed && !request->replace)
			status = vu_fail(
			    &error, VU_ALREADY_EXISTS,
			    "user '%s' is enrolled already: use --replace to enrol again, or remove the user first",
			    key.user);
		memcpy(facts.request_id, vu_rpc_request_id(call), VU_ID_BYTES);
		if (status == VU_OK)
			status =
			    train_and_write(m, &with, &held, key, samples, request, &facts, &trained, &bytes, &error);
		if (status == VU_OK) {
			forget_template(m, key);
			atomic_fetch_add(&m->enrolments, 1);
			if (!existed && !key.namespace[0] && atomic_load(&m->users) >= 0)
				atomic_fetch_add(&m->users, 1);
		}
	}
	pthread_mutex_unlock(lock);
	if (status != VU_OK)
		goto out;

	/* Outside the lock: whoever reads for the index takes them the other way round. */
	if (!key.namespace[0])
		voice_index_forget(m->index, key.user);
	warn_of_samples(&trained, w);
	if (!key.namespace[0])
		warn_of_neighbours(m, &with, &held, key, samples, request->n_samples, vu_rpc_deadline_us(call), w);
	response.template_bytes = bytes;
	response.samples = (uint32_t)facts.samples;
	response.support_vectors = (uint32_t)facts.support_vectors;
	response.train_us = facts.train_us;
	response.path = path;
	response.n_warnings = w->count;
	response.warnings = w->pointers;
out:
	release_scorer(m, &held);
	if (status == VU_OK)
		vu_rpc_reply(call, &response.base);
	else
		vu_rpc_fail_error(call, &error);
	free(w);
	free(crops);
}

void handle_agreement(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__AgreementRequest *request = (const Vu__AgreementRequest *)(const void *)message;
	Vu__AgreementResponse response = VU__AGREEMENT_RESPONSE__INIT;
	vu_scorer_sample previous[VU_SCORER_SAMPLES_MAX];
	vu_scorer_sample sample;
	float *previous_crops = NULL;
	float *crops = NULL;
	held_scorer held = {0};
	settings with;
	bool agrees;
	vu_error error = {VU_OK, ""};
	vu_status status;

	copy_settings(m, &with);
	if (!request->sample)
		status = vu_fail(&error, VU_INVALID_ARGUMENT, "the request has no sample");
	else
		status = check_samples(&request->sample, 1, &sample, &crops, &error);
	if (status == VU_OK)
		status = check_samples(request->previous, request->n_previous, previous, &previous_crops, &error);
	if (status == VU_OK)
		status = hold_scorer(m, &with, vu_rpc_deadline_us(call), &held, &error);
	if (status == VU_OK)
		status = check_extractor(&held, request->extractor, &error);
	if (status == VU_OK)
		status = vu_scorer_agreement(&held.scorer, previous, request->n_previous, &sample,
		                             &response.agreement, &agrees, &error);
	release_scorer(m, &held);
	if (status == VU_OK) {
		response.agrees = agrees;
		vu_rpc_reply(call, &response.base);
	} else {
		vu_rpc_fail_error(call, &error);
	}
	free(crops);
	free(previous_crops);
}
