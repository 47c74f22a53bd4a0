/*
 * The model-server over a real socket: templates and backgrounds on disk that
 * are damaged, swapped, changed or of others, and settings that change them.
 */
#include "models_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_SERVICE(test_damaged_template_is_never_scored),
	    WITH_SERVICE(test_file_changed_while_cached),
	    WITH_SERVICE(test_swapped_files_are_refused),
	    WITH_SERVICE(test_swapped_plain_files_are_refused),
	    WITH_SERVICE(test_a_new_master_key_while_serving),
	    WITH_SERVICE(test_template_others_can_write_is_refused),
	    WITH_SERVICE(test_settings_change),
	    WITH_SERVICE(test_background_missing_or_bad),
	};
	return cmocka_run_group_tests_name("files", tests, setup_all, teardown_all);
}
