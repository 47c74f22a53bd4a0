/*
 * Identify: one utterance against all users. The index finds those who come
 * into question, the full scorers decide among them; whoever is not clearly
 * likelier than the next is not named.
 */
#include "base/clock.h"
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How much likelier (natural logarithm) the best user must be than the next, for a name to be given. */
#define IDENTIFY_MARGIN 1.0f
#define CANDIDATES_MAX  64
/* So many are scored in full. */
#define SCORED 10

typedef struct reader {
	models *models;
	const settings *with;
	const held_scorer *held;
	const char *namespace;
	vu_rpc_call *call;
} reader;

static vu_status read_voice(void *context, const char *user, vu_template **template_out, vu_error *error)
{
	const reader *r = context;

	return read_template(r->models, r->with, r->held, (user_key){r->namespace, user}, template_out, error);
}

static bool caller_is_gone(void *context)
{
	const reader *r = context;

	return r->call && vu_rpc_is_cancelled(r->call);
}

vu_status find_nearest(models *m, const settings *with, const held_scorer *held, const char *namespace,
                       const vu_probe *probe, vu_rpc_call *call, int64_t deadline_us, size_t room, voice_found *found,
                       vu_error *error)
{
	reader context = {m, with, held, namespace ? namespace : "", call};
	voice_source source = {
	    .store = &m->store,
	    .namespace = context.namespace,
	    .read = read_voice,
	    .gone = caller_is_gone,
	    .context = &context,
	    .deadline_us = deadline_us,
	};
	voice_index *index = m->index;
	vu_status status = VU_OK;

	/* The users of an evaluation come and go: theirs is built for the occasion. */
	if (*context.namespace)
		status = voice_index_create(&index, error);
	if (status == VU_OK)
		status = voice_index_search(index, &source, &held->scorer, probe, room, found, error);
	if (index != m->index)
		voice_index_destroy(index);
	return status;
}

typedef struct ranked {
	const char *user;
	float score;
} ranked;

/* Inserts in descending order; there is room. */
static void rank(ranked *best, size_t *count, ranked one)
{
	size_t at = (*count)++;

	for (; at > 0 && best[at - 1].score < one.score; at--)
		best[at] = best[at - 1];
	best[at] = one;
}

/* Scores those who were found. A template that cannot be used is nobody's voice; the others can still be told apart.
 */
static vu_status score_found(models *m, vu_rpc_call *call, const char *namespace, utterance *u,
                             const voice_found *found, ranked *best, size_t *count, float *threshold_out,
                             vu_error *error)
{
	for (size_t i = 0; i < found->count; i++) {
		user_key key = {namespace, found->users[i]};
		Vu__ScoreResponse score = VU__SCORE_RESPONSE__INIT;
		if (vu_rpc_is_cancelled(call))
			return vu_fail(error, VU_CANCELLED, "the caller no longer waits");
		if (score_user(m, u, key, vu_rpc_deadline_us(call), &score, error) != VU_OK)
			continue;
		*threshold_out = score.threshold;
		rank(best, count, (ranked){found->users[i], score.fused});
	}
	return VU_OK;
}

void handle_identify(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__IdentifyRequest *request = (const Vu__IdentifyRequest *)(const void *)message;
	Vu__IdentifyResponse response = VU__IDENTIFY_RESPONSE__INIT;
	Vu__Candidate candidates[CANDIDATES_MAX];
	Vu__Candidate *pointers[CANDIDATES_MAX];
	ranked best[CANDIDATES_MAX];
	size_t wanted = request->max_candidates < CANDIDATES_MAX ? request->max_candidates : CANDIDATES_MAX;
	size_t count = 0;
	utterance u = {0};
	voice_found *found = malloc(sizeof *found);
	vu_error error = {VU_OK, ""};
	vu_status status = check_namespace(request->namespace_, &error);

	if (!found)
		status = vu_fail(&error, VU_RESOURCE_EXHAUSTED, "unable to identify: out of memory");
	if (status == VU_OK)
		status = begin_utterance(m, call, request->extractor, request->vector, request->statistics,
		                         request->quality, request->level, &u, &error);
	if (status == VU_OK)
		status = find_nearest(m, &u.with, &u.held, request->namespace_, &u.probe, call,
		                      vu_rpc_deadline_us(call), wanted > SCORED ? wanted : SCORED, found, &error);
	if (status == VU_OK)
		status =
		    score_found(m, call, request->namespace_, &u, found, best, &count, &response.threshold, &error);
	end_utterance(m, &u);
	if (status != VU_OK) {
		vu_rpc_fail_error(call, &error);
		goto out;
	}
	response.user = (char *)(uintptr_t) "";
	if (count > 0) {
		/* Each of so many users is a chance for a stranger to pass: the level holds for all together. */
		response.threshold += logf((float)found->searched);
		response.score = best[0].score;
		response.margin = count > 1 ? best[0].score - best[1].score : best[0].score - response.threshold;
		if (best[0].score >= response.threshold && (count == 1 || response.margin >= IDENTIFY_MARGIN))
			response.user = (char *)(uintptr_t)best[0].user;
	}
	for (size_t i = 0; i < count && i < wanted; i++) {
		vu__candidate__init(&candidates[i]);
		candidates[i].user = (char *)(uintptr_t)best[i].user;
		candidates[i].score = best[i].score;
		pointers[i] = &candidates[i];
		response.n_candidates++;
	}
	response.candidates = pointers;
	vu_rpc_reply(call, &response.base);
out:
	free(found);
}
