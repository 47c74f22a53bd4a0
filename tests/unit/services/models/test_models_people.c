/*
 * The model-server over a real socket: who it is among many, slow change of a
 * template and the way back, lists by pages, namespaces.
 */
#include "models_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_SERVICE(test_identify),         WITH_SERVICE(test_identify_among_many),
	    WITH_SERVICE(test_adapt_and_revert), WITH_SERVICE(test_list_and_last_use),
	    WITH_SERVICE(test_list_by_pages),    WITH_SERVICE(test_list_of_more_than_a_message_holds),
	    WITH_SERVICE(test_list_among),       WITH_SERVICE(test_namespaces),
	};
	return cmocka_run_group_tests_name("people", tests, setup_all, teardown_all);
}
