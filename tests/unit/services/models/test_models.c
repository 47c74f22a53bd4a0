/*
 * The model-server over a real socket, with synthetic people: enrolment and
 * scores, what is refused and with which status, what survives a restart.
 */
#include "models_fixture.h"

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
	    WITH_SERVICE(test_many_at_once),
	};
	return cmocka_run_group_tests_name("models", tests, setup_all, teardown_all);
}
