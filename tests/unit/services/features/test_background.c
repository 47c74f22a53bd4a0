/* services/features: the background model at first use, shared, replaced, given back, and missing. */
#include "../../../../services/features/background.h"

#include "../../folder_aid.h"
#include "../../ml/synthetic.h"
#include "../../ml/synthetic_frames.h"

#include "dsp/extractor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[TEST_PATH_MAX];
static char path[TEST_PATH_MAX + 32];
static char fresh[TEST_PATH_MAX + 32];
static char foreign[TEST_PATH_MAX + 32];
static vu_config config;
static vu_features_background *holder;

static int setup_all(void **state)
{
	(void)state;
	test_folder_create(folder);
	snprintf(fresh, sizeof fresh, "%s/fresh.vum", folder);
	snprintf(path, sizeof path, "%s/background.vum", folder);
	snprintf(foreign, sizeof foreign, "%s/foreign.vum", folder);
	synthetic_frames_background_save(path, 12, vu_extractor_name());
	synthetic_frames_background_save(fresh, 13, vu_extractor_name());
	synthetic_background_save(foreign, 24, SYNTHETIC_EXTRACTOR);
	return 0;
}

static int teardown_all(void **state)
{
	(void)state;
	test_folder_remove(folder);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	config.ml.background_model = path;
	config.ml.enable_mmap = true;
	return vu_features_background_create(&config, &holder, NULL);
}

static int teardown(void **state)
{
	(void)state;
	vu_features_background_destroy(holder);
	return 0;
}

static void test_shared_and_given_back(void **state)
{
	const vu_background *first = NULL;
	const vu_background *second = NULL;
	uint64_t bytes;

	(void)state;
	assert_int_equal(vu_features_background_drop(holder), 0); /* nothing is loaded before it is needed */
	assert_int_equal(vu_features_background_hold(holder, &first, NULL), VU_OK);
	assert_int_equal(vu_features_background_hold(holder, &second, NULL), VU_OK);
	assert_ptr_equal(first, second);
	assert_int_equal(first->model_count, VU_FRAMES_MODELS_MAX);
	bytes = first->bytes;
	vu_features_background_release(holder, first);
	assert_int_equal(vu_features_background_drop(holder), 0); /* in use */
	vu_features_background_release(holder, second);
	assert_int_equal(vu_features_background_drop(holder), bytes);
}

static void test_a_file_in_its_place_is_taken(void **state)
{
	const vu_background *old = NULL;
	const vu_background *now = NULL;
	char id[VU_MODEL_HASH_HEX_SIZE];

	(void)state;
	assert_int_equal(vu_features_background_hold(holder, &old, NULL), VU_OK);
	strcpy(id, old->id);
	assert_int_equal(rename(fresh, path), 0);
	assert_int_equal(vu_features_background_hold(holder, &now, NULL), VU_OK);
	assert_string_not_equal(now->id, id);
	assert_string_equal(old->id, id); /* who has it keeps it */
	vu_features_background_release(holder, old);
	vu_features_background_release(holder, now);
}

static void test_configured_anew(void **state)
{
	const vu_background *old = NULL;
	const vu_background *now = NULL;
	vu_error error = {0};

	(void)state;
	assert_int_equal(vu_features_background_hold(holder, &old, NULL), VU_OK);
	config.ml.background_model = foreign;
	config.ml.enable_mmap = false;
	assert_int_equal(vu_features_background_configure(holder, &config, NULL), VU_OK);
	assert_int_equal(vu_features_background_hold(holder, &now, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "trained for vectors by 'synthetic/1'"));
	vu_features_background_release(holder, old);
	config.ml.background_model = path;
	assert_int_equal(vu_features_background_configure(holder, &config, NULL), VU_OK);
	assert_int_equal(vu_features_background_hold(holder, &now, NULL), VU_OK);
	assert_false(vu_model_file_is_mapped(now->file));
	vu_features_background_release(holder, now);
}

static void test_missing_and_damaged(void **state)
{
	const vu_background *background = NULL;
	char elsewhere[TEST_PATH_MAX];
	vu_error error = {0};

	(void)state;
	config.ml.background_model = (char *)(uintptr_t) "/nowhere/background.vum";
	assert_int_equal(vu_features_background_configure(holder, &config, NULL), VU_OK);
	assert_int_equal(vu_features_background_hold(holder, &background, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "no such file; build again, or set ml.background_model"));
	assert_null(background);
	test_file_create(folder, "text.vum", "this is no model", 0600, elsewhere);
	config.ml.background_model = elsewhere;
	assert_int_equal(vu_features_background_configure(holder, &config, NULL), VU_OK);
	assert_int_equal(vu_features_background_hold(holder, &background, &error), VU_INVALID_ARGUMENT);
	/* Repaired, it is used without a restart. */
	assert_int_equal(unlink(elsewhere), 0);
	assert_int_equal(symlink(path, elsewhere), 0);
	assert_int_not_equal(vu_features_background_hold(holder, &background, &error),
	                     VU_OK); /* links are not followed */
	assert_int_equal(unlink(elsewhere), 0);
	assert_int_equal(link(path, elsewhere), 0);
	assert_int_equal(vu_features_background_hold(holder, &background, &error), VU_OK);
	vu_features_background_release(holder, background);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_shared_and_given_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_file_in_its_place_is_taken, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_configured_anew, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_missing_and_damaged, setup, teardown),
	};
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
