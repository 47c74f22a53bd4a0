/* Scripted peers. Handlers copy the script under its lock and answer from the copy. */
#include "fake_suite.h"

#include "base/clock.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static fake_script script;
static char suite_folder[256];
static vu_channel *channels[VU_SERVICE_COUNT];
static pthread_mutex_t channel_lock = PTHREAD_MUTEX_INITIALIZER;

/* Messages have char * where they only read. */
static char *text(const char *constant)
{
	union {
		const char *constant;
		char *text;
	} either = {constant};
	return either.text;
}

fake_script *fake_script_lock(void)
{
	pthread_mutex_lock(&lock);
	return &script;
}

void fake_script_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

fake_script fake_script_now(void)
{
	fake_script copy;
	pthread_mutex_lock(&lock);
	copy = script;
	pthread_mutex_unlock(&lock);
	return copy;
}

/*
 * A call that its caller gave up may still be on its way when the next test
 * begins. What it asks about was heard of in the test before, where it belongs.
 */
#define SESSIONS 16
static char heard_of[SESSIONS][VU_ID_HEX_SIZE];
static char past[SESSIONS][VU_ID_HEX_SIZE];
static unsigned heard_count;

static void hear_of(const char *session_id)
{
	pthread_mutex_lock(&lock);
	snprintf(heard_of[heard_count++ % SESSIONS], VU_ID_HEX_SIZE, "%s", session_id);
	pthread_mutex_unlock(&lock);
}

static bool is_past(const char *session_id)
{
	bool found = false;

	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < SESSIONS; i++)
		found = found || (*past[i] && strcmp(past[i], session_id) == 0);
	pthread_mutex_unlock(&lock);
	return found;
}

void fake_script_reset(void)
{
	pthread_mutex_lock(&lock);
	memcpy(past, heard_of, sizeof past);
	memset(heard_of, 0, sizeof heard_of);
	memset(&script, 0, sizeof script);
	script.open_message = script.failure = script.extract_message = script.score_message = "";
	script.source = VU__AUDIO_SOURCE__AUDIO_SOURCE_UPLOAD;
	script.session_state = VU__SESSION_STATE__SESSION_ENDED;
	script.has_vector = true;
	script.advice = "";
	script.extractor = "fake-1";
	script.spoof = VU__SPOOF_VERDICT__SPOOF_BONAFIDE;
	script.spoof_score = 3;
	script.spoof_reason = "";
	script.enrolled = true;
	script.fused = 2;
	script.threshold = 1;
	script.identified = "anna";
	script.agrees = true;
	script.phrases = 5;
	script.said = true;
	script.distance = 0.3F;
	script.margin = 0.5F;
	script.agreement = 0.9F;
	pthread_mutex_unlock(&lock);
}

static void remember(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

/* Sleeps in slices, so that a cancelled call ends. */
static bool pass_time(vu_rpc_call *call, uint32_t ms)
{
	int64_t until_us = vu_clock_monotonic_us() + (int64_t)ms * 1000;
	while (vu_clock_monotonic_us() < until_us) {
		if (vu_rpc_is_cancelled(call))
			return false;
		usleep(2000);
	}
	return true;
}

/* Takes one from a count of failures to come; true when there was one. */
static bool take(unsigned *count)
{
	bool had = *count > 0;
	if (had)
		(*count)--;
	return had;
}

/* ---- capture ---- */

static void open_session(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__OpenSessionRequest *request = (const Vu__OpenSessionRequest *)message;
	Vu__OpenSessionResponse response = VU__OPEN_SESSION_RESPONSE__INIT;
	fake_script *s = fake_script_lock();
	vu_status status = s->open_status;
	const char *reason = s->open_message;
	(void)context;
	s->opened++;
	s->last_timeout_ms = request->timeout_ms;
	s->last_silence_ms = request->silence_ms;
	s->source = request->source;
	fake_script_unlock();
	hear_of(request->session_id);
	if (status != VU_OK) {
		vu_rpc_fail(call, status, "%s", reason);
		return;
	}
	response.session_id = request->session_id;
	response.sample_rate = 16000;
	vu_rpc_reply(call, &response.base);
}

static void get_session(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	fake_script s = fake_script_now();
	Vu__SessionInfo info = VU__SESSION_INFO__INIT;
	(void)context;
	hear_of(((const Vu__SessionRequest *)message)->session_id);
	if (s.session_status != VU_OK) {
		vu_rpc_fail(call, s.session_status, "there is no such session");
		return;
	}
	info.source = s.source;
	info.state = s.session_state;
	info.failure_status = s.failure_status;
	info.failure = text(s.failure);
	info.ended_us = (uint64_t)vu_clock_monotonic_us();
	info.first_sample_us = info.ended_us - 3000000;
	vu_rpc_reply(call, &info.base);
}

static void close_session(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	Vu__Empty response = VU__EMPTY__INIT;
	(void)context;
	(void)message;
	fake_script_lock()->closed++;
	fake_script_unlock();
	vu_rpc_reply(call, &response.base);
}

/* ---- features ---- */

static void extract(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__ExtractRequest *request = (const Vu__ExtractRequest *)message;
	float values[4] = {1, 2, 3, 4};
	Vu__SpeakerVector vector = VU__SPEAKER_VECTOR__INIT;
	Vu__SpeakerVector *crops[] = {&vector};
	Vu__Quality quality = VU__QUALITY__INIT;
	Vu__ExtractResponse response = VU__EXTRACT_RESPONSE__INIT;
	fake_script s;
	bool unavailable;
	bool aborted;
	(void)context;

	if (is_past(request->session_id)) {
		vu_rpc_fail(call, VU_CANCELLED, "cancelled");
		return;
	}
	pthread_mutex_lock(&lock);
	script.extracted++;
	script.last_crops = request->crops;
	script.last_frames = request->frames;
	unavailable = take(&script.extract_unavailable);
	aborted = !unavailable && take(&script.extract_aborted);
	s = script;
	pthread_mutex_unlock(&lock);
	if (!pass_time(call, s.extract_ms)) {
		vu_rpc_fail(call, VU_CANCELLED, "cancelled");
		return;
	}
	if (unavailable || aborted || s.extract_status != VU_OK) {
		vu_rpc_fail(call,
		            unavailable ? VU_UNAVAILABLE
		            : aborted   ? VU_ABORTED
		                        : s.extract_status,
		            "%s", *s.extract_message ? s.extract_message : "features has trouble");
		return;
	}
	response.extractor = text(s.extractor);
	response.quality = &quality;
	response.compute_us = 1500;
	response.ended_us = (uint64_t)vu_clock_monotonic_us();
	quality.problem = s.problem;
	quality.advice = text(s.advice);
	quality.speech_ms = s.has_vector ? 2500 : 0;
	if (s.has_vector) {
		vector.values = values;
		vector.n_values = 4;
		response.vector = &vector;
		response.crops = crops;
		response.n_crops = request->crops ? 1 : 0;
	}
	vu_rpc_reply(call, &response.base);
}

/* ---- antispoof ---- */

static void assess(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__AssessRequest *request = (const Vu__AssessRequest *)message;
	Vu__AssessResponse response = VU__ASSESS_RESPONSE__INIT;
	fake_script s;
	bool unavailable;
	(void)context;

	if (is_past(request->session_id)) {
		vu_rpc_fail(call, VU_CANCELLED, "cancelled");
		return;
	}
	pthread_mutex_lock(&lock);
	if (script.assessed < FAKE_IDS_MAX)
		remember(script.assess_ids[script.assessed], VU_ID_HEX_SIZE, request->attempt_id);
	script.assessed++;
	script.last_isolated = request->isolated;
	script.last_challenged = request->challenged;
	script.last_enrollment = request->enrollment;
	remember(script.last_antispoof_level, sizeof script.last_antispoof_level, request->level);
	unavailable = take(&script.assess_unavailable);
	s = script;
	pthread_mutex_unlock(&lock);
	if (!pass_time(call, s.assess_ms)) {
		vu_rpc_fail(call, VU_CANCELLED, "cancelled");
		return;
	}
	if (unavailable || s.assess_status != VU_OK) {
		vu_rpc_fail(call, unavailable ? VU_UNAVAILABLE : s.assess_status, "antispoof has trouble");
		return;
	}
	response.verdict = s.spoof;
	response.score = s.spoof_score;
	response.level = s.spoof_level ? text(s.spoof_level) : request->level;
	response.reason = text(s.spoof_reason);
	response.compute_us = 2500;
	vu_rpc_reply(call, &response.base);
}

static void forget(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	Vu__Empty response = VU__EMPTY__INIT;
	(void)context;
	(void)message;
	fake_script_lock()->forgotten++;
	fake_script_unlock();
	vu_rpc_reply(call, &response.base);
}

/* ---- models ---- */

static void fill_score(const fake_script *s, Vu__ScoreResponse *score)
{
	score->fused = s->fused;
	score->threshold = s->threshold;
	score->svm = 0.25F;
	score->second = 0.75F;
	score->score_us = 500;
}

static void score(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__ScoreRequest *request = (const Vu__ScoreRequest *)message;
	Vu__ScoreResponse response = VU__SCORE_RESPONSE__INIT;
	bool short_of_memory;
	fake_script s;
	(void)context;

	pthread_mutex_lock(&lock);
	script.scored++;
	remember(script.last_level, sizeof script.last_level, request->level);
	remember(script.last_namespace, sizeof script.last_namespace, request->key->namespace_);
	remember(script.last_user, sizeof script.last_user, request->key->user);
	short_of_memory = take(&script.score_short_of_memory);
	s = script;
	pthread_mutex_unlock(&lock);
	if (short_of_memory) {
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED, "the model-server is short of memory");
		return;
	}
	if (s.on_score)
		s.on_score();
	if (!pass_time(call, s.score_ms)) {
		vu_rpc_fail(call, VU_CANCELLED, "cancelled");
		return;
	}
	if (s.score_status != VU_OK || !s.enrolled) {
		vu_rpc_fail(call, s.score_status != VU_OK ? s.score_status : VU_NOT_FOUND, "%s",
		            *s.score_message ? s.score_message : "models has trouble");
		return;
	}
	fill_score(&s, &response);
	vu_rpc_reply(call, &response.base);
}

static void phrases(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	Vu__PhrasesResponse response = VU__PHRASES_RESPONSE__INIT;
	fake_script s = fake_script_now();
	char texts[8][32];
	char *pointers[8];
	(void)context;
	(void)message;

	if (s.phrases_status != VU_OK || !s.enrolled) {
		vu_rpc_fail(call, s.phrases_status != VU_OK ? s.phrases_status : VU_NOT_FOUND,
		            "models has trouble with phrases");
		return;
	}
	for (unsigned i = 0; i < s.phrases && i < 8; i++) {
		snprintf(texts[i], sizeof texts[i], "phrase %u", i);
		pointers[i] = texts[i];
	}
	response.phrases = pointers;
	response.n_phrases = s.phrases;
	vu_rpc_reply(call, &response.base);
}

static void check_phrases(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__CheckPhrasesRequest *request = (const Vu__CheckPhrasesRequest *)message;
	Vu__CheckPhrasesResponse response = VU__CHECK_PHRASES_RESPONSE__INIT;
	fake_script s;
	(void)context;

	pthread_mutex_lock(&lock);
	script.checked++;
	for (size_t i = 0; i < request->n_phrases && i < 2; i++)
		remember(script.asked[i], sizeof script.asked[i], request->phrases[i]);
	s = script;
	pthread_mutex_unlock(&lock);
	if (s.check_status != VU_OK) {
		vu_rpc_fail(call, s.check_status, "models cannot check phrases");
		return;
	}
	response.matches = s.said;
	response.distance = s.distance;
	response.margin = s.margin;
	response.distance_max = 0.75F;
	response.margin_min = 0.03F;
	vu_rpc_reply(call, &response.base);
}

static void score_many(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__ScoreManyRequest *request = (const Vu__ScoreManyRequest *)message;
	Vu__ScoreManyResponse response = VU__SCORE_MANY_RESPONSE__INIT;
	Vu__ScoreManyResponse__Entry entries[8];
	Vu__ScoreManyResponse__Entry *pointers[8];
	Vu__ScoreResponse scores[8];
	float level_thresholds[8][3];
	fake_script s;
	(void)context;

	pthread_mutex_lock(&lock);
	script.scored++;
	s = script;
	pthread_mutex_unlock(&lock);
	if (s.score_status != VU_OK) {
		vu_rpc_fail(call, s.score_status, "models has trouble");
		return;
	}
	for (size_t i = 0; i < request->n_users && i < 8; i++) {
		vu__score_many_response__entry__init(&entries[i]);
		vu__score_response__init(&scores[i]);
		entries[i].user = request->users[i];
		/* By name, so that one call can hold every case. */
		entries[i].enrolled = strncmp(request->users[i], "unknown", 7) != 0;
		fill_score(&s, &scores[i]);
		if (strncmp(request->users[i], "other", 5) == 0)
			scores[i].fused = s.threshold - 1;
		level_thresholds[i][0] = s.threshold - 1;
		level_thresholds[i][1] = s.threshold;
		level_thresholds[i][2] = s.threshold + 1;
		scores[i].level_thresholds = level_thresholds[i];
		/* One that tells none, as an older model-server. */
		scores[i].n_level_thresholds = strcmp(request->users[i], "other-old") == 0 ? 0 : 3;
		entries[i].score = entries[i].enrolled ? &scores[i] : NULL;
		pointers[i] = &entries[i];
		response.n_entries++;
	}
	response.entries = pointers;
	vu_rpc_reply(call, &response.base);
}

static void identify(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	Vu__IdentifyResponse response = VU__IDENTIFY_RESPONSE__INIT;
	fake_script s;
	(void)context;
	(void)message;
	pthread_mutex_lock(&lock);
	script.scored++;
	s = script;
	pthread_mutex_unlock(&lock);
	if (s.score_status != VU_OK) {
		vu_rpc_fail(call, s.score_status, "nobody is enrolled");
		return;
	}
	response.user = text(s.identified);
	response.score = s.fused;
	response.threshold = s.threshold;
	vu_rpc_reply(call, &response.base);
}

static void adapt(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__AdaptRequest *request = (const Vu__AdaptRequest *)message;
	Vu__AdaptResponse response = VU__ADAPT_RESPONSE__INIT;
	(void)context;
	pthread_mutex_lock(&lock);
	script.adapted++;
	snprintf(script.last_adapted, sizeof script.last_adapted, "%s/%s", request->key->namespace_,
	         request->key->user);
	pthread_mutex_unlock(&lock);
	response.adapted = true;
	vu_rpc_reply(call, &response.base);
}

static void list_users(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__ListUsersRequest *request = (const Vu__ListUsersRequest *)message;
	Vu__ListUsersResponse response = VU__LIST_USERS_RESPONSE__INIT;
	Vu__UserInfo user = VU__USER_INFO__INIT;
	Vu__UserInfo *users[] = {&user};
	fake_script s;
	(void)context;
	pthread_mutex_lock(&lock);
	script.listed++;
	s = script;
	pthread_mutex_unlock(&lock);
	if (s.list_status != VU_OK) {
		vu_rpc_fail(call, s.list_status, "models has trouble");
		return;
	}
	user.user = *request->user ? request->user : text("anna");
	user.locked_for_s = s.locked_for_s;
	response.users = users;
	response.n_users = s.enrolled ? 1 : 0;
	vu_rpc_reply(call, &response.base);
}

static void count_guess(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__CountGuessRequest *request = (const Vu__CountGuessRequest *)message;
	Vu__CountGuessResponse response = VU__COUNT_GUESS_RESPONSE__INIT;
	fake_script *s = fake_script_lock();
	vu_status status = s->guess_status;
	(void)context;
	if (status == VU_OK) {
		s->guesses_counted++;
		snprintf(s->last_guessed, sizeof s->last_guessed, "%s", request->key->user);
		response.failures_left = s->guesses_left;
		response.locked_for_s = s->guesses_left > 0 ? 0 : 90;
	}
	fake_script_unlock();
	if (status == VU_OK)
		vu_rpc_reply(call, &response.base);
	else
		vu_rpc_fail(call, status, "models has trouble");
}

static void forget_guesses(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	Vu__ForgetGuessesResponse response = VU__FORGET_GUESSES_RESPONSE__INIT;
	fake_script *s = fake_script_lock();
	vu_status status = s->guess_status;
	(void)context;
	(void)message;
	if (status == VU_OK) {
		s->guesses_forgotten++;
		response.was_locked = s->locked_for_s > 0;
	}
	fake_script_unlock();
	if (status == VU_OK)
		vu_rpc_reply(call, &response.base);
	else
		vu_rpc_fail(call, status, "models has trouble");
}

static void preload(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	Vu__PreloadResponse response = VU__PRELOAD_RESPONSE__INIT;
	(void)context;
	(void)message;
	fake_script_lock()->preloaded++;
	fake_script_unlock();
	vu_rpc_reply(call, &response.base);
}

static void observe(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__ObserveRequest *request = (const Vu__ObserveRequest *)message;
	Vu__Empty response = VU__EMPTY__INIT;
	fake_script *s = fake_script_lock();
	(void)context;
	snprintf(s->observed + strlen(s->observed), sizeof s->observed - strlen(s->observed), " %s", request->user);
	fake_script_unlock();
	vu_rpc_reply(call, &response.base);
}

static void enroll(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__EnrollRequest *request = (const Vu__EnrollRequest *)message;
	Vu__EnrollResponse response = VU__ENROLL_RESPONSE__INIT;
	fake_script s;
	(void)context;
	pthread_mutex_lock(&lock);
	script.enrolled_calls++;
	script.enrolled_samples = (unsigned)request->n_samples;
	remember(script.last_user, sizeof script.last_user, request->key->user);
	remember(script.last_namespace, sizeof script.last_namespace, request->key->namespace_);
	memcpy(script.enroll_request_id, vu_rpc_request_id(call), VU_ID_BYTES);
	s = script;
	pthread_mutex_unlock(&lock);
	if (s.enroll_status != VU_OK) {
		vu_rpc_fail(call, s.enroll_status, "models has trouble");
		return;
	}
	response.samples = (uint32_t)request->n_samples;
	response.template_bytes = 4096;
	vu_rpc_reply(call, &response.base);
}

static void agreement(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	Vu__AgreementResponse response = VU__AGREEMENT_RESPONSE__INIT;
	fake_script s = fake_script_now();
	(void)context;
	(void)message;
	response.agrees = s.agrees;
	response.agreement = s.agreement;
	vu_rpc_reply(call, &response.base);
}

static void remove_user(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	Vu__RemoveResponse response = VU__REMOVE_RESPONSE__INIT;
	char *erased[] = {text("the template")};
	(void)context;
	(void)message;
	fake_script_lock()->removed++;
	fake_script_unlock();
	response.erased = erased;
	response.n_erased = 1;
	vu_rpc_reply(call, &response.base);
}

static void remove_namespace(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	Vu__Empty response = VU__EMPTY__INIT;
	(void)context;
	(void)message;
	fake_script_lock()->removed++;
	fake_script_unlock();
	vu_rpc_reply(call, &response.base);
}

static void stats(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	Vu__StatsResponse response = VU__STATS_RESPONSE__INIT;
	(void)context;
	(void)message;
	response.users = 7;
	vu_rpc_reply(call, &response.base);
}

/* ---- supervisor ---- */

static void supervisor_status(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	Vu__SupervisorStatusResponse response = VU__SUPERVISOR_STATUS_RESPONSE__INIT;
	Vu__ServiceStatus models = VU__SERVICE_STATUS__INIT;
	Vu__ServiceStatus *services[] = {&models};
	(void)context;
	(void)message;
	models.name = text("models");
	models.state = text("running");
	models.health = text("SERVING");
	models.rss_bytes = 12345;
	models.limit_bytes = 67890;
	response.ready = true;
	response.uptime_s = 42;
	response.services = services;
	response.n_services = 1;
	vu_rpc_reply(call, &response.base);
}

static const vu_rpc_method CAPTURE[] = {
    {"OpenSession", open_session, 0}, {"GetSession", get_session, 0}, {"CloseSession", close_session, 0}};
static const vu_rpc_method FEATURES[] = {{"Extract", extract, 0}};
static const vu_rpc_method ANTISPOOF[] = {{"Assess", assess, 0}, {"Forget", forget, 0}};
static const vu_rpc_method MODELS[] = {{"Score", score, 0},
                                       {"ScoreMany", score_many, 0},
                                       {"Identify", identify, 0},
                                       {"Adapt", adapt, 0},
                                       {"ListUsers", list_users, 0},
                                       {"Preload", preload, 0},
                                       {"Enroll", enroll, 0},
                                       {"Agreement", agreement, 0},
                                       {"Remove", remove_user, 0},
                                       {"RemoveNamespace", remove_namespace, 0},
                                       {"Stats", stats, 0},
                                       {"Observe", observe, 0},
                                       {"Phrases", phrases, 0},
                                       {"CheckPhrases", check_phrases, 0},
                                       {"CountGuess", count_guess, 0},
                                       {"ForgetGuesses", forget_guesses, 0}};
static const vu_rpc_method SUPERVISOR[] = {{"Status", supervisor_status, 0}};

#define COUNT(table) (sizeof table / sizeof *table)

static const vu_rpc_service SERVICES[VU_SERVICE_COUNT] = {
    [VU_SERVICE_CAPTURE] = {&vu__capture__descriptor, CAPTURE, COUNT(CAPTURE), NULL},
    [VU_SERVICE_FEATURES] = {&vu__features__descriptor, FEATURES, COUNT(FEATURES), NULL},
    [VU_SERVICE_ANTISPOOF] = {&vu__antispoof__descriptor, ANTISPOOF, COUNT(ANTISPOOF), NULL},
    [VU_SERVICE_MODELS] = {&vu__models__descriptor, MODELS, COUNT(MODELS), NULL},
    [VU_SERVICE_SUPERVISOR] = {&vu__supervisor__descriptor, SUPERVISOR, COUNT(SUPERVISOR), NULL},
};

static void or_die(vu_status status, const vu_error *error)
{
	if (status == VU_OK)
		return;
	fprintf(stderr, "fake suite: %s\n", error->message);
	abort();
}

void fake_suite_start(const char *folder, unsigned mask)
{
	vu_error error;
	snprintf(suite_folder, sizeof suite_folder, "%s", folder);
	fake_script_reset();
	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++) {
		vu_endpoint endpoint;
		vu_rpc_server *server;
		vu_rpc_server_config config = {
		    .service = vu_service_name((vu_service_id)id), .endpoint = &endpoint, .workers_max = 16};
		if (!(mask & FAKE_ONLY(id)) || !SERVICES[id].descriptor)
			continue;
		or_die(vu_endpoint_local(folder, config.service, &endpoint, &error), &error);
		or_die(vu_rpc_server_create(&config, &server, &error), &error);
		or_die(vu_rpc_server_add(server, &SERVICES[id], &error), &error);
		or_die(vu_rpc_server_listen(server, &error), &error);
		vu_rpc_server_set_health(server, "", VU_SERVING);
	}
}

vu_channel *fake_suite_channel(void *context, vu_service_id id, vu_error *error)
{
	vu_channel *channel;
	(void)context;
	pthread_mutex_lock(&channel_lock);
	if (!channels[id]) {
		vu_endpoint endpoint;
		vu_channel_config config = {
		    .service = vu_service_name(id), .caller = "test", .endpoints = &endpoint, .endpoint_count = 1};
		if (vu_endpoint_local(suite_folder, config.service, &endpoint, error) != VU_OK ||
		    vu_channel_create(&config, &channels[id], error) != VU_OK)
			channels[id] = NULL;
	}
	channel = channels[id];
	pthread_mutex_unlock(&channel_lock);
	return channel;
}
