/*
 * One model-server over a real socket for all tests of a program: its folder,
 * its settings, synthetic people and calls to it. A header of static functions,
 * because aids in .c files are linked into the tests of all services.
 */
#ifndef VU_TESTS_MODELS_FIXTURE_H
#define VU_TESTS_MODELS_FIXTURE_H

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

__attribute__((unused)) static void start(void)
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

__attribute__((unused)) static void stop(void)
{
	assert_int_equal(vu_rpc_server_drain(server, 30000), 0);
	vu_rpc_server_destroy(server);
	models_destroy(service);
}

__attribute__((unused)) static int setup_all(void **state)
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

__attribute__((unused)) static int teardown_all(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

__attribute__((unused)) static int setup(void **state)
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

__attribute__((unused)) static int teardown(void **state)
{
	(void)state;
	stop();
	return 0;
}

/* ---- requests ---- */

__attribute__((unused)) static vu_status call_as(const uint8_t *id, const char *method, const void *request,
                                                 void *response_out, vu_error *error)
{
	ProtobufCMessage *response = NULL;
	vu_call_options options = {.timeout_us = TIMEOUT_US, .wait_for_ready = true, .request_id = id};
	vu_status status =
	    vu_channel_call(channel, &vu__models__descriptor, method, request, &response, &options, error);

	*(void **)response_out = response;
	return status;
}

__attribute__((unused)) static vu_status call(const char *method, const void *request, void *response_out,
                                              vu_error *error)
{
	return call_as(NULL, method, request, response_out, error);
}

__attribute__((unused)) static void done(void *response)
{
	protobuf_c_message_free_unpacked(response, NULL);
}

/* A vector message with values of its own. */
typedef struct vector_message {
	Vu__SpeakerVector message;
	float values[100];
} vector_message;

__attribute__((unused)) static void make_vector(vector_message *v, unsigned person, unsigned take, unsigned crop)
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

__attribute__((unused)) static enrolment *make_enrolment(const char *namespace, const char *user, unsigned person)
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

__attribute__((unused)) static vu_status enrol(const char *namespace, const char *user, unsigned person, bool replace,
                                               vu_error *error)
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

__attribute__((unused)) static vu_status score(const char *namespace, const char *user, unsigned person,
                                               unsigned take, const char *level, Vu__ScoreResponse **response,
                                               vu_error *error)
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

__attribute__((unused)) static void expect_score(const char *user, unsigned person, bool accept)
{
	Vu__ScoreResponse *response;
	vu_error error = {0};

	if (score("", user, person, 10, "", &response, &error) != VU_OK)
		fail_msg("%s", error.message);
	assert_int_equal(response->fused >= response->threshold, accept);
	done(response);
}

__attribute__((unused)) static Vu__ListUsersResponse *list(const char *namespace, const char *user)
{
	Vu__ListUsersRequest request = VU__LIST_USERS_REQUEST__INIT;
	Vu__ListUsersResponse *response;

	request.namespace_ = (char *)(uintptr_t) namespace;
	request.user = (char *)(uintptr_t)user;
	assert_int_equal(call("ListUsers", &request, &response, NULL), VU_OK);
	return response;
}

__attribute__((unused)) static Vu__StatsResponse *stats(void)
{
	Vu__Empty request = VU__EMPTY__INIT;
	Vu__StatsResponse *response;

	assert_int_equal(call("Stats", &request, &response, NULL), VU_OK);
	return response;
}

#define WITH_SERVICE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
