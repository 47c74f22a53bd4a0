/*
 * Adapt and Revert. The template is judged and written anew without the
 * user's lock, then put in place under it, unless somebody was enrolled or
 * removed meanwhile: then nothing happens. A template is replaced whole or not
 * at all.
 */
#include "base/clock.h"
#include "base/log.h"
#include "internal.h"
#include "ml/adaptation.h"

#include <sodium.h>
#include <stdlib.h>

/* Puts the finished template where the user's lies. ABORTED: there may be another by now. */
static vu_status put(models *m, user_key key, unsigned enrolments, vu_model_writer *writer, vu_error *error)
{
	pthread_mutex_t *lock = user_lock(m, key);
	void *data = NULL;
	size_t bytes = 0;
	vu_status status = vu_model_writer_finish(writer, &data, &bytes, error);

	if (status == VU_OK && bytes > VU_TEMPLATE_BYTES_MAX)
		status = vu_fail(error, VU_OUT_OF_RANGE,
		                 "unable to adapt: the template would have %zu bytes, more than %d", bytes,
		                 VU_TEMPLATE_BYTES_MAX);
	if (status == VU_OK) {
		pthread_mutex_lock(lock);
		if (atomic_load(&m->enrolments) != enrolments)
			status = vu_fail(error, VU_ABORTED,
			                 "unable to adapt: somebody was enrolled or removed at the same time");
		else
			status = template_store_write(&m->store, key.namespace, key.user, data, bytes, error);
		if (status == VU_OK)
			forget_template(m, key);
		pthread_mutex_unlock(lock);
	}
	if (status == VU_OK)
		voice_index_forget(m->index, key.user);
	if (data)
		sodium_memzero(data, bytes);
	free(data);
	return status;
}

static vu_status check_real_user(const Vu__UserKey *message, user_key *key, vu_error *error)
{
	vu_status status = check_key(message, key, error);

	if (status == VU_OK && key->namespace[0])
		return vu_fail(error, VU_INVALID_ARGUMENT, "the users of an evaluation do not adapt");
	return status;
}

static vu_status adapt(models *m, vu_rpc_call *call, utterance *u, user_key key, Vu__AdaptResponse *response,
                       vu_error *error)
{
	unsigned enrolments = atomic_load(&m->enrolments);
	vu_adaptation_outcome outcome = VU_ADAPTATION_NOT_SURE;
	vu_model_writer *writer = NULL;
	const vu_template *t;
	cache_entry *entry;
	bool hit;
	vu_status status = hold_template(m, &u->with, &u->held, key, vu_rpc_deadline_us(call), &entry, &hit, error);

	if (status != VU_OK)
		return status;
	t = held_template(entry);
	response->adaptations = t->adapted ? t->adapted->facts.count : 0;
	status = vu_model_writer_create(VU_MODEL_TEMPLATE, &writer);
	if (status != VU_OK)
		vu_fail(error, status, "unable to adapt: out of memory");
	else
		status =
		    vu_adaptation_update(&u->held.scorer, t, &u->probe, vu_clock_wall_us(), writer, &outcome, error);
	if (status == VU_OK && outcome == VU_ADAPTED)
		status = put(m, key, enrolments, writer, error);
	if (status == VU_OK) {
		response->adapted = outcome == VU_ADAPTED;
		response->adaptations += response->adapted;
		response->reason = (char *)(uintptr_t)(response->adapted ? "" : vu_adaptation_outcome_text(outcome));
	}
	vu_model_writer_destroy(writer);
	cache_release(m->cache, entry);
	return status;
}

void handle_adapt(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__AdaptRequest *request = (const Vu__AdaptRequest *)(const void *)message;
	Vu__AdaptResponse response = VU__ADAPT_RESPONSE__INIT;
	utterance u = {0};
	user_key key;
	vu_error error = {VU_OK, ""};
	vu_status status = check_real_user(request->key, &key, &error);

	if (status == VU_OK)
		status = begin_utterance(m, call, request->extractor, request->vector, request->statistics,
		                         request->quality, "", &u, &error);
	if (status == VU_OK && !u.with.adaptive)
		response.reason = (char *)(uintptr_t) "authentication.adaptive is off";
	else if (status == VU_OK)
		status = adapt(m, call, &u, key, &response, &error);
	end_utterance(m, &u);
	if (status == VU_OK) {
		if (response.adapted)
			vu_log_info("a template followed its voice for the %llu. time",
			            (unsigned long long)response.adaptations);
		vu_rpc_reply(call, &response.base);
	} else {
		vu_rpc_fail_error(call, &error);
	}
}

void handle_revert(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__RevertRequest *request = (const Vu__RevertRequest *)(const void *)message;
	Vu__Empty response = VU__EMPTY__INIT;
	unsigned enrolments = atomic_load(&m->enrolments);
	held_scorer held = {0};
	settings with;
	user_key key;
	cache_entry *entry = NULL;
	bool has_entry = false;
	vu_model_writer *writer = NULL;
	bool hit;
	vu_error error = {VU_OK, ""};
	vu_status status = check_real_user(request->key, &key, &error);

	copy_settings(m, &with);
	if (status == VU_OK)
		status = hold_scorer(m, &with, vu_rpc_deadline_us(call), &held, &error);
	if (status == VU_OK)
		status = hold_template(m, &with, &held, key, vu_rpc_deadline_us(call), &entry, &hit, &error);
	if (status == VU_OK) {
		has_entry = true;
		status = vu_model_writer_create(VU_MODEL_TEMPLATE, &writer);
		if (status != VU_OK)
			vu_fail(&error, status, "unable to revert a template: out of memory");
	}
	if (status == VU_OK && entry && held_template(entry)->adapted) {
		status = vu_adaptation_undo(held_template(entry), writer, &error);
		if (status == VU_OK)
			status = put(m, key, enrolments, writer, &error);
	}
	vu_model_writer_destroy(writer);
	if (has_entry)
		cache_release(m->cache, entry);
	release_scorer(m, &held);
	if (status == VU_OK)
		vu_rpc_reply(call, &response.base);
	else
		vu_rpc_fail_error(call, &error);
}
