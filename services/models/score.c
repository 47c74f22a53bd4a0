/* Score, ScoreMany and Identify: one utterance against one, some, or all users. */
#include "base/clock.h"
#include "base/user_name.h"
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How much likelier (natural logarithm) the best user must be than the next, for a name to be given. */
#define IDENTIFY_MARGIN 1.0f
#define CANDIDATES_MAX  64

/* An utterance made ready, with what it needs; ended by end_utterance. */
typedef struct utterance {
	settings with;
	held_scorer held;
	vu_probe probe;
	vu_level level;
	float thresholds[VU_BACKGROUND_LEVELS];
} utterance;

static vu_status begin_utterance(models *m, vu_rpc_call *call, const char *extractor, const Vu__SpeakerVector *vector,
                                 ProtobufCBinaryData statistics, const Vu__Quality *quality, const char *level,
                                 utterance *u, vu_error *error)
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

static void end_utterance(models *m, utterance *u)
{
	release_scorer(m, &u->held);
}

/* The response points into `u`. */
static vu_status score_user(models *m, utterance *u, user_key key, int64_t deadline_us, Vu__ScoreResponse *response,
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

void handle_score(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__ScoreRequest *request = (const Vu__ScoreRequest *)(const void *)message;
	Vu__ScoreResponse response = VU__SCORE_RESPONSE__INIT;
	utterance u = {0};
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
		/* Before the answer: the key lies in the request, which goes with it. */
		if (!key.namespace[0])
			template_store_touch(&m->store, key.namespace, key.user);
		vu_rpc_reply(call, &response.base);
	} else {
		vu_rpc_fail_error(call, &error);
	}
	end_utterance(m, &u);
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
	vu_rpc_reply(call, &response.base);
out:
	if (status != VU_OK)
		vu_rpc_fail_error(call, &error);
	free(scores);
	free(pointers);
	free(entries);
	end_utterance(m, &u);
}

typedef struct ranked {
	const char *user;
	float score;
} ranked;

/* Keeps the best `room` in descending order. */
static void rank(ranked *best, size_t *count, size_t room, ranked one)
{
	size_t at = *count;

	if (at == room) {
		if (best[room - 1].score >= one.score)
			return;
		at = room - 1;
	} else {
		(*count)++;
	}
	for (; at > 0 && best[at - 1].score < one.score; at--)
		best[at] = best[at - 1];
	best[at] = one;
}

void handle_identify(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__IdentifyRequest *request = (const Vu__IdentifyRequest *)(const void *)message;
	Vu__IdentifyResponse response = VU__IDENTIFY_RESPONSE__INIT;
	Vu__Candidate candidates[CANDIDATES_MAX];
	Vu__Candidate *pointers[CANDIDATES_MAX];
	ranked best[CANDIDATES_MAX];
	size_t room = request->max_candidates < CANDIDATES_MAX ? request->max_candidates : CANDIDATES_MAX;
	size_t count = 0;
	size_t scored = 0;
	char **names = NULL;
	size_t name_count = 0;
	utterance u = {0};
	vu_error error = {VU_OK, ""};
	vu_status status = check_namespace(request->namespace_, &error);

	if (status == VU_OK)
		status = begin_utterance(m, call, request->extractor, request->vector, request->statistics,
		                         request->quality, request->level, &u, &error);
	if (status == VU_OK)
		status = list_names(m, request->namespace_, &names, &name_count, &error);
	for (size_t i = 0; i < name_count && status == VU_OK; i++) {
		user_key key = {request->namespace_, names[i]};
		Vu__ScoreResponse score = VU__SCORE_RESPONSE__INIT;
		if (vu_rpc_is_cancelled(call)) {
			status = vu_fail(&error, VU_CANCELLED, "the caller no longer waits");
			break;
		}
		/* A template that cannot be used is nobody's voice; the others can still be told apart. */
		if (score_user(m, &u, key, vu_rpc_deadline_us(call), &score, &error) != VU_OK)
			continue;
		scored++;
		response.threshold = score.threshold;
		/* Two are needed for the margin, whatever is asked for. */
		rank(best, &count, room < 2 ? 2 : room, (ranked){names[i], score.fused});
	}
	if (status != VU_OK) {
		vu_rpc_fail_error(call, &error);
		goto out;
	}
	response.user = (char *)(uintptr_t) "";
	if (count > 0) {
		/* Each of so many users is a chance for a stranger to pass: the level holds for all together. */
		response.threshold += logf((float)scored);
		response.score = best[0].score;
		response.margin = count > 1 ? best[0].score - best[1].score : best[0].score - response.threshold;
		if (best[0].score >= response.threshold && (count == 1 || response.margin >= IDENTIFY_MARGIN))
			response.user = (char *)(uintptr_t)best[0].user;
	}
	for (size_t i = 0; i < count && i < room; i++) {
		vu__candidate__init(&candidates[i]);
		candidates[i].user = (char *)(uintptr_t)best[i].user;
		candidates[i].score = best[i].score;
		pointers[i] = &candidates[i];
		response.n_candidates++;
	}
	response.candidates = pointers;
	vu_rpc_reply(call, &response.base);
out:
	free_names(names, name_count);
	end_utterance(m, &u);
}
