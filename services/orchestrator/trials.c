/*
 * RunTrials: one upload scored against many claims. Features and anti-spoofing
 * run once, models scores all claims in one call, and each claim is decided as
 * an isolated attempt would be: not stored, not counted, quality only warns.
 */
#include "handlers.h"
#include "judge.h"
#include "listen.h"
#include "orchestrator.h"
#include "request.h"
#include "settle.h"
#include "weigh.h"

#include "base/clock.h"
#include "base/user_name.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each result repeats the anti-spoof answer: more would not fit one message. */
#define CLAIMS_MAX 1000
/* At once. */
#define RUNS_MAX 12
#define LEVELS   (VU_LEVEL_STRICT + 1)

typedef struct trial_run {
	vu_orchestrator *orchestrator;
	const Vu__TrialsRequest *request;
	vu_policy policy;
	vu_level level;
	vu_antispoof_level antispoof;
	int64_t started_us;
	int64_t deadline_us;
	Vu__ScoreManyResponse *scores;
	vu_error scores_error;
	Vu__ListUsersResponse *users; /* asked for only when there was nothing to score */
} trial_run;

/* One claim's result, with what it points to. */
typedef struct trial_result {
	Vu__AuthenticateResponse response;
	Vu__Timing timing;
	vu_settlement settlement;
	double thresholds[LEVELS];
} trial_result;

static vu_status check_request(const Vu__TrialsRequest *request, vu_error *error)
{
	vu_status status = vu_request_check_id("session_id", request->session_id, error);

	if (status == VU_OK)
		status = vu_request_check_namespace(request->namespace_, error);
	if (status == VU_OK && (request->n_users == 0 || request->n_users > CLAIMS_MAX))
		status = vu_fail(error, VU_INVALID_ARGUMENT, "%zu users are claimed; send 1 to %d in one request",
		                 request->n_users, CLAIMS_MAX);
	for (size_t i = 0; status == VU_OK && i < request->n_users; i++)
		status = vu_user_name_check(request->users[i], error);
	return status;
}

static void score_all(void *context, const Vu__ExtractResponse *features)
{
	trial_run *run = context;
	char level[32];
	Vu__ScoreManyRequest request = VU__SCORE_MANY_REQUEST__INIT;
	vu_peer_plan plan = {.deadline_us = run->deadline_us, .wait_for_ready = true, .waits_for_room = true};

	snprintf(level, sizeof level, "%s", vu_level_name(run->level));
	request.namespace_ = run->request->namespace_;
	request.users = run->request->users;
	request.n_users = run->request->n_users;
	request.extractor = features->extractor;
	request.vector = features->vector;
	request.statistics = features->statistics;
	request.quality = features->quality;
	request.level = level;
	run->scores = (Vu__ScoreManyResponse *)vu_peer_call(&run->orchestrator->peers, VU_SERVICE_MODELS,
	                                                    &vu__models__descriptor, "ScoreMany", &request.base,
	                                                    &plan, &run->scores_error);
}

/* Without speech nobody was scored, yet an unknown user is still that. */
static void ask_users(trial_run *run)
{
	Vu__ListUsersRequest request = VU__LIST_USERS_REQUEST__INIT;
	vu_peer_plan plan = {.deadline_us = run->deadline_us, .wait_for_ready = true};

	request.namespace_ = run->request->namespace_;
	request.among = run->request->users;
	request.n_among = run->request->n_users;
	run->users = (Vu__ListUsersResponse *)vu_peer_call(&run->orchestrator->peers, VU_SERVICE_MODELS,
	                                                   &vu__models__descriptor, "ListUsers", &request.base, &plan,
	                                                   &run->scores_error);
}

/* Entries come in the order of the claims; a name that does not fit is looked for. */
static const Vu__ScoreManyResponse__Entry *find_entry(const trial_run *run, size_t index)
{
	const char *user = run->request->users[index];

	if (!run->scores)
		return NULL;
	if (index < run->scores->n_entries && strcmp(run->scores->entries[index]->user, user) == 0)
		return run->scores->entries[index];
	for (size_t i = 0; i < run->scores->n_entries; i++) {
		if (strcmp(run->scores->entries[i]->user, user) == 0)
			return run->scores->entries[i];
	}
	return NULL;
}

static vu_check is_listed(const trial_run *run, const char *user)
{
	if (!run->users)
		return VU_CHECK_FAILED;
	for (size_t i = 0; i < run->users->n_users; i++) {
		if (strcmp(run->users->users[i]->user, user) == 0)
			return VU_CHECK_PASSED;
	}
	return VU_CHECK_REFUSED;
}

/* Only what is complete and usable: without it the claim is still decided at the level asked. */
static void copy_thresholds(const Vu__ScoreResponse *score, trial_result *trial)
{
	size_t count = score ? score->n_level_thresholds : 0;

	if (count != LEVELS)
		return;
	for (size_t i = 0; i < count; i++)
		trial->thresholds[i] = (double)score->level_thresholds[i];
	trial->response.level_thresholds = trial->thresholds;
	trial->response.n_level_thresholds = count;
}

static void decide(const trial_run *run, const vu_listening *listening, const vu_evidence *common, size_t index,
                   trial_result *trial)
{
	Vu__AuthenticateResponse *response = &trial->response;
	const Vu__ScoreManyResponse__Entry *entry = find_entry(run, index);
	Vu__ScoreResponse *score = entry && entry->enrolled ? entry->score : NULL;
	vu_evidence evidence = *common;
	const char *trouble = vu_weigh_trouble(listening, common);

	if (entry)
		evidence.enrolled = entry->enrolled ? VU_CHECK_PASSED : VU_CHECK_REFUSED;
	else if (run->scores)
		evidence.enrolled = VU_CHECK_FAILED;
	else
		evidence.enrolled = is_listed(run, run->request->users[index]);
	if (run->scores || (run->scores_error.status != VU_OK && listening->features && listening->features->vector))
		evidence.speaker = vu_judge_score(score);
	if (!*trouble && (evidence.speaker == VU_CHECK_FAILED || evidence.enrolled == VU_CHECK_FAILED))
		trouble = run->scores ? "The speaker check gave no usable score" : run->scores_error.message;
	vu__authenticate_response__init(response);
	vu__timing__init(&trial->timing);
	vu_case attempt = {
	    .source = "",
	    .attempt_id = "",
	    .user = run->request->users[index],
	    .isolated = true,
	    .upload = true,
	    .advice = listening->features && listening->features->quality ? listening->features->quality->advice : "",
	    .spoof = listening->antispoof ? listening->antispoof->reason : "",
	    .trouble = trouble,
	};
	vu_settle(run->orchestrator, &run->policy, &attempt, &evidence, &trial->settlement);
	response->user = run->request->users[index];
	response->verdict = trial->settlement.verdict;
	response->reason = trial->settlement.reason;
	response->score = response->fused = score ? (double)score->fused : (double)NAN;
	response->threshold = score ? (double)score->threshold : (double)NAN;
	copy_thresholds(score, trial);
	response->svm = score ? (double)score->svm : (double)NAN;
	response->second = score ? (double)score->second : (double)NAN;
	response->antispoof = listening->antispoof;
	response->quality = listening->features ? listening->features->quality : NULL;
	response->timing = &trial->timing;
	trial->timing.features_ms = listening->features ? (double)listening->features->compute_us / 1000 : 0;
	trial->timing.antispoof_ms = listening->antispoof ? (double)listening->antispoof->compute_us / 1000 : 0;
	trial->timing.score_ms = score ? (double)(score->load_us + score->score_us) / 1000 : 0;
	trial->timing.total_ms = (double)(vu_clock_monotonic_us() - run->started_us) / 1000;
}

static void answer(const trial_run *run, const vu_listening *listening, const vu_evidence *evidence,
                   vu_rpc_call *call)
{
	size_t count = run->request->n_users;
	Vu__TrialsResponse response = VU__TRIALS_RESPONSE__INIT;
	trial_result *trials = calloc(count, sizeof *trials);
	Vu__AuthenticateResponse **results = calloc(count, sizeof *results);

	if (!trials || !results) {
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED,
		            "unable to run %zu trials: out of memory; send fewer at once", count);
		goto out;
	}
	for (size_t i = 0; i < count; i++) {
		decide(run, listening, evidence, i, &trials[i]);
		results[i] = &trials[i].response;
	}
	response.results = results;
	response.n_results = count;
	vu_rpc_reply(call, &response.base);
out:
	free(results);
	free(trials);
}

void vu_handle_run_trials(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__TrialsRequest *request = (const Vu__TrialsRequest *)message;
	trial_run run = {.orchestrator = context, .request = request, .started_us = vu_clock_monotonic_us()};
	vu_listening listening;
	vu_evidence evidence = {0};
	vu_error error;
	char attempt_id[VU_ID_HEX_SIZE];
	vu_status status = check_request(request, &error);

	run.policy = vu_orchestrator_policy(run.orchestrator);
	if (status == VU_OK)
		status = vu_policy_choose_levels(&run.policy, request->level, request->anti_spoofing, &run.level,
		                                 &run.antispoof, &error);
	if (status != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	if (atomic_fetch_add(&run.orchestrator->trials, 1) >= RUNS_MAX) {
		atomic_fetch_sub(&run.orchestrator->trials, 1);
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED,
		            "%d trial lists are being run, the most allowed; try again shortly", RUNS_MAX);
		return;
	}
	run.deadline_us = vu_request_deadline_us(call, &run.policy, 0);
	vu_id_generate_hex(attempt_id);
	vu_listen_order order = {
	    .attempt_id = attempt_id,
	    .session_id = request->session_id,
	    .antispoof = run.antispoof,
	    .isolated = true,
	    .deadline_us = run.deadline_us,
	    .heard = score_all,
	    .context = &run,
	};
	vu_listen(run.orchestrator, &order, &listening);
	if (vu_weigh_listening(run.orchestrator, &order, &listening, &evidence, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
	} else {
		if (!run.scores && run.scores_error.status == VU_OK)
			ask_users(&run);
		answer(&run, &listening, &evidence, call);
	}
	vu_listening_end(run.orchestrator, &listening);
	atomic_fetch_sub(&run.orchestrator->trials, 1);
	if (run.scores)
		vu_peer_free(&run.scores->base);
	if (run.users)
		vu_peer_free(&run.users->base);
}
