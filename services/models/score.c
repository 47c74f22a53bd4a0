/* Score and ScoreMany: one utterance against one or some users; what Identify shares with them. */
#include "base/clock.h"
#include "base/user_name.h"
#include "internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

vu_status begin_utterance(models *m, vu_rpc_call *call, const char *extractor, const Vu__SpeakerVector *vector,
                          ProtobufCBinaryData statistics, const Vu__Quality *quality, const char *level, utterance *u,
                          vu_error *error)
{
	vu_scorer_input input;
	vu_status status;

	memset(&u->held, 0, sizeof u->held);
	copy_settings(m, &u->with);
	status = check_level(&u->with, level, &u->level, error);
	if (status == VU_OK)
		status = check_input(vector, statistics, quality, &input, error);
	if (status == VU_OK)
		status = hold_scorer(m, &u->with, vu_rpc_deadline_us(call), &u->held, error);
	if (status == VU_OK)
		status = check_extractor(&u->held, extractor, error);
	if (status == VU_OK)
		status = vu_scorer_prepare(&u->held.scorer, &input, &u->probe, error);
	if (status == VU_OK)
		vu_scorer_thresholds(&u->held.scorer, &u->probe, u->thresholds);
	return status;
}

void end_utterance(models *m, utterance *u)
{
	release_scorer(m, &u->held);
}

vu_status score_user(models *m, utterance *u, user_key key, int64_t deadline_us, Vu__ScoreResponse *response,
                     vu_error *error)
{
	cache_entry *entry;
	bool hit;
	vu_score score;
	int64_t start = vu_clock_monotonic_us();
	int64_t loaded;
	vu_status status = hold_template(m, &u->with, &u->held, key, deadline_us, &entry, &hit, error);

	if (status != VU_OK)
		return status;
	loaded = vu_clock_monotonic_us();
	vu_scorer_compare(&u->held.scorer, held_template(entry), &u->probe, u->level, &score);
	cache_release(m->cache, entry);
	if (!isfinite(score.fused) || !isfinite(score.threshold))
		return vu_fail(error, VU_INTERNAL,
		               "unable to score user '%s': the score is not a number; enrol again", key.user);
	response->svm = score.svm;
	response->second = score.second;
	response->fused = score.fused;
	response->threshold = score.threshold;
	response->level_thresholds = u->thresholds;
	response->n_level_thresholds = VU_BACKGROUND_LEVELS;
	response->cached = hit;
	response->load_us = (uint64_t)(loaded - start);
	response->score_us = (uint64_t)(vu_clock_monotonic_us() - loaded);
	return VU_OK;
}

/* Under the user's lock, so that somebody removed just now leaves nothing behind. */
static void note_use(models *m, const char *user)
{
	pthread_mutex_t *lock = user_lock(m, (user_key){"", user});

	pthread_mutex_lock(lock);
	if (template_store_exists(&m->store, "", user))
		template_store_touch(&m->store, "", user);
	pthread_mutex_unlock(lock);
}

void handle_score(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__ScoreRequest *request = (const Vu__ScoreRequest *)(const void *)message;
	Vu__ScoreResponse response = VU__SCORE_RESPONSE__INIT;
	utterance u = {0};
	char scored[VU_USER_NAME_MAX + 1] = "";
	user_key key;
	int64_t start = vu_clock_monotonic_us();
	vu_error error = {VU_OK, ""};
	vu_status status = check_key(request->key, &key, &error);

	if (status == VU_OK)
		status = begin_utterance(m, call, request->extractor, request->vector, request->statistics,
		                         request->quality, request->level, &u, &error);
	if (status == VU_OK)
		status = score_user(m, &u, key, vu_rpc_deadline_us(call), &response, &error);
	if (status == VU_OK) {
		/* All of it but loading: preparing the utterance counts as scoring. */
		response.score_us = (uint64_t)(vu_clock_monotonic_us() - start) - response.load_us;
		/* The key lies in the request, which goes with the answer; and nobody waits for a date to be written.
		 */
		if (!key.namespace[0])
			snprintf(scored, sizeof scored, "%s", key.user);
	}
	end_utterance(m, &u);
	if (status == VU_OK)
		vu_rpc_reply(call, &response.base);
	else
		vu_rpc_fail_error(call, &error);
	if (scored[0])
		note_use(m, scored);
}

void handle_score_many(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__ScoreManyRequest *request = (const Vu__ScoreManyRequest *)(const void *)message;
	Vu__ScoreManyResponse response = VU__SCORE_MANY_RESPONSE__INIT;
	Vu__ScoreManyResponse__Entry *entries = NULL;
	Vu__ScoreManyResponse__Entry **pointers = NULL;
	Vu__ScoreResponse *scores = NULL;
	size_t count = request->n_users;
	utterance u = {0};
	vu_error error = {VU_OK, ""};
	vu_status status = check_namespace(request->namespace_, &error);

	for (size_t i = 0; i < count && status == VU_OK; i++)
		status = vu_user_name_check(request->users[i], &error);
	if (status == VU_OK)
		status = begin_utterance(m, call, request->extractor, request->vector, request->statistics,
		                         request->quality, request->level, &u, &error);
	if (status != VU_OK)
		goto out;
	entries = calloc(count + 1, sizeof *entries);
	pointers = calloc(count + 1, sizeof *pointers);
	scores = calloc(count + 1, sizeof *scores);
	if (!entries || !pointers || !scores) {
		status = vu_fail(&error, VU_RESOURCE_EXHAUSTED, "unable to score %zu users: out of memory", count);
		goto out;
	}
	for (size_t i = 0; i < count; i++) {
		user_key key = {request->namespace_, request->users[i]};
		vu__score_many_response__entry__init(&entries[i]);
		vu__score_response__init(&scores[i]);
		pointers[i] = &entries[i];
		entries[i].user = request->users[i];
		if (vu_rpc_is_cancelled(call)) {
			status = vu_fail(&error, VU_CANCELLED, "the caller no longer waits");
			goto out;
		}
		status = score_user(m, &u, key, vu_rpc_deadline_us(call), &scores[i], &error);
		if (status == VU_OK) {
			entries[i].enrolled = true;
			entries[i].score = &scores[i];
		} else if (status == VU_NOT_FOUND) {
			status = VU_OK;
		} else {
			goto out;
		}
	}
	response.n_entries = count;
	response.entries = pointers;
out:
	end_utterance(m, &u);
	if (status == VU_OK)
		vu_rpc_reply(call, &response.base);
	else
		vu_rpc_fail_error(call, &error);
	free(scores);
	free(pointers);
	free(entries);
}
