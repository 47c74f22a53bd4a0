/*
 * The model-server over real sockets, with synthetic people: every method, what
 * it refuses and with which status, what survives a restart, what is on disk.
 */
#include "../../../../services/models/internal.h"
#include "models.h"

#include "../../ml/synthetic.h"
#include "base/clock.h"
#include "base/file.h"
#include "ml/model_file.h"
#include "rpc/channel.h"
#include "voiceunlock/v1/models.pb-c.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define TIMEOUT_US 60000000
#define STRANGER   500
#define SAMPLES    5

static char folder[64];
static char key_path[128];
static char background_path[128];
static char other_background_path[128];
static vu_endpoint endpoint;
static models *service;
static vu_rpc_server *server;
static vu_channel *channel;
static models_settings current;

static void start(void)
{
	vu_rpc_server_config config = {.service = "models", .endpoint = &endpoint};
	vu_channel_config peer = {.service = "models", .caller = "test", .endpoints = &endpoint, .endpoint_count = 1};
	vu_error error = {0};

	if (models_create(folder, &current, &service, &error) != VU_OK ||
	    vu_rpc_server_create(&config, &server, &error) != VU_OK ||
	    vu_rpc_server_add(server, models_rpc_service(service), &error) != VU_OK ||
	    vu_rpc_server_listen(server, &error) != VU_OK ||
	    (!channel && vu_channel_create(&peer, &channel, &error) != VU_OK)) {
		fprintf(stderr, "%s\n", error.message);
		abort();
	}
	vu_rpc_server_set_health(server, "", VU_SERVING);
}

static void stop(void)
{
	assert_int_equal(vu_rpc_server_drain(server, 30000), 0);
	vu_rpc_server_destroy(server);
	models_destroy(service);
}

static int setup_all(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vu-models-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(background_path, sizeof background_path, "%s/background.vum", folder);
	snprintf(other_background_path, sizeof other_background_path, "%s/other.vum", folder);
	synthetic_background_save(background_path, 30, SYNTHETIC_EXTRACTOR);
	synthetic_background_save(other_background_path, 24, SYNTHETIC_EXTRACTOR);
	return vu_endpoint_local(folder, "models", &endpoint, NULL) == VU_OK ? 0 : -1;
}

static int teardown_all(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static int setup(void **state)
{
	char command[160];
	(void)state;
	snprintf(command, sizeof command, "rm -rf %s/templates %s/prediction.db*", folder, folder);
	if (system(command) != 0)
		return -1;
	snprintf(key_path, sizeof key_path, "%s/outside/master.key", folder);
	current = (models_settings){
	    .key_path = key_path,
	    .encrypt = true,
	    .background_path = background_path,
	    .cache_bytes = 16 * 1024 * 1024,
	    .map = true,
	    .quantize = true,
	    .components = 50,
	    .load_timeout_ms = 10000,
	    .level = VU_LEVEL_STANDARD,
	    .adaptive = true,
	};
	start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stop();
	return 0;
}

/* ---- requests ---- */

static vu_status call_as(const uint8_t *id, const char *method, const void *request, void *response_out,
                         vu_error *error)
{
	ProtobufCMessage *response = NULL;
	vu_call_options options = {.timeout_us = TIMEOUT_US, .wait_for_ready = true, .request_id = id};
	vu_status status =
	    vu_channel_call(channel, &vu__models__descriptor, method, request, &response, &options, error);

	*(void **)response_out = response;
	return status;
}

static vu_status call(const char *method, const void *request, void *response_out, vu_error *error)
{
	return call_as(NULL, method, request, response_out, error);
}

static void done(void *response)
{
	protobuf_c_message_free_unpacked(response, NULL);
}

/* A vector message with values of its own. */
typedef struct vector_message {
	Vu__SpeakerVector message;
	float values[100];
} vector_message;

static void make_vector(vector_message *v, unsigned person, unsigned take, unsigned crop)
{
	vu__speaker_vector__init(&v->message);
	synthetic_vector(person, take, crop, v->values);
	v->message.n_values = 100;
	v->message.values = v->values;
}

typedef struct enrolment {
	Vu__EnrollRequest request;
	Vu__UserKey key;
	Vu__EnrollSample samples[SAMPLES];
	Vu__EnrollSample *sample_pointers[SAMPLES];
	vector_message wholes[SAMPLES];
	vector_message crops[SAMPLES][SYNTHETIC_CROPS];
	Vu__SpeakerVector *crop_pointers[SAMPLES][SYNTHETIC_CROPS];
	Vu__Quality quality;
} enrolment;

static enrolment *make_enrolment(const char *namespace, const char *user, unsigned person)
{
	enrolment *e = calloc(1, sizeof *e);

	assert_non_null(e);
	vu__enroll_request__init(&e->request);
	vu__user_key__init(&e->key);
	vu__quality__init(&e->quality);
	e->quality.speech_ms = 3000;
	e->key.namespace_ = (char *)(uintptr_t) namespace;
	e->key.user = (char *)(uintptr_t)user;
	e->request.key = &e->key;
	e->request.extractor = (char *)(uintptr_t)SYNTHETIC_EXTRACTOR;
	e->request.n_samples = SAMPLES;
	e->request.samples = e->sample_pointers;
	for (unsigned s = 0; s < SAMPLES; s++) {
		vu__enroll_sample__init(&e->samples[s]);
		e->sample_pointers[s] = &e->samples[s];
		make_vector(&e->wholes[s], person, s, 0);
		e->samples[s].vector = &e->wholes[s].message;
		e->samples[s].quality = &e->quality;
		for (unsigned c = 0; c < SYNTHETIC_CROPS; c++) {
			make_vector(&e->crops[s][c], person, s, c + 1);
			e->crop_pointers[s][c] = &e->crops[s][c].message;
		}
		e->samples[s].n_crops = SYNTHETIC_CROPS;
		e->samples[s].crops = e->crop_pointers[s];
	}
	return e;
}

static vu_status enrol(const char *namespace, const char *user, unsigned person, bool replace, vu_error *error)
{
	enrolment *e = make_enrolment(namespace, user, person);
	Vu__EnrollResponse *response;
	vu_status status;

	e->request.replace = replace;
	status = call("Enroll", &e->request, &response, error);
	if (status == VU_OK) {
		assert_int_equal(response->samples, SAMPLES);
		assert_true(response->support_vectors > 0);
		assert_true(response->template_bytes > 0 && response->template_bytes <= 65536);
		assert_int_equal(access(response->path, R_OK), 0);
		done(response);
	}
	free(e);
	return status;
}

static vu_status score(const char *namespace, const char *user, unsigned person, unsigned take, const char *level,
                       Vu__ScoreResponse **response, vu_error *error)
{
	Vu__ScoreRequest request = VU__SCORE_REQUEST__INIT;
	Vu__UserKey key = VU__USER_KEY__INIT;
	vector_message vector;

	make_vector(&vector, person, take, 0);
	key.namespace_ = (char *)(uintptr_t) namespace;
	key.user = (char *)(uintptr_t)user;
	request.key = &key;
	request.extractor = (char *)(uintptr_t)SYNTHETIC_EXTRACTOR;
	request.vector = &vector.message;
	request.level = (char *)(uintptr_t)level;
	return call("Score", &request, response, error);
}

static void expect_score(const char *user, unsigned person, bool accept)
{
	Vu__ScoreResponse *response;
	vu_error error = {0};

	if (score("", user, person, 10, "", &response, &error) != VU_OK)
		fail_msg("%s", error.message);
	assert_int_equal(response->fused >= response->threshold, accept);
	done(response);
}

static Vu__ListUsersResponse *list(const char *namespace, const char *user)
{
	Vu__ListUsersRequest request = VU__LIST_USERS_REQUEST__INIT;
	Vu__ListUsersResponse *response;

	request.namespace_ = (char *)(uintptr_t) namespace;
	request.user = (char *)(uintptr_t)user;
	assert_int_equal(call("ListUsers", &request, &response, NULL), VU_OK);
	return response;
}

static Vu__StatsResponse *stats(void)
{
	Vu__Empty request = VU__EMPTY__INIT;
	Vu__StatsResponse *response;

	assert_int_equal(call("Stats", &request, &response, NULL), VU_OK);
	return response;
}

/* ---- tests ---- */

static void test_nothing_is_loaded_at_start(void **state)
{
	Vu__StatsResponse *s = stats();
	(void)state;
	assert_int_equal(s->users, 0);
	assert_int_equal(s->total_loaded, 0);
	assert_int_equal(s->n_caches, 3);
	assert_string_equal(s->caches[0]->name, "models");
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(s->caches[i]->bytes, 0);
	done(s);
}

static void test_enrol_score_and_restart(void **state)
{
	Vu__ScoreResponse *response;
	Vu__StatsResponse *s;
	float before;

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "Bert", STRANGER + 1, false, NULL), VU_OK);
	expect_score("anna", STRANGER, true);
	expect_score("anna", STRANGER + 1, false);
	expect_score("Bert", STRANGER + 1, true);
	expect_score("Bert", STRANGER, false);
	assert_int_equal(score("", "anna", STRANGER, 11, "strict", &response, NULL), VU_OK);
	assert_true(response->cached);
	before = response->fused;
	done(response);
	s = stats();
	assert_int_equal(s->users, 2);
	assert_true(s->caches[0]->hits > 0 && s->caches[1]->hits > 0 && s->caches[2]->hits > 0);
	assert_true(s->caches[0]->items == 3 && s->caches[1]->items == 1 && s->caches[2]->items == 1);
	done(s);
	stop();
	start();
	assert_int_equal(score("", "anna", STRANGER, 11, "strict", &response, NULL), VU_OK);
	assert_false(response->cached);
	assert_true(response->fused == before);
	done(response);
	s = stats();
	assert_int_equal(s->users, 2);
	done(s);
}

static void test_levels(void **state)
{
	static const char *const levels[] = {"convenient", "standard", "strict"};
	float thresholds[3];
	Vu__ScoreResponse *response;
	vu_error error = {0};

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(score("", "anna", STRANGER, 9, levels[i], &response, NULL), VU_OK);
		thresholds[i] = response->threshold;
		done(response);
	}
	assert_true(thresholds[0] <= thresholds[1] && thresholds[1] <= thresholds[2] &&
	            thresholds[0] < thresholds[2]);
	assert_int_equal(score("", "anna", STRANGER, 9, "", &response, NULL), VU_OK);
	assert_true(response->threshold == thresholds[1]);
	done(response);
	assert_int_equal(score("", "anna", STRANGER, 9, "lenient", &response, &error), VU_INVALID_ARGUMENT);
}

static void test_duplicate_and_replace(void **state)
{
	vu_error error = {0};

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "anna", STRANGER + 1, false, &error), VU_ALREADY_EXISTS);
	assert_non_null(strstr(error.message, "--replace"));
	expect_score("anna", STRANGER, true);
	assert_int_equal(enrol("", "anna", STRANGER + 1, true, NULL), VU_OK);
	expect_score("anna", STRANGER, false);
	expect_score("anna", STRANGER + 1, true);
	/* Names that differ in case are different people. */
	assert_int_equal(enrol("", "Anna", STRANGER, false, NULL), VU_OK);
	expect_score("Anna", STRANGER, true);
	expect_score("anna", STRANGER, false);
}

static void test_repeated_request_happens_once(void **state)
{
	uint8_t id[VU_ID_BYTES] = {1, 2, 3};
	uint8_t removal_id[VU_ID_BYTES] = {4, 5, 6};
	enrolment *e = make_enrolment("", "anna", STRANGER);
	Vu__RemoveRequest remove_request = VU__REMOVE_REQUEST__INIT;
	Vu__RemoveResponse *removed;
	Vu__EnrollResponse *first;
	Vu__EnrollResponse *second;
	Vu__ListUsersResponse *users;
	vu_error error = {0};
	uint64_t enrolled_us;

	(void)state;
	assert_int_equal(call_as(id, "Enroll", &e->request, &first, NULL), VU_OK);
	users = list("", "");
	enrolled_us = users->users[0]->enrolled_us;
	done(users);
	/* Also after a restart, and although the user is there. */
	stop();
	start();
	assert_int_equal(call_as(id, "Enroll", &e->request, &second, NULL), VU_OK);
	assert_int_equal(first->template_bytes, second->template_bytes);
	assert_int_equal(first->support_vectors, second->support_vectors);
	assert_int_equal(first->train_us, second->train_us);
	users = list("", "");
	assert_int_equal(users->users[0]->enrolled_us, enrolled_us);
	done(users);
	done(first);
	done(second);
	remove_request.key = &e->key;
	assert_int_equal(call_as(removal_id, "Remove", &remove_request, &removed, NULL), VU_OK);
	assert_int_equal(removed->n_erased, 3);
	done(removed);
	stop();
	start();
	assert_int_equal(call_as(removal_id, "Remove", &remove_request, &removed, NULL), VU_OK);
	done(removed);
	assert_int_equal(call("Remove", &remove_request, &removed, &error), VU_NOT_FOUND);
	assert_non_null(strstr(error.message, "enroll"));
	free(e);
}

static void test_unknown_user(void **state)
{
	Vu__ScoreResponse *response;
	vu_error error = {0};

	(void)state;
	assert_int_equal(score("", "nobody", STRANGER, 0, "", &response, &error), VU_NOT_FOUND);
	assert_non_null(strstr(error.message, "enroll"));
	assert_int_equal(enrol("test", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(score("", "anna", STRANGER, 0, "", &response, &error), VU_NOT_FOUND);
}

static void test_bad_names(void **state)
{
	char longest[301];
	/* Invalid UTF-8 is refused before it comes here. */
	const char *bad[] = {"", "a/b", "..", "a\nb", longest, "-rf", ".hidden"};
	Vu__ScoreResponse *response;
	vu_error error = {0};

	(void)state;
	memset(longest, 'a', 300);
	longest[300] = '\0';
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(enrol("", bad[i], STRANGER, false, &error), VU_INVALID_ARGUMENT);
		assert_int_equal(score("", bad[i], STRANGER, 0, "", &response, &error), VU_INVALID_ARGUMENT);
		if (bad[i][0])
			assert_int_equal(enrol(bad[i], "anna", STRANGER, false, &error), VU_INVALID_ARGUMENT);
	}
}

static void test_hostile_vectors(void **state)
{
	static const float values[] = {NAN, INFINITY, -INFINITY, 1e30f};
	vu_error error = {0};
	Vu__EnrollResponse *response;
	Vu__ScoreResponse *scored;
	Vu__ScoreRequest request = VU__SCORE_REQUEST__INIT;
	vector_message vector;
	enrolment *e = make_enrolment("", "anna", STRANGER);

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		e->crops[2][1].values[50] = values[i];
		assert_int_equal(call("Enroll", &e->request, &response, &error), VU_INVALID_ARGUMENT);
		assert_non_null(strstr(error.message, "value 50"));
	}
	make_vector(&e->crops[2][1], STRANGER, 2, 2);
	e->wholes[1].message.n_values = 99;
	assert_int_equal(call("Enroll", &e->request, &response, &error), VU_INVALID_ARGUMENT);
	e->wholes[1].message.n_values = 100;
	e->samples[3].vector = NULL;
	assert_int_equal(call("Enroll", &e->request, &response, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "0.3 s"));
	e->samples[3].vector = &e->wholes[3].message;
	e->request.n_samples = 0;
	assert_int_equal(call("Enroll", &e->request, &response, &error), VU_INVALID_ARGUMENT);
	e->request.n_samples = SAMPLES;
	e->request.key = NULL;
	assert_int_equal(call("Enroll", &e->request, &response, &error), VU_INVALID_ARGUMENT);
	e->request.key = &e->key;
	assert_int_equal(call("Enroll", &e->request, &response, &error), VU_OK);
	done(response);

	make_vector(&vector, STRANGER, 9, 0);
	vector.values[0] = NAN;
	request.key = &e->key;
	request.extractor = (char *)(uintptr_t)SYNTHETIC_EXTRACTOR;
	request.vector = &vector.message;
	assert_int_equal(call("Score", &request, &scored, &error), VU_INVALID_ARGUMENT);
	request.vector = NULL;
	assert_int_equal(call("Score", &request, &scored, &error), VU_INVALID_ARGUMENT);
	free(e);
}

static void test_identical_samples(void **state)
{
	enrolment *e = make_enrolment("", "anna", STRANGER);
	Vu__EnrollResponse *response;

	(void)state;
	/* The same vector over and over is a poor enrolment, but none that breaks anything. */
	for (unsigned s = 0; s < SAMPLES; s++) {
		e->samples[s].vector = &e->wholes[0].message;
		e->samples[s].n_crops = 0;
	}
	assert_int_equal(call("Enroll", &e->request, &response, NULL), VU_OK);
	done(response);
	expect_score("anna", STRANGER + 1, false);
	free(e);
}

static void test_other_extractor(void **state)
{
	enrolment *e = make_enrolment("", "anna", STRANGER);
	Vu__EnrollResponse *response;
	vu_error error = {0};

	(void)state;
	e->request.extractor = (char *)(uintptr_t) "other/9";
	assert_int_equal(call("Enroll", &e->request, &response, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "ml.background_model"));
	free(e);
}

static void test_disagreeing_sample_and_close_voice_are_told(void **state)
{
	enrolment *e = make_enrolment("", "anna", STRANGER);
	Vu__EnrollResponse *response;
	bool sample_told = false;
	bool neighbour_told = false;

	(void)state;
	make_vector(&e->wholes[1], STRANGER + 50, 1, 0);
	assert_int_equal(call("Enroll", &e->request, &response, NULL), VU_OK);
	for (size_t i = 0; i < response->n_warnings; i++)
		sample_told = sample_told || strstr(response->warnings[i], "sample 2 ");
	assert_true(sample_told);
	done(response);
	free(e);
	e = make_enrolment("", "the same again", STRANGER);
	assert_int_equal(call("Enroll", &e->request, &response, NULL), VU_OK);
	for (size_t i = 0; i < response->n_warnings; i++)
		neighbour_told = neighbour_told || strstr(response->warnings[i], "'anna'");
	assert_true(neighbour_told);
	done(response);
	free(e);
	e = make_enrolment("", "somebody else", STRANGER + 3);
	assert_int_equal(call("Enroll", &e->request, &response, NULL), VU_OK);
	assert_int_equal(response->n_warnings, 0);
	done(response);
	free(e);
}

static void test_agreement(void **state)
{
	enrolment *e = make_enrolment("", "anna", STRANGER);
	Vu__AgreementRequest request = VU__AGREEMENT_REQUEST__INIT;
	Vu__AgreementResponse *response;
	vu_error error = {0};

	(void)state;
	request.extractor = (char *)(uintptr_t)SYNTHETIC_EXTRACTOR;
	assert_int_equal(call("Agreement", &request, &response, &error), VU_INVALID_ARGUMENT);
	request.sample = &e->samples[0];
	assert_int_equal(call("Agreement", &request, &response, NULL), VU_OK);
	assert_true(response->agrees && response->agreement == 1);
	done(response);
	request.n_previous = 3;
	request.previous = e->sample_pointers + 1;
	assert_int_equal(call("Agreement", &request, &response, NULL), VU_OK);
	assert_true(response->agrees && response->agreement > 0.5f);
	done(response);
	make_vector(&e->wholes[0], STRANGER + 60, 1, 0);
	assert_int_equal(call("Agreement", &request, &response, NULL), VU_OK);
	assert_true(!response->agrees && response->agreement < 0.5f);
	done(response);
	free(e);
}

static void test_score_many(void **state)
{
	Vu__ScoreManyRequest request = VU__SCORE_MANY_REQUEST__INIT;
	Vu__ScoreManyResponse *response;
	char *users[] = {(char *)(uintptr_t) "anna", (char *)(uintptr_t) "nobody", (char *)(uintptr_t) "bert"};
	vector_message vector;
	vu_error error = {0};

	(void)state;
	assert_int_equal(enrol("list", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("list", "bert", STRANGER + 1, false, NULL), VU_OK);
	make_vector(&vector, STRANGER + 1, 12, 0);
	request.namespace_ = (char *)(uintptr_t) "list";
	request.extractor = (char *)(uintptr_t)SYNTHETIC_EXTRACTOR;
	request.vector = &vector.message;
	request.n_users = 3;
	request.users = users;
	assert_int_equal(call("ScoreMany", &request, &response, NULL), VU_OK);
	assert_int_equal(response->n_entries, 3);
	assert_string_equal(response->entries[2]->user, "bert");
	assert_true(response->entries[0]->enrolled && !response->entries[1]->enrolled &&
	            response->entries[2]->enrolled);
	assert_null(response->entries[1]->score);
	assert_true(response->entries[0]->score->fused < response->entries[0]->score->threshold);
	assert_true(response->entries[2]->score->fused >= response->entries[2]->score->threshold);
	/* No level was asked for, so it is the configured one: standard. A stricter level asks for more. */
	assert_int_equal(response->entries[2]->score->n_level_thresholds, 3);
	assert_true(response->entries[2]->score->level_thresholds[1] == response->entries[2]->score->threshold);
	assert_true(response->entries[2]->score->level_thresholds[0] <
	            response->entries[2]->score->level_thresholds[1]);
	assert_true(response->entries[2]->score->level_thresholds[1] <
	            response->entries[2]->score->level_thresholds[2]);
	done(response);
	users[1] = (char *)(uintptr_t) "../etc";
	assert_int_equal(call("ScoreMany", &request, &response, &error), VU_INVALID_ARGUMENT);
}

static void test_identify(void **state)
{
	Vu__IdentifyRequest request = VU__IDENTIFY_REQUEST__INIT;
	Vu__IdentifyResponse *response;
	vector_message vector;
	char name[8];

	(void)state;
	make_vector(&vector, STRANGER + 2, 12, 0);
	request.extractor = (char *)(uintptr_t)SYNTHETIC_EXTRACTOR;
	request.vector = &vector.message;
	request.max_candidates = 3;
	assert_int_equal(call("Identify", &request, &response, NULL), VU_OK);
	assert_string_equal(response->user, "");
	assert_int_equal(response->n_candidates, 0);
	done(response);
	for (unsigned i = 0; i < 6; i++) {
		snprintf(name, sizeof name, "u%u", i);
		assert_int_equal(enrol("", name, STRANGER + i, false, NULL), VU_OK);
	}
	assert_int_equal(call("Identify", &request, &response, NULL), VU_OK);
	assert_string_equal(response->user, "u2");
	assert_int_equal(response->n_candidates, 3);
	assert_string_equal(response->candidates[0]->user, "u2");
	assert_true(response->candidates[0]->score >= response->candidates[1]->score);
	assert_true(fabsf(response->margin - (response->candidates[0]->score - response->candidates[1]->score)) <
	            1e-3f);
	done(response);
	make_vector(&vector, STRANGER + 99, 12, 0);
	assert_int_equal(call("Identify", &request, &response, NULL), VU_OK);
	assert_string_equal(response->user, "");
	done(response);
}

/* More users than are scored in full; one is removed, one becomes somebody else; then all of it after a restart. */
static void test_identify_among_many(void **state)
{
	enum { MANY = 30 };
	vector_message vector;
	Vu__IdentifyRequest request = VU__IDENTIFY_REQUEST__INIT;
	Vu__IdentifyResponse *response;
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__RemoveRequest remove = VU__REMOVE_REQUEST__INIT;
	Vu__RemoveResponse *removed;

	(void)state;
	request.extractor = (char *)(uintptr_t)SYNTHETIC_EXTRACTOR;
	request.vector = &vector.message;
	request.max_candidates = 20;
	for (unsigned i = 0; i < MANY; i++) {
		char name[8];
		snprintf(name, sizeof name, "m%02u", i % 100);
		assert_int_equal(enrol("", name, STRANGER + i, false, NULL), VU_OK);
	}
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			char name[8];
			snprintf(name, sizeof name, "m%02u", i % 100);
			make_vector(&vector, STRANGER + (round && i == 7 ? 902 : i), 12, 0);
			assert_int_equal(call("Identify", &request, &response, NULL), VU_OK);
			assert_string_equal(response->user, round && i == 4 ? "" : name);
			assert_int_equal(response->n_candidates, 20);
			for (size_t c = 0; round && c < 20; c++)
				assert_string_not_equal(response->candidates[c]->user, "m04");
			done(response);
		}
		if (round == 0) {
			key.user = (char *)(uintptr_t) "m04";
			remove.key = &key;
			assert_int_equal(call("Remove", &remove, &removed, NULL), VU_OK);
			done(removed);
			assert_int_equal(enrol("", "m07", STRANGER + 902, true, NULL), VU_OK);
		} else if (round == 1) {
			stop();
			start();
		}
	}
}

static Vu__AdaptResponse *adapt(const char *namespace, const char *user, unsigned person, unsigned take,
                                vu_error *error)
{
	vector_message vector;
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__AdaptRequest request = VU__ADAPT_REQUEST__INIT;
	Vu__AdaptResponse *response;

	make_vector(&vector, person, take, 0);
	key.namespace_ = (char *)(uintptr_t) namespace;
	key.user = (char *)(uintptr_t)user;
	request.key = &key;
	request.extractor = (char *)(uintptr_t)SYNTHETIC_EXTRACTOR;
	request.vector = &vector.message;
	return call("Adapt", &request, &response, error) == VU_OK ? response : NULL;
}

static float fused(const char *user, unsigned person, unsigned take)
{
	Vu__ScoreResponse *response;
	float score_;

	assert_int_equal(score("", user, person, take, "", &response, NULL), VU_OK);
	score_ = response->fused;
	done(response);
	return score_;
}

static void test_adapt_and_revert(void **state)
{
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__RevertRequest revert = VU__REVERT_REQUEST__INIT;
	Vu__AdaptResponse *response;
	Vu__Empty *empty;
	float before;
	float adapted;
	vu_error error = {0};

	(void)state;
	assert_null(adapt("", "anna", STRANGER, 20, &error));
	assert_int_equal(error.status, VU_NOT_FOUND);
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	before = fused("anna", STRANGER, 9);
	response = adapt("", "anna", STRANGER + 1, 20, NULL);
	assert_false(response->adapted);
	assert_string_equal(response->reason, "not sure enough");
	done(response);
	response = adapt("", "anna", STRANGER, 20, NULL);
	assert_true(response->adapted);
	assert_int_equal(response->adaptations, 1);
	done(response);
	adapted = fused("anna", STRANGER, 9);
	assert_true(adapted != before);
	response = adapt("", "anna", STRANGER, 21, NULL);
	assert_false(response->adapted);
	assert_string_equal(response->reason, "adapted often enough of late");
	done(response);
	/* It is in the file. */
	stop();
	start();
	assert_true(fabsf(fused("anna", STRANGER, 9) - adapted) < 1e-4f);
	/* Switched off, the template scores as it was enrolled; on again, as it had become. */
	current.adaptive = false;
	assert_int_equal(models_configure(service, &current, NULL), VU_OK);
	assert_true(fabsf(fused("anna", STRANGER, 9) - before) < 1e-4f);
	response = adapt("", "anna", STRANGER, 22, NULL);
	assert_false(response->adapted);
	assert_string_equal(response->reason, "authentication.adaptive is off");
	done(response);
	current.adaptive = true;
	assert_int_equal(models_configure(service, &current, NULL), VU_OK);
	assert_true(fabsf(fused("anna", STRANGER, 9) - adapted) < 1e-4f);
	key.user = (char *)(uintptr_t) "anna";
	revert.key = &key;
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(call("Revert", &revert, &empty, NULL), VU_OK);
		done(empty);
		assert_true(fabsf(fused("anna", STRANGER, 9) - before) < 1e-4f);
	}
	/* Evaluations never adapt. */
	assert_int_equal(enrol("trial", "anna", STRANGER, false, NULL), VU_OK);
	assert_null(adapt("trial", "anna", STRANGER, 20, &error));
	assert_int_equal(error.status, VU_INVALID_ARGUMENT);
}

static void test_list_and_last_use(void **state)
{
	Vu__ListUsersResponse *users;
	Vu__UserInfo *info;
	int64_t now = vu_clock_wall_us();

	(void)state;
	assert_int_equal(enrol("", "bert", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "Änna", STRANGER + 1, false, NULL), VU_OK);
	users = list("", "");
	assert_int_equal(users->n_users, 2);
	info = users->users[0];
	assert_string_equal(info->user, "bert");
	assert_true(info->present && info->verified);
	assert_int_equal(info->samples, SAMPLES);
	assert_string_equal(info->extractor, SYNTHETIC_EXTRACTOR);
	assert_int_equal(strlen(info->background), 64);
	assert_true((int64_t)info->enrolled_us >= now - 1000000);
	assert_int_equal(info->last_used_us, 0);
	assert_string_equal(users->users[1]->user, "Änna");
	done(users);
	expect_score("bert", STRANGER, true);
	/* The use is noted after the answer: a moment may pass. */
	for (int tries = 0; tries < 5000; tries++) {
		bool noted;
		users = list("", "bert");
		assert_int_equal(users->n_users, 1);
		noted = users->users[0]->last_used_us > 0;
		done(users);
		if (noted)
			break;
		assert_true(tries < 4999);
		usleep(1000);
	}
	users = list("", "nobody");
	assert_int_equal(users->n_users, 0);
	done(users);
}

/* One page; the token of the next is copied into `token`. */
static Vu__ListUsersResponse *list_page(uint32_t size, char token[65])
{
	Vu__ListUsersRequest request = VU__LIST_USERS_REQUEST__INIT;
	Vu__ListUsersResponse *response;

	request.page_size = size;
	request.page_token = token;
	assert_int_equal(call("ListUsers", &request, &response, NULL), VU_OK);
	snprintf(token, 65, "%s", response->next_page_token);
	return response;
}

static void test_list_by_pages(void **state)
{
	static const char *const names[] = {"anna", "bert", "carl", "dora", "emil"};
	char token[65] = "";
	size_t seen = 0;

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(enrol("", names[i], STRANGER + i, false, NULL), VU_OK);
	do {
		Vu__ListUsersResponse *users = list_page(2, token);
		assert_int_equal(users->n_users, seen == 4 ? 1 : 2);
		for (size_t i = 0; i < users->n_users; i++)
			assert_string_equal(users->users[i]->user, names[seen++]);
		done(users);
	} while (*token);
	assert_int_equal(seen, 5);
	/* Whom the token names may be gone by the next page. */
	strcpy(token, "bz");
	done(list_page(1, token));
	assert_string_equal(token, "carl");
}

static void test_list_of_more_than_a_message_holds(void **state)
{
	enum { MANY = 2100 };
	char token[65] = "";
	char last[65] = "";
	size_t seen = 0;
	unsigned pages = 0;

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	for (unsigned i = 0; i < MANY; i++) {
		char path[160];
		FILE *file;
		snprintf(path, sizeof path, "%s/templates/users/n%05u.vut", folder, i);
		file = fopen(path, "w");
		assert_non_null(file);
		fclose(file);
	}
	do {
		Vu__ListUsersResponse *users = list_page(0, token);
		for (size_t i = 0; i < users->n_users; i++) {
			assert_true(strcmp(users->users[i]->user, last) > 0);
			snprintf(last, sizeof last, "%s", users->users[i]->user);
		}
		seen += users->n_users;
		pages++;
		done(users);
	} while (*token);
	assert_int_equal(seen, MANY + 1);
	assert_true(pages >= 3);
}

static void test_list_among(void **state)
{
	char *among[] = {(char *)(uintptr_t) "nobody", (char *)(uintptr_t) "bert"};
	Vu__ListUsersRequest request = VU__LIST_USERS_REQUEST__INIT;
	Vu__ListUsersResponse *response;
	vu_error error = {0};

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "bert", STRANGER + 1, false, NULL), VU_OK);
	request.among = among;
	request.n_among = 2;
	assert_int_equal(call("ListUsers", &request, &response, NULL), VU_OK);
	assert_int_equal(response->n_users, 1);
	assert_string_equal(response->users[0]->user, "bert");
	assert_string_equal(response->next_page_token, "");
	done(response);
	among[0] = (char *)(uintptr_t) "../x";
	assert_int_equal(call("ListUsers", &request, &response, &error), VU_INVALID_ARGUMENT);
}

static void damage(const char *user)
{
	Vu__ListUsersResponse *users = list("", user);
	FILE *file = fopen(users->users[0]->path, "r+b");

	assert_non_null(file);
	assert_int_equal(fseek(file, 3000, SEEK_SET), 0);
	fputc(fgetc(file) ^ 1, file);
	assert_int_equal(fseek(file, 3000, SEEK_SET), 0);
	fputc(0x5A, file);
	fclose(file);
	done(users);
}

static void test_damaged_template_is_never_scored(void **state)
{
	Vu__ScoreResponse *response;
	Vu__ListUsersResponse *users;
	vu_error error = {0};

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	damage("anna");
	assert_int_equal(score("", "anna", STRANGER, 9, "", &response, &error), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "damaged"));
	users = list("", "anna");
	assert_true(users->users[0]->present && !users->users[0]->verified);
	done(users);
	assert_int_equal(enrol("", "anna", STRANGER, false, &error), VU_ALREADY_EXISTS);
	assert_int_equal(enrol("", "anna", STRANGER, true, &error), VU_OK);
	expect_score("anna", STRANGER, true);
}

/* What was verified is what is scored, whatever happens to the file behind our back. */
static void test_file_changed_while_cached(void **state)
{
	Vu__ListUsersResponse *users;
	char path[PATH_MAX];

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	expect_score("anna", STRANGER, true);
	users = list("", "anna");
	snprintf(path, sizeof path, "%s", users->users[0]->path);
	done(users);
	assert_int_equal(truncate(path, 100), 0);
	expect_score("anna", STRANGER, true);
	expect_score("anna", STRANGER + 1, false);
	users = list("", "anna");
	assert_false(users->users[0]->verified);
	done(users);
}

static void test_swapped_files_are_refused(void **state)
{
	Vu__ListUsersResponse *users;
	Vu__ScoreResponse *response;
	char command[1200];
	vu_error error = {0};

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "bert", STRANGER + 1, false, NULL), VU_OK);
	users = list("", "");
	snprintf(command, sizeof command, "cp '%s' '%s'", users->users[1]->path, users->users[0]->path);
	done(users);
	assert_int_equal(system(command), 0);
	stop();
	start();
	assert_int_equal(score("", "anna", STRANGER + 1, 9, "", &response, &error), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "was made for somebody else"));
}

/* A plain template says inside whose it is. */
static void test_swapped_plain_files_are_refused(void **state)
{
	Vu__ListUsersResponse *users;
	Vu__ScoreResponse *response;
	char command[1200];
	vu_error error = {0};

	(void)state;
	stop();
	current.key_path = NULL;
	start();
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "bert", STRANGER + 1, false, NULL), VU_OK);
	users = list("", "");
	snprintf(command, sizeof command, "cp '%s' '%s'", users->users[1]->path, users->users[0]->path);
	done(users);
	assert_int_equal(system(command), 0);
	stop();
	start();
	assert_int_equal(score("", "anna", STRANGER + 1, 9, "", &response, &error), VU_PERMISSION_DENIED);
	assert_non_null(strstr(error.message, "belongs to 'bert'"));
}

static void test_a_new_master_key_while_serving(void **state)
{
	Vu__Empty request = VU__EMPTY__INIT;
	Vu__RotateKeyResponse *response;

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "bert", STRANGER + 1, false, NULL), VU_OK);
	assert_int_equal(call("RotateKey", &request, &response, NULL), VU_OK);
	assert_int_equal(response->templates, 2);
	assert_string_equal(response->key_path, key_path);
	done(response);
	expect_score("anna", STRANGER, true);
	stop();
	start();
	expect_score("anna", STRANGER, true);
	expect_score("bert", STRANGER + 1, true);
}

static void test_template_others_can_write_is_refused(void **state)
{
	Vu__ListUsersResponse *users;
	Vu__ScoreResponse *response;
	vu_error error = {0};

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	users = list("", "anna");
	assert_int_equal(chmod(users->users[0]->path, 0666), 0);
	done(users);
	assert_int_equal(score("", "anna", STRANGER, 9, "", &response, &error), VU_PERMISSION_DENIED);
}

static void test_namespaces(void **state)
{
	Vu__RemoveNamespaceRequest request = VU__REMOVE_NAMESPACE_REQUEST__INIT;
	Vu__Empty *response;
	Vu__ScoreResponse *scored;
	Vu__ListUsersResponse *users;
	vu_error error = {0};

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("run-1", "anna", STRANGER + 1, false, NULL), VU_OK);
	assert_int_equal(score("run-1", "anna", STRANGER + 1, 9, "", &scored, NULL), VU_OK);
	assert_true(scored->fused >= scored->threshold);
	done(scored);
	expect_score("anna", STRANGER, true);
	expect_score("anna", STRANGER + 1, false);
	request.namespace_ = (char *)(uintptr_t) "";
	assert_int_equal(call("RemoveNamespace", &request, &response, &error), VU_INVALID_ARGUMENT);
	request.namespace_ = (char *)(uintptr_t) "run-1";
	assert_int_equal(call("RemoveNamespace", &request, &response, NULL), VU_OK);
	done(response);
	assert_int_equal(call("RemoveNamespace", &request, &response, NULL), VU_OK);
	done(response);
	assert_int_equal(score("run-1", "anna", STRANGER + 1, 9, "", &scored, &error), VU_NOT_FOUND);
	users = list("", "");
	assert_int_equal(users->n_users, 1);
	done(users);
}

static void test_preload(void **state)
{
	Vu__PreloadRequest request = VU__PRELOAD_REQUEST__INIT;
	Vu__PreloadResponse *response;
	Vu__ScoreResponse *scored;
	Vu__UserKey keys[2] = {VU__USER_KEY__INIT, VU__USER_KEY__INIT};
	Vu__UserKey *pointers[2] = {&keys[0], &keys[1]};

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	keys[0].user = (char *)(uintptr_t) "anna";
	keys[1].user = (char *)(uintptr_t) "nobody";
	request.n_keys = 2;
	request.keys = pointers;
	assert_int_equal(call("Preload", &request, &response, NULL), VU_OK);
	assert_int_equal(response->loaded, 1);
	done(response);
	assert_int_equal(score("", "anna", STRANGER, 9, "", &scored, NULL), VU_OK);
	assert_true(scored->cached);
	done(scored);
}

static void test_settings_change(void **state)
{
	vu_error error = {0};
	Vu__ListUsersResponse *users;
	char before[65];

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	users = list("", "anna");
	strcpy(before, users->users[0]->background);
	done(users);
	/* Other numbers of components, float32, no mapping, pruning: trained again from what was kept. */
	for (uint32_t components = 10; components <= 100; components += 30) {
		current.components = components;
		current.quantize = components % 20 != 0;
		current.map = components != 40;
		current.prune = components == 70 ? 0.3 : 0;
		assert_int_equal(models_configure(service, &current, &error), VU_OK);
		expect_score("anna", STRANGER, true);
		expect_score("anna", STRANGER + 1, false);
	}
	/* Another background of the same extractor too. */
	current.background_path = other_background_path;
	assert_int_equal(models_configure(service, &current, &error), VU_OK);
	expect_score("anna", STRANGER, true);
	expect_score("anna", STRANGER + 1, false);
	users = list("", "anna");
	assert_string_not_equal(users->users[0]->background, before);
	assert_int_equal(users->users[0]->samples, SAMPLES);
	done(users);
}

static void test_background_missing_or_bad(void **state)
{
	Vu__ScoreResponse *response;
	vu_error error = {0};
	char path[128];

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	snprintf(path, sizeof path, "%s/none.vum", folder);
	current.background_path = path;
	assert_int_equal(models_configure(service, &current, &error), VU_OK);
	assert_int_equal(score("", "anna", STRANGER, 9, "", &response, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "ml.background_model"));
	assert_int_equal(vu_file_write_atomically(path, "nonsense", 8, NULL), VU_OK);
	assert_int_equal(score("", "anna", STRANGER, 9, "", &response, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "not a Voice Unlock model file"));
	current.background_path = background_path;
	assert_int_equal(models_configure(service, &current, &error), VU_OK);
	expect_score("anna", STRANGER, true);
}

static uint64_t cached_bytes(void)
{
	Vu__StatsResponse *s = stats();
	uint64_t total = 0;

	for (size_t i = 0; i < s->n_caches; i++)
		total += s->caches[i]->bytes;
	done(s);
	return total;
}

static void score_everybody(unsigned count)
{
	char name[8];

	for (unsigned i = 0; i < count; i++) {
		Vu__ScoreResponse *response;
		snprintf(name, sizeof name, "u%u", i);
		assert_int_equal(score("ns", name, STRANGER + i, 9, "", &response, NULL), VU_OK);
		assert_true(response->fused >= response->threshold);
		done(response);
	}
}

static void test_ceiling_holds_and_cleanup_frees(void **state)
{
	Vu__StatsResponse *s;
	uint64_t all;
	char name[8];

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		snprintf(name, sizeof name, "u%u", i);
		assert_int_equal(enrol("ns", name, STRANGER + i, false, NULL), VU_OK);
	}
	score_everybody(12);
	all = cached_bytes();
	current.cache_bytes = (size_t)(all * 3 / 4);
	assert_int_equal(models_configure(service, &current, NULL), VU_OK);
	score_everybody(12);
	score_everybody(12);
	assert_true(cached_bytes() > 0 && cached_bytes() <= current.cache_bytes);
	s = stats();
	assert_true(s->total_unloaded > 0);
	done(s);
	all = cached_bytes();
	assert_true(models_cleanup(service, false) >= all / 2);
	models_cleanup(service, true);
	assert_int_equal(cached_bytes(), 0);
	score_everybody(1);
}

/* Short of memory, but whoever comes again finds all that is needed. */
static void test_relief_does_not_hinder_who_comes(void **state)
{
	Vu__ScoreResponse *scored;

	(void)state;
	current.aggressive_unload_timeout_s = 60;
	assert_int_equal(models_configure(service, &current, NULL), VU_OK);
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(score("", "anna", STRANGER, 9, "", &scored, NULL), VU_OK);
	done(scored);
	for (int i = 0; i < 3; i++)
		models_relieve(service);
	cache_refuse_loads(service->cache, vu_clock_monotonic_us() + 60 * INT64_C(1000000));
	assert_int_equal(score("", "anna", STRANGER, 10, "", &scored, NULL), VU_OK);
	assert_true(scored->cached);
	done(scored);
	cache_refuse_loads(service->cache, 0);
	/* Who asks for all gets it. */
	for (int i = 0; i < 16; i++)
		models_cleanup(service, true);
	assert_int_equal(cached_bytes(), 0);
}

static Vu__ModelStatesResponse *states_of(const char *user)
{
	Vu__ModelStatesRequest request = VU__MODEL_STATES_REQUEST__INIT;
	Vu__ModelStatesResponse *response;
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__UserKey *pointer = &key;

	key.user = (char *)(uintptr_t)user;
	request.n_keys = 1;
	request.keys = &pointer;
	assert_int_equal(call("States", &request, &response, NULL), VU_OK);
	assert_int_equal(response->n_states, 1);
	return response;
}

/* What is foretold of a load (the file and what loading.c adds) is no less than what it takes. */
static void test_sizes_are_told(void **state)
{
	Vu__ModelStatesResponse *s;
	Vu__StatsResponse *all;
	Vu__ScoreResponse *scored;
	struct stat info;
	char path[128];
	uint64_t template_bytes;

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(score("", "anna", STRANGER, 9, "", &scored, NULL), VU_OK);
	done(scored);
	s = states_of("anna");
	template_bytes = s->states[0]->bytes;
	done(s);
	snprintf(path, sizeof path, "%s/templates/users/anna.vut", folder);
	assert_int_equal(stat(path, &info), 0);
	assert_in_range(template_bytes, 1, (uint64_t)info.st_size + 16384);
	assert_int_equal(stat(current.background_path, &info), 0);
	all = stats();
	assert_int_equal(all->mapped_bytes, info.st_size);
	assert_in_range(all->caches[0]->bytes - template_bytes, (uint64_t)info.st_size,
	                (uint64_t)info.st_size + 512 * 1024);
	done(all);
	current.map = false;
	assert_int_equal(models_configure(service, &current, NULL), VU_OK);
	assert_int_equal(score("", "anna", STRANGER, 10, "", &scored, NULL), VU_OK);
	done(scored);
	all = stats();
	assert_int_equal(all->mapped_bytes, 0);
	done(all);
}

static void test_states(void **state)
{
	char path[128];
	Vu__ModelStatesResponse *s;
	Vu__ScoreResponse *scored;
	vu_error error = {0};

	(void)state;
	s = states_of("anna");
	assert_string_equal(s->states[0]->state, "NOT_FOUND");
	assert_string_equal(s->states[0]->reason, "user 'anna' is not enrolled");
	done(s);
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	s = states_of("anna");
	assert_string_equal(s->states[0]->state, "NOT_LOADED");
	done(s);
	expect_score("anna", STRANGER, true);
	s = states_of("anna");
	assert_string_equal(s->states[0]->state, "LOADED");
	assert_true(s->states[0]->bytes > 0);
	done(s);
	/* Damaged: three tries, then the pause with the reason; a new enrolment ends it. */
	assert_int_equal(models_cleanup(service, true) > 0, true);
	snprintf(path, sizeof path, "%s/templates/users/anna.vut", folder);
	assert_int_equal(vu_file_write_atomically(path, "nonsense", 8, NULL), VU_OK);
	for (int i = 0; i < 4; i++)
		assert_int_not_equal(score("", "anna", STRANGER, 9, "", &scored, &error), VU_OK);
	assert_non_null(strstr(error.message, "it failed 3 times and is tried again in 15 min"));
	s = states_of("anna");
	assert_string_equal(s->states[0]->state, "LOADING_FAILED");
	assert_int_equal(s->states[0]->failures, 3);
	assert_true(s->states[0]->paused_s > 800 && s->states[0]->paused_s <= 900);
	assert_non_null(strstr(s->states[0]->reason, "anna.vut"));
	done(s);
	assert_int_equal(enrol("", "anna", STRANGER, true, NULL), VU_OK);
	expect_score("anna", STRANGER, true);
}

static void set_pressure(bool refuse)
{
	Vu__PressureRequest request = VU__PRESSURE_REQUEST__INIT;
	Vu__Empty *response;

	request.refuse_loads = refuse;
	assert_int_equal(call("SetPressure", &request, &response, NULL), VU_OK);
	done(response);
}

static void test_pressure_refuses_loads_and_spares_the_loaded(void **state)
{
	Vu__ScoreResponse *scored;
	Vu__StatsResponse *s;
	vu_error error = {0};

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "bert", STRANGER + 1, false, NULL), VU_OK);
	expect_score("anna", STRANGER, true);
	/* Enrolling anew drops what was loaded of bert. */
	assert_int_equal(enrol("", "bert", STRANGER + 1, true, NULL), VU_OK);
	set_pressure(true);
	s = stats();
	assert_true(s->refusing_loads);
	done(s);
	assert_int_equal(score("", "bert", STRANGER + 1, 9, "", &scored, &error), VU_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(error.message, "short of memory"));
	expect_score("anna", STRANGER, true);
	set_pressure(false);
	expect_score("bert", STRANGER + 1, true);
}

static void test_hot(void **state)
{
	Vu__HotRequest request = VU__HOT_REQUEST__INIT;
	Vu__HotResponse *hot;

	(void)state;
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "bert", STRANGER + 1, false, NULL), VU_OK);
	assert_int_equal(enrol("ns", "carl", STRANGER + 2, false, NULL), VU_OK);
	expect_score("bert", STRANGER + 1, true);
	expect_score("anna", STRANGER, true);
	assert_int_equal(call("Hot", &request, &hot, NULL), VU_OK);
	assert_int_equal(hot->n_keys, 2);
	assert_string_equal(hot->keys[0]->user, "anna");
	assert_string_equal(hot->keys[1]->user, "bert");
	done(hot);
	request.limit = 1;
	assert_int_equal(call("Hot", &request, &hot, NULL), VU_OK);
	assert_int_equal(hot->n_keys, 1);
	done(hot);
}

/* ---- prediction, with a clock of its own ---- */

static int64_t wall_us;

static int64_t tell_wall(void *context)
{
	(void)context;
	return wall_us;
}

static vu_status observe(const char *user, vu_error *error)
{
	Vu__ObserveRequest request = VU__OBSERVE_REQUEST__INIT;
	Vu__Empty *response;
	vu_status status;

	request.user = (char *)(uintptr_t)user;
	status = call("Observe", &request, &response, error);
	if (status == VU_OK)
		done(response);
	return status;
}

static void restart_predicting(double threshold, uint32_t queue)
{
	stop();
	current.predict = true;
	current.preload_threshold = threshold;
	current.preload_queue = queue;
	start();
	service->clock = (vu_clock){vu_clock_system().monotonic_us, tell_wall, NULL};
}

/* Comes at nine on ten days, the last of them yesterday. */
static void come_every_day(const char *user)
{
	for (int day = 0; day < 10; day++) {
		wall_us = (INT64_C(19727) + day) * 86400000000 + INT64_C(9 * 3600) * 1000000;
		assert_int_equal(observe(user, NULL), VU_OK);
	}
	wall_us += INT64_C(23 * 3600) * 1000000;
}

static void be_idle(void)
{
	atomic_store(&service->asked_us, 0);
}

static void test_who_is_expected_is_loaded(void **state)
{
	Vu__StatsResponse *s;
	Vu__ScoreResponse *scored;
	Vu__RemoveRequest removal = VU__REMOVE_REQUEST__INIT;
	Vu__RemoveResponse *removed;
	Vu__UserKey key = VU__USER_KEY__INIT;
	vu_error error = {0};

	(void)state;
	setenv("TZ", "UTC", 1);
	restart_predicting(0.5, 5);
	assert_int_equal(preload_expected(service), 0);
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "bert", STRANGER + 1, false, NULL), VU_OK);
	assert_int_equal(observe("..", &error), VU_INVALID_ARGUMENT);
	come_every_day("anna");
	assert_int_equal(observe("bert", NULL), VU_OK); /* once is no habit */
	/* It survives a restart, after which nothing is loaded until somebody is expected. */
	restart_predicting(0.5, 5);
	s = stats();
	assert_int_equal(s->total_loaded, 0);
	assert_int_equal(s->n_expected, 0);
	done(s);
	be_idle();
	assert_int_equal(preload_expected(service), 1);
	be_idle();
	assert_int_equal(preload_expected(service), 0);
	s = stats();
	assert_int_equal(s->n_expected, 1);
	assert_string_equal(s->expected[0]->user, "anna");
	assert_true(s->expected[0]->p > 0.5 && s->expected[0]->p <= 1);
	assert_non_null(strstr(s->expected[0]->reason, "between 08:00 and 10:00"));
	assert_true(s->preloaded >= 1);
	assert_int_equal(s->caches[0]->misses, 0);
	done(s);
	assert_int_equal(score("", "anna", STRANGER, 9, "", &scored, NULL), VU_OK);
	assert_true(scored->cached);
	done(scored);
	/* Whoever is removed is not expected any more. */
	key.user = (char *)(uintptr_t) "anna";
	removal.key = &key;
	assert_int_equal(call("Remove", &removal, &removed, NULL), VU_OK);
	done(removed);
	s = stats();
	assert_int_equal(s->n_expected, 0);
	done(s);
	be_idle();
	assert_int_equal(preload_expected(service), 0);
}

static void test_settings_of_prediction(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	restart_predicting(0.5, 5);
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	assert_int_equal(enrol("", "bert", STRANGER + 1, false, NULL), VU_OK);
	come_every_day("anna");
	come_every_day("bert");
	restart_predicting(0.99, 5);
	be_idle();
	assert_int_equal(preload_expected(service), 0);
	restart_predicting(0.5, 0);
	be_idle();
	assert_int_equal(preload_expected(service), 0);
	restart_predicting(0.5, 1);
	be_idle();
	assert_int_equal(preload_expected(service), 1);
	restart_predicting(0.5, 5);
	be_idle();
	assert_int_equal(preload_expected(service), 2);
	/* Not while somebody is being served, nor beyond the budget. */
	restart_predicting(0.5, 5);
	expect_score("anna", STRANGER, true);
	assert_int_equal(preload_expected(service), 0);
	current.cache_bytes = 1000;
	restart_predicting(0.5, 5);
	be_idle();
	assert_int_equal(preload_expected(service), 0);
	/* Off: neither learned nor foretold. */
	current.cache_bytes = 16 * 1024 * 1024;
	restart_predicting(0.5, 5);
	current.predict = false;
	assert_int_equal(models_configure(service, &current, NULL), VU_OK);
	assert_int_equal(observe("anna", NULL), VU_OK);
	be_idle();
	assert_int_equal(preload_expected(service), 0);
}

static void test_preloading_thread_ends(void **state)
{
	vu_error error = {0};

	(void)state;
	restart_predicting(0.5, 5);
	assert_int_equal(models_start_preloading(service, &error), VU_OK);
	assert_int_equal(enrol("", "anna", STRANGER, false, NULL), VU_OK);
	models_stop_preloading(service);
	models_stop_preloading(service);
	assert_int_equal(models_start_preloading(service, &error), VU_OK);
}

typedef struct worker {
	unsigned number;
	bool failed;
} worker;

/* Enrols, scores, replaces and removes users of its own and one that all share. */
static void *work(void *argument)
{
	worker *w = argument;
	char name[16];

	snprintf(name, sizeof name, "w%u", w->number);
	for (unsigned round = 0; round < 6 && !w->failed; round++) {
		Vu__RemoveRequest request = VU__REMOVE_REQUEST__INIT;
		Vu__UserKey key = VU__USER_KEY__INIT;
		Vu__RemoveResponse *removed;
		Vu__ScoreResponse *response;
		enrolment *e = make_enrolment("", name, STRANGER + w->number);
		Vu__EnrollResponse *enrolled;
		vu_status status = call("Enroll", &e->request, &enrolled, NULL);
		w->failed |= status != VU_OK;
		if (status == VU_OK)
			done(enrolled);
		e->key.user = (char *)(uintptr_t) "shared";
		e->request.replace = true;
		status = call("Enroll", &e->request, &enrolled, NULL);
		w->failed |= status != VU_OK;
		if (status == VU_OK)
			done(enrolled);
		free(e);
		status = score("", name, STRANGER + w->number, 9, "", &response, NULL);
		w->failed |= status != VU_OK || response->fused < response->threshold;
		if (status == VU_OK)
			done(response);
		status = score("", "shared", STRANGER + w->number, 9, "", &response, NULL);
		w->failed |= status != VU_OK;
		if (status == VU_OK)
			done(response);
		key.user = name;
		request.key = &key;
		status = call("Remove", &request, &removed, NULL);
		w->failed |= status != VU_OK;
		if (status == VU_OK)
			done(removed);
	}
	return NULL;
}

static void test_many_at_once(void **state)
{
	pthread_t threads[6];
	worker workers[6];
	Vu__ListUsersResponse *users;
	Vu__StatsResponse *s;

	(void)state;
	s = stats(); /* from here on users are counted as they come and go */
	done(s);
	for (unsigned i = 0; i < 6; i++) {
		workers[i] = (worker){i, false};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < 6; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_false(workers[i].failed);
	}
	users = list("", "");
	assert_int_equal(users->n_users, 1);
	assert_true(users->users[0]->verified);
	done(users);
	s = stats();
	assert_int_equal(s->users, 1);
	done(s);
}

static void phrases_are_asked_of_templates_that_have_them(void **state)
{
	static const struct {
		const char *phrase;
		const char *words;
	} BAD[] = {{"two\nlines", "control character"}, {NULL, "at most 200 bytes"}};
	char endless[202];
	enrolment *e = make_enrolment("", "phrasa", 7);
	Vu__EnrollResponse *enrolled;
	Vu__PhrasesRequest phrases = VU__PHRASES_REQUEST__INIT;
	Vu__PhrasesResponse *response;
	Vu__CheckPhrasesRequest check = VU__CHECK_PHRASES_REQUEST__INIT;
	Vu__CheckPhrasesResponse *checked;
	char *asked[] = {(char *)(uintptr_t) "one phrase", (char *)(uintptr_t) "another"};
	vu_error error;
	(void)state;

	memset(endless, 'a', sizeof endless - 1);
	endless[sizeof endless - 1] = '\0';
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
		e->samples[1].phrase = BAD[i].phrase ? (char *)(uintptr_t)BAD[i].phrase : endless;
		assert_int_equal(call("Enroll", &e->request, &enrolled, &error), VU_INVALID_ARGUMENT);
		assert_non_null(strstr(error.message, BAD[i].words));
	}
	phrases.key = &e->key;
	assert_int_equal(call("Phrases", &phrases, &response, &error), VU_NOT_FOUND);
	for (size_t i = 0; i < SAMPLES; i++)
		e->samples[i].phrase = asked[i % 2];
	assert_int_equal(call("Enroll", &e->request, &enrolled, NULL), VU_OK);
	done(enrolled);
	/* This background models no frames, so none were kept, and there is nothing to hold an answer against. */
	assert_int_equal(call("Phrases", &phrases, &response, NULL), VU_OK);
	assert_int_equal(response->n_phrases, 0);
	done(response);
	check.key = &e->key;
	check.extractor = (char *)(uintptr_t)SYNTHETIC_EXTRACTOR;
	assert_int_equal(call("CheckPhrases", &check, &checked, &error), VU_INVALID_ARGUMENT);
	check.phrases = asked;
	check.n_phrases = 2;
	assert_int_equal(call("CheckPhrases", &check, &checked, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "did not enrol with it"));
	free(e);
}

int main(void)
{
#define WITH_SERVICE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    WITH_SERVICE(test_nothing_is_loaded_at_start),
	    WITH_SERVICE(phrases_are_asked_of_templates_that_have_them),
	    WITH_SERVICE(test_enrol_score_and_restart),
	    WITH_SERVICE(test_levels),
	    WITH_SERVICE(test_duplicate_and_replace),
	    WITH_SERVICE(test_repeated_request_happens_once),
	    WITH_SERVICE(test_unknown_user),
	    WITH_SERVICE(test_bad_names),
	    WITH_SERVICE(test_hostile_vectors),
	    WITH_SERVICE(test_identical_samples),
	    WITH_SERVICE(test_other_extractor),
	    WITH_SERVICE(test_disagreeing_sample_and_close_voice_are_told),
	    WITH_SERVICE(test_agreement),
	    WITH_SERVICE(test_score_many),
	    WITH_SERVICE(test_identify),
	    WITH_SERVICE(test_identify_among_many),
	    WITH_SERVICE(test_adapt_and_revert),
	    WITH_SERVICE(test_list_and_last_use),
	    WITH_SERVICE(test_list_by_pages),
	    WITH_SERVICE(test_list_of_more_than_a_message_holds),
	    WITH_SERVICE(test_list_among),
	    WITH_SERVICE(test_damaged_template_is_never_scored),
	    WITH_SERVICE(test_file_changed_while_cached),
	    WITH_SERVICE(test_swapped_files_are_refused),
	    WITH_SERVICE(test_swapped_plain_files_are_refused),
	    WITH_SERVICE(test_a_new_master_key_while_serving),
	    WITH_SERVICE(test_template_others_can_write_is_refused),
	    WITH_SERVICE(test_namespaces),
	    WITH_SERVICE(test_preload),
	    WITH_SERVICE(test_settings_change),
	    WITH_SERVICE(test_background_missing_or_bad),
	    WITH_SERVICE(test_ceiling_holds_and_cleanup_frees),
	    WITH_SERVICE(test_sizes_are_told),
	    WITH_SERVICE(test_relief_does_not_hinder_who_comes),
	    WITH_SERVICE(test_states),
	    WITH_SERVICE(test_pressure_refuses_loads_and_spares_the_loaded),
	    WITH_SERVICE(test_hot),
	    WITH_SERVICE(test_who_is_expected_is_loaded),
	    WITH_SERVICE(test_settings_of_prediction),
	    WITH_SERVICE(test_preloading_thread_ends),
	    WITH_SERVICE(test_many_at_once),
	};
	return cmocka_run_group_tests_name("models", tests, setup_all, teardown_all);
}
